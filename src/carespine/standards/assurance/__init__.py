"""Documents that a supplier signs: what each must say, and what is wrong with one at a time. Pure."""
