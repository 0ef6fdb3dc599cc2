"""Answers: what a network says to arrays, pictures and data sets, and how good that is."""

from striate.guard import guard
from striate.inference.again import Again
from striate.inference.evaluation import evaluate
from striate.inference.layer_times import LayerTime, LayerTimes, time_layers
from striate.inference.neurons import Neuron, neuron
from striate.inference.predict import answers
from striate.inference.products import Products
from striate.inference.trials import EngineRow, EngineTable, tune_engine

__all__ = [
    "Again",
    "EngineRow",
    "EngineTable",
    "LayerTime",
    "LayerTimes",
    "Neuron",
    "Products",
    "answers",
    "evaluate",
    "neuron",
    "time_layers",
    "tune_engine",
]

guard(__name__)
