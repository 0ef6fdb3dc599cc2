"""Model: what users hold.  Thin: each method calls the room that does the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.errors import ArgumentError, ShapeError
from striate.graph import (
    Graph,
    Layer,
    Network,
    SymbolicTensor,
    register,
    to_json,
)

if TYPE_CHECKING:
    import numpy as np
    import torch

    from striate.data import Preprocessing
    from striate.intake import Intake, Outputs
    from striate.ship import Engines, QuantizationReport
    from striate.size import Size
    from striate.train.callbacks import Callback, History
    from striate.train.plan import Plan
    from striate.weights.report import MatchReport
    from striate.weights.source import Origin, Source


class Model(Network):
    """A network from `inputs` to `outputs` (symbolic tensors, or lists of them).

    It is a layer too: call it on a tensor to nest it, with its weights shared.  Shapes leave the batch out and are
    channels-last.  Raises ArgumentError when an output does not depend on the inputs given.

    auxiliary   (output, weight of its loss) of further classifiers that are trained on the same targets as the one
                output and are not there in prediction.  Szegedy et al. 2014, section 5.
    features    the last activation map before the head, where the architecture names one
    origin      the architecture it was made from, where ``zoo.create`` made it
    """

    def __init__(
        self,
        inputs: SymbolicTensor | Sequence[SymbolicTensor],
        outputs: SymbolicTensor | Sequence[SymbolicTensor],
        name: str | None = None,
        *,
        auxiliary: Sequence[tuple[SymbolicTensor, float]] = (),
    ) -> None:
        heads = [tensor for tensor, _ in auxiliary]
        graph = Graph(_list(inputs), [*_list(outputs), *heads], auxiliary=[weight for _, weight in auxiliary])
        self._setup(graph, name)

    def _setup(self, graph: Graph | None, name: str | None) -> None:
        if graph is not None:
            self.graph = graph
        self.name = name
        self.input_shape = None
        Layer.__post_init__(self)
        self._compile_args: dict[str, Any] | None = None
        self._plan: Plan | None = None
        self._trainer: Any = None
        self.history: History | None = None
        self.stop_training = False
        self.preprocessing: Preprocessing | None = None
        self.labels: list[str] | None = None
        self.facts: dict[str, Any] = {}
        self.scores: dict[str, Any] = {}
        self.features: SymbolicTensor | None = None
        self.origin: Origin | None = None
        self._predictor: tuple[Graph, Model] | None = None
        self._engines: Engines | None = None
        self._cuts: dict[tuple[str, ...], tuple[Graph, Model]] = {}

    @classmethod
    def from_graph(cls, graph: Graph, name: str | None = None) -> Model:
        """A model of an existing graph, such as one read with ``graph.from_json``."""
        model = cls.__new__(cls)
        model._setup(graph.check(), name)
        return model

    @property
    def kind(self) -> str:
        return "Functional"

    # -- structure -----------------------------------------------------------------------------------------------
    @property
    def layers(self) -> list[Layer]:
        """The layers in order of their first call."""
        return self.graph.layers

    @property
    def inputs(self) -> list[SymbolicTensor]:
        return self.graph.inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return self.graph.outputs

    @property
    def input(self) -> SymbolicTensor | list[SymbolicTensor]:
        """The input, or the list of inputs."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> SymbolicTensor | list[SymbolicTensor]:
        """The output, or the list of outputs."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name, or by its place in ``layers``.  Raises ArgumentError, naming the nearest."""
        if name is not None:
            return self.graph.layer(name)
        if index is None or not -len(self.layers) <= index < len(self.layers):
            raise ArgumentError(f"get_layer needs a name, or an index below {len(self.layers)}; it got {index}.")
        return self.layers[index]

    @property
    def intake(self) -> Intake:
        """What the model takes: the one place that turns arrays, pictures, files, texts and data sets into its inputs."""
        from striate.intake import Intake

        return Intake(self.graph.check(), self.preprocessing, self.labels)

    @property
    def answers(self) -> Outputs:
        """What the numbers of its first output are: probabilities, yes/no answers or logits, read from the graph."""
        from striate.intake import Outputs

        loss: Any = self._plan.losses[0] if self._plan is not None else self.facts.get("loss")
        separate = loss.separate if hasattr(loss, "separate") else "binary" in str(loss).lower()
        return Outputs.of(self.graph.check(), separate=separate)

    @property
    def predictor(self) -> Model:
        """The model without its auxiliary outputs, sharing all layers; the model itself when it has none."""
        graph = self.graph.check()
        if not graph.auxiliary:
            return self
        if self._predictor is None or self._predictor[0] is not graph:
            self._predictor = graph, Model.from_graph(graph.without_auxiliary(), self.name)
        model = self._predictor[1]
        model.preprocessing, model.labels, model.origin = self.preprocessing, self.labels, self.origin
        return model

    def tensor(self, name: str) -> SymbolicTensor:
        """The symbolic output of the layer of that name; ``st.Model(m.input, m.tensor("conv2d"))`` cuts a model there."""
        return self.graph.node(name).outputs[0]

    def to_json(self) -> dict[str, Any]:
        """The network as a JSON-ready description; ``models.from_json`` and ``striate size FILE`` read it."""
        return to_json(self.graph.check(), kind=self.kind, name=self._title)

    @property
    def _title(self) -> str:
        return self.name or self.kind.lower()

    # -- size ------------------------------------------------------------------------------------------------------
    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the classic table: layer, output shape, parameters."""
        from striate.size import summary

        graph = self.graph
        (print_fn or print)(summary(graph, self._title, sequential=self.kind == "Sequential"))

    def size(
        self, batch_size: int = 1, optimizer: str | None = "adam", dtype: str = "float32", strict: bool = False
    ) -> Size:
        """Shapes, weights, multiplications, memory and receptive fields; nothing is allocated.

        strict: a window that leaves rows or columns unused is a ShapeError instead of a note.
        """
        from striate.size import measure

        return measure(
            self.graph, batch_size=batch_size, optimizer=optimizer, dtype=dtype, strict=strict, name=self._title
        )

    def explain(self, layer: str) -> str:
        """The arithmetic of a layer with its numbers put in, step by step."""
        from striate.size import explain

        return explain(self.graph, layer)

    def count_params(self) -> int:
        """Weights and buffers in all."""
        return self.size().total

    def draw(self, path: str | os.PathLike[str] | None = None, **options: Any) -> str:
        """An SVG diagram, also written to `path` if given.  Options as in ``striate.draw.svg``."""
        from striate.draw import svg

        picture = svg(self.graph, title=options.pop("title", self._title), **options)
        if path is not None:
            from striate.weights import atomic_write

            atomic_write(path, picture)
        return picture

    def to_source(self, path: str | os.PathLike[str] | None = None) -> str:
        """The network as one plain PyTorch file, also written to `path` if given; it takes the same state_dict."""
        from striate.backend import to_source

        shapes = ", ".join(str((shape[-1], *shape[:-1])) for shape in self.graph.check().input_shapes)
        about = f"{self._title}: takes (batch, channels, height, width) tensors; one input: {shapes}."
        source = to_source(self.module, about=about)
        if path is not None:
            from striate.weights import atomic_write

            atomic_write(path, source)
        return source

    # -- weights ---------------------------------------------------------------------------------------------------
    @property
    def module(self) -> torch.fx.GraphModule:
        """The torch module (channels-first tensors in and out); weights are made the first time it is asked for."""
        from striate.backend import build
        from striate.backend.build import apply_trainable

        if self.built is None:
            self.built = build(self.graph)
            self.built.eval()
        else:
            apply_trainable(self.graph)
        return self.built  # type: ignore[no-any-return]

    def get_weights(self) -> list[np.ndarray]:
        """All weights and buffers as NumPy arrays, in state_dict order, in torch's layouts."""
        return [tensor.detach().cpu().numpy().copy() for tensor in self._state().values()]

    def set_weights(self, arrays: Sequence[Any]) -> None:
        """Set all weights, in the order of ``get_weights``.  Raises ShapeError on a mismatch, changing nothing."""
        state = self._state()
        if len(arrays) != len(state):
            raise ShapeError(f"{self._title} has {len(state)} weight arrays, {len(arrays)} were given.")
        for (name, tensor), array in zip(state.items(), arrays, strict=True):
            if tuple(tensor.shape) != tuple(array.shape):
                raise ShapeError(f"{name} has shape {tuple(tensor.shape)}, the array given has {tuple(array.shape)}.")
        for tensor, array in zip(state.values(), arrays, strict=True):
            tensor.detach().copy_(tensor.new_tensor(array))

    def _state(self) -> dict[str, torch.Tensor]:
        return {key: t for key, t in self.module.state_dict().items() if t.is_floating_point()}

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write the weights as one safetensors file."""
        from striate.weights import save_state

        save_state(path, self._state(), {"layout": "striate"})

    def load_weights(self, path: str | os.PathLike[str], source: str = "auto") -> MatchReport:
        """Read weights from a file of Keras (.h5, .weights.h5, .keras), torch (.pth, .th) or safetensors, or from a saved
        model's folder; returns what matched, and how.

        source      whose names the file has: "keras", "torchvision" or "timm" for a network of ``zoo`` that has names
                    there, "striate" or "torch" for the network's own, with flattened maps in the order of either;
                    "auto" takes the one by which most fits

        Arrays are matched by name and turned into this network's layout.  From published weights the model also takes
        their preprocessing and the names of their classes, where it has none.  Nothing in a file is executed.  Raises
        BundleError, changing nothing, when the file is damaged or anything in it does not fit.
        """
        from striate.weights.load import load

        plan = load(self.graph.check(), self.origin, self._state(), path, source)
        if plan.source is not None:
            self._trained_as(plan.source)
        return plan.report

    def _trained_as(self, source: Source) -> None:
        """Take the preprocessing and, with the head, the class names of published weights, where there are none yet."""
        from striate.data import class_labels
        from striate.weights.pixels import preprocessing_of

        if self.preprocessing is None:
            self.preprocessing = preprocessing_of(source, self.graph.input_shapes[0])
        if self.labels is None and self.origin is not None and not self.origin.left_out:
            self.labels = class_labels(source.data, self.graph.output_shapes[0][-1])

    def export_weights(self, path: str | os.PathLike[str], source: str) -> None:
        """Write the weights under the names, and in the layout, of "torchvision", "timm" or "keras".

        For torchvision and timm a state_dict, .safetensors or else for ``torch.load``; for Keras a legacy .h5, which
        ``load_weights(path, by_name=True)`` reads there.  Raises ArgumentError when the network has no names there.
        """
        from striate.weights.load import export

        export(self.graph.check(), self.origin, self._state(), path, source, self._title)

    def _load_state(self, state: dict[str, torch.Tensor], where: str) -> None:
        from striate.errors import BundleError

        mine = self._state()
        missing = [key for key in mine if key not in state]
        foreign = [key for key in state if key not in mine and not key.endswith("num_batches_tracked")]
        if missing or foreign:
            raise BundleError(
                f"the weights in {where} are not this network's: {len(missing)} missing"
                f"{f' (such as {missing[0]})' if missing else ''}, {len(foreign)} unknown"
                f"{f' (such as {foreign[0]})' if foreign else ''}. Nothing was changed."
            )
        for key, tensor in mine.items():
            if state[key].shape != tensor.shape:
                raise BundleError(
                    f"{where}: {key} has shape {tuple(state[key].shape)}, this network's has {tuple(tensor.shape)}. "
                    "Nothing was changed."
                )
        for key, tensor in mine.items():
            tensor.detach().copy_(state[key])

    # -- learning --------------------------------------------------------------------------------------------------
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        *,
        precision: str = "float32",
        accumulate: int = 1,
        mix: Any = None,
        **others: Any,
    ) -> None:
        """Choose how to train.

        optimizer       a name, an ``st.optimizers`` object, or any torch optimizer class or partial
        loss            a name, an ``st.losses`` object or a callable; a list or dict of them for several outputs
        metrics         names or objects; a list or dict of lists for several outputs
        precision       "float32", "bf16" or "fp16" (mixed: weights stay float32)
        accumulate      batches whose gradients are added up before an update
        mix             "mixup", "cutmix", layers.MixUp or layers.CutMix: pictures of a training batch are mixed with each
                        other, and the loss is that of both targets by their parts; figures while training are for the
                        target that counts more
        """
        self._compile_args = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "precision": precision,
            "accumulate": accumulate,
            "mix": mix,
            "others": others,
        }
        self._plan = self._trainer = None
        if self.knows_input:
            self._compiled()

    @property
    def knows_input(self) -> bool:
        """Whether the input's shape is known; a Sequential may learn it from the first data it sees."""
        return True

    @property
    def optimizer(self) -> Any:
        """The optimizer that ``compile`` chose; its ``learning_rate`` can be set while training."""
        return self._compiled("has no optimizer").optimizer

    def _compiled(self, what: str = "cannot train or evaluate") -> Plan:
        from striate.train.plan import make_plan

        if self._compile_args is None:
            raise ArgumentError(f"{self._title} {what} yet: call compile(optimizer, loss) first.")
        if self._plan is None:
            self._plan = make_plan(self.graph.check(), **self._compile_args)
        return self._plan

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_batch_size: int | None = None,
        *,
        seed: int | None = None,
        device: str | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> History:
        """Train on arrays or a Dataset; returns the history (``history.history["loss"]`` …).

        x, y                channels-last arrays of one length (lists or dicts for several inputs or outputs), or a Dataset
        batch_size          samples per step (32)
        validation_split    the fraction of samples, taken from the end before shuffling, that is held out
        validation_data     (x, y), (x, y, sample_weight) or a Dataset
        class_weight        {class: weight of its samples in the loss}
        seed                of the shuffling; drawn from torch's generator when None, so st.set_seed makes runs repeat

        resume              a folder that keeps the state of the training: after a crash or a kill the same call goes on from
                            there and ends, on the CPU, at the very weights of an unbroken run

        Raises DataError for arrays that do not fit the network, ArgumentError for a `resume` folder of another training,
        TrainingError when the loss stops being finite.
        """
        from striate.train.fit import fit

        return fit(
            self,
            x,
            y,
            batch_size=32 if batch_size is None else batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=() if callbacks is None else callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_batch_size=validation_batch_size,
            seed=seed,
            device=device,
            resume=resume,
        )

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        *,
        return_dict: bool = False,
        engine: str = "auto",
    ) -> Any:
        """Loss and metrics on arrays or a Dataset, in prediction mode: a list in that order (a number if only the
        loss), or a dict by name with ``return_dict=True``.  `engine` as for ``predict``."""
        from striate.inference import evaluate

        size = 256 if batch_size is None else batch_size
        logs = evaluate(self, x, y, batch_size=size, sample_weight=sample_weight, choose=self._choose(engine))
        if verbose not in (0, "auto"):
            print(" - ".join(f"{key}: {value:.4f}" for key, value in logs.items()))
        if return_dict:
            return logs
        values = list(logs.values())
        return values if len(values) > 1 else values[0]

    def predict(self, x: Any, batch_size: int | None = None, verbose: str | int = 0, *, engine: str = "auto") -> Any:
        """The outputs (channels-last NumPy array, or a list of them), in prediction mode.

        x           an array (N, H, W, C) or a list or dict of them for several inputs; a path, a PIL image, or a list of
                    these; texts for a network that reads them; or a Dataset.  Pictures go through the model's own
                    preprocessing, the one it was trained with, whatever a Dataset's own says; floats go in as they are

        engine      "auto": ONNX Runtime for weights on the CPU, once there is enough to do to make an engine for it,
                    else torch; "onnxruntime"; "torch"; "int8": what ``quantize`` made
        """
        from striate.inference import answers

        return answers(self.predictor, x, 256 if batch_size is None else batch_size, self._choose(engine))

    def extract(
        self, x: Any, layer: str | Sequence[str] | None = None, batch_size: int | None = None, *, engine: str = "auto"
    ) -> Any:
        """The activations (channels-last NumPy array) of a layer, or a list of them for several, in prediction mode.

        layer       name or names; None: the last map before the head where the architecture names it (``features``),
                    else what the last layer with weights reads
        engine      as for ``predict``
        """
        from striate.ship import cut

        names = (layer,) if isinstance(layer, str) else tuple(layer or ())
        graph = self.graph.check()
        if self._cuts.get(names, (None,))[0] is not graph:
            while len(self._cuts) > 3:  # each may hold an engine
                self._cuts.pop(next(iter(self._cuts)))
            self._cuts[names] = graph, Model.from_graph(cut(graph, names, self.features))
        model = self._cuts[names][1]
        model.preprocessing = self.preprocessing
        return model.predict(x, batch_size, engine=engine)

    @property
    def _engine(self) -> Engines:
        """What this model predicts with."""
        from striate.ship import Engines

        if self._engines is None:
            self._engines = Engines()
        return self._engines

    def _choose(self, engine: str) -> Callable[..., Any]:
        model = self.predictor
        return partial(model._engine.pick, model, engine)

    def quantize(self, data: Any, labels: Any = None, *, check: Any = None) -> QuantizationReport:
        """Make an 8-bit twin for ``predict(x, engine="int8")``; returns what it cost.  ``save`` keeps it.

        data        pictures like those to come, an array or a Dataset; 128 of them set the ranges of the activations
        labels      their classes, for the accuracy of both
        check       (pictures, labels) to take the accuracy on instead
        """
        from striate.ship import quantize

        return quantize(self.predictor, data, labels, check=check)

    def export_onnx(self, path: str | os.PathLike[str], *, pixels: bool = False) -> Path:
        """Write the network as ONNX, batch norms folded, channels-last, with labels and preprocessing as metadata.

        pixels      the input is uint8 pictures, and scale, mean and deviation of the preprocessing are in the graph

        Raises ArgumentError for a layer that ONNX cannot say, BundleError where the file cannot be written.
        """
        from striate.ship import export_onnx

        return export_onnx(self.predictor, path, pixels=pixels)

    # -- disk ------------------------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save everything that predicting needs as one folder.  Raises BundleError, leaving an older model whole."""
        from striate.weights import Bundle, write_bundle
        from striate.weights.card import model_card

        bundle = Bundle(
            network=self.to_json(),
            state=self._state(),
            preprocessing=None if self.preprocessing is None else self.preprocessing.to_dict(),
            labels=self.labels,
            training=self.facts,
            metrics=self.scores,
            int8=self.predictor._engine.saved_int8(self.predictor.graph),
        )
        return write_bundle(path, bundle, model_card(self._title, bundle, str(self.size())))


register("Functional", Model)


def _list(value: Any) -> list[SymbolicTensor]:
    tensors = list(value) if isinstance(value, list | tuple) else [value]
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentError(f"a model goes from symbolic tensors to symbolic tensors, not {type(tensor).__name__}.")
    return tensors
