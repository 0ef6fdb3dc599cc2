"""``Model``, what users hold; thin: each method calls the room that does the work."""

from striate.model import variables  # noqa: F401  it tells layers what their arrays are
from striate.model.cloning import clone_model
from striate.model.model import Functional, Model

__all__ = ["Functional", "Model", "clone_model"]
