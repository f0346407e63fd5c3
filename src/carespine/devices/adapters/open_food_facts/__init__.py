"""Open Food Facts products: no reading of a person, but labels to check and traffic lights to show."""
