"""A small wearable service: the part that the two example apps share. It does not import Carespine."""
