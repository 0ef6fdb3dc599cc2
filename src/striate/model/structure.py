"""What a model is before it has weights: its layers, its size, its drawing."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from striate.errors import ArgumentError
from striate.graph import Graph, Layer, Network, SymbolicTensor, from_keras, keras_layers, to_json, to_keras
from striate.graph.nested import packed

if TYPE_CHECKING:
    from striate.data import Preprocessing
    from striate.inference import Again
    from striate.intake import Decoding
    from striate.ship import Engines
    from striate.size import Size
    from striate.train.callbacks import History
    from striate.train.plan import Plan
    from striate.weights.source import Origin


_OF_CALLS = ("name", "trainable", "layers", "input_layers", "output_layers")  # what a configuration says of its calls
_DRAWN = 150  # layers up to which a notebook shows the drawing of a network


class Structure(Network):
    """The part of ``Model`` that asks nothing of torch."""

    abstract = True

    def _setup(self, graph: Graph | None, name: str | None) -> None:
        if graph is not None:
            self.graph = graph
        self.name = name
        Layer.__post_init__(self)
        self._compile_args: dict[str, Any] | None = None
        self._not_compiled: tuple[dict[str, Any], str] | None = None  # what a file said of compile, and what it lacks
        self._plan: Plan | None = None
        self._trainer: Any = None
        self.history: History | None = None
        self.stop_training = False
        self.preprocessing: Preprocessing | None = None
        self._labels: list[str] | None = None
        self._decoding: Decoding | None = None
        self.facts: dict[str, Any] = {}
        self.scores: dict[str, Any] = {}
        self.features: SymbolicTensor | None = None
        self.origin: Origin | None = None
        self._layers: tuple[Graph, list[Layer]] | None = None
        self._predictor: tuple[Graph, Any] | None = None
        self._engines: Engines | None = None
        self._again: Again | None = None
        self._cuts: dict[tuple[str, ...], tuple[Graph, Any]] = {}

    @property
    def labels(self) -> list[str] | None:
        """The names of the classes in the order of the outputs, or None: classes are numbers.

        Setting them raises ArgumentError for what is no list of texts, for a name that is there twice (but for ImageNet's
        own two cranes), and for another number of names than the first output has classes.
        """
        return self._labels

    @labels.setter
    def labels(self, names: Sequence[str] | None) -> None:
        from striate.intake import checked_labels

        self._labels = None if names is None else checked_labels(names, self.graph if self.built else None)

    @property
    def decoding(self) -> Decoding:
        """How rows of boxes become detections; saved with the model, which every task and export asks.

        Setting it raises ArgumentError for what is no Decoding.
        """
        from striate.intake import Decoding

        return Decoding() if self._decoding is None else self._decoding

    @decoding.setter
    def decoding(self, settings: Decoding) -> None:
        from striate.intake.decoding import as_decoding

        self._decoding = as_decoding(settings, "model.decoding")

    @property
    def layers(self) -> list[Layer]:
        """The layers in Keras' order: the farthest from the outputs first; a chain is in its own.

        Arithmetic on symbolic tensors is not among them; ``graph.layers`` has it too.
        """
        graph = self.graph
        if self._layers is None or self._layers[0] is not graph:
            self._layers = graph, [layer for layer in keras_layers(graph) if type(layer).__name__ != "OpsLayer"]
        return list(self._layers[1])

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Layer]:
        """The model, its layers, and with `recursive` those of models in it, each once."""
        found: list[Layer] = [self] if include_self else []
        for layer in self.layers:
            nested = layer._flatten_layers() if recursive and isinstance(layer, Structure) else [layer]
            found += [one for one in nested if not any(one is other for other in found)]
        return found

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that it begins with."""
        return self.graph.inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that it ends in, those of auxiliary classifiers last."""
        return self.graph.outputs

    @property
    def input(self) -> Any:
        """The input, or the inputs nested as they were given."""
        return _nested(self.inputs, self.graph.nested[0])

    @property
    def output(self) -> Any:
        """The output, or the outputs nested as they were given."""
        return _nested(self.outputs, self.graph.nested[1])

    @property
    def input_names(self) -> list[str]:
        """The names of the layers that it begins with."""
        return [self.graph.name(tensor.node.layer) for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that it ends in."""
        return [self.graph.name(tensor.node.layer) for tensor in self.outputs]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer of the model.

        name    its name
        index   or its place in ``layers``

        Raises ArgumentError where there is none, naming the nearest.
        """
        if name is not None:
            return self.graph.layer(name)
        if index is None or not -len(self.layers) <= index < len(self.layers):
            raise ArgumentError(f"get_layer needs a name, or an index below {len(self.layers)}; it got {index}.")
        return self.layers[index]

    def tensor(self, name: str) -> SymbolicTensor:
        """The symbolic output of the layer `name`; ``st.Model(m.input, m.tensor("conv2d"))`` cuts a model there.

        Raises ArgumentError for an unknown name, naming the nearest.
        """
        return self.graph.node(name).outputs[0]

    def description(self) -> dict[str, Any]:
        """The network as a JSON-ready description; ``models.from_json`` and ``striate size FILE`` read it."""
        return to_json(self.graph.check(), kind=self.kind, name=self._title) | self.own_class()

    def get_config(self) -> dict[str, Any]:
        """Keras' configuration of the network; ``from_config`` makes a network of it, with weights of its own.

        Raises ArgumentError for a layer that a configuration cannot hold.
        """
        return self._keras_entry()["config"]  # type: ignore[no-any-return]

    def _keras_entry(self) -> dict[str, Any]:
        return to_keras(self, self._title)

    @classmethod
    def from_config(cls, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The network of a configuration.

        config           what ``get_config`` gives
        custom_objects   classes and functions of a user's own by name

        Raises ArgumentError for what is no configuration, and for layers that are not known.
        """
        calls = isinstance(config, Mapping) and "input_layers" in config
        constructor: Any = cls.__init__
        if calls and not constructor.__module__.startswith("striate."):
            parameters = inspect.signature(constructor).parameters
            free = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
            if free or {"inputs", "outputs"} <= parameters.keys():
                network = from_keras({"class_name": "Functional", "config": config}, custom_objects)
                own = {key: value for key, value in config.items() if key not in _OF_CALLS}
                ends = {"inputs": network.input, "outputs": network.output}
                return cls(**ends, name=config.get("name"), **own)  # type: ignore[call-arg]
        kind = "Functional" if calls else "Sequential"
        return from_keras({"class_name": kind, "config": config}, custom_objects, cls if calls else None)

    def to_json(self, **kwargs: Any) -> str:
        """The network's configuration as JSON text, as Keras writes it; ``models.model_from_json`` reads it.

        kwargs   of ``json.dumps``, such as ``indent=2``

        Raises ArgumentError for a layer that a configuration cannot hold.
        """
        return json.dumps(self._keras_entry(), **kwargs)

    @property
    def _title(self) -> str:
        return self.name or self.kind.lower()

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the classic table: layer, output shape, parameters.

        line_length      characters of a line; None: 65, or 98 where the network has branches
        positions        where the columns end: parts of the line up to 1, or characters
        print_fn         what prints the text; None: print
        expand_nested    the layers of nested models below them
        show_trainable   a column that says Y where training changes a layer, N where it does not
        layer_range      the first and the last layer to show, names or regular expressions

        Of a model that does not know its input yet it prints the layers, and what to do.  Raises ArgumentError for a range
        that is not there, or positions that are not one for each column.
        """
        from striate.size import summary

        if not self.built and self.layers:
            rows = [f"{layer.name or layer.kind} ({layer.kind})".ljust(45) + "?" for layer in self.layers]
            try:
                self.graph
            except ArgumentError as error:
                (print_fn or print)("\n".join([f'Model: "{self._title}"', *rows, str(error)]))
                return
        text = summary(
            self.graph,
            self._title,
            sequential=self.kind != "Functional",
            line_length=line_length,
            positions=positions,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )
        (print_fn or print)(text)

    def _repr_html_(self) -> str:
        """What a notebook shows: the drawing, and below it the table."""
        from striate.shown import preformatted
        from striate.size import summary

        if not self.built:
            return preformatted(repr(self))
        drawing = self.draw() if len(self.graph.nodes) <= _DRAWN else ""
        return f"{drawing}{preformatted(summary(self.graph, self._title, sequential=self.kind == 'Sequential'))}"

    def size(
        self, batch_size: int = 1, optimizer: str | None = "adam", dtype: str = "float32", strict: bool = False
    ) -> Size:
        """Shapes, weights, multiplications, memory and receptive fields; nothing is allocated.

        batch_size  examples at a time, for the memory
        optimizer   whose state is counted in training's memory; None: none
        dtype       of weights and activations: "float32", "float16", "bfloat16" …
        strict      a window that leaves rows or columns unused is an error instead of a note

        Raises ArgumentError for a batch_size below 1, an unknown optimizer or dtype, ShapeError where `strict` says so.
        """
        from striate.size import measure

        return measure(
            self.graph, batch_size=batch_size, optimizer=optimizer, dtype=dtype, strict=strict, name=self._title
        )

    def explain(self, layer: str, picture: Any = None, at: Sequence[int] | None = None) -> str:
        """The arithmetic of a layer with its numbers put in, step by step; with a picture that of one output number.

        layer     its name
        picture   a file, a PIL image or an array, or whatever else ``predict`` takes, one example of it.  The text is then
                  of one number that the layer gives for it: what its window reads, products, sum, bias and activation,
                  which are attributes too (``inference.Neuron``).  None: sizes, weights and multiplications
        at        with a picture, the place in the layer's output from 0: (row, column, map), (step, map) or (unit,); None:
                  its largest number

        Raises ArgumentError for an unknown name, naming the nearest, a place that is not there, or one without a picture.
        """
        if picture is not None:
            from striate.inference import neuron

            return neuron(self, picture, layer, at)  # type: ignore[arg-type]
        if at is not None:
            raise ArgumentError("explain: at is a place in the output for a picture; give picture= too.")
        from striate.size import explain

        return explain(self.graph, layer)

    def count_params(self) -> int:
        """Weights and buffers in all."""
        return self.size().total

    def draw(self, path: str | os.PathLike[str] | None = None, *, layer: str | None = None, **options: Any) -> str:
        """An SVG diagram as text.

        path     also written here; None: nowhere
        layer    the name of a convolution or a pooling: how its window moves, with padding and stride, as
                 ``striate.draw.window_svg`` draws it; None: the whole network
        options  as for ``striate.draw.svg``

        Raises ArgumentError for an unknown option or layer, BundleError where the file cannot be written.
        """
        from striate.draw import svg, window_svg

        if layer is not None:
            picture = window_svg(self.graph, layer, **options)
        else:
            picture = svg(self.graph, title=options.pop("title", self._title), **options)
        if path is not None:
            from striate.weights import atomic_write

            atomic_write(path, picture)
        return picture


def _nested(tensors: list[SymbolicTensor], structure: Any) -> Any:
    if structure is None:
        return tensors[0] if len(tensors) == 1 else tensors
    return packed(structure, tensors)
