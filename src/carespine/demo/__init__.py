"""The demonstration: a generated practice, a generated wearable export, and the story told with them."""
