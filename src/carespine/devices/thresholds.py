"""Targets that a clinician sets for one patient, in place of the guideline's: FHIR Goals and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from carespine.devices import codes
from carespine.devices.metrics import Unit, metric
from carespine.devices.models import Coding, Target
from carespine.devices.naming import stable_id
from carespine.devices.quantities import Tree, concept, quantity, reference
from carespine.kernel.clock import fhir_instant, london_date

_MMHG, _PERCENT, _FLOW = Unit("mm[Hg]", "mmHg"), Unit("%", "%"), Unit("L/min", "L/min")


@dataclass(frozen=True, slots=True)
class Setting:
    """A number that a clinician may set. `end` says which end of the band it is; `value` is a number by itself.

    `least` and `most` refuse slips of the finger; they are no clinical limits.
    """

    key: str
    label: str
    unit: Unit
    end: Literal["high", "low", "value"]
    least: float
    most: float
    code: Coding


SETTINGS: Mapping[str, Setting] = {
    one.key: one
    for one in (
        Setting("home-systolic", "Home systolic blood pressure, below", _MMHG, "high", 100, 180, codes.HOME_SYSTOLIC),
        Setting("home-diastolic", "Home diastolic blood pressure, below", _MMHG, "high", 60, 120, codes.HOME_DIASTOLIC),
        Setting("oxygen-usual", "Usual oxygen saturation, from", _PERCENT, "low", 80, 97,
                metric("oxygen-saturation").reading_codes()[0]),
        Setting("peak-flow-best", "Personal best peak flow", _FLOW, "value", 60, 900,
                codes.local_result("peak-flow-best", "Personal best peak flow")),
        Setting("cgm-in-range", "Glucose time in range, from", _PERCENT, "low", 30, 95, codes.CGM_IN_RANGE),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number as it was set: by whom, and on which day."""

    setting: Setting
    value: float
    by: str
    on: date

    @property
    def source(self) -> str:
        """Who says so, as it stands beside the number."""
        return f"set by {self.by} on {self.on.day} {self.on:%B %Y}"

    @property
    def target(self) -> Target:
        shown = f"{self.value:g} {self.setting.unit.text}"
        if self.setting.end == "high":
            return Target(None, self.value, f"below {shown}", self.source)
        return Target(self.value, None, f"{shown} and above", self.source)


Thresholds = Mapping[str, Threshold]


def goal_id(patient_id: str, key: str) -> str:
    """The one Goal of a patient for a setting."""
    return stable_id("threshold", patient_id, key)


def goal(patient_id: str, threshold: Threshold, *, reference_by: str | None, now: datetime) -> Tree:
    """The threshold as an active Goal."""
    setting = threshold.setting
    value = quantity(threshold.value, setting.unit)
    by: Tree = {"display": threshold.by, **({"reference": reference_by} if reference_by else {})}
    detail = {"detailQuantity": value} if setting.end == "value" else {"detailRange": {setting.end: value}}
    return {
        "resourceType": "Goal",
        "id": goal_id(patient_id, setting.key),
        "lifecycleStatus": "active",
        "category": [concept("Target for readings from home", _category(setting.key))],
        "description": concept(f"{setting.label} {threshold.value:g} {setting.unit.text}"),
        "subject": reference("Patient", patient_id),
        "startDate": london_date(now).isoformat(),
        "target": [{"measure": concept(setting.label, setting.code), **detail}],
        "statusDate": fhir_instant(now)[:10],
        "expressedBy": by,
    }


def of_goals(trees: Iterable[Tree]) -> dict[str, Threshold]:
    """The thresholds that active Goals of ours state; any other Goal says nothing here."""
    found: dict[str, Threshold] = {}
    for tree in trees:
        setting = _setting(tree)
        value = _value(tree, setting) if setting is not None else None
        if setting is not None and value is not None and tree.get("lifecycleStatus") == "active":
            by = tree.get("expressedBy", {}).get("display", "a clinician")
            on = date.fromisoformat(str(tree.get("startDate", "1970-01-01"))[:10])
            found[setting.key] = Threshold(setting, value, by, on)
    return found


def _category(key: str) -> Coding:
    return Coding(codes.LOCAL_THRESHOLD, key, SETTINGS[key].label)


def _setting(tree: Tree) -> Setting | None:
    for category in tree.get("category", ()):
        for found in category.get("coding", ()):
            if found.get("system") == codes.LOCAL_THRESHOLD and found.get("code") in SETTINGS:
                return SETTINGS[found["code"]]
    return None


def _value(tree: Tree, setting: Setting) -> float | None:
    """The number, where the Goal states it in the setting's own unit and within what may be set."""
    for target in tree.get("target", ()):
        range_ = target.get("detailRange", {})
        stated = target.get("detailQuantity") if setting.end == "value" else range_.get(setting.end)
        if stated and stated.get("code") == setting.unit.code and "value" in stated:
            value = float(stated["value"])
            return value if setting.least <= value <= setting.most else None
    return None
