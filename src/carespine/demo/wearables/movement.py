"""Steps, distance, energy and floors: the watch and the phone count the same walks, each in its own way."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.demo.wearables.day_plan import Walk
from carespine.demo.wearables.markup import CATEGORY, QUANTITY, Meta, entries
from carespine.demo.wearables.shop import Workshop
from carespine.demo.wearables.wearer import Source

STEPS, DISTANCE = f"{QUANTITY}StepCount", f"{QUANTITY}DistanceWalkingRunning"
ENERGY, FLOORS = f"{QUANTITY}ActiveEnergyBurned", f"{QUANTITY}FlightsClimbed"
STAND = f"{CATEGORY}AppleStandHour"
_KM_PER_STEP, _KCAL_PER_STEP = 0.000_71, 0.042
_ZONE_MARKED = 0.1  # the share of step records that carry their zone: some do, most do not
_STAND_HOURS = (8, 20)
_KCAL_GOAL, _EXERCISE_GOAL, _STAND_GOAL = 400, 30, 12


def steps(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("steps")
    for day in shop.days():
        for walk in shop.plan(day).walks:
            written = shop.clock.written_day(walk.start)
            shop.truth.steps_by_written_day[written] += walk.steps
            shop.truth.steps_by_day_walked[day] += walk.steps
            shop.truth.step_slack_by_written_day[written] += walk.slack
            for source, start, end, number in _pieces(shop, walk):
                marked = source is shop.sources.watch and dice.chance(_ZONE_MARKED)
                meta: Meta = (("HKTimeZone", shop.clock.zone_at(start)),) if marked else ()
                for _ in range(2 if shop.repeats(dice, STEPS) else 1):
                    yield shop.count(
                        STEPS,
                        shop.pen.record(
                            STEPS, source, start=start, end=end, value=number, unit="count", meta=meta
                        ),
                    )


def distances(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("distances")
    for day in shop.days():
        for walk in shop.plan(day).walks:
            for source, start, end, number in _pieces(shop, walk):
                value = f"{number * _KM_PER_STEP:.6g}"
                for _ in range(2 if shop.repeats(dice, DISTANCE) else 1):
                    yield shop.count(
                        DISTANCE,
                        shop.pen.record(DISTANCE, source, start=start, end=end, value=value, unit="km"),
                    )


def energy(shop: Workshop) -> Iterator[str]:
    for day in shop.days():
        for walk in shop.plan(day).walks:
            for start, end, number in walk.watch:
                value = f"{number * _KCAL_PER_STEP:.6g}"
                yield shop.count(
                    ENERGY,
                    shop.pen.record(
                        ENERGY, shop.sources.watch, start=start, end=end, value=value, unit="kcal"
                    ),
                )


def floors(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("floors")
    for day in shop.days():
        for walk in shop.plan(day).walks:
            if walk.phone and dice.chance(0.25):
                at = walk.phone[0][0]
                yield shop.count(
                    FLOORS,
                    shop.pen.record(
                        FLOORS,
                        shop.sources.phone,
                        start=at,
                        end=at + 50,
                        value=dice.between(1, 3),
                        unit="count",
                    ),
                )


def stand_hours(shop: Workshop) -> Iterator[str]:
    """A category that has no clinical code: a reader must say what it does with it."""
    dice = shop.dice("stand hours")
    for day in shop.days():
        for hour in range(*_STAND_HOURS):
            start = shop.clock.moment(day, hour * 60)
            stood = "Stood" if dice.chance(0.85) else "Idle"
            yield shop.count(
                STAND,
                shop.pen.record(
                    STAND,
                    shop.sources.watch,
                    start=start,
                    end=start + 3600,
                    value=f"HKCategoryValueAppleStandHour{stood}",
                ),
            )


def workouts(shop: Workshop) -> Iterator[str]:
    for day in shop.days():
        for walk in shop.plan(day).walks:
            if walk.is_workout:
                shop.truth.workouts += 1
                yield _workout(shop, walk)


def activity_summaries(shop: Workshop) -> Iterator[str]:
    for day in shop.days():
        watch = [piece for walk in shop.plan(day).walks for piece in walk.watch]
        kcal = sum(piece[2] for piece in watch) * _KCAL_PER_STEP
        minutes = sum(piece[1] - piece[0] for piece in watch) // 60
        shop.truth.activity_summaries += 1
        yield (
            f' <ActivitySummary dateComponents="{day.isoformat()}" activeEnergyBurned="{kcal:.3f}"'
            f' activeEnergyBurnedGoal="{_KCAL_GOAL}" activeEnergyBurnedUnit="kcal"'
            f' appleExerciseTime="{minutes}" appleExerciseTimeGoal="{_EXERCISE_GOAL}"'
            f' appleStandHours="{min(minutes // 8, 14)}" appleStandHoursGoal="{_STAND_GOAL}"/>\n'
        )


def _pieces(shop: Workshop, walk: Walk) -> Iterator[tuple[Source, int, int, int]]:
    for source, pieces in ((shop.sources.watch, walk.watch), (shop.sources.phone, walk.phone)):
        for start, end, number in pieces:
            yield source, start, end, number


def _workout(shop: Workshop, walk: Walk) -> str:
    text = shop.clock.text
    span = f'startDate="{text(walk.start)}" endDate="{text(walk.end)}"'
    source = shop.sources.watch
    statistics = "".join(
        f'  <WorkoutStatistics type="{kind}" {span} sum="{walk.steps * factor:.6g}" unit="{unit}"/>\n'
        for kind, factor, unit in ((ENERGY, _KCAL_PER_STEP, "kcal"), (DISTANCE, _KM_PER_STEP, "km"))
    )
    meta = (("HKIndoorWorkout", "0"), ("HKTimeZone", shop.clock.zone_at(walk.start)))
    return (
        f' <Workout workoutActivityType="HKWorkoutActivityTypeWalking"'
        f' duration="{(walk.end - walk.start) / 60:.6g}" durationUnit="min" {source.attributes}'
        f'{shop.pen.device(source)} creationDate="{text(walk.end + 30)}" {span}>\n'
        f"{entries(meta)}{statistics} </Workout>\n"
    )
