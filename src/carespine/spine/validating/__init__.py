"""Validation by what this server holds: its profiles, its terminology, its resources."""
