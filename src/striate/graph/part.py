"""What a description is made of: parts known by their class, and those that start, penalise and bound weights."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any, dataclass_transform

from striate.configs import custom_object
from striate.described import Described
from striate.errors import undefined, unknown


def is_float32(dtype: Any) -> bool:
    """Whether a type of numbers, or a policy, by name, as an object or as a configuration, is that of every layer.

    dtype   such as "float32", ``torch.float32`` or ``mixed_precision.Policy("float32")``
    """
    if isinstance(dtype, Mapping):
        return is_float32((dtype.get("config") or {}).get("name"))
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)
    return str(name).removeprefix("torch.") == "float32"


# Arguments of Keras 3 that striate does not have, each with what to do instead, and the values at which it says nothing.
_NOT_HERE: dict[str, str | tuple[Any, ...]] = {
    "data_format": (
        "it does not ask where the channels are; a normalization takes them with axis=1 where they come first",
        "channels_last",
    ),
    "dtype": ("layers compute in float32; train in 16 bits with compile(precision='bf16')", is_float32),
    "autocast": ("train in 16 bits with compile(precision='bf16') instead", True),
    "mask_zero": "masking is not supported; a global max pooling ignores padding best",
    "sparse": "sparse inputs are not supported",
    "ragged": "ragged inputs are not supported; pad to one length",
    "synchronized": "batch statistics are always per process",
    "renorm": "batch renormalization is not supported",
    "renorm_clipping": "batch renormalization is not supported",
    "renorm_momentum": ("batch renormalization is not supported", 0.99),
    "lora_rank": "LoRA is not supported",
    "lora_alpha": "LoRA is not supported",
    "quantization_config": "quantize after training instead",
    "weights": "set them afterwards, with layer.set_weights or model.load_weights",
    "batch_size": "say it in layers.Input(shape, batch_size)",
    "batch_shape": "write layers.Input(batch_shape=...) before it",
    "shape": "write layers.Input(shape) or input_shape=",
}

# Arguments of layers in earlier Keras: what they are called now.
_FORMERLY: dict[str, str | tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "input_dim": ("input_shape=(n,)", lambda n: {"input_shape": n if isinstance(n, tuple | list) else (n,)}),
    "batch_input_shape": ("input_shape=, without the batch", lambda shape: {"input_shape": tuple(shape)[1:]}),
    "init": "kernel_initializer=",
    "W_regularizer": "kernel_regularizer=",
    "b_regularizer": "bias_regularizer=",
    "border_mode": "padding=",
    "subsample": "strides=",
    "nb_filter": "filters=",
    "bias": "use_bias=",
    "W_constraint": "kernel_constraint=",
    "b_constraint": "bias_constraint=",
    "filter_length": "kernel_size=",
    "subsample_length": "strides=",
    "atrous_rate": "dilation_rate=",
    "dim_ordering": (
        'data_format="channels_first" or "channels_last"',
        lambda said: {"data_format": {"th": "channels_first", "tf": "channels_last", "default": None}.get(said, said)},
    ),
}


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field, dataclasses.Field))
class NetworkPart(Described, family="layer", automatic=True):
    """Anything that a network's description holds: a dataclass whose fields are its whole description.

    Subclasses need no decorator.  They refuse unknown arguments with one clear line.
    """

    refused = _NOT_HERE
    formerly = _FORMERLY


def registered(kind: str) -> type[NetworkPart]:
    """The class registered under a name.  Raises ArgumentError, naming the nearest.

    kind   such as ``Conv2D``
    """
    own = custom_object(kind)
    if isinstance(own, type) and issubclass(own, NetworkPart):
        return own
    if kind not in NetworkPart.classes:
        raise unknown("layer", kind, NetworkPart.classes)
    return NetworkPart.classes[kind]


def register(kind: str, cls: type[NetworkPart]) -> None:
    """Make a class known to descriptions under another name than its own.

    kind   the name that a JSON description says
    cls    the class that it stands for
    """
    NetworkPart.classes[kind] = cls


class Initializer(NetworkPart):
    """How the first values of a weight are drawn.  Subclasses live in ``striate.layers.initializers``.

    One of your own defines ``__call__(self, shape, dtype=None)``, which gives an array in Keras' layout.
    """

    keras_room = "initializers"
    abstract = True

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """First values, a torch tensor in Keras' layout: kernels (height, width, in, out), dense ones (in, out).

        shape    of the array; its last two sizes are how many inputs and outputs there are
        dtype    by name, such as "float16"; None: 32 bits

        Raises ShapeError for a shape that it cannot fill, ArgumentError for a dtype that is not known.
        """
        return importlib.import_module("striate.backend.init").drawn(self, shape, dtype)


class Regularizer(NetworkPart):
    """A penalty on a weight, added to the loss.  Subclasses live in ``striate.layers.regularizers``.

    One of your own defines ``__call__(self, x)``, which gives one number.
    """

    keras_room = "regularizers"
    abstract = True

    def __call__(self, x: Any) -> Any:
        """The penalty, a torch scalar.

        x    the array in Keras' layout: kernels (height, width, in, out), dense ones (in, out)

        Raises ArgumentError where a class of your own does not define it.
        """
        raise undefined(self, "__call__(self, x)")


class Constraint(NetworkPart):
    """What a weight must be: applied to it after each update.  Subclasses live in ``striate.layers.constraints``.

    One of your own defines ``__call__(self, w)``, which gives an array of the same shape.
    """

    keras_room = "constraints"
    abstract = True

    def __call__(self, w: Any) -> Any:
        """The weight as it must be, a torch tensor of its shape; this one changes nothing.

        w   the array in Keras' layout: kernels (height, width, in, out), dense ones (in, out)
        """
        return w
