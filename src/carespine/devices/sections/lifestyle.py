"""The sections on activity against the guideline, regular sleep, and diet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carespine.devices.codes import local_result
from carespine.devices.metrics import SleepStage, Unit, metric
from carespine.devices.models import Coding, Figure, Point, Quality, Result, Series, Target
from carespine.devices.naming import as_date
from carespine.devices.picture import LOOK_BACK_DAYS, Picture
from carespine.devices.rules import activity, diet, sleep_regularity
from carespine.devices.samples import MINUTE_MS
from carespine.devices.sections.common import Frame, chart, figure, provenance, quality, written

ACTIVITY = Frame("activity-minutes", "Activity minutes", "Being active", "moderate-minutes", activity.RULE)
REGULARITY = Frame(
    "sleep-regularity", "Sleep regularity", "How regular your sleep is", "sleep", sleep_regularity.RULE
)
DIET = Frame("diet", "Diet", "What you eat", "dietary-energy", diet.RULE)
_WEEKLY = Coding("http://loinc.org", "82290-8", "Frequency of moderate to vigorous aerobic physical activity")
_AIM = Target(
    activity.WEEKLY_MINUTES, None, f"at least {activity.WEEKLY_MINUTES} minutes a week", activity.RULE
)
_ASLEEP = (SleepStage.ASLEEP, SleepStage.LIGHT, SleepStage.DEEP, SleepStage.REM)


def active(picture: Picture) -> Result:
    """The week's minutes against 150 of moderate activity. Apple's exercise minutes are brisk, so moderate."""
    keys = ("moderate-minutes", "vigorous-minutes", "exercise-minutes")
    days = {
        key: {one.day: one.value for one in picture.days.get(key, []) if one.value is not None}
        for key in keys
    }
    told = "moderate-minutes" if days["moderate-minutes"] or days["vigorous-minutes"] else "exercise-minutes"
    moderate, vigorous = days[told], days["vigorous-minutes"] if told == "moderate-minutes" else {}
    decided = activity.week(moderate, vigorous, last_day=picture.last_full_day)
    if decided is None:
        return ACTIVITY.empty(picture)
    found = picture.days.get(told, [])
    first = picture.last_full_day - activity.WEEK + 1
    begun = replace(
        ACTIVITY.empty(picture),
        series=(
            chart(told, "Minutes a day", metric(told), found, kind="bar"),
            _weeks(moderate, vigorous, picture),
        ),
        quality=quality(picture, told, found, first=first, last=picture.last_full_day),
        provenance=provenance(picture, told, [day for day in found if day.day >= first]),
    )
    if isinstance(decided, activity.TooFewDays):
        return replace(
            begun,
            state="not-enough",
            verdict=f"Only {decided.days} days with readings in the week.",
            plain="We do not know enough of your week yet. " + decided.sentence,
            missing=(decided.sentence,),
        )
    minutes = Unit("min/wk", "minutes a week")
    is_adult = picture.age is None or picture.age >= activity.ADULT_AGE
    total = figure("activity-week", "Moderate minutes or their worth", decided.equivalent, unit=minutes,
                   codes=(_WEEKLY,), target=_AIM if is_adult else None)  # fmt: skip
    said = "meets" if decided.meets_guideline else "is below"
    return replace(
        begun,
        state="ready",
        verdict=f"{total.text} minutes of moderate activity or their worth in 7 days"
        + (
            f"; {said} the guideline of {activity.WEEKLY_MINUTES}."
            if is_adult
            else "; the guideline for adults does not apply."
        ),
        plain=f"You were active for {total.text} minutes in the last week. The aim is {activity.WEEKLY_MINUTES}.",
        figures=(total,),
    )


def _weeks(moderate: activity.ByDay, vigorous: activity.ByDay, picture: Picture) -> Series:
    """Each week with enough days, at its middle day, against the guideline."""
    points = []
    for back in reversed(range(LOOK_BACK_DAYS // activity.WEEK)):
        last_day = picture.last_full_day - back * activity.WEEK
        found = activity.week(moderate, vigorous, last_day=last_day)
        if isinstance(found, activity.ActiveWeek):
            points.append(Point(as_date(last_day - activity.WEEK // 2), round(found.equivalent, 1)))
    is_adult = picture.age is None or picture.age >= activity.ADULT_AGE
    return Series(
        "activity-weeks",
        "Minutes a week, by its middle day",
        "min/wk",
        "minutes a week",
        "bar",
        tuple(points),
        _AIM if is_adult else None,
    )


def regular_sleep(picture: Picture) -> Result:
    """The regularity of the last 14 nights, by the source that tells most sleep."""
    by_source = picture.readings.get("sleep", {})
    asleep = {source: samples.take(np.isin(samples.value, _ASLEEP)) for source, samples in by_source.items()}
    asleep = {source: samples for source, samples in asleep.items() if len(samples)}
    if not asleep:
        return REGULARITY.empty(picture)
    chosen = asleep[
        max(sorted(asleep), key=lambda source: int((asleep[source].end_ms - asleep[source].start_ms).sum()))
    ]
    shift = chosen.offset_min.astype(np.int64) * MINUTE_MS
    found = picture.days.get("sleep", [])
    # A night belongs to the day it ends on, which may lie after the day of its last reading's start.
    last = max([picture.last_day, *(day.day for day in found)])
    first = last - sleep_regularity.NIGHTS + 1
    decided = sleep_regularity.regularity(
        chosen.start_ms + shift, chosen.end_ms + shift, first_day=first, last_day=last
    )
    begun = replace(
        REGULARITY.empty(picture),
        quality=quality(picture, "sleep", found, first=first, last=last),
        provenance=provenance(picture, "sleep", [day for day in found if day.day >= first]),
    )
    if isinstance(decided, sleep_regularity.TooFewNights):
        return replace(
            begun,
            state="not-enough",
            verdict=f"Only {decided.nights} of {sleep_regularity.LEAST_NIGHTS} nights needed.",
            plain="We know too few of your nights yet. " + decided.sentence,
            missing=(decided.sentence,),
        )
    index = figure("sleep-regularity-index", "Sleep regularity index", decided.index, unit=Unit("{score}", "of 100"),
                   codes=(local_result("sleep-regularity-index", "Sleep regularity index"),))  # fmt: skip
    spread = figure("mid-sleep-spread", "Spread of mid-sleep", decided.mid_sleep_spread_min,
                    unit=Unit("min", "minutes"),
                    codes=(local_result("mid-sleep-spread", "Standard deviation of mid-sleep"),))  # fmt: skip
    return replace(
        begun,
        state="ready",
        verdict=f"Sleep regularity index {index.text} over {decided.nights} nights; "
        f"mid-sleep varies by {spread.text} minutes.",
        plain=f"The middle of your night moves by about {spread.text} minutes from night to night.",
        figures=(index, spread),
    )


def eaten(picture: Picture) -> Result:
    """The complete days of the week against the dietary recommendations."""
    found = picture.days.get("dietary-energy", [])
    decided = diet.week(_diet_days(picture), last_day=picture.last_day)
    if not found or decided is None:
        return DIET.empty(picture)
    first = picture.last_day - diet.WEEK + 1
    begun = replace(
        DIET.empty(picture),
        series=(chart("dietary-energy", "Energy a day", metric("dietary-energy"), found, kind="bar"),),
        quality=_with_doubts(picture, decided.doubts, first),
        provenance=provenance(picture, "dietary-energy", [day for day in found if day.day >= first]),
    )
    if isinstance(decided, diet.TooFewDays):
        return replace(
            begun,
            state="not-enough",
            verdict=f"Only {decided.days} complete days. " + " ".join(decided.doubts),
            plain="Your diary does not show enough yet. " + decided.sentence,
            missing=(decided.sentence,),
        )
    figures = _diet_figures(decided)
    off = [one.label.casefold() for one in figures if one.standing in ("above", "below")]
    return replace(
        begun,
        state="ready",
        verdict=f"{written(decided.kcal, 0)} kcal a day over {decided.days} complete days; outside the "
        f"recommendation: {', '.join(off) or 'nothing'}." + "".join(f" {doubt}" for doubt in decided.doubts),
        plain=f"You ate about {written(decided.kcal, 0)} kcal a day."
        + (f" Look at: {', '.join(off)}." if off else " That fits the recommendations."),
        figures=figures,
    )


def _with_doubts(picture: Picture, doubts: tuple[str, ...], first: int) -> Quality:
    made = quality(
        picture, "dietary-energy", picture.days.get("dietary-energy", []), first=first, last=picture.last_day
    )
    return replace(made, flags=(*made.flags, *doubts))


def _diet_days(picture: Picture) -> dict[int, diet.DietDay]:
    names = {
        "dietary-energy": "kcal", "fat": "fat_g", "saturates": "saturates_g", "carbohydrate": "carbohydrate_g",
        "sugars": "sugars_g", "free-sugars": "free_sugars_g", "fibre": "fibre_g", "protein": "protein_g",
        "sodium": "sodium_mg", "alcohol": "alcohol_units", "fruit-and-vegetables": "portions",
    }  # fmt: skip
    rows: dict[int, dict[str, float]] = {}
    for key, name in names.items():
        for day in picture.days.get(key, []):
            if day.value is not None:
                rows.setdefault(day.day, {})[name] = day.value
    return {day: diet.DietDay(**values) for day, values in rows.items()}


def _diet_figures(decided: diet.Diet) -> tuple[Figure, ...]:
    gram, share = Unit("g/d", "g a day"), Unit("%", "% of energy")

    def most(limit: float, text: str) -> Target:
        return Target(None, limit + 0.0001, text, diet.RULE)

    def least(limit: float, text: str) -> Target:
        return Target(limit, None, text, diet.RULE)

    rows: tuple[tuple[str, str, float | None, Unit, int, Target | None], ...] = (
        ("diet-energy", "Energy", decided.kcal, Unit("kcal/d", "kcal a day"), 0, None),
        ("diet-fat", "Fat", decided.fat_share, share, 0, most(diet.FAT_SHARE, "at most 35 %")),
        ("diet-saturates", "Saturated fat", decided.saturates_share, share, 0,
         most(diet.SATURATES_SHARE, "at most 11 %")),
        ("diet-free-sugars", "Free sugars", decided.free_sugars_share, share, 0,
         most(diet.FREE_SUGARS_SHARE, "at most 5 %")),
        ("diet-carbohydrate", "Carbohydrate", decided.carbohydrate_g, gram, 0, None),
        ("diet-protein", "Protein", decided.protein_g, gram, 0, None),
        ("diet-fibre", "Fibre", decided.fibre_g, gram, 0, least(diet.FIBRE_G, "at least 30 g")),
        ("diet-salt", "Salt", decided.salt_g, gram, 1, most(diet.SALT_G, "at most 6 g")),
        ("diet-portions", "Fruit and vegetables", decided.portions, Unit("{portion}/d", "portions a day"), 1,
         least(diet.PORTIONS, "at least 5 portions")),
        ("diet-alcohol", "Alcohol", decided.alcohol_units_week, Unit("{UKunit}/wk", "units a week"), 0,
         most(diet.UNITS_A_WEEK, "at most 14 units")),
    )  # fmt: skip
    return tuple(
        figure(
            key,
            label,
            value,
            unit=unit,
            digits=digits,
            target=target,
            codes=(local_result(key, f"{label}, mean"),),
        )
        for key, label, value, unit, digits, target in rows
        if value is not None
    )
