"""Reads products of Open Food Facts: labels, not readings. Each is checked, and shown with its traffic lights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.numbers import number
from carespine.devices.rules.labels import Label, errors
from carespine.devices.rules.traffic_lights import lights

_TOLD_AT_MOST = 20


class OpenFoodFacts(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        return (
            head.is_json
            and '"nutriments"' in head.text
            and ('"code"' in head.text or '"product_name"' in head.text)
        )

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        for place, product in enumerate(_products(document, into)):
            with into.record():
                told = explained(product)
                if place < _TOLD_AT_MOST:
                    into.note(told)
                into.refuse(reasons.PLAN_NOT_READING)
            yield


def _products(document: Document, into: Collector) -> Iterator[Any]:
    text = document.text.strip()
    if "\n{" in text and not text.startswith("{\n") and text.startswith("{"):
        for line in filter(str.strip, text.splitlines()):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                into.refuse(reasons.RECORD_UNREADABLE)
        return
    content = document.json
    found: Any = content.get("products", content) if isinstance(content, dict) else content
    for item in found if isinstance(found, list) else [found]:
        yield item.get("product", item) if isinstance(item, dict) else item


def label_of(product: dict[str, Any]) -> Label:
    """The label of 100 g or 100 ml, in grams, kcal and kJ; what it does not say is None."""
    held = product.get("nutriments") or {}

    def per_100(name: str) -> float | None:
        return number(held.get(f"{name}_100g", held.get(name)))

    kcal, kj = per_100("energy-kcal"), per_100("energy-kj")
    if kj is None and kcal is None:
        kj = per_100("energy")
    return Label(
        kcal=kcal,
        kj=kj,
        fat_g=per_100("fat"),
        saturates_g=per_100("saturated-fat"),
        carbohydrate_g=per_100("carbohydrates"),
        sugars_g=per_100("sugars"),
        fibre_g=per_100("fiber"),
        protein_g=per_100("proteins"),
        salt_g=per_100("salt"),
        sodium_g=per_100("sodium"),
        is_drink=_is_drink(product),
    )


def explained(product: dict[str, Any]) -> str:
    """One product in a sentence: its traffic lights, and what is wrong with its label."""
    label = label_of(product)
    name = str(product.get("product_name") or product.get("code") or "a product")[:80]
    shown = ", ".join(f"{nutrient} {colour}" for nutrient, colour in lights(label).items())
    wrong = errors(label)
    return f"{name}: {shown or 'no traffic light'}." + (
        f" Label in doubt: {' '.join(wrong)}" if wrong else ""
    )


def _is_drink(product: dict[str, Any]) -> bool:
    unit = str(product.get("quantity") or product.get("serving_size") or "").casefold().split()
    return any(word.endswith(("ml", "cl")) or word in ("l", "litre", "liter") for word in unit)
