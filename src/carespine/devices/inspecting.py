"""What a file holds, told before anything is stored: its format, its metrics, its clocks, what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters import adapter_for
from carespine.devices.adapters.contract import Adapter, HostileFile, UnreadableFile
from carespine.devices.metrics import Metric, metric
from carespine.devices.preview import checked_zone
from carespine.devices.report_json import TRUST_WORDS
from carespine.devices.samples import Run, ZoneTrust


@dataclass(slots=True)
class _Held:
    """What a file holds of one metric."""

    readings: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    least: float | None = None
    most: float | None = None
    units: Counter[str] = field(default_factory=Counter)
    trust: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)

    def add(self, of: Metric, run: Run) -> None:
        samples, canonical = run.samples, run.samples.canonical(of)
        self.readings += len(samples)
        self.first_ms = _least(self.first_ms, int(samples.start_ms.min()))
        self.last_ms = -_least(None if self.last_ms is None else -self.last_ms, -int(samples.end_ms.max()))
        self.least = float(canonical.min()) if self.least is None else min(self.least, float(canonical.min()))
        self.most = float(canonical.max()) if self.most is None else max(self.most, float(canonical.max()))
        self.units.update(of.units[place].code for place in samples.unit.tolist())
        self.trust.update(TRUST_WORDS[ZoneTrust(trust)] for trust in samples.trust.tolist())
        self.sources[f"{run.source.label} [{run.source.kind}]"] += len(samples)


def inspect(
    path: Path, *, now: datetime, zone: str | None = None, further: tuple[Adapter, ...] = ()
) -> dict[str, Any]:
    """The file explained, as plain types. Raises UnknownFormat; what cannot be read is said under `refused`."""
    zone = checked_zone(zone)
    held: dict[str, _Held] = {}
    rejected: Counter[str] = Counter()
    read, refused = 0, None
    with path.open("rb") as file:
        adapter = adapter_for(file, path.name, further=further)
        reading = adapter.open(file, now=now, name=path.name, zone=zone)
        try:
            for batch in reading.batches():
                read += batch.read
                rejected.update(batch.rejected)
                for run in batch.runs:
                    held.setdefault(run.metric.key, _Held()).add(run.metric, run)
        except (UnreadableFile, HostileFile) as error:
            refused = str(error)
    return {
        "name": path.name,
        "adapter": adapter.manifest.key,
        "title": adapter.manifest.title,
        "records": read,
        "readings": sum(one.readings for one in held.values()),
        "rejected": sum(rejected.values()),
        "reasons": [
            {"code": reason.code, "sentence": reason.sentence, "count": reason.count}
            for reason in reasons.as_reasons(rejected)
        ],
        "metrics": [_told(metric(key), one) for key, one in sorted(held.items())],
        "damage": reading.damage,
        "refused": refused,
        "notices": list(reading.notices),
    }


def _told(of: Metric, held: _Held) -> dict[str, Any]:
    return {
        "metric": of.key,
        "title": of.title,
        "readings": held.readings,
        "first": _utc(held.first_ms),
        "last": _utc(held.last_ms),
        "lowest": held.least,
        "highest": held.most,
        "canonicalUnit": of.unit.code,
        "units": dict(held.units),
        "offsets": dict(held.trust),
        "sources": dict(held.sources),
        "codes": [{"system": code.system, "code": code.code} for code in of.reading_codes()],
    }


def _least(known: int | None, other: int) -> int:
    return other if known is None else min(known, other)


def _utc(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
