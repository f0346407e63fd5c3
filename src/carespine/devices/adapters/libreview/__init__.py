"""LibreView's CSV export: history and scans of a sensor, strips, ketones, insulin, food."""
