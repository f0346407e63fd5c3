"""Garmin's JSON: the account export and the summaries of the Health API."""
