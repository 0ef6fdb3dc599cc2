"""The loss around the trained weights, the way there, and residual networks as ensembles of paths."""
