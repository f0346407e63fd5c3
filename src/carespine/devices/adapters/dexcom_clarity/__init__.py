"""Dexcom Clarity's CSV export: sensor glucose, calibrations, insulin, carbohydrate."""
