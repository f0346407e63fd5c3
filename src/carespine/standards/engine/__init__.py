"""The engine that runs checks against a live service and keeps every exchange as evidence."""
