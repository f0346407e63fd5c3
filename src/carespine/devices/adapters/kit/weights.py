"""The unit of a weight that a file does not name, told by the body mass index beside it."""

from __future__ import annotations

import math
from typing import Any

from carespine.devices.adapters.kit.numbers import number

_KG_PER_LB = 0.45359237
# Adults; read in the wrong unit a height comes out by a factor of 1.48 too large or too small.
_SHORTEST_M, _TALLEST_M = 1.42, 2.10


def unit_by_bmi(weight: Any, bmi: Any) -> str | None:
    """ "kg" or "[lb_av]", whichever gives a person of a human height; None where neither or both do."""
    amount, index = number(weight), number(bmi)
    if not amount or not index or amount <= 0 or index <= 0:
        return None
    heights = {"kg": math.sqrt(amount / index), "[lb_av]": math.sqrt(amount * _KG_PER_LB / index)}
    fitting = [unit for unit, height in heights.items() if _SHORTEST_M <= height <= _TALLEST_M]
    return fitting[0] if len(fitting) == 1 else None
