"""The sections on resting heart rate, steps and sleep: a week and four weeks, against the time before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from carespine.devices.codes import SLEEP_DEEP, SLEEP_LIGHT, SLEEP_REM, local_result
from carespine.devices.metrics import Unit, metric
from carespine.devices.models import Change, Coding, Figure, Result
from carespine.devices.picture import Picture
from carespine.devices.resolve import Day
from carespine.devices.rules import trends
from carespine.devices.sections.common import (
    Frame,
    change,
    chart,
    figure,
    provenance,
    quality,
    written,
)

RESTING = Frame(
    "resting-heart-rate",
    "Resting heart rate",
    "Resting heart rate",
    "resting-heart-rate",
    trends.RESTING_RULE,
)
STEPS = Frame("steps", "Steps", "Steps", "steps", trends.STEPS_RULE)
SLEEP = Frame("sleep", "Sleep", "Sleep", "sleep", trends.SLEEP_RULE)
_TOO_FEW = f"Values on at least {trends.DAYS_FOR_A_WEEK} days of the last {trends.WEEK} are needed."


def resting_heart_rate(picture: Picture) -> Result:
    """The mean of the last seven days against the four weeks before."""
    found = picture.days.get(RESTING.metric_key, [])
    if not found:
        return RESTING.empty(picture)
    values = _by_day(found)
    week = trends.mean(values, last_day=picture.last_day, days=trends.WEEK, least=trends.DAYS_FOR_A_WEEK)
    if week is None:
        return _not_enough(RESTING, picture, found)
    codes = metric(RESTING.metric_key).reading_codes()
    unit = Unit("/min", "beats per minute")
    mean = figure("resting-heart-rate-week", "Mean of 7 days", week.value, codes=codes, unit=unit)
    compared = trends.baseline_change(values, last_day=picture.last_day)
    changes = (
        ()
        if compared is None
        else (
            change(
                "Resting heart rate",
                compared[0].value,
                compared[1].value,
                unit_text=unit.text,
                digits=0,
                against="the four weeks before",
            ),
        )
    )
    return replace(
        _begun(RESTING, picture, found, last_day=picture.last_day),
        state="ready",
        verdict=f"Mean resting heart rate {mean.text} {unit.text} over {week.days} days." + _said(changes),
        plain=f"Your heart beats about {mean.text} times a minute at rest.",
        figures=(mean,),
        changes=changes,
    )


def steps(picture: Picture) -> Result:
    """Mean steps a day over a week and over four weeks; days without readings are not counted as zero."""
    found = picture.days.get(STEPS.metric_key, [])
    if not found:
        return STEPS.empty(picture)
    last_day = picture.last_full_day
    trend = trends.trend(_by_day(found), last_day=last_day)
    if trend.week is None:
        return _not_enough(STEPS, picture, found)
    unit = Unit("{steps}/d", "steps a day")
    week = figure("steps-week", "Mean of 7 days", trend.week.value, codes=_local("steps-week"), unit=unit)
    figures = [week]
    if trend.four_weeks is not None:
        figures.append(
            figure(
                "steps-four-weeks",
                "Mean of 28 days",
                trend.four_weeks.value,
                codes=_local("steps-four-weeks"),
                unit=unit,
            )
        )
    changes = _trend_changes("Steps a day", trend, unit_text="steps", digits=0)
    return replace(
        _begun(STEPS, picture, found, last_day=last_day, kind="bar"),
        state="ready",
        verdict=f"Mean {week.text} steps a day over {trend.week.days} days." + _said(changes),
        plain=f"You walked about {week.text} steps a day in the last week.",
        figures=tuple(figures),
        changes=changes,
    )


def sleep(picture: Picture) -> Result:
    """Mean time asleep a night over a week and over four weeks, with the mean of each stage."""
    found = picture.days.get(SLEEP.metric_key, [])
    if not found:
        return SLEEP.empty(picture)
    trend = trends.trend(_by_day(found), last_day=picture.last_day)
    if trend.week is None:
        return _not_enough(SLEEP, picture, found)
    changes = _trend_changes("Sleep a night", trend, unit_text="minutes", digits=0, say=_hours)
    hours = _hours(trend.week.value)
    return replace(
        _begun(SLEEP, picture, found, last_day=picture.last_day, kind="bar"),
        state="ready",
        verdict=f"Mean sleep {hours} a night over {trend.week.days} nights." + _said(changes),
        plain=f"You slept about {hours} a night in the last week.",
        figures=_sleep_figures(picture, found, trend),
        changes=changes,
    )


def _sleep_figures(picture: Picture, found: Sequence[Day], trend: trends.Trend) -> tuple[Figure, ...]:
    unit = Unit("min", "minutes a night")
    figures = []
    for key, label, mean in (
        ("sleep-week", "Mean of 7 nights", trend.week),
        ("sleep-four-weeks", "Mean of 28 nights", trend.four_weeks),
    ):
        if mean is not None:
            figures.append(figure(key, label, mean.value, codes=metric("sleep").day_codes(), unit=unit))
    stages = (("deep", SLEEP_DEEP), ("light", SLEEP_LIGHT), ("rem", SLEEP_REM))
    for name, code in stages:
        values = {day.day: day.parts[name] for day in found if day.value is not None}
        mean = trends.mean(values, last_day=picture.last_day, days=trends.WEEK, least=trends.DAYS_FOR_A_WEEK)
        if mean is not None and mean.value > 0:
            label = f"{'REM' if name == 'rem' else name.capitalize()} sleep"
            figures.append(figure(f"sleep-{name}", label, mean.value, codes=(code,), unit=unit))
    return tuple(figures)


def _begun(
    frame: Frame, picture: Picture, found: Sequence[Day], *, last_day: int, kind: str = "line"
) -> Result:
    of = metric(frame.metric_key)
    first = last_day - trends.FOUR_WEEKS + 1
    recent = [day for day in found if first <= day.day <= last_day]
    return replace(
        frame.empty(picture),
        series=(chart(frame.key, frame.title, of, found, kind),),
        quality=quality(picture, frame.metric_key, found, first=first, last=last_day),
        provenance=provenance(picture, frame.metric_key, recent),
    )


def _not_enough(frame: Frame, picture: Picture, found: Sequence[Day]) -> Result:
    return replace(
        _begun(frame, picture, found, last_day=picture.last_day),
        state="not-enough",
        verdict=f"Too few values for a mean. {_TOO_FEW}",
        plain=f"There is not enough yet. {_TOO_FEW}",
        missing=(_TOO_FEW,),
    )


def _trend_changes(
    label: str,
    trend: trends.Trend,
    *,
    unit_text: str,
    digits: int,
    say: Callable[[float], str] | None = None,
) -> tuple[Change, ...]:
    """Four weeks against the four before where both are known, else the week against the week before."""
    for now, before, span, against in (
        (trend.four_weeks, trend.four_weeks_before, "mean of 28 days", "the four weeks before"),
        (trend.week, trend.week_before, "mean of 7 days", "the week before"),
    ):
        if now is not None and before is not None:
            made = change(
                f"{label}, {span}",
                now.value,
                before.value,
                unit_text=unit_text,
                digits=digits,
                against=against,
                say=say,
            )
            return (made,)
    return ()


def _by_day(found: Sequence[Day]) -> dict[int, float]:
    return {day.day: day.value for day in found if day.value is not None}


def _local(code: str) -> tuple[Coding, ...]:
    """A mean of several days is no 24-hour measurement, so LOINC's 24-hour code would be wrong for it."""
    return (local_result(code, "Mean steps a day"),)


def _said(changes: Sequence[Change]) -> str:
    return "".join(f" {made.sentence}" for made in changes)


def _hours(minutes: float) -> str:
    whole = int(minutes + 0.5)
    return f"{whole // 60} h {whole % 60:02d} min" if whole >= 60 else f"{written(minutes, 0)} min"
