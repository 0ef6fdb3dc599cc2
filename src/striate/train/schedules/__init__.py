"""Learning rates that change with the optimizer's steps.  Plain functions of the step; no torch.

A schedule may leave its length open (``decay_steps=None``, ``total_steps=None``): ``fit`` then fills in the number of
steps that the whole training takes, through ``for_steps``.
"""

from striate.guard import guard
from striate.train.schedules.base import Schedule, deserialize, serialize
from striate.train.schedules.cycles import CosineDecay, CosineDecayRestarts, OneCycle, Warmup
from striate.train.schedules.decays import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
)

LearningRateSchedule = Schedule  # Keras' name

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
    "StepDecay",
    "Warmup",
    "deserialize",
    "serialize",
]

guard(__name__)
