"""Figures, and the page that shows what a run has learnt."""

from striate.report.activations import activations
from striate.report.augmentations import augmentations
from striate.report.data import write_data_report
from striate.report.page import write_report

__all__ = ["activations", "augmentations", "write_data_report", "write_report"]
