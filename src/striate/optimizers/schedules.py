"""``striate.optimizers.schedules``: the module in ``train/``, under the name by which lecture code imports from it."""

import sys

from striate.train import schedules
from striate.train.schedules import *  # noqa: F403  # for type checkers

sys.modules[__name__] = schedules
