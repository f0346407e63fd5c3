"""Decisions about readings: facts in, decision with reasons out. Pure; every number names its guideline."""
