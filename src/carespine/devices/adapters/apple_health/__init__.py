"""Apple Health: the export.zip that the Health app of an iPhone makes, or the export.xml inside it."""
