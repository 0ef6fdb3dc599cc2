"""A function, a torch module, or a layer around another, of a user's own."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, Self

from striate.configs import CustomObjectScope, custom_object
from striate.errors import ArgumentError
from striate.graph import Layer

__all__ = ["Lambda", "TorchModuleWrapper", "Wrapper"]


class _OfOnesOwn(Layer):
    shares_lowering: ClassVar[bool] = False

    def _own_shape(self, output_shape: Any) -> None:
        """Check and keep the shape that the output is said to have, without the batch."""
        sizes = (output_shape,) if isinstance(output_shape, int) else output_shape
        if sizes is not None and not callable(sizes):
            listed = tuple(sizes) if isinstance(sizes, list | tuple) else (0,)
            sizes = listed[1:] if listed and listed[0] is None else listed
            if not sizes or not all(isinstance(n, int) and n > 0 for n in sizes):
                raise ArgumentError(
                    f"{self.kind}: output_shape holds whole numbers, without the batch, not {output_shape}."
                )
        self.said_shape = sizes

    @property
    def arity(self) -> int | None:  # type: ignore[override]
        """As many inputs as it is given."""
        return None


class Lambda(_OfOnesOwn):
    """A function of a user's own, of channels-last tensors.  Any shape -> the shape that it gives; no weights.

    function       called with a tensor, or a list of them.  What it says with slices, arithmetic and ``striate.ops`` every
                   view sees; functions of torch run as they are.  A saved model names it and does not hold its code:
                   ``load_model(path, custom_objects={name: function})``
    output_shape   taken as Keras has it: the shape is found by running the function
    mask           what ``compute_mask`` gives: an array, or a function of the inputs and their mask; None: no mask
    arguments      further arguments of the function, by name

    Raises ArgumentError for what is no function, or the name of one that is not known.
    """

    function: Any
    arguments: Any = None

    def __init__(
        self, function: Any = None, output_shape: Any = None, mask: Any = None, arguments: Any = None, **kwargs: Any
    ) -> None:
        if isinstance(function, str):
            found = custom_object(kwargs.get("name"), function)
            if found is None:
                key = kwargs.get("name") or function
                raise ArgumentError(
                    f'a Lambda is saved by the name of its function, "{function}", without its code. Give it: '
                    f'load_model(path, custom_objects={{"{key}": function}}).'
                )
            function = found
        if not callable(function):
            raise ArgumentError(f"Lambda takes a function, not {function!r}.")
        super().__init__(**kwargs)
        self.mask = mask
        if arguments is not None and not isinstance(arguments, dict):
            raise ArgumentError(f"Lambda: arguments is a dict of further arguments by name, not {arguments!r}.")
        self.function, self.arguments = function, dict(arguments or {})
        self._own_shape(output_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask that it was made with.

        inputs          of the call
        previous_mask   of these
        """
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None, safe_mode: Any = None) -> Self:
        """The layer of a configuration, which names its function.

        config           what ``get_config`` gives
        custom_objects   functions of your own by name
        safe_mode        taken as Keras has it: code in a configuration is never run

        Raises ArgumentError for a function that is not known.
        """
        with CustomObjectScope(custom_objects):
            return super().from_config(config)

    def call(self, inputs: Any, training: Any = None) -> Any:
        more = dict(self.arguments)
        try:
            known = inspect.signature(self.function).parameters
        except (TypeError, ValueError):  # a builtin does not say
            known = {}  # type: ignore[assignment]
        if "training" in known and "training" not in more:
            more["training"] = training
        return self.function(inputs, **more)

    def config(self) -> dict[str, Any]:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        said: dict[str, Any] = {"name": self.name} if self.name and not self.auto_named else {}
        return said | {"function": name.strip("<>")} | ({"arguments": self.arguments} if self.arguments else {})


class TorchModuleWrapper(_OfOnesOwn):
    """A torch module as a layer.  It takes and gives channels-first tensors, (N, C, H, W), as torch's modules do.

    module         such as ``torch.nn.Conv2d(3, 8, 3)``; its weights are those of the layer
    name           of the layer; None: from the class
    output_shape   taken as Keras has it: the shape is found by running the module

    Raises ArgumentError for what is no torch module, or the name of one that is not known.
    """

    module: Any

    def __init__(self, module: Any = None, name: str | None = None, output_shape: Any = None, **kwargs: Any) -> None:
        if isinstance(module, str):
            found = custom_object(name, module)
            if found is None:
                raise ArgumentError(
                    f'a torch module is saved by its name, "{module}", without its code. Give what makes it: '
                    f'load_model(path, custom_objects={{"{module}": …}}).'
                )
            module = found if hasattr(found, "state_dict") and not isinstance(found, type) else found()
        if not hasattr(module, "named_parameters") or isinstance(module, type):
            raise ArgumentError(f"TorchModuleWrapper takes a torch module, such as torch.nn.ReLU(), not {module!r}.")
        super().__init__(name=name, **kwargs)
        self.module = module
        self._own_shape(output_shape)

    def forward(self, *inputs: Any) -> Any:
        """What the module gives.

        inputs   (N, C, …)
        """
        return self.module(*inputs)

    def config(self) -> dict[str, Any]:
        said: dict[str, Any] = {"name": self.name} if self.name and not self.auto_named else {}
        return said | {"module": type(self.module).__name__}


class Wrapper(Layer):
    """The base of layers of a user's own around another layer; a class of yours defines ``call``, with ``self.layer`` in it.

    layer   what is wrapped

    Raises ArgumentError for what is no layer.
    """

    abstract = True

    layer: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.layer, Layer):
            raise ArgumentError(f"{self.kind} takes a layer to wrap, such as layers.Dense(2), not {self.layer!r}.")
