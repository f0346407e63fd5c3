"""The small, boring base: clock, ids, NHS number, events, errors. No I/O, no framework."""
