"""What there is in a network: filters, activation maps, features and what they find alike."""
