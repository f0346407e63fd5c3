"""A backup: every row of one moment in one file, and the database made again from it."""
