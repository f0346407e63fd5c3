"""Wearables and diet apps beside the GP record: readings in, one coded and explained summary out."""
