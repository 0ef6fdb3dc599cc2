"""``striate.callbacks``: what lecture code imports under this name; it lives in ``train/``."""

from striate.train.callbacks import *  # noqa: F403
from striate.train.callbacks import OrbaxCheckpoint as OrbaxCheckpoint
from striate.train.callbacks import __all__ as __all__
