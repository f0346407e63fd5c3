"""FHIR R4: Observations alone or in Bundles, CGM submissions, the shapes of the Physical Activity guide."""
