"""Open mHealth and IEEE 1752.1: schemas as checks; a point that breaks its schema is refused with a reason."""
