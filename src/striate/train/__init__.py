"""Training: the loop and the feed, losses, metrics, optimizers and schedules, callbacks."""
