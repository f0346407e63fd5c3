"""Generates a real-shaped Apple Health export.zip, with everything true about it known.

The file has what makes real ones hard to read: a memory address in each device description, curly
apostrophes and no-break spaces in names, blood pressure three times over, saturation as a fraction of "%",
glucose in two units, the same walks counted by watch and phone, a week in another time zone, a night of 23 or
25 hours, repeated, implausible and malformed records. The brands are invented, the layout is Apple's.

It streams: memory does not grow with the number of records. The XML is the same for the same arguments on
every machine and Python; the zip around it as far as the machine's zlib is the same.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import batched, chain
from pathlib import Path

from carespine.demo.wearables import body, glucose, heart_rate, movement, night, pressure, trouble
from carespine.demo.wearables.clock import Clock, Trip
from carespine.demo.wearables.markup import CDA, Pen, head
from carespine.demo.wearables.shop import Workshop
from carespine.demo.wearables.truth import ExportTruth, GlucoseTruth, PressureReading, PressureTruth
from carespine.demo.wearables.wearer import Wearer, sources_of, wearer_of

__all__ = [
    "DEFAULT_DAYS",
    "DEFAULT_RECORDS",
    "DEFAULT_START",
    "ExportTruth",
    "GlucoseTruth",
    "PressureReading",
    "PressureTruth",
    "Wearer",
    "wearer_of",
    "write_export",
]
# Sixty days that end the day before the demonstration's today; British clocks go back on 25 October 2026.
DEFAULT_START, DEFAULT_DAYS, DEFAULT_RECORDS = date(2026, 9, 17), 60, 60_000
FEWEST_DAYS = 28  # enough for the trip, the week of blood pressures and the sensor, none upon another
_TRIP_AT, _TRIP_DAYS = 0.15, 7
_LINES_AT_ONCE = 2_000
_COMPRESSION = 1  # the fastest: an export is written once and read once
_FOLDER = "apple_health_export"
"""


"""
