"""Data sets that have a name: where each lies, how it is fetched, and those that are made on the spot."""
