"""Adding readings to those already kept: what is known is counted, not stored twice. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carespine.devices.metrics import Metric
from carespine.devices.samples import Bool, Samples, concatenate


@dataclass(frozen=True, slots=True)
class Merged:
    """All readings in order, those that are new, and how many were known already; which of the incoming are new."""

    samples: Samples
    added: Samples
    duplicate: int
    fresh: Bool


def merge(known: Samples, incoming: Samples, metric: Metric) -> Merged:
    """Add `incoming` to `known`. A reading is known by its start, end and canonical value.

    The result is ordered by start, end and value, so that the order of arrival leaves no trace in it. Adding
    the same readings again adds nothing.
    """
    fresh = fresh_rows(known, incoming, metric)
    added = incoming if fresh.all() else incoming.take(fresh)
    together = concatenate([part for part in (known, added) if len(part)] or [known])
    if not len(added):
        return Merged(known, added, len(incoming), fresh)
    order = np.lexsort((together.unit, together.value, together.end_ms, together.start_ms))
    return Merged(together.take(order), added, len(incoming) - len(added), fresh)


def fresh_rows(known: Samples, incoming: Samples, metric: Metric) -> Bool:
    """Which incoming rows are the first with their identity, the known rows coming before them all."""
    rows = np.concatenate([known.identity(metric), incoming.identity(metric)])
    order = np.lexsort((rows["value"], rows["end"], rows["start"]))  # stable: earlier rows stay first
    ordered = rows[order]
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    result = np.empty(len(rows), dtype=np.bool_)
    result[order] = first
    return result[len(known) :]
