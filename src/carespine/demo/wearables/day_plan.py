"""What a wearer does on one day and the night before it: sleep, walks, and which device noticed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from carespine.demo.practice.chance import Dice
from carespine.demo.wearables.clock import Clock

# A piece of a walk as a device counted it: start and end (epoch seconds), steps.
Piece = tuple[int, int, int]
ASLEEP = ("AsleepCore", "AsleepDeep", "AsleepREM")
_LATE_WALK_EVERY = 6  # days: a walk just after midnight, which belongs to the new day in summer time only
_PHONE_CARRIED = 0.75
_CHARGING = (19 * 60, 20 * 60)  # the hour in which the watch lies on its charger
_FLIGHT = (10 * 60, 16 * 60)


@dataclass(frozen=True, slots=True)
class Walk:
    """A stretch of walking: the pieces the watch and the phone wrote, either of which may be empty."""

    start: int
    end: int
    watch: tuple[Piece, ...]
    phone: tuple[Piece, ...]
    is_workout: bool

    @property
    def steps(self) -> int:
        """The truth: the watch's count where it was worn, else the phone's."""
        return sum(piece[2] for piece in self.watch or self.phone)

    @property
    def slack(self) -> int:
        """What the phone counted outside the watch's interval, rounded up."""
        if not self.watch:
            return 0
        return sum(_outside(piece, self.start, self.end) for piece in self.phone)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One day: its night's sleep as (stage, start, end), and its walks in order."""

    day: date
    asleep_from: int
    awake_from: int
    stages: tuple[tuple[str, int, int], ...]
    walks: tuple[Walk, ...]

    @property
    def asleep_seconds(self) -> int:
        return sum(end - start for stage, start, end in self.stages if stage in ASLEEP)


def plan_day(seed: int, clock: Clock, day: date) -> DayPlan:
    """The plan of one day, the same each time it is asked for."""
    dice = Dice(seed, "day", day)
    bed, wake = _night(dice, clock, day)
    stages = tuple(_stages(dice, bed, wake))
    walks: list[Walk] = []
    for minute, length, cadence, is_workout in _intended(dice, day):
        start = clock.moment(day, minute, dice.between(0, 59))
        end = start + length * 60 + dice.between(0, 59)
        after_last = not walks or start > walks[-1].end + 120
        one_day = clock.home_day(start - 120) == clock.home_day(end + 120)
        if after_last and one_day and not _in_flight(clock, day, minute):
            worn = not _CHARGING[0] - length <= minute < _CHARGING[1]
            walks.append(_walk(dice, start, end, cadence, worn=worn, is_workout=is_workout))
    return DayPlan(day, bed, wake, stages, tuple(walks))


def _night(dice: Dice, clock: Clock, day: date) -> tuple[int, int]:
    """When the wearer fell asleep and woke; on the night flight home, four hours."""
    before = day - timedelta(days=1)
    if clock.trip and before == clock.trip.last:
        asleep = clock.trip.away_until - 5 * 3600
        return asleep, asleep + 4 * 3600
    asleep = clock.moment(before, 22 * 60 + dice.between(35, 110), dice.between(0, 59))
    return asleep, clock.moment(day, 6 * 60 + dice.between(20, 75), dice.between(0, 59))


def _stages(dice: Dice, asleep: int, wake: int) -> list[tuple[str, int, int]]:
    """Cycles of about an hour and a half: deep sleep early in the night, REM late."""
    stages: list[tuple[str, int, int]] = []
    at, cycle = asleep, 0
    while True:
        lengths = (
            ("AsleepCore", dice.between(18, 32)),
            ("AsleepDeep", max(3, dice.between(22, 38) - 9 * cycle)),
            ("AsleepCore", dice.between(12, 25)),
            ("AsleepREM", dice.between(7, 14) + 6 * cycle),
            ("Awake", dice.between(1, 5)),
        )
        for stage, minutes in lengths:
            end = min(at + minutes * 60 + 30 * dice.between(0, 1), wake)
            stages.append((stage, at, end))
            at = end
            if at >= wake:
                return stages
        cycle += 1


def _intended(dice: Dice, day: date) -> list[tuple[int, int, int, bool]]:
    """(minute of the day, minutes, steps a minute, whether recorded as a workout), by time of day."""
    wanted = [
        (8 * 60 + dice.between(-20, 20), dice.between(9, 18), 108, False),
        (12 * 60 + dice.between(30, 60), dice.between(10, 22), 102, False),
        (17 * 60 + dice.between(10, 50), dice.between(9, 18), 107, False),
    ]
    if day.toordinal() % 7 in (1, 3, 6):
        wanted.append((18 * 60 + dice.between(5, 15), dice.between(28, 42), 114, True))
    if day.toordinal() % _LATE_WALK_EVERY == 0:
        wanted.append((dice.between(8, 20), dice.between(8, 20), 100, False))
    wanted += [
        (dice.between(7 * 60, 22 * 60), dice.between(2, 7), dice.between(60, 100), False)
        for _ in range(dice.between(7, 12))
    ]
    return sorted(wanted)


def _in_flight(clock: Clock, day: date, minute: int) -> bool:
    """Whether the wearer sits in an aeroplane: by day on the way out, in the evening on the way back."""
    if clock.trip is None:
        return False
    out = day == clock.trip.first and _FLIGHT[0] <= minute < _FLIGHT[1]
    back = day == clock.trip.last and minute >= 17 * 60
    landing = day == clock.trip.last + timedelta(days=1) and minute < 8 * 60
    return out or back or landing


def _walk(dice: Dice, start: int, end: int, cadence: int, *, worn: bool, is_workout: bool) -> Walk:
    watch = _cut(dice, start, end, cadence) if worn else ()
    carried = not worn or dice.chance(_PHONE_CARRIED)
    phone: tuple[Piece, ...] = ()
    if carried:
        # The phone starts and stops by its own clockwork, and counts a little less in a bag.
        late, longer = dice.between(-20, 40), dice.between(-30, 30)
        phone = _cut(dice, start + late, end + longer, cadence * dice.uniform(0.93, 1.02))
    return Walk(start, end, watch, phone, is_workout and worn)


def _cut(dice: Dice, start: int, end: int, cadence: float) -> tuple[Piece, ...]:
    """The interval in adjoining pieces of two to ten minutes, with the steps of each."""
    pieces: list[Piece] = []
    at = start
    while at < end:
        to = at + dice.between(120, 600)
        if to > end - 45:
            to = end
        pieces.append((at, to, max(1, round((to - at) / 60 * cadence * dice.uniform(0.95, 1.05)))))
        at = to
    return tuple(pieces)


def _outside(piece: Piece, start: int, end: int) -> int:
    seconds = max(0, start - piece[0]) + max(0, piece[1] - end)
    return -(-piece[2] * seconds // max(piece[1] - piece[0], 1)) if seconds else 0
