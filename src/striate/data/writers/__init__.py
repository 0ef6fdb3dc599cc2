"""Writers of boxes and label maps, for other tools and for our own readers."""
