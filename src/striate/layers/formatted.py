"""The base of layers that treat positions and channels apart, and so ask where the channels are."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from striate import primitives
from striate.data_format import checked
from striate.graph import Layer, Value


class FormattedLayer(Layer):
    """A layer of positions and channels.  Its ``lower`` knows only channels that stand last.

    data_format   "channels_last", (H, W, C), or "channels_first", (C, H, W), of inputs and outputs; None: what
                  ``backend.image_data_format()`` says when the layer is made
    """

    abstract = True

    data_format: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.data_format = checked(self.data_format, f"{self.kind} data_format")

    def config(self) -> dict[str, Any]:
        said = super().config()
        return {key: value for key, value in said.items() if (key, value) != ("data_format", "channels_last")}

    def put(self, *inputs: Any) -> Any:
        """``lower``, with the channels turned to the end before it and back after it where they come first.

        inputs   one symbolic value for each input of the call

        Raises ArgumentError or ShapeError where ``lower`` does.
        """
        if self.data_format != "channels_first":
            return self.lower(*inputs)
        activation = self.__dict__.get("activation")
        if activation not in ("softmax", "log_softmax"):
            result = self.lower(*map(_last, inputs))
            return [*map(_first, result)] if isinstance(result, list | tuple) else _first(result)
        self.__dict__["activation"] = None  # it runs over the last axis, as in Keras, which is not that of the channels
        try:
            made: Any = self.lower(*map(_last, inputs))
            return primitives.activation(_first(made), activation)
        finally:
            self.__dict__["activation"] = activation


def _last(x: Value) -> Value:
    """(C, …) -> (…, C); a vector and one number stay."""
    axes = len(x.shape)
    return x if axes < 2 else primitives.permute(x, (*range(1, axes), 0))


def _first(x: Value) -> Value:
    """(…, C) -> (C, …); a vector stays."""
    axes = len(x.shape)
    return primitives.permute(x, (axes - 1, *range(axes - 1)))
