"""Sequences of different lengths as one array."""

from striate.guard import guard
from striate.utils import pad_sequences

__all__ = ["pad_sequences"]

guard(__name__)
