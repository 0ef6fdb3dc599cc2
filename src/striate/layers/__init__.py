"""Layers under Keras 3's names, arguments and defaults.

A family of layers is a file; what its ``__all__`` names is a name here.
"""

from striate.graph import Input, InputLayer, Layer
from striate.guard import guard
from striate.layers import (
    activation,
    augment,
    augment_several,
    boxes,
    colours,
    configured,
    constraints,
    conv,
    core,
    dense,
    initializers,
    inputs,
    lenet,
    merging,
    mix,
    mosaic,
    norm,
    own,
    pictures,
    pool,
    regularize,
    regularizers,
    reshape,
    residual,
)
from striate.layers.activation import *
from striate.layers.augment import *
from striate.layers.augment_several import *
from striate.layers.boxes import *
from striate.layers.colours import *
from striate.layers.configured import *
from striate.layers.conv import *
from striate.layers.core import *
from striate.layers.dense import *
from striate.layers.inputs import *
from striate.layers.lenet import *
from striate.layers.merging import *
from striate.layers.mix import *
from striate.layers.mosaic import *
from striate.layers.norm import *
from striate.layers.own import *
from striate.layers.pictures import *
from striate.layers.pool import *
from striate.layers.regularize import *
from striate.layers.reshape import *
from striate.layers.residual import *
from striate.ops.own import lower_own as _own  # noqa: F401  symbolic tensors take operators, layers a call of their own

__all__ = ["Input", "InputLayer", "Layer", "constraints", "initializers", "regularizers"]
__all__ += activation.__all__
__all__ += augment.__all__
__all__ += augment_several.__all__
__all__ += boxes.__all__
__all__ += colours.__all__
__all__ += configured.__all__
__all__ += conv.__all__
__all__ += core.__all__
__all__ += dense.__all__
__all__ += inputs.__all__
__all__ += lenet.__all__
__all__ += merging.__all__
__all__ += mix.__all__
__all__ += mosaic.__all__
__all__ += norm.__all__
__all__ += own.__all__
__all__ += pictures.__all__
__all__ += pool.__all__
__all__ += regularize.__all__
__all__ += reshape.__all__
__all__ += residual.__all__


def __getattr__(name: str) -> object:
    """What to say of a layer that is not there.  Raises ArgumentError for one of Keras', and AttributeError for others."""
    from striate.errors import ArgumentError, nearest
    from striate.layers.elsewhere import EARLIER, ELSEWHERE

    if name in EARLIER:
        raise ArgumentError(f"striate has no layer {name} (Keras 1 had): {EARLIER[name]}.")
    if name in ELSEWHERE:  # an AttributeError would lose its words on the way through an import
        raise ArgumentError(f"striate has no layer {name} (Keras has): {ELSEWHERE[name]}.")
    hint = "" if name.startswith("_") else nearest(name, __all__)
    raise AttributeError(f"module 'striate.layers' has no attribute {name!r}.{hint}")


guard(__name__)
