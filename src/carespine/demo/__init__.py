"""The demonstration: a synthetic practice, and the story of the product played on real processes."""
