"""Carespine: an open platform for health and care."""

__version__ = "0.1.0"
