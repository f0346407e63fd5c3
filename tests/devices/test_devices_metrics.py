"""The table of metrics: every code holds its check digit, every metric is complete, and no 24-hour code strays."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

import pytest

from carespine.devices import codes, metrics
from carespine.devices.adapters import ALL
from carespine.devices.adapters.apple_health.adapter import AppleHealth
from carespine.devices.adapters.contract import QUALITY_POINTS
from carespine.devices.codes import LOINC, SNOMED
from carespine.devices.metrics import all_metrics, data_classes, metric
from carespine.devices.models import Coding

# LOINC's names say so: measured or calculated over 24 hours, or a night's sleep.
DAY_CODES = metrics.CODES_OF_A_DAY


def every_coding() -> list[Coding]:
    found = [value for value in vars(codes).values() if isinstance(value, Coding)]
    for entry in all_metrics().values():
        found += [*entry.reading_codes(), *entry.day_codes()]
    return found


def loinc_check_digit(stem: str) -> int:
    """Mod 10: from the right every other digit doubled, the digits of the results added."""
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(stem)))
    return -sum(number // 10 + number % 10 for number in doubled) % 10


_D = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
      [3, 4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
      [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]  # fmt: skip
_P = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4], [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
      [8, 9, 1, 6, 0, 4, 3, 5, 2, 7], [9, 4, 5, 3, 1, 2, 6, 8, 7, 0], [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
      [2, 7, 9, 3, 8, 0, 6, 4, 1, 5], [7, 0, 4, 6, 9, 1, 3, 2, 5, 8]]  # fmt: skip


def snomed_holds(code: str) -> bool:
    """The Verhoeff check of an SCTID."""
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _D[check][_P[place % 8][int(digit)]]
    return check == 0


@pytest.mark.parametrize("coding", [c for c in every_coding() if c.system == LOINC], ids=lambda c: c.code)
def test_every_loinc_code_holds_its_check_digit(coding: Coding) -> None:
    stem, _, digit = coding.code.partition("-")
    assert loinc_check_digit(stem) == int(digit)


@pytest.mark.parametrize("coding", [c for c in every_coding() if c.system == SNOMED], ids=lambda c: c.code)
def test_every_snomed_code_holds_its_check_digit(coding: Coding) -> None:
    assert snomed_holds(coding.code)


@pytest.mark.parametrize(("code", "holds"), [("75367002", True), ("75367003", False), ("57367002", False)])
def test_the_snomed_check_sees_a_wrong_or_swapped_digit(code: str, holds: bool) -> None:
    assert snomed_holds(code) is holds


@pytest.mark.parametrize("key", all_metrics())
def test_a_24_hour_code_never_stands_on_a_reading(key: str) -> None:
    assert not {code.code for code in metric(key).reading_codes()} & DAY_CODES


@pytest.mark.parametrize("key", [k for k, m in all_metrics().items() if m.loinc_day is not None])
def test_a_day_never_carries_the_code_of_an_interval(key: str) -> None:
    of = metric(key)
    assert of.loinc not in of.day_codes()


@pytest.mark.parametrize("key", all_metrics())
def test_every_metric_is_complete(key: str) -> None:
    of = metric(key)
    assert of.reading_codes()
    assert of.units[0].factor == 1.0
    assert of.units[0].shift == 0.0
    assert of.impossible[0] <= of.bounds[0] < of.bounds[1] <= of.impossible[1]
    assert of.bounds_source
    assert of.category in ("vital-signs", "activity", "laboratory")


def test_the_metrics_of_the_story_are_all_there() -> None:
    assert len(all_metrics()) >= 45
    assert data_classes() == (
        "vital-signs", "activity", "sleep", "glucose", "body-measurements", "respiratory", "diet",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "unit", "value", "canonical"),
    [
        ("glucose-meter", "mg/dL", 180.156, 10.0),
        ("weight", "[lb_av]", 175, 79.3787),
        ("weight", "[stone_av]", 12.5, 79.3787),
        ("height", "[in_i]", 70, 177.8),
        ("body-temperature", "[degF]", 98.6, 37.0),
        ("active-energy", "kJ", 418.4, 100.0),
        ("walking-distance", "[mi_i]", 1, 1609.344),
        ("oxygen-saturation", "1", 0.97, 97.0),
    ],
)
def test_every_unit_converts_to_the_canonical_one(
    key: str, unit: str, value: float, canonical: float
) -> None:
    found = next(candidate for candidate in metric(key).units if candidate.code == unit)
    assert (value + found.shift) * found.factor == pytest.approx(canonical, abs=1e-3)


def test_the_apple_manifest_maps_only_to_metrics_and_units_that_exist() -> None:
    words = AppleHealth().manifest.words
    assert set(words["types"].values()) <= set(all_metrics())
    known = {unit.code for entry in all_metrics().values() for unit in entry.units}
    assert set(words["units"].values()) <= known


def test_a_24_hour_code_on_a_reading_is_refused_when_the_table_is_read() -> None:
    row = {"loinc": ["41950-7", "Number of steps in 24 hour Measured"]}
    with pytest.raises(metrics.TableError, match="24 hours stands on a reading"):
        metrics.as_metric("steps", row)


def test_the_code_of_a_reading_on_a_day_is_refused_when_the_table_is_read() -> None:
    with pytest.raises(metrics.TableError, match="stands on a day"):
        metrics.as_metric("steps", {"loinc_day": ["55423-8", "Number of steps"]})


_ATOM = re.compile(
    r"(?:%|(?:[kmcdu]|da)?(?:m|g|s|L|l|cal|J|Cel|K|Pa|mol)|min|h|d|wk|"
    r"m\[Hg\]|mm\[Hg\]|\[[a-zA-Z_]+\]|B\[SPL\]|dB\[SPL\]|1)\d?(?:\{[^{}]*\})?|\{[^{}]+\}"
)


def is_ucum(text: str) -> bool:
    """Terms of UCUM parted by . and /, each a known atom with prefix, exponent and annotation."""
    return bool(text) and all(
        _ATOM.fullmatch(part) for part in text.removeprefix("/").replace(".", "/").split("/")
    )


@pytest.mark.parametrize("code", sorted({unit.code for of in all_metrics().values() for unit in of.units}))
def test_every_unit_is_ucum(code: str) -> None:
    assert is_ucum(code)


@pytest.mark.parametrize("text", ["", "bpm", "mmHg", "IU", "lbs", "mg//dL", "[lb_av", "calories"])
def test_what_is_no_ucum_does_not_pass_for_it(text: str) -> None:
    assert not is_ucum(text)


@pytest.mark.parametrize("adapter", ALL, ids=lambda adapter: adapter.manifest.key)
def test_an_adapter_says_where_it_stands_on_every_quality_point(adapter: object) -> None:
    package = f"carespine.devices.adapters.{adapter.manifest.key.replace('-', '_')}"  # type: ignore[attr-defined]
    points = tomllib.loads(resources.files(package).joinpath("quality.toml").read_text(encoding="utf-8"))
    assert set(QUALITY_POINTS) <= set(points)
    assert all(point["state"] in ("done", "todo", "exempt") and point["reason"] for point in points.values())
