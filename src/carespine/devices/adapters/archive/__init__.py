"""A zip of files in other formats: the whole export of a maker, a takeout with foreign folders in it."""
