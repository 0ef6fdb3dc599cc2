"""What an answer comes from: maps of importance, and how far to trust them."""
