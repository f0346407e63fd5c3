"""Terminology in PostgreSQL: resources as they are stored, and large code systems in tables of their own."""
