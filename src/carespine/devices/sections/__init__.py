"""The sections of a summary: each turns a picture into one result with its figures, charts and provenance."""
