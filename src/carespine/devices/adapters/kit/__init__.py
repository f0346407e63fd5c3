"""What most adapters need: text and tables, clocks, numbers, units, and a collector that counts every record."""
