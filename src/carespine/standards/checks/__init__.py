"""The checks: one file each, one screen each. A file placed here is found and run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from carespine.kernel.errors import Misconfigured
from carespine.standards.engine.check import Check


@cache
def all_checks() -> Mapping[str, Check]:
    """Every check by id, in the order in which a run makes them."""
    found: list[Check] = []
    for module in iter_modules(__path__):
        checks = [
            each
            for each in vars(import_module(f"{__name__}.{module.name}")).values()
            if isinstance(each, Check)
        ]
        if len(checks) != 1:
            raise Misconfigured(
                f"checks/{module.name}.py must hold exactly one check, and holds {len(checks)}"
            )
        found += checks
    found.sort(key=lambda each: (each.order, each.id))
    return MappingProxyType({each.id: each for each in found})
