"""From microseconds since 1970, as search counts them, to the instants that a timestamptz is compared with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A day within the first and the last that Python can count, so that no zone leads out of them.
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_LEAST, _MOST = (FIRST - _EPOCH) // _MICROSECOND, (LAST - _EPOCH) // _MICROSECOND


def instant(micros: int) -> datetime:
    """The instant so many microseconds after 1970; the first or the last there is for what lies beyond."""
    return _EPOCH + min(max(micros, _LEAST), _MOST) * _MICROSECOND


def micros(moment: datetime) -> int:
    """The microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND
