"""Pages about a network: a run (what was learnt, how well), and everything that can be seen inside."""

from striate.pages.answered import Answered
from striate.pages.explorer import write_model_page, write_run_page
from striate.pages.look import write_look
from striate.pages.run import write_report

__all__ = ["Answered", "write_look", "write_model_page", "write_report", "write_run_page"]
