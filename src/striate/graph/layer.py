"""The base of every layer: hyper-parameters as dataclass fields, answers from input shapes alone."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from striate.annotations import is_yes_or_no
from striate.errors import ArgumentError, ShapeError
from striate.graph.holding import Holding
from striate.graph.lowering import Lowering, Shape, Value, Weight, lowered
from striate.graph.part import NetworkPart
from striate.graph.remade import completed, parted
from striate.graph.sizes import Open, checked_shape

if TYPE_CHECKING:
    from striate.graph.node import Node
    from striate.graph.window import Window


def _shape_first(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """``add_weight`` that says so where it is given the name first, as it was in Keras 2."""

    @functools.wraps(add_weight)
    def adding(self: Layer, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str):
            raise ArgumentError(
                f'add_weight: the name is a keyword argument, add_weight(shape, name="{args[0]}"); the shape comes first.'
            )
        return add_weight(self, *args, **kwargs)

    return adding


class Layer(Holding, NetworkPart):
    """A layer: its fields are its hyper-parameters, ``lower`` says what it does.  It never holds a tensor.

    A subclass names its fields, checks them in ``__post_init__`` and defines ``lower``; everything else follows from
    that: shapes, weights, sizing, training, export.  Shapes are channels-last and without the batch: ``(H, W, C)`` for
    pictures, ``(L, C)`` for sequences, ``(C,)`` for vectors.  A layer may be called on several inputs; then each method
    gets one shape per input.

    name          letters, digits, "_" and "-"; None: the class name and a number, counted in each model
    trainable     False: training leaves its weights as they are
    input_shape   the input's shape, for the first layer of a Sequential
    activity_regularizer   what its output is penalised with, the mean over the batch: a name, a Regularizer, or None

    A class may say, beside its fields: ``arity``, how many inputs it takes (None: a list of two or more), and ``drawn_as``,
    what a diagram takes it for, such as "norm" (None: what its primitives are).

    Raises ArgumentError for an argument that the class does not have or a value that it cannot use, and ShapeError when it
    is called on shapes that do not fit.
    """

    abstract = True
    keras_room = "layers"
    is_network: ClassVar[bool] = False  # whether it is a whole graph
    changes_pictures: ClassVar[bool] = False  # whether, called on numbers, it takes one picture, or a dict of them, too
    keeps_whole: ClassVar[bool] = False  # whether it then gives pictures of whole numbers, where it got such
    _called: ClassVar[
        Callable[..., Any]
    ]  # what a call and ``build`` do: ``graph/node.py`` sets these, which knows nodes
    _builder: ClassVar[Callable[..., Any]]
    _speccer: ClassVar[Callable[..., Any]]
    _opener: ClassVar[Callable[..., Any]]
    _numbers: ClassVar[Callable[..., Any]]  # what a call on arrays does: ``striate`` sets it, for ``backend/calls.py``
    _lower_own: ClassVar[Callable[..., Any]]  # these five are set by ``ops/own.py``, which knows layers of a user's own
    _weight_adder: ClassVar[Callable[..., Any]]
    _loss_adder: ClassVar[Callable[..., Any]]
    _put_inside: ClassVar[Callable[..., Any]]
    _own_config: ClassVar[Callable[..., Any]]
    _penalised: ClassVar[Callable[..., Any]]  # these two are set by ``layers/regularizers.py``
    _regularizer: ClassVar[Callable[..., Any]]
    shares_lowering: ClassVar[bool] = True  # whether its fields say all that it does
    edits: ClassVar[int] = 0  # how often a layer that was called already was given another hyper-parameter
    arity: ClassVar[int | None] = 1  # number of inputs; None: a list of two or more
    drawn_as: ClassVar[str | None] = None  # what a diagram takes it for; None: what its primitives are

    name: str | None = dataclasses.field(default=None, kw_only=True)
    trainable: bool = dataclasses.field(default=True, kw_only=True)
    input_shape: Shape | None = dataclasses.field(default=None, kw_only=True)
    activity_regularizer: Any = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.auto_named = self.name is None
        self.node: Node | None = None  # its latest call
        self.torch_module: Any = None  # the torch module that holds its weights, once backend/ has made it
        self.built_for: dict[str, Weight] | None = None  # weight shapes of the first call; later calls share them
        if self.activity_regularizer is not None:
            self.activity_regularizer = type(self)._regularizer(self.activity_regularizer)
        self._check_name()
        if not self.is_network and self.input_shape is not None:
            self.input_shape = checked_shape(self.kind, self.input_shape, empty=self.arity == 0)

    def _check_name(self) -> None:
        if self.name is not None and (not self.name or not re.fullmatch(r"[A-Za-z0-9_\-]+", self.name)):
            raise ArgumentError(
                f'{self.kind}: "{self.name}" cannot be a layer\'s name; use letters, digits, "_" and "-".'
            )

    # -- what it does ----------------------------------------------------------------------------------------------
    def lower(self, *inputs: Any, **none: Any) -> Value | list[Value]:
        """Put primitives (``striate.primitives``) after the inputs and return the output, or a list of outputs.

        inputs   one symbolic value (``primitives.Value``) for each input of the call; ``x.shape`` is its shape
        none     nothing more is given

        Raises ShapeError where the inputs do not fit, and ArgumentError where the layer cannot say yet what it does.
        """
        return Layer._lower_own(self, inputs)  # type: ignore[no-any-return]

    def put(self, *inputs: Any) -> Any:
        """``lower``, and what the class puts around it.

        inputs   one symbolic value for each input of the call
        """
        return self.lower(*inputs)

    def whole_lower(self, *inputs: Any) -> Any:
        """``put``, and the penalty on what it gives.

        inputs   as ``lower`` takes them

        Raises ShapeError where the inputs do not fit.
        """
        result = self.put(*inputs)
        if self.activity_regularizer is None:
            return result
        if isinstance(result, list | tuple):
            return [type(self)._penalised(self.activity_regularizer, one) for one in result]
        return type(self)._penalised(self.activity_regularizer, result)

    def __setattr__(self, key: str, value: Any) -> None:
        """Set an attribute; a hyper-parameter of a layer that was called already counts in its networks from then on.

        Raises ArgumentError for a value that the layer cannot take, and where the shapes of its weights or outputs would
        become others.
        """
        if key == "trainable" and not is_yes_or_no(value):
            raise ArgumentError(f"{self.kind}: trainable is True or False, not {value!r}.")
        if key == "name" and value is not None and not isinstance(value, str):
            raise ArgumentError(f"{self.kind}: a name is a text, not {value!r}.")
        if "as_ours" in self.__dict__ and key in _hyper_parameters(type(self)):  # type: ignore[arg-type]
            raise ArgumentError(
                f"{self.kind} has a call of its own, and has been called: make a new one with {key}={value!r}."
            )
        node = self.__dict__.get("node")
        if node is None or key not in (names := _hyper_parameters(type(self))):  # type: ignore[arg-type]
            object.__setattr__(self, key, value)
            return
        sizes = [tensor.sizes for tensor in node.inputs]
        others = {name: getattr(self, name) for name in names}
        like = type(self)(**{**others, key: value})
        before, after = self.lowering(*sizes), like.lowering(*sizes)
        same = before.output_shape == after.output_shape and _sizes(before) == _sizes(after)
        if not same:
            raise ArgumentError(
                f'{self.kind} "{self.name}" is in a network already, whose shapes {key}={value!r} would change. Make the '
                "network anew, or with models.clone_model(model, clone_function=...)."
            )
        Layer.edits += 1
        self.__dict__.update({key: like.__dict__[key], "_edited": Layer.edits})
        self.__dict__.pop("_alone_for", None)
        if self.torch_module is not None:
            importlib.import_module("striate.backend.builder").remake(self)

    @property
    def built(self) -> bool:
        """Whether its weights have their shapes: after its first call, or ``build``."""
        return self.built_for is not None or self.torch_module is not None or "_has_been_built" in self.__dict__

    @built.setter
    def built(self, value: bool) -> None:
        """Keras' layers say it at the end of ``build``; here it follows from what is known."""

    # -- as Keras has it: a class of a user's own --------------------------------------------------------------------
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """An object that remembers, where the class has a constructor of its own, what it was made with."""
        made = super().__new__(cls)
        if not getattr(cls.__init__, "of_fields", False):  # type: ignore[misc]
            made.__dict__["_given"] = args, kwargs
        return made

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__ and not cls.__module__.startswith("striate.") and not cls.is_network:
            cls.build = _remembered(cls.__dict__["build"])  # type: ignore[method-assign]
        if "call" in cls.__dict__ and "lower" not in cls.__dict__ and _of_ours(cls) is not None:
            cls.lower, cls.put = Layer.lower, Layer.put  # type: ignore[method-assign]

    def build(self, input_shape: Any = None) -> None:
        """Make the layer's weights for inputs of a shape; a call makes them too.  In a class of your own: add weights.

        input_shape   with the batch in front, as None; a list of them for several inputs.  None: any, where it says nothing

        Raises ShapeError where the layer does not fit, or wants to know the shape.
        """
        if not self.is_own and not self.is_network:
            type(self)._builder(self, input_shape)

    @property
    def is_own(self) -> bool:
        """Whether ``call``, or a torch ``forward``, says what it does."""
        return type(self).call is not Layer.call or hasattr(type(self), "forward")

    def call(self, inputs: Any, training: Any = None) -> Any:
        """What a layer of your own does, said with ``striate.ops``, arithmetic, other layers, or functions of torch.

        inputs     channels-last, with the batch in front; a list for several
        training   whether the network is trained, where a ``call`` of your own wants to be told

        ``super().call(inputs)`` in a class made from one of ours is what that one does, with weights of its own.
        """
        ours = _of_ours(type(self))
        return (self if ours is None else _as_ours(self, ours))(inputs, training=training)

    @_shape_first
    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
        **others: Any,
    ) -> Any:
        """A weight of a layer of your own, in ``build`` or the constructor.

        shape         whole numbers; None: one number
        initializer   a name or an Initializer; None: "glorot_uniform"
        dtype         taken as Keras has it
        trainable     whether training changes it
        autocast      taken as Keras has it
        regularizer   what it is penalised with, or None
        constraint    a function that is applied to it after each update, a name such as "non_neg", or None
        aggregation   taken as Keras has it
        overwrite_with_gradient   taken as Keras has it
        name          in the layer; None: "weight"
        others        of Keras 2, without effect: synchronization, use_resource, getter

        Raises ArgumentError for a shape that is none, a constraint or an argument that is not known.
        """
        return Layer._weight_adder(self, shape, initializer, dtype, trainable, regularizer, constraint, name, **others)

    def add_loss(self, loss: Any) -> None:
        """Add to the loss that is minimised, in the ``call`` of a layer of your own.

        loss   a number that torch computed, or a list of them

        Raises ArgumentError outside of a call.
        """
        Layer._loss_adder(self, loss)

    def compute_output_spec(self, *inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """What ``compute_output_shape`` says, as symbolic tensors, in the same lists and dicts.

        inputs     symbolic tensors, or one list of them
        training   taken as Keras has it: shapes are the same in both modes
        mask       taken as Keras has it: shapes are the same with one

        Raises ShapeError where they do not fit.
        """
        return type(self)._speccer(self, inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output, with the batch in front, as it was given.

        input_shape   with the batch in front; a list of them for several inputs

        Raises ShapeError where the input does not fit, or is no shape.
        """
        if not isinstance(input_shape, list | tuple):
            raise ShapeError(f"{self.kind}: a shape is a tuple such as (None, 32, 32, 3), not {input_shape!r}.")
        several = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        given = [tuple(one) for one in (input_shape if several else [input_shape])]
        batches = {one[0] for one in given if one} - {None}
        batch = batches.pop() if len(batches) == 1 else None
        sizes = tuple(checked_shape(self.kind, one[1:], empty=True) for one in given)
        found = self.shape(*sizes)
        if any(isinstance(size, Open) for one in sizes for size in one):
            found = type(self)._opener(self, sizes, found)

        def shown(sizes: Shape) -> tuple[int | None, ...]:
            return (batch, *(None if isinstance(size, Open) else size for size in sizes))

        return [shown(one) for one in found] if isinstance(found, list) else shown(found)

    def config(self) -> dict[str, Any]:
        if getattr(type(self).__init__, "of_fields", False) or type(self).__module__.startswith("striate."):
            return super().config()
        named = {"name": self.name} if self.name and not self.auto_named else {}
        return named | Layer._own_config(self)

    def get_config(self) -> dict[str, Any]:
        """As ``Described`` says, with tuples such as a kernel's size as they are; JSON makes lists of them."""
        return {name: _pairs(getattr(self, name, None), said) for name, said in super().get_config().items()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """As ``Described`` says; a name that a constructor of a user's own does not take is set afterwards.

        config   arguments by name, as ``get_config`` gives them

        Raises ArgumentError for arguments that the class does not take.
        """
        given, beside = parted(cls, config)
        return completed(super().from_config(given), beside)  # type: ignore[no-any-return]

    # -- answers, from input shapes alone --------------------------------------------------------------------------
    def lowering(self, *inputs: Shape) -> Lowering:
        """The layer in primitives.  Raises ShapeError where the inputs do not fit.

        inputs   a shape per input
        """
        fields = _fields(type(self))(self)  # type: ignore[arg-type]
        key = type(self), fields, inputs
        if _shared(key):  # equal layers of ours are one: networks repeat them hundreds of times
            if key not in _OURS:
                if len(_OURS) >= _MOST:
                    _OURS.clear()
                _OURS[key] = lowered(self.whole_lower, inputs)
            return _OURS[key]
        own: dict[tuple[Shape, ...], tuple[Any, Lowering]] = self.__dict__.setdefault("_lowerings", {})
        if inputs not in own or not _same(own[inputs][0], fields):  # never lowered, or with other hyper-parameters
            own[inputs] = fields, lowered(self.whole_lower, inputs)
        return own[inputs][1]

    def shape(self, *inputs: Shape) -> Shape | list[Shape]:
        """Output shape, or a list of them.  Raises ShapeError where the inputs do not fit.

        inputs   a shape per input
        """
        return self.lowering(*inputs).output_shape

    def parameters(self, *inputs: Shape) -> dict[str, Weight]:
        """Trainable arrays by name, in torch's names and layouts, as they stand in ``module.state_dict()``.

        inputs   a shape per input
        """
        return self.lowering(*inputs).weights

    def buffers(self, *inputs: Shape) -> dict[str, Weight]:
        """Arrays that are saved but not trained (moving averages, fixed tables), by name.

        inputs   a shape per input
        """
        return self.lowering(*inputs).buffers

    def mults(self, *inputs: Shape) -> int:
        """Multiplications for one input, of convolutions and dense layers: F·F·D·W'·H'·D'.

        inputs   a shape per input
        """
        return self.lowering(*inputs).mults

    def window(self) -> Window | None:
        """The window that slides over the input, where the layer's fields name one."""
        return None

    # -- identity --------------------------------------------------------------------------------------------------
    @property
    def kind(self) -> str:
        """The class name that tables and descriptions show, such as ``Conv2D``."""
        return type(self).__name__

    @property
    def _named(self) -> str:
        return self.name or snake_case(self.kind)

    def __call__(self, inputs: Any = None, *more: Any, training: Any = None, mask: Any = None, **named: Any) -> Any:
        """Put the layer after symbolic `inputs` and return the symbolic output.  Calling it again shares its weights.

        On arrays or torch tensors, channels-last, it computes, and returns a torch tensor.

        inputs     a symbolic tensor, an array or a tensor, or a list of them
        more       further inputs, as one list
        training   whether as in training.  Of symbolic tensors, True or False is kept: the layer is in this mode whatever
                   the network does, such as the batch norms of a base; None: as the network
        mask       taken as Keras has it
        named      inputs by the names that a ``call`` of your own gives them

        Raises ArgumentError for another name, or what is no input.
        """
        given = (inputs, *more) if inputs is not None or more else ()
        if named:
            given = self._in_place(given, named)
        if not given:
            raise ArgumentError(f"{self.kind} is called on its input, which is missing.")
        return type(self)._called(self, list(given) if len(given) > 1 else given[0], training)

    def _in_place(self, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The inputs of a call in the order in which ``call`` has them."""
        takes = [] if not self.is_own else [*inspect.signature(self.call).parameters]
        for key, value in named.items():
            if key not in takes[len(given) :]:
                raise ArgumentError(f'{self.kind} is called with no argument "{key}".')
            if value is None or isinstance(value, bool | int | float | str):
                raise ArgumentError(
                    f"{self.kind}: {key}={value!r} is no input. Give it to the constructor, or as `training`."
                )
        return (*given, *(named[key] for key in takes if key in named))

    @property
    def input(self) -> Any:
        """The symbolic input (or list of inputs) of the layer's latest call.  Raises ArgumentError before one."""
        return self._ends("inputs")

    @property
    def output(self) -> Any:
        """The symbolic output (or list of outputs) of the layer's latest call.  Raises ArgumentError before one."""
        return self._ends("outputs")

    @property
    def output_shape(self) -> Any:
        """The shape of its latest call's output as Keras writes it, None for the batch: (None, H, W, C); or a list of them.

        Raises ArgumentError before a call.
        """
        return shapes_of(_listed(self.output))

    def _ends(self, side: str) -> Any:
        if self.node is None:
            raise ArgumentError(f'{self.kind} "{self.name}" has not been called yet: it has no {side}.')
        tensors = list(getattr(self.node, side))
        return tensors[0] if len(tensors) == 1 else tensors


_Key = tuple[Any, Any, tuple[Shape, ...]]  # class, hyper-parameters, input shapes
_OURS: dict[_Key, Lowering] = {}
_MOST = 20_000


def _shared(key: _Key) -> bool:
    """Whether all layers of a key lower alike: those of a user's own may look at more than their fields."""
    try:
        hash(key)
    except TypeError:  # a field such as an array
        return False
    return key[0].shares_lowering and key[0].__module__.startswith("striate.")


def _remembered(build: Callable[..., Any]) -> Callable[..., Any]:
    """A user's own ``build``, which the first call does not repeat."""

    @functools.wraps(build)
    def building(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.__dict__["_has_been_built"] = True

    return building


def _of_ours(cls: Any) -> Any:
    """The layer of this package that a class was made from whose own ``call`` says what it does; None for any other."""
    own = next((base for base in cls.__mro__ if "call" in base.__dict__), Layer)
    ours: Any = [base for base in own.__mro__ if base.__module__.startswith("striate.")]
    lowers = next((base for base in ours if "lower" in vars(base)), Layer)
    return None if own is ours[0] or lowers is Layer or ours[0].is_network else ours[0]


def _as_ours(layer: Layer, ours: type[Layer]) -> Layer:
    """A layer of ours with the hyper-parameters of one that was made from it, which that one holds."""
    if "as_ours" not in layer.__dict__:
        names = _hyper_parameters(ours) - {"activity_regularizer"}  # type: ignore[arg-type]
        layer.__dict__["as_ours"] = ours(**{name: getattr(layer, name) for name in names})
    return layer.__dict__["as_ours"]  # type: ignore[no-any-return]


@functools.cache
def _fields(cls: type) -> Callable[[Layer], Any]:
    """What reads the hyper-parameters of a class at once."""
    names = [f.name for f in dataclasses.fields(cls) if f.name not in ("name", "trainable", "input_shape")]
    return operator.attrgetter(*names) if names else lambda layer: ()


@functools.cache
def _hyper_parameters(cls: type) -> frozenset[str]:
    """The names of a class's hyper-parameters, where its constructor takes these and nothing else."""
    if not getattr(cls.__init__, "of_fields", False):  # type: ignore[misc]
        return frozenset()
    return frozenset(f.name for f in dataclasses.fields(cls) if f.init) - {"name", "trainable", "input_shape"}


def _sizes(lowering: Lowering) -> dict[str, Shape]:
    """The shapes of all arrays."""
    return {name: weight.shape for name, weight in (lowering.weights | lowering.buffers).items()}


def _same(one: Any, other: Any) -> bool:
    """Whether hyper-parameters are what they were; arrays are, where they are the same ones."""
    try:
        return bool(one == other)
    except ValueError:
        return one is other


def _pairs(value: Any, said: Any) -> Any:
    """What a configuration says of a value: a tuple for a tuple."""
    return tuple(map(_pairs, value, said)) if isinstance(value, tuple) else said


def snake_case(kind: str) -> str:
    """A class name as Keras spells its layers: Conv2D -> conv2d, MaxPooling2D -> max_pooling2d, ReLU -> re_lu."""
    kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()


def shapes_of(tensors: Sequence[Any]) -> Any:
    """Shapes as Keras writes them, with the batch in front; one alone is no list.

    tensors   symbolic
    """
    shapes = [tensor.shape for tensor in tensors]
    return shapes[0] if len(shapes) == 1 else shapes


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
