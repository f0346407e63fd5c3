"""The parts of a generated wearable export: a wearer, days, what each device writes, and the known truth."""
