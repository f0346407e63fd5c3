"""Reference services: one of each kind that the standards know, small, sound, and with switchable faults.

They share the wearable example's core (people, readings, tokens, audit) and add what their kind must do.
"""
