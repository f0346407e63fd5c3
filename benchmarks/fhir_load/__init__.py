"""What `benchmarks/fhir_server.py` is made of: a corpus, a server, an HTTP client, the kinds of work, the table."""
