"""Figures, and the page that shows what a run has learnt."""

from striate.report.activations import activations
from striate.report.page import write_report

__all__ = ["activations", "write_report"]
