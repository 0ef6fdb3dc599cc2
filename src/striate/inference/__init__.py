"""Answers: what a network says to arrays, pictures and data sets, and how good that is."""

from striate.inference.evaluation import evaluate
from striate.inference.predict import answers

__all__ = ["answers", "evaluate"]
