"""The ASGI application: pages, static files, wiring; the only place that joins domains together."""
