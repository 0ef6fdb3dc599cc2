"""``striate.optimizers``: what lecture code imports under this name; it lives in ``train/``."""

from striate.train.optimizers import *  # noqa: F403
from striate.train.optimizers import __all__ as __all__
