"""Home blood pressure from a cuff: a week measured as NICE NG136 describes, and a few stray readings.

NG136: two readings at least a minute apart, morning and evening, for seven days; the first day is discarded
and the rest averaged. Apple writes each reading three times over: systolic and diastolic as records at top
level, and both again inside a Correlation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from carespine.demo.practice.chance import Dice
from carespine.demo.wearables.markup import QUANTITY, Meta, entries
from carespine.demo.wearables.shop import Workshop, aware
from carespine.demo.wearables.truth import PressureReading, PressureTruth

SYSTOLIC, DIASTOLIC = f"{QUANTITY}BloodPressureSystolic", f"{QUANTITY}BloodPressureDiastolic"
CORRELATION = "HKCorrelationTypeIdentifierBloodPressure"
SESSION_DAYS = 7
_SESSION_ENDS_BEFORE_END = 3  # days
_FIRST_DAY_HIGHER = (11, 6)
_EVENING_LOWER = (3, 2)
_APART_SECONDS = (75, 150)
_MORNING, _EVENING = (7 * 60 + 10, 7 * 60 + 40), (19 * 60, 19 * 60 + 40)
_STRAYS_AT = (0.07, 0.30, 0.55)  # of the way through the export
_SYNCED_LATER = 45 * 60
_REPEATED = 6  # the reading that the cuff's app hands over twice


class Readings:
    """The readings of an export, drawn once; what the truth says of them."""

    def __init__(self, shop: Workshop) -> None:
        dice = shop.dice("pressure")
        self._first = shop.length - _SESSION_ENDS_BEFORE_END - SESSION_DAYS
        strays = [self._stray(shop, dice, round(shop.length * share)) for share in _STRAYS_AT]
        session = [
            reading
            for number in range(SESSION_DAYS)
            for reading in self._day(shop, dice, shop.day(self._first + number), is_first=number == 0)
        ]
        self.all: list[tuple[int, int, int]] = strays + session
        first_of_day_two = len(strays) + len(session) // SESSION_DAYS
        distinct = [PressureReading(aware(at), *values) for at, *values in self.all]
        shop.truth.pressure = PressureTruth(
            first_day=shop.day(self._first),
            last_day=shop.day(self._first + SESSION_DAYS - 1),
            readings=tuple(distinct),
            used=tuple(distinct[first_of_day_two:]),
        )

    def written(self) -> list[tuple[int, int, int]]:
        """The readings as written: one of them comes twice."""
        return [*self.all[: _REPEATED + 1], *self.all[_REPEATED:]]

    def _stray(self, shop: Workshop, dice: Dice, number: int) -> tuple[int, int, int]:
        at = shop.clock.moment(shop.day(number), dice.between(11 * 60, 16 * 60))
        return at, *_measured(dice, shop.wearer.systolic + 6, shop.wearer.diastolic + 3)

    def _day(
        self, shop: Workshop, dice: Dice, day: date, *, is_first: bool
    ) -> Iterator[tuple[int, int, int]]:
        higher = _FIRST_DAY_HIGHER if is_first else (0, 0)
        for window, lower in ((_MORNING, (0, 0)), (_EVENING, _EVENING_LOWER)):
            at = shop.clock.moment(day, dice.between(*window), dice.between(0, 59))
            systolic = shop.wearer.systolic + higher[0] - lower[0]
            diastolic = shop.wearer.diastolic + higher[1] - lower[1]
            yield at, *_measured(dice, systolic + 2, diastolic + 1)
            yield at + dice.between(*_APART_SECONDS), *_measured(dice, systolic, diastolic)


def _measured(dice: Dice, systolic: float, diastolic: float) -> tuple[int, int]:
    return round(dice.normal(systolic, 5)), round(dice.normal(diastolic, 3.5))


def records(shop: Workshop, readings: Readings, kind: str) -> Iterator[str]:
    """The systolic or the diastolic records at top level."""
    place = 1 if kind == SYSTOLIC else 2
    shop.truth.repeats_by_type[kind] += 1
    for reading in readings.written():
        yield shop.count(kind, _record(shop, kind, reading[0], reading[place]))


def correlations(shop: Workshop, readings: Readings) -> Iterator[str]:
    """Each reading once more, the pair together."""
    source = shop.sources.cuff
    for at, systolic, diastolic in readings.written():
        shop.truth.correlations += 1
        shop.truth.records_in_correlations += 2
        text = shop.clock.text
        yield (
            f' <Correlation type="{CORRELATION}" {source.attributes}{shop.pen.device(source)}'
            f' creationDate="{text(at + _SYNCED_LATER)}" startDate="{text(at)}" endDate="{text(at)}">\n'
            f"{entries(_meta(shop, at))}"
            f"{_record(shop, SYSTOLIC, at, systolic)}{_record(shop, DIASTOLIC, at, diastolic)}"
            " </Correlation>\n"
        )


def _meta(shop: Workshop, at: int) -> Meta:
    return (("HKTimeZone", shop.clock.zone_at(at)), ("HKWasUserEntered", "0"))


def _record(shop: Workshop, kind: str, at: int, value: int) -> str:
    return shop.pen.record(
        kind,
        shop.sources.cuff,
        start=at,
        end=at,
        value=value,
        unit="mmHg",
        created=at + _SYNCED_LATER,
        meta=_meta(shop, at),
    )
