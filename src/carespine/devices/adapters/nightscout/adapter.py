"""Reads Nightscout's entries and treatments: sgv is always mg/dL, times are epochs or UTC with an offset beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.samples import MINUTE_MS

# Nightscout and the sensors behind it write errors as sgv below 39 (5, 9, 10, 12 ...).
_LOWEST_VALUE = 39
_KEYS = re.compile(r'"(sgv|mbg|eventType)"\s*:')


class Nightscout(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        if not head.is_json or not _KEYS.search(head.text):
            return False
        return any(f'"{word}"' in head.text for word in ("dateString", "date", "created_at", "mills"))

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        for item in _items(document.json):
            with into.record():
                _entry(item, into)
            yield


def _items(value: Any) -> list[Any]:
    """The records: a list, or the lists inside an answer of API v3 or a backup."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        if "sgv" in value or "mbg" in value or "eventType" in value:
            return [value]
        inner = [items for items in value.values() if isinstance(items, list)]
        return [item for items in inner for item in items]
    return []


def _entry(item: dict[str, Any], into: Collector) -> None:
    when = _when(item, into)
    source = into.source(
        app="Nightscout", device=item.get("device") or item.get("enteredBy") or "", kind=_kind(item)
    )
    kind = item.get("type")
    if "eventType" in item:
        _treatment(item, when, into)
    elif kind == "mbg" or ("mbg" in item and "sgv" not in item):
        into.take("glucose-meter", item.get("mbg"), "mg/dL", when, source)
    elif "sgv" in item:
        value = item["sgv"]
        if isinstance(value, int | float) and not isinstance(value, bool) and value < _LOWEST_VALUE:
            into.refuse(reasons.NO_VALUE_MARK)
        else:
            into.take("glucose-cgm", value, "mg/dL", when, source)
    else:
        into.refuse(reasons.METRIC_NOT_SUPPORTED)


def _treatment(item: dict[str, Any], when: Moment | None, into: Collector) -> None:
    by_hand = into.source(app="Nightscout", device=item.get("enteredBy") or "", kind="diary")
    taken = False
    if item.get("glucose") is not None and str(item.get("glucoseType", "Finger")) == "Finger":
        unit = {"mmol": "mmol/L", "mmol/l": "mmol/L", "mg/dl": "mg/dL"}.get(
            str(item.get("units", "")).lower()
        )
        into.take("glucose-meter", item["glucose"], unit, when, by_hand)
        taken = True
    if item.get("carbs"):
        into.take("carbohydrate", item["carbs"], "g", when, by_hand)
        taken = True
    if item.get("insulin"):
        into.take("insulin", item["insulin"], "[iU]", when, by_hand)
        taken = True
    if not taken:
        into.refuse(reasons.METRIC_NOT_SUPPORTED)


def _when(item: dict[str, Any], into: Collector) -> Moment | None:
    offset = item.get("utcOffset")
    number = next((item[key] for key in ("date", "mills", "timestamp") if _is_epoch(item.get(key))), None)
    if number is None:
        text = (
            item.get("dateString") or item.get("created_at") or item.get("timestamp") or item.get("sysTime")
        )
        moment = into.clock.read(text)
        number = None if moment is None else moment.ms
        if moment is not None and not _is_offset(offset):
            return moment
    else:
        stated = into.clock.read(item.get("dateString"))
        # Old uploaders wrote the local offset into dateString; newer ones rewrite it to UTC.
        if not _is_offset(offset) and stated is not None and stated.trust == 1 and stated.ms == int(number):
            return stated
    if number is None:
        return None
    if offset is not None and _is_offset(offset):
        return into.clock.stated(number, offset)
    return into.clock.instant(number)


def _is_epoch(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 10 * MINUTE_MS


def _is_offset(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 16 * 60


def _kind(item: dict[str, Any]) -> str:
    return "meter" if item.get("type") == "mbg" else "sensor"
