"""The part of ``Model`` that lets a class of a user's own say in ``call`` what the network is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from striate import configs
from striate.errors import ArgumentError, NotBuiltError, StriateError
from striate.graph import Graph, Layer, Network, Shape
from striate.graph.layer import snake_case
from striate.graph.nested import packed
from striate.model.ends import template
from striate.model.structure import Structure
from striate.model.tracing import beginnings, traced, tracked_layers

if TYPE_CHECKING:
    import numpy as np

_LATE = ("_given", "_ours", "_lowerings", "_alone", "_alone_for", "_has_been_built", "_code", "_own_weights")
_MADE_AGAIN = ("torch_module", "_trainer", "_predictor", "_engines", "_again", "_cuts")


class Own(Structure):
    """What a model is whose ``call`` is a user's own: unknown until its input is, then a graph like any other."""

    abstract = True
    _of_calls: ClassVar[type[Any]]  # what the class itself, which no user has derived, makes

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__new__(cls.__dict__.get("_of_calls", cls), *args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__ and not cls.__module__.startswith("striate."):
            cls.build = _whole(cls.__dict__["build"])  # type: ignore[method-assign]

    @property
    def has_own_call(self) -> bool:
        """Whether a ``call`` of its class says what it does."""
        return type(self).call is not Layer.call

    def _begin(self, before: set[str], name: str | None) -> None:
        """Set up a model that does not know its input yet; `before`: the attributes that it had already."""
        self._setup(None, name)
        self._graph: Graph | None = None
        self._learns = True
        self._nested: tuple[Any, Any] | None = None  # how its inputs are nested, and its outputs
        self._building: Any = None
        self._ours = (frozenset(self.__dict__) - before) | {*_LATE}

    def __getstate__(self) -> dict[str, Any]:
        """What ``copy.deepcopy`` and ``pickle`` take: all but what is made again from it, the network first."""
        if self.built and self.graph.fault is None:
            self.get_weights()  # the copy has the same ones, also where they were not drawn yet
        said = self.__dict__
        kept = {key: said[key] for key in ("_graph", *said) if key in said and key not in _MADE_AGAIN}
        return kept | {
            "torch_module": None,
            "_trainer": None,
            "_predictor": None,
            "_engines": self._carried_engines(),
            "_again": None,
            "_cuts": {},
        }

    def _carried_engines(self) -> Any:
        """Engines for a copy, which has the 8-bit twin and the choice of the fastest until its weights change; or None."""
        held = self._engines
        if held is None and self._predictor is not None and self._predictor[0] is self._graph:
            held = self._predictor[1]._engines
        if held is None or (carried := held.carried()) is None:
            return None
        return type(held)(carried)

    def get_weights(self) -> list[np.ndarray]:
        self.graph  # or say what to do
        return super().get_weights()

    # -- the graph -----------------------------------------------------------------------------------------------------
    @property
    def graph(self) -> Graph:  # type: ignore[override]
        """The network.  Raises NotBuiltError while a model of a user's own does not know its input."""
        if self._graph is None:
            raise NotBuiltError(
                f"{self._title} has no weights and no shapes yet, since it does not know its input: call it on data, fit it "
                "or call build((None, 32, 32, 3)) with the input's shape."
            )
        return self._graph if self._edits == Layer.edits else self._current(self._graph)

    @graph.setter
    def graph(self, graph: Graph) -> None:
        self._graph = graph

    @Network.built.getter  # type: ignore[attr-defined, untyped-decorator]
    def built(self) -> bool:
        return self._graph is not None

    @property
    def kind(self) -> str:
        return type(self).__name__ if self.has_own_call else "Functional"

    @property
    def _title(self) -> str:
        return self.name or (snake_case(self.kind) if self.has_own_call else self.kind.lower())

    @property
    def layers(self) -> list[Layer]:
        return tracked_layers(self) if self.has_own_call else super().layers

    @property  # type: ignore[misc]
    def trainable(self) -> bool:  # type: ignore[override]
        return self._learns if self._graph is None else self._graph.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._learns = bool(value)
        if self._graph is not None:
            self._graph.trainable = self._learns
        for layer in self.layers:
            layer.trainable = self._learns

    def build(self, input_shape: Any) -> None:  # type: ignore[override]
        """Tell a model of a user's own its input's shape, and make its layers.

        input_shape     channels-last with the batch in front, (None, 32, 32, 3); a list or dict of them for several

        Raises ArgumentError where its ``call`` cannot be read, ShapeError where a layer does not fit.
        """
        if self._building is None and self.has_own_call:
            self._trace(*beginnings(self._title, input_shape))

    def _meet(self, given: Any) -> None:
        """Begin with inputs like these, which are arrays, tensors or symbolic tensors, unless it does already."""
        if not self.has_own_call:
            return
        structure, shapes = beginnings(self._title, given)
        if self._graph is not None and (shapes == self._graph.input_shapes or len(shapes) != len(self._graph.inputs)):
            return
        if self._graph is not None or type(self).build is Own.build:
            self._trace(structure, shapes)
            return
        self._building = structure, shapes
        try:
            self.build(packed(structure, [(None, *shape) for shape in shapes]))
        finally:
            self._building = None
        if self._graph is None:
            self._trace(structure, shapes)

    def _trace(self, structure: Any, shapes: list[Shape]) -> None:
        """Read its ``call`` for inputs of these shapes."""
        learns = self.trainable
        try:
            graph, result = traced(self, structure, shapes)
        except StriateError as error:
            text = str(error)
            start = f"{type(self).__name__}"
            raise type(error)(
                text if text.startswith(start) else f'{start} "{self._title}": {text}'
            ) from error.__cause__
        graph.trainable = learns
        graph.nested = template(structure), template(result)
        self._nested = structure, result
        if self._graph is None:
            self._graph = graph
        else:
            self._regraphed(graph)
        if self._compile_args is not None:
            self._plan = self._trainer = None

    def shape(self, *inputs: Shape) -> Shape | list[Shape]:
        if self.has_own_call and self._graph is None:
            self._meet([(None, *one) for one in inputs] if len(inputs) > 1 else (None, *inputs[0]))
        return super().shape(*inputs)

    def begin(self, structure: Any, shapes: list[Shape]) -> None:
        """Begin with inputs of these shapes.

        structure   how they are nested: their places in lists and dicts
        shapes      without the batch

        Raises ArgumentError where its ``call`` cannot be read, ShapeError where a layer does not fit.
        """
        self._meet(packed(structure, [(None, *shape) for shape in shapes]))

    def own_class(self) -> dict[str, Any]:
        if not self.has_own_call or self._nested is None:
            return {}
        try:
            config = configs.serialize(self.get_config())
        except StriateError:  # then it is read as a model of its layers
            return {}
        return {"config": config, "registered": configs.get_registered_name(type(self)), "begins": self._nested[0]}

    def _keras_entry(self) -> dict[str, Any]:
        if not self.has_own_call:
            return super()._keras_entry()
        entry = configs.described(self, configs.serialize(self.get_config()))
        if self._nested is None:
            return entry
        shapes = [[None, *shape] for shape in self.graph.input_shapes]
        return entry | {"build_config": {"input_shape": packed(self._nested[0], shapes)}}

    # -- arguments -----------------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Keras' configuration of the network; ``from_config`` makes a network of it, with weights of its own.

        That of a class of a user's own holds what its constructor was given.  Raises ArgumentError for a layer, or an
        argument, that a configuration cannot hold.
        """
        if not self.has_own_call:
            return super().get_config()
        named = {"name": self._title, "trainable": self.trainable}
        if type(self).get_config is not Own.get_config:  # asked by the class's own, which adds its arguments
            return named
        return named | {key: configs.serialize(value) for key, value in _given(self).items()}

    @classmethod
    def from_config(cls, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The network of a configuration.

        config           what ``get_config`` gives
        custom_objects   classes and functions of a user's own by name

        Raises ArgumentError for what is no configuration, for layers that are not known, and for arguments that a class of
        a user's own does not take.
        """
        if cls.call is Layer.call:
            return super().from_config(config, custom_objects)
        with configs.CustomObjectScope(custom_objects):
            given = configs.arguments(config)
        parameters = inspect.signature(cls.__init__).parameters
        rest = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        known = {key: value for key, value in given.items() if rest or key in parameters}
        strange = [key for key in given if key not in known and key not in ("name", "trainable", "dtype")]
        if strange:
            raise ArgumentError(f"{cls.__name__} takes no argument {strange[0]}=, which its configuration has.")
        try:
            made = cls(**known)
        except TypeError:  # **kwargs that go elsewhere
            made = cls(**{key: value for key, value in known.items() if key not in ("name", "trainable", "dtype")})
        if made.name is None and given.get("name"):
            made.name = given["name"]
        if given.get("trainable") is False:
            made.trainable = False
        return made


def _given(model: Any) -> dict[str, Any]:
    """The arguments that a model's constructor was given, by name."""
    args, kwargs = model.__dict__.get("_given", ((), {}))
    signature = inspect.signature(type(model).__init__)
    bound = list(signature.bind(model, *args, **kwargs).arguments.items())[1:]
    said: dict[str, Any] = {}
    for key, value in bound:
        rest = signature.parameters[key].kind
        if rest is inspect.Parameter.VAR_POSITIONAL:
            raise ArgumentError(
                f"{type(model).__name__} takes *{key}: give the class a get_config() that says its arguments."
            )
        said |= value if rest is inspect.Parameter.VAR_KEYWORD else {key: value}
    return said


def _whole(build: Callable[..., Any]) -> Callable[..., Any]:
    """A user's own ``build``, after which ``call`` is read."""

    @functools.wraps(build)
    def wrapped(self: Any, input_shape: Any = None) -> None:
        if self._building == "within":  # called by the build of a class derived from this one
            build(self, input_shape)
            return
        begun = self._building or beginnings(self._title, input_shape)
        self._building = "within"
        try:
            build(self, input_shape)
        except StriateError:
            raise
        except Exception as error:
            raise ArgumentError(
                f"{type(self).__name__}.build({input_shape}) fails: {type(error).__name__}: {error}"
            ) from error
        finally:
            self._building = None
        self._trace(*begun)

    return wrapped
