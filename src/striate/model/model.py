"""Model: what users hold.  Thin: each method calls the room that does the work."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.errors import ArgumentError
from striate.graph import Graph, SymbolicTensor
from striate.graph.nested import flat
from striate.graph.replaying import rerooted
from striate.model.ends import apart, template
from striate.model.learning import Learning

if TYPE_CHECKING:
    from striate.inference import EngineTable, LayerTimes
    from striate.intake import Intake, Outputs
    from striate.ship import QuantizationReport


class Model(Learning):
    """A network from `inputs` to `outputs`: symbolic tensors, alone or in lists and dicts.

    Whatever it is given and gives is nested likewise: a dict of arrays, by name.  It may begin at tensors within another
    network, whose layers it shares then.  It is a layer too: call it on a tensor to nest it, with its weights shared.
    Shapes leave the batch out and are channels-last.  Raises ArgumentError when an output does not depend on
    the inputs given.

    A class of a user's own gives neither: it makes its layers in the constructor, after ``super().__init__()``, and says in
    ``call(self, inputs, training=False)`` what they do.  ``call`` is read once with symbolic inputs, when the model is first
    called, fitted or built; from then on it is a network like any other.

    name        letters, digits, "_" and "-"; None: from the class
    trainable   False: training leaves its weights as they are
    dtype       taken as Keras has it
    autocast    taken as Keras has it
    activity_regularizer   Keras' argument: None, since it is a layer that is penalised
    auxiliary   (output, weight of its loss) of further classifiers that are trained on the same targets as the one
                output and are not there in prediction.  Szegedy et al. 2014, section 5.
    features    the last activation map before the head, where the architecture names one
    origin      the architecture it was made from, where ``zoo.create`` made it
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        *,
        auxiliary: Sequence[tuple[SymbolicTensor, float]] = (),
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        activity_regularizer: Any = None,
    ) -> None:
        if activity_regularizer is not None:
            raise ArgumentError(
                "Model: activity_regularizer is an argument of layers: give it to the layer whose output is penalised."
            )
        before = set(self.__dict__)
        if inputs is None and outputs is None and self.has_own_call:
            self._begin(before, name)
            self._learns = trainable
            return
        if inputs is None or outputs is None:
            raise ArgumentError(
                "Model goes from inputs to outputs: Model(inputs, outputs). A class of your own defines call(self, inputs), "
                "and says super().__init__()."
            )
        heads = [tensor for tensor, _ in auxiliary]
        starts, ends = rerooted(_list(inputs, "inputs"), [*apart(_list(outputs, "outputs"), inputs), *heads])
        graph = Graph(starts, ends, auxiliary=[weight for _, weight in auxiliary])
        graph.nested = template(inputs), None if heads else template(outputs)
        self._begin(before, name)
        self.graph = graph
        if not trainable:
            self.trainable = False

    @classmethod
    def from_graph(cls, graph: Graph, name: str | None = None) -> Model:
        """A model of an existing graph, such as one read with ``graph.from_json``.

        graph   from its inputs to its outputs, without a fault
        name    of the model, or None

        Raises the graph's own error where it has a fault.
        """
        kind: type[Model] = Functional if cls is Model else cls
        model = kind.__new__(kind)
        model._begin({*model.__dict__}, name)
        model.graph = graph.check()
        return model

    @property
    def intake(self) -> Intake:
        """What the model takes: the one place that turns arrays, pictures, files, texts and data sets into its inputs."""
        from striate.intake import Intake

        return Intake(self.graph.check(), self.preprocessing, self.labels)

    @property
    def answers(self) -> Outputs:
        """What the output that gives the classes says: probabilities, yes/no answers or logits, read from the graph."""
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
            self._predictor[1]._engines, self._engines = self._engines, None  # a copy's, which came with the whole
        model = self._predictor[1]
        model.preprocessing, model.labels, model.origin = self.preprocessing, self.labels, self.origin
        model.facts, model._decoding = self.facts, self._decoding
        return model

    def extract(
        self, x: Any, layer: str | Sequence[str] | None = None, batch_size: int | None = None, *, engine: str = "auto"
    ) -> Any:
        """The activations (channels-last NumPy array) of a layer, or a list of them for several, in prediction mode.

        x           as for ``predict``
        layer       name or names; None: the last map before the head where the architecture names it (``features``),
                    else what the last layer with weights reads
        batch_size  samples at a time (256)
        engine      as for ``predict``, but those in 8 bits

        Raises ArgumentError for an unknown name, for no name in a list and for an engine in 8 bits, DataError for what does
        not fit the network.
        """
        from striate.ship import cut

        names = (layer,) if isinstance(layer, str) else () if layer is None else tuple(layer)
        if layer is not None and not names:
            raise ArgumentError(
                f"extract: layer={layer!r} names no layer. Leave it out for the last map before the head."
            )
        graph = self.graph.check()
        engine = self.predictor._engine.of_layers(engine, self.predictor.graph.check())
        if self._cuts.get(names, (None,))[0] is not graph:
            while len(self._cuts) > 3:  # each may hold an engine
                self._cuts.pop(next(iter(self._cuts)))
            self._cuts[names] = graph, Model.from_graph(cut(graph, names, self.features))
        model = self._cuts[names][1]
        model.preprocessing = self.preprocessing
        return model.predict(x, batch_size, engine=engine)

    def quantize(
        self, data: Any, labels: Any = None, *, check: Any = None, samples: int = 128, method: str = "minmax"
    ) -> QuantizationReport:
        """Make an 8-bit twin for ``predict(x, engine="int8")``; returns what it cost.  ``save`` keeps it.

        data        pictures like those to come, whatever ``predict`` takes
        labels      their classes, for the accuracy of both; of a Dataset its own
        check       (pictures, labels), or a Dataset, to take the accuracy on instead
        samples     how many of `data`, evenly spread, set the ranges of the activations
        method      how ranges come from what was seen: "minmax", "entropy" or "percentile"

        Raises ArgumentError for a layer that ONNX cannot say or an unknown method, DataError for labels that do not fit the
        answers.
        """
        if isinstance(data, str) and data in ("int8", "int4", "float8", "gptq", "awq"):
            raise ArgumentError(
                f'quantize takes pictures, not "{data}" as Keras has it: the twin is always of 8 bits. '
                'Write quantize(pictures), then predict(x, engine="int8").'
            )
        from striate.ship import quantize

        self._built_for(data)
        return quantize(self.predictor, data, labels, check=check, samples=samples, method=method)

    def tune_engine(
        self,
        pictures: Any,
        labels: Any = None,
        *,
        points: float = 0.2,
        agreement: float = 0.995,
        engines: Sequence[str] | None = None,
        calibration: Any = None,
        rounds: int = 5,
        progress: Callable[[int, int], None] | None = None,
    ) -> EngineTable:
        """Measure the engines on this machine; the fastest one is what ``engine="fast"`` means then.  ``save`` keeps it.

        pictures      inputs like those to come, whatever ``predict`` takes; the answers to the first 512 are compared
        labels        their classes; of a Dataset its own
        points        percentage points of accuracy that an engine may cost, where there are labels
        agreement     part of answers that have to be those of 32 bits
        engines       their names; None: all that there are
        calibration   inputs that set the ranges of an 8-bit twin where the model has none yet; None: `pictures`
        rounds        how often each has its turn
        progress      called with (rounds done, of how many)

        Each works in a process of its own, and they take turns.  The table that is returned has a row for each; one more for
        an engine in 16 or 8 bits that costs too much alone, where 32 bits answer again what it is not sure of.  Raises
        ArgumentError for an unknown engine and for layers of your own, DataError for what does not fit the network.
        """
        from striate.inference import tune_engine

        self._built_for(pictures)
        how: dict[str, Any] = {"points": points, "agreement": agreement, "engines": engines, "rounds": rounds}
        return tune_engine(self.predictor, pictures, labels, calibration=calibration, progress=progress, **how)

    def time_layers(self, *, rounds: int | None = None) -> LayerTimes:
        """How long each layer takes on this machine, in prediction mode, one example at a time: medians, by torch.

        rounds   how often all layers are run, after once to warm up; None: as many as a second has room for, from 3 to 15

        No engine that predicts has such times, since it runs many layers as one; see ``tune_engine`` for theirs.  Raises
        ArgumentError for no round, and for a layer that fails, which it names.
        """
        from striate.inference import time_layers

        return time_layers(self.predictor, rounds=rounds)

    def reset_engines(self) -> None:
        """Say that weights were edited past torch (a NumPy view, ``.data``): all that predicts is made anew from them.

        Only for edits of few weights that single predictions are to notice at once; see docs/predict.md.  The 8-bit twin,
        if there is one, is gone: call ``quantize`` again.
        """
        for model in (self.predictor, *(cut for _, cut in self._cuts.values())):
            model._engine.reset()

    def export_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        pixels: bool = False,
        int8: bool = False,
        suppression: bool | None = None,
    ) -> Path:
        """Write the network as ONNX, batch norms folded, channels-last, with labels and preprocessing as metadata.

        path        of the file
        pixels      the input is uint8 pictures, and scale, mean and deviation of the preprocessing are in the graph
        int8        write the 8-bit twin that ``quantize`` made, with ONNX's quantized operations
        suppression  of a network that answers with boxes: whether the file gives detections, thinned out as ``decoding``
                    says, and not the rows of ``predict``; None: yes

        Raises ArgumentError for a layer that ONNX cannot say, a twin that is not there and `suppression` without boxes,
        BundleError where the file cannot be written.
        """
        from striate.ship import export_onnx

        return export_onnx(self.predictor, path, pixels=pixels, int8=int8, suppression=suppression)

    def page(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        editable: bool = True,
        timed: bool = True,
        attributions: bool = True,
    ) -> Path:
        """Write the explorer: one HTML file with the network's picture, sizes, maps and answers for any picture.

        path           of the file; None: the model's name with .html, in the working folder
        editable       whether a reader can change the network in it and see its sizes anew, which takes 7 MB
        timed          whether each layer's time is measured here (``time_layers``) and shown, which takes a second or two
        attributions   whether more methods than its own (``look.attributions``) explain a classifier's answers to the page's
                       own pictures, with their sanity checks, which takes up to half a minute

        It opens by a double click, computes in the browser, and neither loads nor sends anything.  A network that takes no
        picture, or has a layer that ONNX cannot say, has its structure in it and no maps.  Raises BundleError where the
        file cannot be written.
        """
        write: Callable[..., Path] = importlib.import_module("striate.pages").write_model_page
        return write(
            path or f"{self._title}.html",
            self,
            name=self._title,
            editable=editable,
            timed=timed,
            attributions=attributions,
        )

    # -- disk ------------------------------------------------------------------------------------------------------
    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        *,
        include_optimizer: bool = True,
        save_format: str | None = None,
    ) -> Path:
        """Save everything that predicting and further training need: as a folder, or as Keras' .keras or .h5 file.

        filepath            where to; the end of the name says which
        overwrite           False: something that stands there is an error
        zipped              Keras' argument: False for a folder, True for a .keras file; None: the end of the name says it
        include_optimizer   whether the state of the optimizer is saved too
        save_format         of Keras 2: "keras" or "h5"; the end of the name says it now

        ``models.load_model`` reads all three, Keras 3 the files.  A function or class of your own goes by its name and is
        given again then.  Raises ArgumentError for another ending, or a layer that a file of Keras cannot hold,
        BundleError where it cannot be written, leaving an older model whole.
        """
        from striate.model.saving import save

        return save(self, filepath, overwrite, include_optimizer, zipped, save_format)


class Functional(Model):
    """What ``Model(inputs, outputs)`` gives: a network of calls of layers.  Its arguments are Model's."""


Model._of_calls = Functional


def _list(value: Any, what: str) -> list[SymbolicTensor]:
    tensors = flat(value)
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentError(
                f"a model goes from symbolic tensors to symbolic tensors; {what} holds {type(tensor).__name__}."
            )
    return tensors
