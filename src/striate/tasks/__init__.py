"""Tasks that users bring: what is in this picture?"""

from striate.tasks.classification import Guess, classify
from striate.tasks.ensemble import Ensemble

__all__ = ["Ensemble", "Guess", "classify"]
