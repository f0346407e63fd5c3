"""Small builders that the device tests share: readings in a line, exports in a few words."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from carespine.devices.adapters import adapter_for
from carespine.devices.adapters.apple_health.adapter import AppleHealth
from carespine.devices.adapters.contract import Adapter, Reading
from carespine.devices.metrics import metric
from carespine.devices.samples import Samples, SourceIdentity, ZoneTrust, concatenate

NOW = datetime(2026, 11, 15, 12, 0, tzinfo=UTC)
WATCH = SourceIdentity(
    "Apple Health", "Ann's Apple Watch", "Apple Watch", "Apple Inc.", "Watch", "Watch7,1", "watch"
)
PHONE = SourceIdentity(
    "Apple Health", "Ann's iPhone", "iPhone", "Apple Inc.", "iPhone", "iPhone15,4", "phone"
)
SCALE = SourceIdentity("Apple Health", "ScaleSync", "ScaleSync S2", "Northgate", "S2", "", "scale")
SOURCES = {source.key: source for source in (WATCH, PHONE, SCALE)}


def at(text: str) -> int:
    """Milliseconds of a moment such as 2026-11-01T08:00+00:00; without an offset, UTC."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def reading(
    start: str, end: str | None = None, value: float = 1.0, *, unit: int = 0, trust: int = 1
) -> Samples:
    """One reading; its offset is the one its start is written with."""
    offset = datetime.fromisoformat(start).utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds() // 60)
    return Samples(
        np.array([at(start)], dtype=np.int64),
        np.array([at(end or start)], dtype=np.int64),
        np.array([minutes], dtype=np.int16),
        np.array([trust], dtype=np.uint8),
        np.array([value], dtype=np.float64),
        np.array([unit], dtype=np.uint8),
        np.array([1], dtype=np.int32),
    )


def readings(rows: Iterable[tuple[str, str, float]], *, trust: int = ZoneTrust.STATED) -> Samples:
    """Readings of (start, end, value)."""
    return concatenate([reading(start, end, value, trust=trust) for start, end, value in rows])


def record(
    kind: str, value: object, start: str, end: str | None = None, *, unit: str = "", source: str = "Test"
) -> str:
    """A Record element as Apple writes it; `start` and `end` as in 2026-11-01 08:00:00 +0000."""
    units = f' unit="{unit}"' if unit else ""
    return (
        f' <Record type="HKQuantityTypeIdentifier{kind}" sourceName="{source}"{units}'
        f' startDate="{start}" endDate="{end or start}" value="{value}"/>\n'
    )


def export(body: str, *, prolog: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> bytes:
    """An export.xml around some records."""
    return f'{prolog}<HealthData locale="en_GB">\n{body}</HealthData>\n'.encode()


def zipped(xml: bytes, name: str = "apple_health_export/export.xml") -> bytes:
    """An export.zip around an export.xml."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name, date_time=(2026, 11, 15, 9, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, xml)
    return buffer.getvalue()


def read_file(
    raw: bytes, name: str, *, zone: str | None = None, further: Sequence[Adapter] = ()
) -> tuple[str, Outcome]:
    """The key of the adapter that recognises a file, and what it made of it."""
    file = io.BytesIO(raw)
    adapter = adapter_for(file, name, further=further)
    return adapter.manifest.key, Outcome(raw, adapter.open(file, now=NOW, name=name, zone=zone))


class Outcome:
    """What the adapter made of a file: readings by metric, reasons, and the sums."""

    def __init__(self, raw: bytes, opened: Reading | None = None) -> None:
        opened = opened or AppleHealth().open(io.BytesIO(raw), now=NOW)
        self.read, self.rejected, self.runs = 0, dict[str, int](), list[tuple[str, SourceIdentity, Samples]]()
        for batch in opened.batches():
            self.read += batch.read
            for code, count in batch.rejected.items():
                self.rejected[code] = self.rejected.get(code, 0) + count
            self.runs += [(run.metric.key, run.source, run.samples) for run in batch.runs]
        self.damage, self.notices = opened.damage, opened.notices
        self.accepted = sum(len(samples) for _, _, samples in self.runs)

    def of(self, key: str) -> Samples:
        return concatenate([samples for found, _, samples in self.runs if found == key])

    def values(self, key: str) -> list[float]:
        return [round(float(value), 6) for value in self.of(key).canonical(metric(key))]

    @property
    def accounts_for_all(self) -> bool:
        return self.read == self.accepted + sum(self.rejected.values())
