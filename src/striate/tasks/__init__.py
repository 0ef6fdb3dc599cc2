"""Tasks that users bring: what is in this picture?"""

from striate.guard import guard
from striate.tasks.classification import Guess, classify
from striate.tasks.ensemble import Ensemble
from striate.tasks.files import FileAnswer, classify_files, write_answers

__all__ = ["Ensemble", "FileAnswer", "Guess", "classify", "classify_files", "write_answers"]

guard(__name__)
