"""Answers: what a network says to arrays, pictures and data sets, and how good that is."""

from striate.guard import guard
from striate.inference.evaluation import evaluate
from striate.inference.neurons import Neuron, neuron
from striate.inference.predict import answers
from striate.inference.products import Products

__all__ = ["Neuron", "Products", "answers", "evaluate", "neuron"]

guard(__name__)
