"""``striate.optimizers``: what lecture code imports under this name; it lives in ``train/``."""

from striate.train.optimizers import *  # noqa: F403
from striate.train.optimizers import LossScaleOptimizer as LossScaleOptimizer
from striate.train.optimizers import MultiOptimizer as MultiOptimizer
from striate.train.optimizers import __all__ as __all__
