"""The kind of a device by the words in its names: a watch, a cuff, a scale."""

from __future__ import annotations

_WORDS = (
    ("sensor", ("dexcom", "libre", "cgm", "guardian", "eversense", "g6", "g7", "medtronic", "share2")),
    ("cuff", ("omron", "blood pressure", "bpm connect", "bpm core", "cuff", "a&d", "ihealth bp", "bp monitor")),
    ("meter", ("glucometer", "glucose meter", "contour", "accu-chek", "onetouch", "glucomen", "meter")),
    ("scale", ("scale", "withings body", "body+", "index s2", "aria", "body cardio")),
    ("oximeter", ("oximeter", "nonin", "pulse ox")),
    ("ring", ("oura", "ring")),
    ("strap", ("polar h", "chest strap", "hrm-", "hrm pro", "strap", "tickr")),
    ("mat", ("sleep mat", "beddit", "sleep analyzer", "under-mattress")),
    ("spirometer", ("spiro", "peak flow", "peakflow")),
    ("thermometer", ("thermo",)),
    ("watch", ("watch", "fenix", "forerunner", "vivo", "venu", "instinct", "epix", "versa", "sense", "charge",
               "band", "fitbit", "polar", "garmin", "amazfit", "scanwatch", "tracker", "inspire", "luxe",
               "gear", "galaxy fit", "wear")),
    ("diary", ("myfitnesspal", "cronometer", "diary", "food", "lose it", "nutracheck")),
    ("phone", ("iphone", "phone", "pixel", "galaxy s", "sm-g", "sm-s", "sm-a")),
)  # fmt: skip


def kind_of(*texts: str) -> str:
    """The kind that the first telling text names; "unknown" where none does."""
    for text in texts:
        lowered = text.casefold()
        for kind, words in _WORDS:
            if any(word in lowered for word in words):
                return kind
    return "unknown"
