"""The switchable faults of the reference services, beside those of the wearable core."""

from __future__ import annotations

from wearable.defects import DEFECTS as CORE

OWN = {
    "any-search-window": "lets slots be searched for any length of time",
    "closes-early": "takes online requests until four o'clock only",
    "double-books": "looks whether a slot is free, and takes it later",
    "forgets-waiting-list": "offers a freed slot to nobody who waits",
    "forgets-when-asked": "does not record when the wait began",
    "ignores-area-gate": "shows slots to people of an area that is not assured",
    "keeps-cancelled-slots": "does not free the slot of a cancelled appointment",
    "loses-screening": "drops screening when a patient moves to another site",
    "misses-red-flags": "treats an emergency as a routine request",
    "overruns-cap": "counts registrations before it makes them, not while",
    "shows-unreleased-slots": "shows and books slots that the provider has not released",
}
DEFECTS = CORE | OWN
