"""A food diary as a table: one line a food, with time or meal, amount and nutrients."""
