"""Figures and pages, and those about data."""

from striate.report.augmentations import augmentations
from striate.report.data import write_data_report

__all__ = ["augmentations", "write_data_report"]
