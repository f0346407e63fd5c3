"""One patient's whole record, in an order in which every reference points backwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from carespine.demo.practice import clinical_trees, codes, kidney, observation_trees, physiology
from carespine.demo.practice.chance import Dice
from carespine.demo.practice.observation_trees import Taken
from carespine.demo.practice.patient_trees import patient, usual_gp
from carespine.demo.practice.physiology import Body, body_of
from carespine.demo.practice.population import Person
from carespine.demo.practice.story_people import HOSPITAL, NURSE
from carespine.demo.practice.treatment import courses_of
from carespine.demo.practice.trees import Tree, day_before, moment, reference, rounded
from carespine.demo.practice.visits import Visit, visits_of

_ADULT_MEASURES_FROM = 16
_EGFR_FROM = 18
_ZERO_PREFERENCE = 0.2  # readings taken by hand end in 0 more often than chance would have it
_BLOOD_TAKEN_DAYS_BEFORE = 7
# Days before today on which the consenting patient's home averages were written down, and what they were
# above her level of that day: once before treatment was stepped up, once since.
_HOME_AVERAGES = ((1150, 7), (430, 1))


def home_average_id(person_id: str, number: int) -> str:
    """The id of the `number`-th (from 1) home average in the practice's record of a story patient."""
    return f"{person_id}-home-average-{number}"


def record_of(seed: int, person: Person, held: Mapping[str, date], today: date) -> Iterator[Tree]:
    """Patient, conditions, medication requests, then encounters and observations by date."""
    dice = Dice(seed, "record", person.place)
    courses = courses_of(dice, person, held, today)
    body = body_of(dice, person, held, courses, today)
    yield patient(person)
    yield from _conditions(person, held)
    yield from _medication(body)
    history = _History(dice, body)
    for visit in visits_of(dice, person, held, today):
        yield from history.blood_tests(visit)
        yield from history.visit(visit)
    if person.story and person.story.wears_devices and "hypertension" in held:
        yield from _home_averages(body)


def _condition_id(person: Person, name: str) -> str:
    return f"{person.id}-{name}"


def _conditions(person: Person, held: Mapping[str, date]) -> Iterator[Tree]:
    for name, since in sorted(held.items(), key=lambda item: (item[1], item[0])):
        yield clinical_trees.condition(
            _condition_id(person, name), person.id, name=name, since=since, recorder=usual_gp(person)
        )


def _medication(body: Body) -> Iterator[Tree]:
    person = body.person
    for number, course in enumerate(body.courses, start=1):
        yield clinical_trees.medication_request(
            f"{person.id}-medication-{number}",
            person.id,
            course=course,
            reason_id=_condition_id(person, course.condition),
            requester=usual_gp(person),
        )


def _home_averages(body: Body) -> Iterator[Tree]:
    performer = reference("Practitioner", NURSE.id, NURSE.name)
    for number, (days_ago, above) in enumerate(_HOME_AVERAGES, start=1):
        on = day_before(body.today, days_ago)
        systolic, diastolic = body.pressure_at(on)
        taken = Taken(body.person.id, moment(on, 9 * 60), performer)
        # NICE NG136 sets home thresholds 5 mmHg below the clinic's: the white-coat effect.
        yield observation_trees.home_average(
            home_average_id(body.person.id, number),
            taken,
            systolic=round(systolic) - 5 + above,
            diastolic=round(diastolic) - 5 + above,
        )


@dataclass(slots=True)
class _History:
    """Writes visits one after another; remembers the height, for the BMI."""

    dice: Dice
    body: Body
    encounters: int = 0
    observations: int = 0
    height: tuple[str, int] | None = None
    laboratory: Tree = field(default_factory=lambda: reference("Organization", HOSPITAL.id, HOSPITAL.name))

    def visit(self, visit: Visit) -> Iterator[Tree]:
        self.encounters += 1
        person = self.body.person
        encounter_id = f"{person.id}-encounter-{self.encounters:03d}"
        staff = NURSE if visit.with_nurse else usual_gp(person)
        minute = self.dice.between(51, 105) * 10
        reason = self.dice.pick(codes.REASON_CODES) if visit.kind == "symptom" else None
        yield clinical_trees.encounter(
            encounter_id, person.id, visit=visit, minute=minute, staff=staff, reason=reason
        )
        performer = reference("Practitioner", staff.id, staff.name)
        taken = Taken(person.id, moment(visit.on, minute + 5), performer, encounter_id)
        adult = person.age(visit.on) >= _ADULT_MEASURES_FROM
        if "pressure" in visit.measured and adult:
            yield self._pressure(visit.on, taken)
        if "weight" in visit.measured:
            yield from self._weight(visit.on, taken, adult=adult)
        if "smoking" in visit.measured and adult:
            yield observation_trees.smoking(self._next_id(), taken, person.smoking)

    def blood_tests(self, visit: Visit) -> Iterator[Tree]:
        """What the laboratory reports before a visit; nothing where nothing was asked for."""
        if not visit.bloods:
            return
        person = self.body.person
        on = max(day_before(visit.on, _BLOOD_TAKEN_DAYS_BEFORE), person.birth_date)
        issued = moment(on + timedelta(days=1), 7 * 60)
        taken = Taken(person.id, moment(on, self.dice.between(50, 66) * 10), self.laboratory, None, issued)
        if "sugar" in visit.bloods:
            value = max(round(self.dice.normal(self.body.hba1c_at(on), 1.6)), 25)
            if not any(self.body.has(condition, on) for condition in physiology.HBA1C_AT_DIAGNOSIS):
                value = min(value, physiology.HBA1C_THRESHOLD - 1)
            yield observation_trees.value(self._next_id(), codes.HBA1C, taken, value)
        if "lipids" in visit.bloods:
            yield from self._lipids(on, taken)
        if "kidneys" in visit.bloods and person.age(on) >= _EGFR_FROM:
            yield from self._kidneys(on, taken)

    def _next_id(self) -> str:
        self.observations += 1
        return f"{self.body.person.id}-observation-{self.observations:04d}"

    def _pressure(self, on: date, taken: Taken) -> Tree:
        true_systolic, true_diastolic = self.body.pressure_at(on)
        systolic = self.dice.normal(true_systolic, physiology.WITHIN_PERSON_SYSTOLIC)
        diastolic = self.dice.normal(true_diastolic, physiology.WITHIN_PERSON_DIASTOLIC)
        whole_tens = self.dice.chance(_ZERO_PREFERENCE)
        shown = [round(each / 10) * 10 if whole_tens else round(each) for each in (systolic, diastolic)]
        systolic_shown = min(max(shown[0], 84), 218)
        return observation_trees.blood_pressure(
            self._next_id(),
            taken,
            systolic=systolic_shown,
            diastolic=min(max(shown[1], 46), systolic_shown - 20),
        )

    def _weight(self, on: date, taken: Taken, *, adult: bool) -> Iterator[Tree]:
        if self.height is None or not adult:
            height = round(self.body.height_at(on))
            self.height = (self._next_id(), height)
            yield observation_trees.value(self.height[0], codes.HEIGHT, taken, height)
        weight = rounded(self.dice.normal(self.body.weight_at(on), 0.9), 1)
        weight_id = self._next_id()
        yield observation_trees.value(weight_id, codes.WEIGHT, taken, weight)
        height_id, height = self.height
        bmi = (weight * 10_000 / (height * height)).quantize(Decimal("0.1"))
        yield observation_trees.derived(
            self._next_id(), codes.BMI, taken, bmi, sources=[weight_id, height_id]
        )

    def _lipids(self, on: date, taken: Taken) -> Iterator[Tree]:
        total = rounded(max(self.dice.normal(self.body.cholesterol_at(on), 0.25), 2.2), 1)
        hdl = rounded(max(self.dice.normal(self.body.hdl, 0.08), 0.6), 1)
        yield observation_trees.value(self._next_id(), codes.CHOLESTEROL, taken, total)
        yield observation_trees.value(self._next_id(), codes.HDL, taken, min(hdl, total - 1))

    def _kidneys(self, on: date, taken: Taken) -> Iterator[Tree]:
        person = self.body.person
        age = person.age(on)
        true = max(self.dice.normal(self.body.egfr_at(on), 3), 8.0)
        creatinine = round(kidney.creatinine(true, sex=person.sex, age=age))
        creatinine_id = self._next_id()
        yield observation_trees.value(creatinine_id, codes.CREATININE, taken, creatinine)
        egfr = round(kidney.egfr(creatinine, sex=person.sex, age=age))
        yield observation_trees.derived(self._next_id(), codes.EGFR, taken, egfr, sources=[creatinine_id])
