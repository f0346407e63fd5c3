"""What would be measured: curves of a body over ten years, with age, illness, treatment and noise.

Population means are rounded from Health Survey for England reports (2019 to 2022, adults); the slopes are
assumptions that keep the curves plausible. Nothing here is a model to predict anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from carespine.demo.practice import treatment
from carespine.demo.practice.chance import Dice
from carespine.demo.practice.population import Person
from carespine.demo.practice.treatment import Course

# Health Survey for England 2021: mean height 175.5 cm (men), 162 cm (women); mean BMI 27.6 kg/m2.
MEAN_HEIGHT_CM = {"male": 175.5, "female": 162.0}
MEAN_BMI = 27.6
# Health Survey for England 2019: total cholesterol about 5.1 mmol/L; HDL 1.4 (men), 1.7 (women).
MEAN_CHOLESTEROL, MEAN_HDL = 5.2, {"male": 1.35, "female": 1.6}
# NHS Diabetes Prevention Programme: below 42 mmol/mol is normal; NICE NG28: diabetes from 48.
MEAN_HBA1C = 36.5
HBA1C_THRESHOLD, HBA1C_BEFORE_DIAGNOSIS = 48, 45.0
HBA1C_AT_DIAGNOSIS = {"type-2-diabetes": 64.0, "type-1-diabetes": 68.0}
UNTREATED_RISE_SYSTOLIC, UNTREATED_RISE_DIASTOLIC = 20.0, 10.0
WITHIN_PERSON_SYSTOLIC, WITHIN_PERSON_DIASTOLIC = 7.0, 4.5
_ADULT = 18
_GROWTH = ((0, 52, 3.6), (1, 75, 9.7), (2, 87, 12.3), (5, 109, 18.5), (10, 138, 32.0), (14, 162, 51.0))
# What healthy kidneys have at 30, and lose each year after.
_EGFR_AT_30, _EGFR_LOSS_PER_YEAR, _EGFR_CEILING = 108.0, 0.75, 118.0


@dataclass(frozen=True, slots=True)
class Body:
    """A person's constants, and from them any value on any day (before the noise of measuring)."""

    person: Person
    held: Mapping[str, date]
    courses: list[Course]
    height_cm: float
    bmi: float
    bmi_slope: float
    systolic: float
    diastolic: float
    cholesterol: float
    hdl: float
    hba1c: float
    hba1c_slope: float
    egfr: float
    egfr_slope: float
    today: date

    def has(self, condition: str, on: date) -> bool:
        return condition in self.held and self.held[condition] <= on

    def height_at(self, on: date) -> float:
        years = self.person.years(on)
        if years >= _ADULT:
            return self.height_cm
        return _grown(years, 1, self.height_cm)

    def weight_at(self, on: date) -> float:
        years = self.person.years(on)
        if years < _ADULT:
            return _grown(years, 2, self.bmi * self.height_cm * self.height_cm / 10_000)
        bmi = self.bmi - self.bmi_slope * self._years_ago(on)
        return max(bmi, 16.0) * self.height_cm * self.height_cm / 10_000

    def pressure_at(self, on: date) -> tuple[float, float]:
        """Systolic and diastolic in mmHg."""
        ill = "hypertension" in self.held
        drugs = treatment.pressure_drugs(self.courses, on)
        years_ago = self._years_ago(on)
        systolic = self.systolic - 0.35 * years_ago + (UNTREATED_RISE_SYSTOLIC if ill else 0)
        diastolic = self.diastolic - 0.05 * years_ago + (UNTREATED_RISE_DIASTOLIC if ill else 0)
        return (
            systolic - treatment.SYSTOLIC_DROP_PER_DRUG * drugs,
            diastolic - treatment.DIASTOLIC_DROP_PER_DRUG * drugs,
        )

    def hba1c_at(self, on: date) -> float:
        """mmol/mol; below the threshold of diabetes until it is diagnosed."""
        diagnosed = [self.held[each] for each in HBA1C_AT_DIAGNOSIS if each in self.held]
        if not diagnosed:
            return self.hba1c
        years_before = (diagnosed[0] - on).days / 365.25
        if years_before > 0:
            return max(MEAN_HBA1C, HBA1C_BEFORE_DIAGNOSIS - years_before)
        value = self.hba1c - self.hba1c_slope * self._years_ago(on)
        return max(value - treatment.hba1c_drop(self.courses, on), 38.0)

    def cholesterol_at(self, on: date) -> float:
        """mmol/L."""
        treated = treatment.CHOLESTEROL_DROP_STATIN if treatment.on_statin(self.courses, on) else 0.0
        return self.cholesterol * (1 - treated)

    def egfr_at(self, on: date) -> float:
        """mL/min/1.73 m2, the true value behind the measured creatinine."""
        return max(self.egfr + self.egfr_slope * self._years_ago(on), 12.0)

    def _years_ago(self, on: date) -> float:
        return (self.today - on).days / 365.25


def body_of(dice: Dice, person: Person, held: Mapping[str, date], courses: list[Course], today: date) -> Body:
    """The constants of one person's body, drawn by chance or, for the story's patients, set."""
    years = person.years(today)
    diabetic = "type-2-diabetes" in held
    hypertensive = "hypertension" in held
    baseline = person.story.baseline if person.story else None
    height = dice.normal(MEAN_HEIGHT_CM[person.sex], 6.6)
    bmi = min(
        max(dice.normal(MEAN_BMI + (3.4 if diabetic else 0) + (1.4 if hypertensive else 0), 4.6), 18), 46
    )
    systolic = dice.normal(112 + 0.32 * max(years - 20, 0), 7)
    diastolic = dice.normal(71 + 0.28 * max(min(years, 55) - 20, 0) - 0.2 * max(years - 55, 0), 5)
    hba1c, slope = _hba1c(dice, held, today)
    if baseline:
        drugs = treatment.pressure_drugs(courses, today)
        height, bmi = baseline.height_cm, baseline.weight_kg / (baseline.height_cm / 100) ** 2
        systolic = baseline.systolic + treatment.SYSTOLIC_DROP_PER_DRUG * drugs - UNTREATED_RISE_SYSTOLIC
        diastolic = baseline.diastolic + treatment.DIASTOLIC_DROP_PER_DRUG * drugs - UNTREATED_RISE_DIASTOLIC
        hba1c = baseline.hba1c + treatment.hba1c_drop(courses, today)
    egfr, loss = _kidneys(dice, years, "ckd-3" in held)
    return Body(
        person=person,
        held=held,
        courses=courses,
        height_cm=round(height, 0),
        bmi=bmi,
        bmi_slope=0.12 if years < 65 else -0.06,
        systolic=systolic,
        diastolic=diastolic,
        cholesterol=min(max(dice.normal(MEAN_CHOLESTEROL, 0.85), 2.8), 8.5),
        hdl=min(max(dice.normal(MEAN_HDL[person.sex] - (0.2 if diabetic else 0), 0.3), 0.7), 2.8),
        hba1c=hba1c,
        hba1c_slope=slope,
        egfr=egfr,
        egfr_slope=loss,
        today=today,
    )


def _hba1c(dice: Dice, held: Mapping[str, date], today: date) -> tuple[float, float]:
    """HbA1c today before treatment, and its rise a year."""
    for condition, at_diagnosis in HBA1C_AT_DIAGNOSIS.items():
        if condition in held:
            slope = 0.5 if condition == "type-2-diabetes" else 0.0
            years = min((today - held[condition]).days / 365.25, 10)
            return dice.normal(at_diagnosis, 7) + slope * years, slope
    return min(max(dice.normal(MEAN_HBA1C, 2.6), 28.0), 46.0), 0.0


def _kidneys(dice: Dice, years: float, ill: bool) -> tuple[float, float]:
    """eGFR today, and its loss a year."""
    if ill:
        # KDIGO: stage 3 is an eGFR of 30 to 59.
        return dice.uniform(33, 56), dice.uniform(0.6, 1.8)
    healthy = _EGFR_AT_30 - _EGFR_LOSS_PER_YEAR * max(years - 30, 0)
    return min(max(dice.normal(healthy, 9), 62.0), _EGFR_CEILING), _EGFR_LOSS_PER_YEAR


def _grown(years: float, column: int, adult: float) -> float:
    """A child's height (column 1) or weight (column 2), on straight lines between rounded UK-WHO medians."""
    points = [(float(row[0]), float(row[column])) for row in _GROWTH] + [(float(_ADULT), adult)]
    for (from_years, from_value), (to_years, to_value) in pairwise(points):
        if years < to_years:
            return from_value + (to_value - from_value) * (years - from_years) / (to_years - from_years)
    return adult
