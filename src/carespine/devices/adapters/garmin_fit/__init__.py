"""FIT files: activities, monitoring, scales, blood pressure."""
