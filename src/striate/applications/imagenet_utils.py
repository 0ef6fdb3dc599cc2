"""What all families share."""

from striate.applications.family import decode_predictions, preprocess_input

__all__ = ["decode_predictions", "preprocess_input"]
