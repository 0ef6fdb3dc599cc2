"""Graph -> torch: a ``torch.fx.GraphModule`` with readable code and layer names as state_dict keys.

``from striate import backend as K`` has Keras-2's functions too: ``K.mean``, ``K.square``, ``K.epsilon`` …

Arrays inside are channels-first, (N, C, H, W), in torch's channels_last memory; (N, C, L) for sequences.
"""

from striate.backend.allocator import keep_memory
from striate.backend.builder import build, build_layer, logits_module, moving, predicting, set_mode
from striate.backend.keras_names import *  # noqa: F403
from striate.backend.keras_names import __all__ as _named
from striate.backend.rows import augmentation
from striate.backend.source import to_source
from striate.backend.split import Split
from striate.guard import guard

__all__ = [
    "Split",
    "augmentation",
    "build",
    "build_layer",
    "keep_memory",
    "logits_module",
    "predicting",
    "moving",
    "set_mode",
    "to_source",
]
__all__ += _named

guard(__name__)
