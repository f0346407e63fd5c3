"""FHIR R4 XML in and out: bytes to the same plain tree that JSON gives, and back."""

from __future__ import annotations

from carespine.fhir.xml.reading import decode
from carespine.fhir.xml.writing import encode

__all__ = ["decode", "encode"]
