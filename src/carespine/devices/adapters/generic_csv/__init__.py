"""Any table of readings: by a mapping file, or by headers that say metric and unit without doubt."""
