"""``striate.losses``: what lecture code imports under this name; it lives in ``train/``."""

from striate.train.losses import *  # noqa: F403
from striate.train.losses import __all__ as __all__
