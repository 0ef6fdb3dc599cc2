"""Model: what users hold.  Thin: each method calls the room that does the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.errors import ArgumentError
from striate.graph import Graph, SymbolicTensor, register
from striate.model.weighted import Weighted

if TYPE_CHECKING:
    from striate.intake import Intake, Outputs
    from striate.ship import Engines, QuantizationReport
    from striate.train.callbacks import Callback, History
    from striate.train.plan import Plan


class Model(Weighted):
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

    @classmethod
    def from_graph(cls, graph: Graph, name: str | None = None) -> Model:
        """A model of an existing graph, such as one read with ``graph.from_json``.

        graph   from its inputs to its outputs, without a fault
        name    of the model, or None

        Raises the graph's own error where it has a fault.
        """
        model = cls.__new__(cls)
        model._setup(graph.check(), name)
        return model

    @property
    def kind(self) -> str:
        return "Functional"

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
        loss_weights    what each output's loss counts in the sum: a list or dict; None: 1 each
        metrics         names or objects; a list or dict of lists for several outputs
        precision       "float32", "bf16" or "fp16" (mixed: weights stay float32)
        accumulate      batches whose gradients are added up before an update
        mix             "mixup", "cutmix", layers.MixUp or layers.CutMix: pictures of a training batch are mixed with each
                        other, and the loss is that of both targets by their parts; figures while training are for the
                        target that counts more
        others          arguments of Keras that striate has not, each refused in words

        Raises ArgumentError for an unknown name or argument, and for what does not go with the network's outputs.
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
    def optimizer(self) -> Any:
        """The optimizer that ``compile`` chose; its ``learning_rate`` can be set while training.

        Raises ArgumentError before ``compile``.
        """
        return self._compiled("has no optimizer").optimizer

    def _compiled(self, what: str = "cannot train or evaluate") -> Plan:
        from striate.train.plan import make_plan

        if self._compile_args is None and self._not_compiled is not None:
            from striate.model.saving import refuse_uncompiled

            raise refuse_uncompiled(self, what)
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

        x, y                channels-last arrays of one length (lists or dicts for several inputs or outputs), or a Dataset;
                            pictures are prepared and classes matched as ``intake`` does it.  A model without
                            preprocessing or labels takes those of the Dataset
        batch_size          samples per step (32)
        epochs              passes over the samples in all, those before `initial_epoch` counted
        verbose             "auto" or 1: a bar; 2: a line an epoch; 0: nothing
        callbacks           one, or a list of them
        validation_split    the fraction of samples, taken from the end before shuffling, that is held out
        validation_data     (x, y), (x, y, sample_weight) or a Dataset
        shuffle             whether every epoch has an order of its own
        class_weight        {class: weight of its samples in the loss}; figures on held-out samples do not know it
        sample_weight       the weight of each sample in the loss, (N,)
        initial_epoch       the epoch to begin with, from 0
        steps_per_epoch     batches after which an epoch ends; None: all
        validation_batch_size   samples at a time of the held-out part (batch_size)
        seed                of the shuffling; drawn from torch's generator when None, so st.set_seed makes runs repeat
        device              "cpu", or None: an accelerator where there is one
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
        """Loss and metrics in prediction mode: a list in that order (a number if only the loss), or a dict by name.

        x               as for ``predict``: arrays, files or a Dataset; of a Dataset classes are matched by name
        y               targets (N, …), taken as they are; None: the Dataset's own
        batch_size      samples at a time (256)
        verbose         "auto" or 0: print nothing; 1: the figures
        sample_weight   the weight of each sample in the loss, (N,)
        return_dict     give {name: figure}
        engine          as for ``predict``

        Raises DataError for what does not fit the network or its classes, ArgumentError before ``compile``, for a
        batch_size below 1, or for an unknown engine.
        """
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
        batch_size  samples at a time (256); it makes no difference to the answers
        verbose     taken as Keras has it; nothing is printed

        engine      "auto": ONNX Runtime for weights on the CPU, once there is enough to do to make an engine for it,
                    else torch; "onnxruntime"; "torch"; "int8": what ``quantize`` made

        Raises DataError for what does not fit the network or cannot be read, ArgumentError for a batch_size below 1, an
        unknown engine, or an int8 twin that is not there.
        """
        from striate.inference import answers

        return answers(self.predictor, x, 256 if batch_size is None else batch_size, self._choose(engine))

    def extract(
        self, x: Any, layer: str | Sequence[str] | None = None, batch_size: int | None = None, *, engine: str = "auto"
    ) -> Any:
        """The activations (channels-last NumPy array) of a layer, or a list of them for several, in prediction mode.

        x           as for ``predict``
        layer       name or names; None: the last map before the head where the architecture names it (``features``),
                    else what the last layer with weights reads
        batch_size  samples at a time (256)
        engine      as for ``predict``

        Raises ArgumentError for an unknown name, DataError for what does not fit the network.
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

        data        pictures like those to come, whatever ``predict`` takes; 128 of them set the ranges of the activations
        labels      their classes, for the accuracy of both; of a Dataset its own
        check       (pictures, labels), or a Dataset, to take the accuracy on instead

        Raises ArgumentError for a layer that ONNX cannot say, DataError for labels that do not fit the answers.
        """
        from striate.ship import quantize

        return quantize(self.predictor, data, labels, check=check)

    def export_onnx(self, path: str | os.PathLike[str], *, pixels: bool = False) -> Path:
        """Write the network as ONNX, batch norms folded, channels-last, with labels and preprocessing as metadata.

        path        of the file
        pixels      the input is uint8 pictures, and scale, mean and deviation of the preprocessing are in the graph

        Raises ArgumentError for a layer that ONNX cannot say, BundleError where the file cannot be written.
        """
        from striate.ship import export_onnx

        return export_onnx(self.predictor, path, pixels=pixels)

    # -- disk ------------------------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str], overwrite: bool = True, include_optimizer: bool = True) -> Path:
        """Save everything that predicting and further training need: as a folder, or as Keras' .keras or .h5 file.

        path                where to; the end of the name says which
        overwrite           False: something that stands there is an error
        include_optimizer   whether the state of the optimizer is saved too

        ``models.load_model`` reads all three, Keras 3 the files.  A function or class of your own goes by its name and is
        given again then.  Raises ArgumentError for another ending, or a layer that a file of Keras cannot hold,
        BundleError where it cannot be written, leaving an older model whole.
        """
        from striate.model.saving import save

        return save(self, path, overwrite, include_optimizer)


register("Functional", Model)


def _list(value: Any) -> list[SymbolicTensor]:
    tensors = list(value) if isinstance(value, list | tuple) else [value]
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentError(f"a model goes from symbolic tensors to symbolic tensors, not {type(tensor).__name__}.")
    return tensors
