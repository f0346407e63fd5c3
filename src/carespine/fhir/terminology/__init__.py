"""FHIR terminology: code systems, value sets and concept maps, and what R4 lets one ask of them."""
