"""Pages about a run: what was learnt, how well, and what the network looks like inside."""

from striate.pages.run import write_report

__all__ = ["write_report"]
