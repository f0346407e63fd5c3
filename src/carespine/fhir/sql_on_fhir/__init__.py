"""SQL on FHIR v2: ViewDefinitions, which make tables of resources."""

from __future__ import annotations

from carespine.fhir.sql_on_fhir.definition import View, read
from carespine.fhir.sql_on_fhir.rows import Rows

__all__ = ["Rows", "View", "read"]
