"""``striate.metrics``: what lecture code imports under this name; it lives in ``train/``."""

from striate.train.metrics import *  # noqa: F403
from striate.train.metrics import __all__ as __all__
