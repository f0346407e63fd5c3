"""Where a requirement stands between draft and retired, read from its dates. Pure; the day is passed in."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from carespine.standards.models import Requirement

# lifecycle of the minimum standards: twelve months between deprecated and retired.
_NOTICE_YEARS = 1


class Stage(StrEnum):
    """What a requirement asks of a service on a day."""

    DRAFT = "draft"  # nobody is held to it; it may change without notice
    PUBLISHED = "published"  # it is checked and told, and decides nothing yet
    EFFECTIVE = "effective"  # it binds
    DEPRECATED = "deprecated"  # it binds until it is retired
    RETIRED = "retired"  # it is not checked any more


BINDING = frozenset({Stage.EFFECTIVE, Stage.DEPRECATED})
UNCHECKED = frozenset({Stage.DRAFT, Stage.RETIRED})


def stage(requirement: Requirement, on: date) -> Stage:
    """The stage of the requirement on that day. A date counts from the day's beginning."""
    reached = (
        (requirement.retired, Stage.RETIRED),
        (requirement.deprecated, Stage.DEPRECATED),
        (requirement.effective if requirement.published else None, Stage.EFFECTIVE),
        (requirement.published, Stage.PUBLISHED),
    )
    return next((found for since, found in reached if since is not None and since <= on), Stage.DRAFT)


def earliest_retirement(deprecated: date) -> date:
    """Twelve months after that day; from 29 February it is 1 March."""
    year = deprecated.year + _NOTICE_YEARS
    try:
        return deprecated.replace(year=year)
    except ValueError:  # 29 February
        return date(year, 3, 1)


def faults(requirement: Requirement) -> list[str]:
    """Every rule of the stages that the requirement's dates break."""
    published, deprecated, retired = requirement.published, requirement.deprecated, requirement.retired
    rules = {
        "effective does not come before published": published is None or published <= requirement.effective,
        "a draft is neither deprecated nor retired": published is not None
        or (deprecated is None and retired is None),
        "deprecated comes after effective": deprecated is None or deprecated > requirement.effective,
        "retired needs deprecated, and comes twelve months after it": retired is None
        or (deprecated is not None and retired >= earliest_retirement(deprecated)),
    }
    return [text for text, holds in rules.items() if not holds]
