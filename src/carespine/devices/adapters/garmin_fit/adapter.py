"""Reads FIT files: activities, monitoring, sleep, scales and cuffs, message by message."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import fitdecode

from carespine.devices import reasons
from carespine.devices.adapters.contract import Manifest, load_manifest
from carespine.devices.adapters.garmin_fit.messages import Messages
from carespine.devices.adapters.kit.clock import Clock
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.samples import Batch

_MARK = b".FIT"
_MARK_AT = 8
# What the library raises on files that are cut off or altered.
_BROKEN = (
    fitdecode.FitError, EOFError, ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError,
    ArithmeticError, MemoryError, AssertionError, struct.error,
)  # fmt: skip


class GarminFit:
    """The adapter of the contract."""

    def __init__(self) -> None:
        self.manifest: Manifest = load_manifest(__package__)

    def recognises(self, file: BinaryIO, *, name: str = "") -> bool:
        file.seek(0)
        return file.read(16)[_MARK_AT : _MARK_AT + 4] == _MARK

    def open(self, file: BinaryIO, *, now: datetime, name: str = "", zone: str | None = None) -> FitReading:
        return FitReading(file, Collector(self.manifest, now=now, clock=Clock(zone)))


class FitReading:
    """One FIT file being read. The local clock stands at its end, so readings wait for it."""

    def __init__(self, file: BinaryIO, into: Collector) -> None:
        self._file, self._into = file, into

    @property
    def damage(self) -> str | None:
        return self._into.damage

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(self._into.notices)

    def batches(self) -> Iterator[Batch]:
        self._file.seek(0)
        messages = Messages(self._into)
        for message in self._messages():
            messages.add(message)
            self._into.position = self._file.tell()
        messages.finish()
        yield self._into.batch()

    def _messages(self) -> Iterator[Any]:
        reader = fitdecode.FitReader(
            self._file,
            check_crc=fitdecode.CrcCheck.RAISE,
            error_handling=fitdecode.ErrorHandling.IGNORE,
            keep_raw_chunks=False,
        )
        count = 0
        try:
            for frame in reader:
                if isinstance(frame, fitdecode.FitDataMessage):
                    count += 1
                    yield frame
        except fitdecode.FitCRCError:
            self._into.damage = (
                f"The file's checksum does not hold, so it was altered; {count} messages were read."
            )
            self._into.refuse(reasons.AFTER_DAMAGE)
        except _BROKEN as error:
            self._into.damage = f"The file breaks off after {count} messages ({type(error).__name__})."
            self._into.refuse(reasons.AFTER_DAMAGE)
