"""The adapters, one folder for each format, and how the right one is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from carespine.devices.adapters.apple_health.adapter import AppleHealth
from carespine.devices.adapters.archive.adapter import Archive
from carespine.devices.adapters.contract import Adapter, UnknownFormat
from carespine.devices.adapters.cronometer.adapter import Cronometer
from carespine.devices.adapters.dexcom_clarity.adapter import DexcomClarity
from carespine.devices.adapters.fhir_observations.adapter import FhirObservations
from carespine.devices.adapters.fitbit.adapter import Fitbit
from carespine.devices.adapters.food_diary.adapter import FoodDiary
from carespine.devices.adapters.garmin_fit.adapter import GarminFit
from carespine.devices.adapters.garmin_json.adapter import GarminJson
from carespine.devices.adapters.generic_csv.adapter import GenericCsv
from carespine.devices.adapters.google_fit.adapter import GoogleFit
from carespine.devices.adapters.health_connect.adapter import HealthConnect
from carespine.devices.adapters.libreview.adapter import LibreView
from carespine.devices.adapters.myfitnesspal.adapter import MyFitnessPal
from carespine.devices.adapters.nightscout.adapter import Nightscout
from carespine.devices.adapters.open_food_facts.adapter import OpenFoodFacts
from carespine.devices.adapters.open_mhealth.adapter import OpenMHealth
from carespine.devices.adapters.oura.adapter import Oura
from carespine.devices.adapters.polar.adapter import Polar
from carespine.devices.adapters.samsung_health.adapter import SamsungHealth
from carespine.devices.adapters.withings.adapter import Withings


def _find(file: BinaryIO, name: str) -> Adapter | None:
    return found(file, name)


# The order matters where two could read a file: the more particular one stands first.
ALL: tuple[Adapter, ...] = (
    AppleHealth(),
    GarminFit(),
    HealthConnect(),
    SamsungHealth(),
    DexcomClarity(),
    LibreView(),
    FhirObservations(),
    OpenFoodFacts(),
    Nightscout(),
    GoogleFit(),
    Withings(),
    Polar(),
    GarminJson(),
    Oura(),
    Fitbit(),
    OpenMHealth(),
    MyFitnessPal(),
    Cronometer(),
    FoodDiary(),
    GenericCsv(),
    Archive(_find),
)


def found(file: BinaryIO, name: str = "", *, further: Sequence[Adapter] = ()) -> Adapter | None:
    """The adapter that recognises the content of `file`, called `name`; None when none does."""
    for adapter in (*further, *ALL):
        file.seek(0)
        if adapter.recognises(file, name=name):
            file.seek(0)
            return adapter
    return None


def adapter_for(file: BinaryIO, name: str = "", *, further: Sequence[Adapter] = ()) -> Adapter:
    """The adapter that recognises `file`; those in `further` are asked first. UnknownFormat when none does."""
    adapter = found(file, name, further=further)
    if adapter is None:
        raise UnknownFormat(
            f"This is not a file that Carespine can read. It knows {len(ALL)} formats, Apple Health, Fitbit and FHIR "
            "among them: `carespine devices formats` lists them, and a mapping file adds tables of other kinds."
        )
    return adapter
