"""Layers that see every input at once, and the ones that go with them."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from striate import primitives as p
from striate.errors import ArgumentError
from striate.graph import Constraint, Initializer, Layer, Regularizer, Value
from striate.layers import initializers
from striate.layers.activation import as_activation
from striate.layers.weighted import array, check_arrays

__all__ = [
    "Dense",
    "Embedding",
]


class Dense(Layer):
    """Each unit is a weighted sum of all inputs plus a bias.  (…, C) -> (…, units); weight (units, C), bias (units,).

    On an input with more than one axis it works on the last one, at every position alike (as in Keras).

    units                outputs
    activation           what each output goes through: a name such as ``relu``, an activation layer, or None
    use_bias             whether each unit has a bias
    kernel_initializer   how the weight starts: a name or an Initializer
    bias_initializer     how the bias starts
    kernel_regularizer   the penalty on the weight: a name, a Regularizer, or None
    bias_regularizer     the penalty on the bias
    kernel_constraint    what the weight must be after each update: a name, a Constraint, or None
    bias_constraint      what the bias must be
    """

    order = (
        "units activation use_bias kernel_initializer bias_initializer kernel_regularizer bias_regularizer "
        "activity_regularizer kernel_constraint bias_constraint lora_rank lora_alpha quantization_config"
    )
    formerly = {"output_dim": "units="}

    units: int
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: str | Initializer = "glorot_uniform"
    bias_initializer: str | Initializer = "zeros"
    kernel_regularizer: str | Regularizer | None = None
    bias_regularizer: str | Regularizer | None = None
    kernel_constraint: str | Constraint | None = None
    bias_constraint: str | Constraint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.units, bool) or not hasattr(self.units, "__index__") or self.units < 1:
            raise ArgumentError(f"Dense: units is a whole number of at least 1, not {self.units!r}.")
        self.units = int(self.units)
        self.activation = as_activation(self.activation, "Dense")
        check_arrays(self, "kernel", "bias")

    def lower(self, x: Value) -> Value:
        bias = array(self, "bias") if self.use_bias else None
        return p.activation(p.linear(x, self.units, kernel=array(self, "kernel"), bias=bias), self.activation)


class Embedding(Layer):
    """A learnt vector for each of `input_dim` whole numbers.  (L,) of 0 … input_dim - 1 -> (L, output_dim).

    One number, (), gives one vector.

    weight (input_dim, output_dim).

    input_dim                how many whole numbers there are
    output_dim               numbers of each vector
    embeddings_initializer   how the vectors start: a name or an Initializer
    input_length             the input's length L, when it is the first layer
    embeddings_regularizer   the penalty on the vectors: a name, a Regularizer, or None
    embeddings_constraint    what they must be after each update: a name, a Constraint, or None
    """

    input_dtype: ClassVar[str] = "int64"
    order = (
        "input_dim output_dim embeddings_initializer embeddings_regularizer embeddings_constraint mask_zero weights "
        "lora_rank lora_alpha quantization_config"
    )
    refused = {"dropout": ("put SpatialDropout1D behind it", 0, 0.0)}
    formerly = {
        "init": "embeddings_initializer=",
        "W_regularizer": "embeddings_regularizer=",
        "W_constraint": "embeddings_constraint=",
    }

    input_dim: int
    output_dim: int
    embeddings_initializer: str | Initializer = "uniform"
    input_length: int | None = field(default=None, kw_only=True)
    embeddings_regularizer: str | Regularizer | None = field(default=None, kw_only=True)
    embeddings_constraint: str | Constraint | None = field(default=None, kw_only=True)

    @classmethod
    def today(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Keras' ``weights=`` is a table to start with.  Raises ArgumentError for one of another shape.

        given   arguments by name
        """
        weights = given.pop("weights", None)
        if weights is None:
            return given
        import numpy as np

        table = weights[0] if isinstance(weights, list | tuple) and len(weights) == 1 else weights
        wanted = given.get("input_dim"), given.get("output_dim")
        if np.shape(table) != wanted or np.asarray(table).dtype.kind not in "fiu":
            raise ArgumentError(f"Embedding: weights is a table of numbers of shape {wanted}, or a list of that one.")
        return given | {"embeddings_initializer": initializers.Constant(table)}

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, value in (("input_dim", self.input_dim), ("output_dim", self.output_dim)):
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
                raise ArgumentError(f"Embedding: {what} is a whole number of at least 1, not {value!r}.")
        check_arrays(self, "embeddings")
        if isinstance(self.embeddings_initializer, initializers.Constant):
            self.build()  # a table that is given is there at once
        if self.input_length is not None and self.input_shape is None:
            self.input_shape = (int(self.input_length),)

    def lower(self, x: Value) -> Value:
        return p.lookup(x, self.input_dim, self.output_dim, array(self, "embeddings"))
