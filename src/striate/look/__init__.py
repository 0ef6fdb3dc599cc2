"""Looking inside a network: what its layers answer to, and what its answers come from."""

from striate.look.activations import activations
from striate.look.result import Look
from striate.look.tap import Tap, tapped

__all__ = ["Look", "Tap", "activations", "tapped"]
