"""``striate.initializers``: the module in ``layers/``, under the name by which lecture code imports from it."""

import sys

from striate.layers import initializers
from striate.layers.initializers import *  # noqa: F403  # for type checkers

sys.modules[__name__] = initializers
