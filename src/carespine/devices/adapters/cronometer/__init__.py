"""Cronometer's CSV exports: servings, daily nutrition, biometrics."""
