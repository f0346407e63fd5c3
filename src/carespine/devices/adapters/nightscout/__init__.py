"""Nightscout's entries and treatments, as its API and its backups write them."""
