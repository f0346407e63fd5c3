"""PATCH: JSON Patch and FHIRPath Patch on plain trees."""
