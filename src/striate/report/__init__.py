"""Figures and pages, and those about data."""

from striate.guard import guard
from striate.report.augmented import augmentations
from striate.report.data import write_data_report

__all__ = ["augmentations", "write_data_report"]

guard(__name__)
