"""SQL on FHIR v2: ViewDefinitions as they are kept, and run over stored data and files."""
