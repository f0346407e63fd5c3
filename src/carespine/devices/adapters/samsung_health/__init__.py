"""Samsung Health's download of personal data: one CSV a kind of record."""
