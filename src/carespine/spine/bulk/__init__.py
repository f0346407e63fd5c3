"""Bulk data: $export and $import of NDJSON (FHIR Bulk Data Access IG 2.0)."""
