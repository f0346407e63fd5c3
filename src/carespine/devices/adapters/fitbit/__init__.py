"""Fitbit data: the export of the account, the newer one of Google Takeout, answers of the Web API."""
