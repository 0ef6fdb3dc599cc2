"""Weights and whole models on disk."""

from striate.doors.writing import atomic_write
from striate.guard import guard
from striate.weights.bundle import Bundle, read_bundle, write_bundle
from striate.weights.files import load_state, save_state

__all__ = ["Bundle", "atomic_write", "load_state", "read_bundle", "save_state", "write_bundle"]

guard(__name__)
