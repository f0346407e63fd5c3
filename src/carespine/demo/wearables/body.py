"""Weight each week from a smart scale, once in pounds by hand; body fat; height."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.demo.wearables.markup import QUANTITY
from carespine.demo.wearables.shop import Workshop, aware

WEIGHT, FAT, HEIGHT = f"{QUANTITY}BodyMass", f"{QUANTITY}BodyFatPercentage", f"{QUANTITY}Height"
_KG_PER_POUND = 0.453_592_37
_BY_HAND = ("HKWasUserEntered", "1")


def height(shop: Workshop) -> Iterator[str]:
    at = shop.clock.moment(shop.start, 9 * 60)
    yield shop.count(
        HEIGHT,
        shop.pen.record(
            HEIGHT,
            shop.sources.health,
            start=at,
            end=at,
            value=shop.wearer.height_cm,
            unit="cm",
            meta=(_BY_HAND,),
        ),
    )


def weights(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("weight")
    for number in range(0, shop.length, 7):
        at = shop.clock.moment(shop.day(number), 6 * 60 + dice.between(40, 59))
        if shop.clock.zone_at(at) != shop.wearer.home_zone:
            continue  # the scale stays at home
        kg = round(_weight(shop, number) + dice.normal(0, 0.25), 2)
        shop.truth.weights_kg.append((aware(at), kg))
        meta = (("HKTimeZone", shop.clock.zone_at(at)), ("HKWasUserEntered", "0"))
        yield shop.count(
            WEIGHT,
            shop.pen.record(
                WEIGHT, shop.sources.scale, start=at, end=at, value=f"{kg:g}", unit="kg", meta=meta
            ),
        )
    yield _in_pounds(shop)


def body_fat(shop: Workshop) -> Iterator[str]:
    """A fraction with the unit %, as saturation is."""
    dice = shop.dice("body fat")
    for number in range(0, shop.length, 7):
        at = shop.clock.moment(shop.day(number), 6 * 60 + 50)
        if shop.clock.zone_at(at) != shop.wearer.home_zone:
            continue
        value = f"{dice.between(335, 355) / 1000:g}"
        yield shop.count(
            FAT, shop.pen.record(FAT, shop.sources.scale, start=at, end=at, value=value, unit="%")
        )


def _weight(shop: Workshop, number: int) -> float:
    return shop.wearer.weight_kg + shop.wearer.weekly_weight_change_kg * number / 7


def _in_pounds(shop: Workshop) -> str:
    number = shop.length // 2 + 3
    at = shop.clock.moment(shop.day(number), 8 * 60 + 5)
    pounds = round(_weight(shop, number) / _KG_PER_POUND, 1)
    shop.truth.weights_kg.append((aware(at), round(pounds * _KG_PER_POUND, 3)))
    return shop.count(
        WEIGHT,
        shop.pen.record(
            WEIGHT, shop.sources.health, start=at, end=at, value=f"{pounds:g}", unit="lb", meta=(_BY_HAND,)
        ),
    )
