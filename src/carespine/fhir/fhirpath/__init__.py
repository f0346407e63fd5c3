"""FHIRPath N1 for FHIR R4 over plain JSON trees: parsed once, compiled to closures, cached."""

from __future__ import annotations

from carespine.fhir.fhirpath.engine import Compiled, compile, evaluate
from carespine.fhir.fhirpath.environment import Environment
from carespine.fhir.fhirpath.errors import (
    FhirPathError,
    FhirPathEvaluationError,
    FhirPathSyntaxError,
    FhirPathTypeError,
)
from carespine.fhir.fhirpath.results import TypedValue

__all__ = [
    "Compiled",
    "Environment",
    "FhirPathError",
    "FhirPathEvaluationError",
    "FhirPathSyntaxError",
    "FhirPathTypeError",
    "TypedValue",
    "compile",
    "evaluate",
]
