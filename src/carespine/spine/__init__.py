"""National services: the FHIR API, organisations, the patient index."""
