"""A report as JSON: one shape for files and for stored patients, described by docs/device-report.schema.json."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from carespine.devices.metrics import Metric, metric
from carespine.devices.models import SAFETY_NOTICE, Coding, Figure, Quality, Result, Series
from carespine.devices.naming import as_date, device_id
from carespine.devices.preview import NOBODY, DayView, FileOutcome, Preview
from carespine.devices.samples import SourceIdentity, ZoneTrust
from carespine.kernel.clock import fhir_instant

SCHEMA = "https://carespine.example/schema/device-report/1"
Tree = dict[str, Any]

TRUST_WORDS = {
    ZoneTrust.AMBIGUOUS: "ambiguous",
    ZoneTrust.STATED: "stated",
    ZoneTrust.NAMED: "named-zone",
    ZoneTrust.EXPORTED: "place-of-export",
    ZoneTrust.INFERRED: "inferred",
    ZoneTrust.GIVEN: "given-by-sender",
    ZoneTrust.SET_RIGHT: "clock-corrected",
}


def tree(report: Preview) -> Tree:
    """The whole report. Its counts add up: read == stored + duplicate + rejected."""
    counts = {
        name: sum(getattr(file, name) for file in report.files)
        for name in ("read", "stored", "duplicate", "rejected")
    }
    return {
        "schema": SCHEMA,
        "subject": report.subject,
        "madeAt": fhir_instant(report.now),
        "zone": report.zone,
        "born": None if report.born is None else report.born.isoformat(),
        "safetyNotice": SAFETY_NOTICE,
        "files": [_file(file) for file in report.files],
        "counts": counts,
        "sources": [_source(report, source) for source in report.sources.values()],
        "metrics": [_metric(metric(key)) for key in sorted({day.metric for day in report.days})],
        "days": [_day(report, day) for day in report.days],
        "firstDay": None if report.first_day is None else as_date(report.first_day).isoformat(),
        "lastDay": None if report.last_day is None else as_date(report.last_day).isoformat(),
        "protocols": [_protocol(result) for result in report.results],
        "notShared": sorted(report.not_shared),
        **report.extras,
    }


def source_name(report: Preview, key: int) -> str:
    """The name by which days refer to a source."""
    return device_id(NOBODY if report.subject == "files" else report.subject, key)


def _file(file: FileOutcome) -> Tree:
    return {
        "name": file.name,
        "adapter": file.adapter,
        "title": file.title,
        "state": file.state,
        "read": file.read,
        "stored": file.stored,
        "duplicate": file.duplicate,
        "rejected": file.rejected,
        "reasons": [asdict(reason) for reason in file.reasons],
        "notices": list(file.notices),
        "refused": file.refused,
        "sha256": file.sha256,
    }


def _source(report: Preview, source: SourceIdentity) -> Tree:
    return {
        "id": source_name(report, source.key),
        "label": source.label,
        "platform": source.platform,
        "app": source.app,
        "device": source.device,
        "maker": source.maker,
        "model": source.hardware or source.model,
        "kind": source.kind,
    }


def _metric(of: Metric) -> Tree:
    return {
        "key": of.key,
        "title": of.title,
        "unit": of.day_unit.code,
        "unitText": of.day_unit.text,
        "day": of.day,
        "timing": of.timing,
        "dataClass": of.data_class,
        "codes": [_coding(code) for code in of.day_codes()],
        "readingCodes": [_coding(code) for code in of.reading_codes()],
        "plausible": list(of.bounds),
    }


def _day(report: Preview, view: DayView) -> Tree:
    found, of = view.found, metric(view.metric)
    used = [share for share in found.shares if share.used]
    span = found.span
    return {
        "day": as_date(found.day).isoformat(),
        "metric": view.metric,
        "value": _number(found.value),
        "unit": of.day_unit.code,
        "low": _number(found.low),
        "high": _number(found.high),
        "parts": {name: _number(amount) for name, amount in found.parts.items()},
        "readings": found.used,
        "sources": [
            {"source": source_name(report, share.source), "used": share.used, "amount": _number(share.amount)}
            for share in used
        ],
        "setAside": [
            {"source": source_name(report, share.source), "count": count, "reason": reason}
            for share in found.shares
            for reason, count in sorted(share.set_aside.items())
        ],
        "offsets": [] if span is None else _offsets(span.start_offset_min, span.end_offset_min),
        "trust": {TRUST_WORDS[trust]: count for trust, count in sorted(view.trust.items())},
        "flags": _flags(view),
    }


def _flags(view: DayView) -> list[str]:
    flags = []
    if view.trust.get(ZoneTrust.AMBIGUOUS):
        flags.append("zone-ambiguous")
    if view.trust.get(ZoneTrust.SET_RIGHT):
        flags.append("clock-corrected")
    if view.found.value is None:
        flags.append("all-set-aside")
    span = view.found.span
    if span is not None and span.start_offset_min != span.end_offset_min:
        flags.append("offset-changed")
    return flags


def _offsets(*minutes: int) -> list[str]:
    return [
        f"{'-' if one < 0 else '+'}{abs(one) // 60:02d}:{abs(one) % 60:02d}" for one in dict.fromkeys(minutes)
    ]


def _protocol(result: Result) -> Tree:
    return {
        "key": result.key,
        "title": result.title,
        "dataClass": result.data_class,
        "state": result.state,
        "verdict": result.verdict,
        "plain": result.plain,
        "missing": list(result.missing),
        "urgent": result.urgent,
        "rule": result.rule,
        "figures": [_figure(figure) for figure in result.figures],
        "changes": [change.sentence for change in result.changes],
        "series": [_series(series) for series in result.series],
        "validation": list(result.validation),
        "quality": None if result.quality is None else _quality(result.quality),
    }


def _figure(figure: Figure) -> Tree:
    target = figure.target
    return {
        "key": figure.key,
        "label": figure.label,
        "value": _number(figure.value),
        "text": figure.text,
        "unit": figure.unit,
        "unitText": figure.unit_text,
        "codes": [_coding(code) for code in figure.codes],
        "target": None if target is None else asdict(target),
        "standing": figure.standing,
    }


def _series(series: Series) -> Tree:
    return {
        "key": series.key,
        "label": series.label,
        "unit": series.unit,
        "kind": series.kind,
        "points": [
            {
                "day": _iso(point.day),
                "at": None if point.at is None else _iso(point.at),
                "value": _number(point.value),
                "low": _number(point.low),
                "high": _number(point.high),
            }
            for point in series.points
        ],
    }


def _quality(quality: Quality) -> Tree:
    return {
        "daysExpected": quality.days_expected,
        "daysWithReadings": quality.days_with_readings,
        "coverage": quality.coverage,
        "readings": quality.readings,
        "readingsSetAside": quality.readings_set_aside,
        "flags": list(quality.flags),
    }


def _coding(code: Coding) -> Tree:
    return {"system": code.system, "code": code.code, "display": code.display}


def _number(value: float | None) -> float | int | None:
    """A number without the noise of binary fractions; whole ones without a point."""
    if value is None:
        return None
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _iso(when: date | datetime) -> str:
    return when.isoformat()
