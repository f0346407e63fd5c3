"""The people and places of the demonstration's story, by ids that never change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from carespine.kernel import nhs_number

# Patients' NHS numbers are synthetic(_FIRST + _STEP * place in the practice): 999 range, never issued.
_FIRST, _STEP = 1_000, 7
MOST_PATIENTS = 12_000


def nhs_number_of(place: int) -> str:
    """The NHS number of the patient at a place (0 for the first) in the practice."""
    return nhs_number.synthetic(_FIRST + _STEP * place)


def patient_id(place: int) -> str:
    """The logical id of the patient at a place (0 for the first) in the practice."""
    return f"patient-{place + 1:04d}"


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation of the story: its logical id, ODS code and name."""

    id: str
    ods_code: str
    name: str


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff; `role` is the word the sign-in uses (general practitioner, nurse, ...)."""

    id: str
    role_id: str
    role: str
    title: str
    given: str
    family: str
    place: Place
    gender: str

    @property
    def name(self) -> str:
        return f"{self.title} {self.given} {self.family}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a story patient's body is like today, before noise; fixed so that the story's numbers hold."""

    systolic: float
    diastolic: float
    height_cm: float
    weight_kg: float
    hba1c: float


@dataclass(frozen=True, slots=True)
class StoryPatient:
    """A patient of the story; also in the generated practice, at `place` in its order."""

    place: int
    title: str
    given: str
    family: str
    sex: str
    birth_date: date
    background: str
    ethnic_category: str
    conditions: tuple[tuple[str, date], ...]
    baseline: Baseline
    wears_devices: bool

    @property
    def id(self) -> str:
        return patient_id(self.place)

    @property
    def nhs_number(self) -> str:
        return nhs_number_of(self.place)

    @property
    def name(self) -> str:
        return f"{self.title} {self.given} {self.family}"


# ODS codes: GP practices have a letter and five digits, NHS trusts three characters beginning with R, their
# sites five. V is the letter ODS keeps for pseudo practices (V81997 to V81999, "no registered practice" and
# the like) and RZ begins no trust's code that we know of, so that none of these is a live organisation.
# Source: NHS Data Model and Dictionary, "Organisation Data Service default codes"; checked 2026-11.
PRACTICE = Place("practice-larkfield", "V99001", "Larkfield Medical Practice")
SECOND_PRACTICE = Place("practice-moorside", "V99002", "Moorside Surgery")
THIRD_PRACTICE = Place("practice-beck-hill", "V99003", "Beck Hill Health Centre")
HOSPITAL = Place("hospital-st-werburgh", "RZ901", "St Werburgh's Hospital")
PLACES = (PRACTICE, SECOND_PRACTICE, THIRD_PRACTICE, HOSPITAL)

_GP, _NURSE, _RECEPTIONIST, _ADMINISTRATOR = (
    "general practitioner",
    "nurse",
    "receptionist",
    "administrator",
)
GP = Staff("gp-hartley", "role-gp-hartley", _GP, "Dr", "Anna", "Hartley", PRACTICE, "female")
SECOND_GP = Staff("gp-osei", "role-gp-osei", _GP, "Dr", "Kwame", "Osei", PRACTICE, "male")
THIRD_GP = Staff("gp-desai", "role-gp-desai", _GP, "Dr", "Kavita", "Desai", PRACTICE, "female")
NURSE = Staff("nurse-lister", "role-nurse-lister", _NURSE, "Ms", "Joanne", "Lister", PRACTICE, "female")
RECEPTIONIST = Staff(
    "receptionist-dyson", "role-receptionist-dyson", _RECEPTIONIST, "Mr", "Callum", "Dyson", PRACTICE, "male"
)
ADMINISTRATOR = Staff(
    "administrator-firth",
    "role-administrator-firth",
    _ADMINISTRATOR,
    "Mrs",
    "Elaine",
    "Firth",
    PRACTICE,
    "female",
)
MAIN_STAFF = (GP, SECOND_GP, THIRD_GP, NURSE, RECEPTIONIST, ADMINISTRATOR)
OTHER_STAFF = (
    Staff("gp-moore", "role-gp-moore", _GP, "Dr", "Philip", "Moore", SECOND_PRACTICE, "male"),
    Staff(
        "nurse-adeyemi", "role-nurse-adeyemi", _NURSE, "Ms", "Folake", "Adeyemi", SECOND_PRACTICE, "female"
    ),
    Staff("gp-wong", "role-gp-wong", _GP, "Dr", "Grace", "Wong", THIRD_PRACTICE, "female"),
    Staff("nurse-kitson", "role-nurse-kitson", _NURSE, "Mr", "Simon", "Kitson", THIRD_PRACTICE, "male"),
    Staff("doctor-malik", "role-doctor-malik", "hospital doctor", "Dr", "Tariq", "Malik", HOSPITAL, "male"),
)
STAFF = MAIN_STAFF + OTHER_STAFF

# Hypertension and type 2 diabetes, home readings above target: the patient whose readings flow.
CONSENTING_PATIENT = StoryPatient(
    place=0,
    title="Mrs",
    given="Helen",
    family="Thackray",
    sex="female",
    birth_date=date(1964, 5, 17),
    background="british",
    ethnic_category="A",
    conditions=(("hypertension", date(2015, 3, 9)), ("type-2-diabetes", date(2018, 10, 23))),
    baseline=Baseline(systolic=146, diastolic=91, height_cm=163, weight_kg=84.5, hba1c=56),
    wears_devices=True,
)
# Has a watch as well, and has not agreed: his readings are refused.
REFUSING_PATIENT = StoryPatient(
    place=1,
    title="Mr",
    given="Emeka",
    family="Balogun",
    sex="male",
    birth_date=date(1971, 11, 2),
    background="african",
    ethnic_category="N",
    conditions=(("hypertension", date(2019, 6, 4)),),
    baseline=Baseline(systolic=142, diastolic=90, height_cm=178, weight_kg=91.0, hba1c=39),
    wears_devices=True,
)
STORY_PATIENTS = (CONSENTING_PATIENT, REFUSING_PATIENT)
