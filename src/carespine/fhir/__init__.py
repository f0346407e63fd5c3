"""FHIR R4 as data: definitions, parsing and structural validation, FHIRPath, search grammar. Pure: no I/O."""
