"""The FHIR R4 RESTful API at /fhir: HTTP in, the scoped door in the middle, HTTP out."""
