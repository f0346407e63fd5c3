"""Short public registers that R4 refers to and does not list: currencies, countries, time zones."""

from __future__ import annotations

import zoneinfo
from functools import cache

from babel import Locale

from carespine.fhir.terminology.memory import MemorySystem
from carespine.fhir.terminology.models import Concept, Described

CURRENCIES = "urn:iso:std:iso:4217"
COUNTRIES = "urn:iso:std:iso:3166"
TIME_ZONES = "https://www.iana.org/time-zones"
URLS = (CURRENCIES, COUNTRIES, TIME_ZONES)
# Territories of CLDR that are no countries of ISO 3166-1: exceptional reservations and the user-assigned range.
_NO_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "TA", "UN"})
_USER_ASSIGNED = ("QO", "X", "ZZ")


@cache
def system(url: str) -> MemorySystem:
    """One of URLS. Names are CLDR's, in English; past currencies stay codes of ISO 4217."""
    english = Locale.parse("en")
    if url == CURRENCIES:
        about = Described(url, name="ISO 4217 currency codes")
        concepts = [Concept(code, str(name)) for code, name in sorted(english.currencies.items())]
    elif url == COUNTRIES:
        about = Described(url, name="ISO 3166-1 alpha-2 country codes")
        concepts = [
            Concept(code, str(name)) for code, name in sorted(english.territories.items()) if _country(code)
        ]
    else:
        about = Described(url, name="IANA time zones")
        concepts = [Concept(name, name) for name in sorted(zoneinfo.available_timezones())]
    return MemorySystem(about, concepts)


def _country(code: str) -> bool:
    return code.isalpha() and code not in _NO_COUNTRIES and not code.startswith(_USER_ASSIGNED)
