"""MyFitnessPal's CSV exports: meals, measurements, exercise."""
