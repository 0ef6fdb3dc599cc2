"""What a layer holds once it has been called or built: its arrays, by Keras' names and in Keras' order, and its losses."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from striate.errors import ArgumentError, ShapeError
from striate.graph.lowering import Primitive
from striate.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from striate.graph.variable import Variable


class Holding:
    """The part of ``Layer`` that speaks of arrays and of numbers."""

    _arrays: ClassVar[
        Callable[..., Any]
    ]  # its arrays, and its losses: ``model/variables.py`` sets these two, which knows
    _penalties: ClassVar[Callable[..., Any]]  # how arrays are made
    supports_masking: bool = True  # masks pass through it
    dtype: str = "float32"  # of its weights and of what it computes; ``compile(precision=)`` trains in 16 bits
    compute_dtype = variable_dtype = "float32"
    node: Any
    name: Any
    kind: Any
    _named: Any
    is_network: ClassVar[bool]
    is_own: Any

    @property
    def weights(self) -> list[Variable]:
        """The arrays in Keras' order, trainable ones first.  They are made when they are first asked for.

        Kernels are (height, width, in, out), depthwise ones (height, width, in, multiplier), transposed ones
        (height, width, out, in), those of a dense layer (in, out); a batch norm has gamma, beta, moving_mean,
        moving_variance.  ``module.state_dict()`` has them in torch's layouts.  Empty before the layer is called.
        """
        return type(self)._arrays(self)  # type: ignore[no-any-return]

    @property
    def trainable_weights(self) -> list[Variable]:
        """Those of ``weights`` that training changes: none where ``trainable`` is False."""
        return [one for one in self.weights if one.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Those of ``weights`` that training leaves alone: averages, and all of a frozen layer."""
        return [one for one in self.weights if not one.trainable]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    if not TYPE_CHECKING:  # a type checker would take every name for granted

        def __getattr__(self, name: str) -> Any:
            """An array by Keras' name, such as ``layer.kernel``, once there is one; None where the layer could have it."""
            if _names_an_array(name) and not self.is_network:
                if self.__dict__.get("node") is None and "_inside" not in self.__dict__:
                    what = f"{type(self).__name__!r} object has no {name!r} yet: call it, or build(input_shape), first"
                    own = (
                        "; a call of its own says super().call(inputs), or adds it by add_weight" if self.is_own else ""
                    )
                    raise AttributeError(what + own)
                mine = self.weights
                kernels = [one for one in mine if one.name.endswith("_kernel")]
                one = next((one for one in mine if one.name == name), None)
                if one is None and name == "kernel" and len(kernels) == 1:  # of a depthwise convolution
                    return kernels[0]
                if one is not None or name in _possible(self):
                    return one
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the arrays, in the order and layouts of ``weights``: kernels (height, width, in, out)."""
        return [one.numpy() for one in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the arrays.

        weights   one for each, in the order and layouts of ``weights``

        Raises ShapeError on a mismatch, changing nothing, and ArgumentError before the layer is called or built.
        """
        mine, given = self.weights, list(weights)
        where = f'{self.kind} "{self._named}"'
        if given and not mine and not self.is_network and self.node is None:
            raise ArgumentError(
                f"{where} has no weights yet: put it into a model, call it on a tensor, or build(input_shape), first."
            )
        if len(given) != len(mine):
            listed = ", ".join(f"{one.path} {one.shape}" for one in mine[:8]) + (" …" if len(mine) > 8 else "")
            raise ShapeError(f"{where} has {plural(len(mine), 'array')} ({listed}); {len(given)} were given.")
        for one, array in zip(mine, given, strict=True):
            one.check(array)
        for one, array in zip(mine, given, strict=True):
            one.assign(array)

    def count_params(self) -> int:
        """How many numbers its arrays hold.  Raises ArgumentError before the layer is called or built."""
        if self.node is None and not self.weights:
            raise ArgumentError(
                f'{self.kind} "{self._named}" has no weights yet: call it, or build(input_shape), first.'
            )
        return sum(one.size for one in self.weights)

    # -- losses, types, masks ----------------------------------------------------------------------------------------
    @property
    def losses(self) -> list[Any]:
        """The penalties, each a torch scalar: those of its latest call on numbers, then those on its weights.

        On numbers: ``activity_regularizer``, ``ActivityRegularization``, and what ``add_loss`` was given in the call.  On
        weights: a regularizer's, of each that training changes.
        """
        return type(self)._penalties(self)  # type: ignore[no-any-return]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output: that of the input, since masks pass through.

        inputs           taken as Keras has it
        previous_mask    of the input, or None
        """
        return previous_mask


@functools.cache
def _array_names() -> frozenset[str]:
    """Keras' names of arrays that a primitive may have."""
    kinds, names = [Primitive], set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        names |= {*kind.keras.values()}
    return frozenset(names)


def _names_an_array(name: str) -> bool:
    return name in _array_names() or name.endswith("_kernel")


def _possible(layer: Any) -> set[str]:
    """Keras' names of the arrays that a layer might have, such as the bias of one without."""
    steps = () if layer.node is None else layer.lowering(*layer.node.input_shapes).steps
    return {theirs for step in steps for theirs in step.primitive.keras.values()}
