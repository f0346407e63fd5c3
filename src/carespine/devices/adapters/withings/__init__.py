"""Withings: the CSV files of the account export and the answers of the API."""
