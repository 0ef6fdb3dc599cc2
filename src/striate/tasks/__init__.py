"""Tasks that users bring: what is in this picture?"""

from striate.tasks.classify import Guess, classify

__all__ = ["Guess", "classify"]
