"""Pictures changed by less than one sees until the network answers otherwise."""
