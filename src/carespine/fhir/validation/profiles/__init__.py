"""Profiles: snapshots, slices, fixed values, and the checking of a tree against them."""
