"""The switchable faults of the reference services, beside those of the wearable core."""

from __future__ import annotations

from wearable.defects import DEFECTS as CORE

OWN = {
    "accepts-closed-organisations": "takes organisations that are closed or never were",
    "accepts-low-assurance": "shows a record to whoever proved little about themselves",
    "accepts-single-factor": "lets staff in with a password alone",
    "answers-in-spite-of-dissent": "answers about patients who dissented",
    "any-search-window": "lets slots be searched for any length of time",
    "breaks-glass-silently": "gives emergency access without reason or alert",
    "closes-early": "takes online requests until four o'clock only",
    "double-books": "looks whether a slot is free, and takes it later",
    "falls-over-without-spine": "answers with server errors while the spine is away",
    "forgets-merges": "does not lead from a merged record to the surviving one",
    "forgets-waiting-list": "offers a freed slot to nobody who waits",
    "forgets-when-asked": "does not record when the wait began",
    "guess-without-end": "lets passwords be guessed for ever",
    "hard-words": "is written for nobody",
    "hides-uncertainty": "gives a prediction as one bare number",
    "ignores-area-gate": "shows slots to people of an area that is not assured",
    "keeps-cancelled-slots": "does not free the slot of a cancelled appointment",
    "keyboard-trap": "has a button that the Tab key does not leave",
    "loses-on-crash": "answers before it has committed",
    "loses-screening": "drops screening when a patient moves to another site",
    "loses-the-queue": "does not send on what waited",
    "misses-red-flags": "treats an emergency as a routine request",
    "no-telephone": "names no other way than the site",
    "old-codes": "works with codes of years ago",
    "orders-matches-badly": "gives every match the highest score",
    "overruns-cap": "counts registrations before it makes them, not while",
    "pdf-only-letters": "sends letters as PDF alone",
    "sandbox-by-post": "wants a letter before it lets anybody try",
    "shows-unreleased-slots": "shows and books slots that the provider has not released",
    "stale-calibration": "has not looked at its model for half a year",
    "tells-restricted-address": "tells where a restricted patient lives",
    "tells-who-exists": "tells a name that exists from one that does not",
    "token-without-role": "does not say in the token as what staff are there",
    "unlabelled-field": "has a field without a label",
}
DEFECTS = CORE | OWN
