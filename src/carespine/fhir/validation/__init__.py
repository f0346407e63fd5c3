"""Validation: what is wrong with a resource, by R4 and by profiles; pure, without a server."""

from __future__ import annotations

from carespine.fhir.validation.context import STANDARD, Context, with_definitions
from carespine.fhir.validation.terminology import BuiltInTerminology, Terminology
from carespine.fhir.validation.validator import validate

__all__ = ["STANDARD", "BuiltInTerminology", "Context", "Terminology", "validate", "with_definitions"]
