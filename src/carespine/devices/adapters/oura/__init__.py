"""Oura: answers of API v2, the account export of v1, and the CSV of trends."""
