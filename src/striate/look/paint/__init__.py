"""Pictures that a network makes: what it answers to most, dreams, what a layer still knows."""
