"""The version of striate, which saved models and trainings are marked with."""

__version__ = "0.1.0"
