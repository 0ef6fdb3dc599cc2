"""The part of ``Model`` that learns and answers; thin: each method calls the room that does the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from striate.described import whole
from striate.errors import ArgumentError
from striate.graph import Operand
from striate.graph.nested import flat, laid, nests, packed
from striate.model.instead import INSTEAD, TORCH
from striate.model.steps import Steps
from striate.model.weighted import Weighted
from striate.ops.variable import RUNNING

if TYPE_CHECKING:
    from striate.ship import Engines
    from striate.train.callbacks import Callback, History
    from striate.train.plan import Plan


class Learning(Steps, Weighted):
    """Compile, fit, evaluate, predict, and the same batch by batch.

    A callback ends what runs by setting ``stop_training``, ``stop_evaluating`` or ``stop_predicting`` to True.
    """

    abstract = True
    stop_evaluating = False
    stop_predicting = False
    run_eagerly = False
    jit_compile = False

    # -- learning --------------------------------------------------------------------------------------------------
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | None = 1,
        jit_compile: bool | str | None = "auto",
        auto_scale_loss: bool | None = True,
        *,
        precision: str | None = None,
        accumulate: int = 1,
        mix: Any = None,
        augment: Any = None,
        rates: Any = None,
        **others: Any,
    ) -> None:
        """Choose how to train.

        optimizer       a name, an ``st.optimizers`` object, or any torch optimizer class or partial.  An object that has
                        trained these weights goes on, its schedule and moments too; arrays that it did not train begin
        loss            a name, an ``st.losses`` object or a callable; a list or dict of them for several outputs; None for
                        an output that has none, which needs no targets
        loss_weights    what each output's loss counts in the sum: a list or dict; None: 1 each
        metrics         names or objects; a list or dict of lists for several outputs
        weighted_metrics   the same, of figures in which samples count by ``sample_weight`` and ``class_weight``
        run_eagerly     Keras' argument; everything runs eagerly in any case
        steps_per_execution   batches that are one step to callbacks: their hooks are called once for so many
        jit_compile     Keras' argument; nothing is compiled, and True is said so
        auto_scale_loss   Keras' argument; precision="fp16" scales the loss in any case
        precision       "float32", "bf16" or "fp16" (mixed: weights stay float32, and it is judged and predicts in 32 bits);
                        "auto": bf16 where that is faster, on this device and for this network, else float32, settled when
                        it is first trained; None: as mixed_precision's policy says
        accumulate      batches whose gradients are added up before an update
        mix             "mixup", "cutmix", layers.MixUp or layers.CutMix: pictures of a training batch are mixed with each
                        other, and the loss is that of both targets by their parts; figures while training are for the
                        target that counts more.  "mosaic" or layers.Mosaic: four pictures in one, with boxes and label maps
        augment         augmentation layers, one or several: the pictures of a training batch are changed, and boxes and
                        label maps with them
        rates           layers that learn at a part of the optimizer's rate: {base: 0.1}, with a layer, a network or the
                        name of a layer as key (Howard & Ruder 2018, "Universal language model fine-tuning")
        others          arguments of Keras that striate has not: taken where they change nothing, else refused in words

        Raises ArgumentError for an unknown name or argument, and for what does not go with the network's outputs.
        """
        self._refuse_own_functions()
        if precision is None:
            from striate.mixed_precision import precision as policy

            precision = policy()
        self._compile_args = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "precision": precision,
            "accumulate": accumulate,
            "mix": mix,
            "augment": augment,
            "rates": rates,
            "weighted_metrics": weighted_metrics,
            "steps_per_execution": None if steps_per_execution == 1 else steps_per_execution,
            "others": others
            | ({} if jit_compile == "auto" else {"jit_compile": jit_compile})
            | ({} if auto_scale_loss is True else {"auto_scale_loss": auto_scale_loss}),
        }
        self.run_eagerly = bool(run_eagerly)
        self._plan = self._trainer = None
        if self.built:
            self._compiled()

    @property
    def optimizer(self) -> Any:
        """The optimizer that ``compile`` chose; its ``learning_rate`` can be set while training.

        Raises ArgumentError before ``compile``.
        """
        return self._compiled("has no optimizer").optimizer

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._compile_args is not None

    def get_compile_config(self) -> dict[str, Any] | None:
        """What ``compile`` chose as Keras' configuration, JSON-ready; None before it, or where Keras has no such loss.

        Raises ArgumentError for what a configuration cannot hold.
        """
        from striate.train.compiled import for_keras

        return None if self._compile_args is None else for_keras(self._compile_args, self._compiled().optimizer)

    def compile_from_config(self, config: Any) -> None:
        """Compile as a configuration says.

        config   what ``get_compile_config`` gives
        """
        from striate.model.saving import compile_again

        compile_again(self, config, None)

    def _compiled(self, what: str = "cannot train or evaluate") -> Plan:
        from striate.train.plan import make_plan

        if self._compile_args is None and self._not_compiled is not None:
            from striate.model.saving import refuse_uncompiled

            raise refuse_uncompiled(self, what)
        if self._compile_args is None:
            raise ArgumentError(f"{self._title} {what} yet: call compile(optimizer, loss) first.")
        if self._plan is None:
            self._plan = make_plan(self.graph.check(), **self._compile_args)
            self._compile_args["rates"] = self._plan.rates or None  # by name, as a file holds them
        return self._plan

    def fit(
        self,
        x: Any = None,
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
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        seed: int | None = None,
        device: str | Sequence[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> History:
        """Train on arrays, a Dataset or batches; returns the history (``history.history["loss"]`` …).

        x, y                channels-last arrays of one length (lists or dicts for several inputs or outputs), or a Dataset;
                            pictures are prepared and classes matched as ``intake`` does it.  A model without
                            preprocessing or labels takes those of the Dataset.  Or `x` alone: a torch DataLoader, a
                            generator, or any iterable of batches (x, y) or (x, y, sample_weight)
        batch_size          samples per step (32); batches that come as such keep their size
        epochs              passes over the samples in all, those before `initial_epoch` counted
        verbose             "auto" or 1: a bar; 2: a line an epoch; 0: nothing
        callbacks           one, or a list of them
        validation_split    the fraction of samples, taken from the end before shuffling, that is held out
        validation_data     (x, y), (x, y, sample_weight), a Dataset or an iterable of batches
        shuffle             whether every epoch has an order of its own
        class_weight        {class: weight of its samples in the loss}; figures on held-out samples do not know it
        sample_weight       the weight of each sample in the loss, (N,)
        initial_epoch       the epoch to begin with, from 0
        steps_per_epoch     batches after which an epoch ends, and the next one goes on from there; None: all
        validation_steps    batches of the held-out part that are looked at; None: all
        validation_batch_size   samples at a time of the held-out part (batch_size)
        validation_freq     look at it after every so many epochs, or after those of a list, counted from 1
        seed                of the shuffling; drawn from torch's generator when None, so st.set_seed makes runs repeat
        device              "cpu"; None: an accelerator where there is one; or several, ["cuda:0", "cuda:1"], for a network
                            too large for one: its layers are dealt to them in their order, by the memory they need.
                            They take turns, so it is no faster; between calls the weights are on the processor
        resume              a folder that keeps the state of the training: after a crash or a kill the same call goes on from
                            there and ends, on the CPU, at the very weights of an unbroken run

        Raises DataError for arrays that do not fit the network, ArgumentError for a `resume` folder of another training,
        TrainingError when the loss stops being finite.  Training again goes on with the optimizer's state and schedule,
        also after a ``compile`` with the same optimizer; another one, or a name, begins anew.
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
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            seed=seed,
            device=device,
            resume=resume,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        return_dict: bool = False,
        *,
        engine: str = "auto",
    ) -> Any:
        """Loss and metrics in prediction mode: a list in that order (a number if only the loss), or a dict by name.

        x               as for ``predict``: arrays, files, a Dataset or batches; of a Dataset classes are matched by name
        y               targets (N, …), taken as they are; None: the Dataset's own
        batch_size      samples at a time (256, or with `steps` or `callbacks` 32, as Keras has it)
        verbose         "auto" or 0: print nothing; 1: the figures
        sample_weight   the weight of each sample in the loss, (N,)
        steps           batches that are looked at; None: all
        callbacks       one, or a list; their ``on_test_…`` are called
        return_dict     give {name: figure}
        engine          as for ``predict``

        Raises DataError for what does not fit the network or its classes, ArgumentError before ``compile``, for a
        batch_size below 1, or for an unknown engine.
        """
        from striate.inference import evaluate

        logs = evaluate(
            self,
            x,
            y,
            batch_size=_size("evaluate", batch_size, steps, callbacks),
            sample_weight=sample_weight,
            choose=lambda *wanted: self._choose(engine)(*wanted),
            steps=steps,
            callbacks=callbacks,
        )
        if verbose not in (0, "auto"):
            print(" - ".join(f"{key}: {value:.4f}" for key, value in logs.items()))
        if return_dict:
            return logs
        return _figures(logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        *,
        engine: str = "auto",
    ) -> Any:
        """The outputs (channels-last NumPy array, or a list of them), in prediction mode.

        x           an array (N, H, W, C) or a list or dict of them for several inputs; a path, a PIL image, or a list of
                    these; texts for a network that reads them; a Dataset; or an iterable of batches.  Pictures go through
                    the model's own preprocessing, the one it was trained with, whatever a Dataset's own says; floats go
                    in as they are
        batch_size  samples at a time (256, or with `steps` or `callbacks` 32); it makes no difference to the answers
        verbose     taken as Keras has it; nothing is printed
        steps       batches that are answered; None: all
        callbacks   one, or a list; their ``on_predict_…`` are called
        engine      "auto": ONNX Runtime for weights on the CPU, once there is enough to do to make an engine for it,
                    else torch; "fast": what ``tune_engine`` found here, else "auto"; "onnxruntime"; "openvino" and in 16
                    bits "openvino-bf16"; "torch", and in 16 bits "torch-bf16"; "int8" and "openvino-int8": what
                    ``quantize`` made

        Raises DataError for what does not fit the network or cannot be read, ArgumentError for a batch_size below 1, an
        unknown engine, or an int8 twin that is not there.
        """
        from striate.inference import Again, answers

        size = _size("predict", batch_size, steps, callbacks)
        plain = steps is None and callbacks is None
        if plain and self._again is not None:
            answer = self._again.answer(self, engine, x, size)
            if answer is not None:
                return answer
        self._built_for(x)
        self.predictor._engine.asked = None
        answer = answers(self.predictor, x, size, self._choose(engine), steps, callbacks)
        self._again = Again.of(self, engine, x, size) if plain else None
        return answer

    def _built_for(self, x: Any) -> None:
        from striate.train.fit import build_for

        build_for(self, x)

    def __call__(  # type: ignore[override]
        self, inputs: Any, *more: Any, training: bool | None = None, mask: None = None
    ) -> Any:
        """Nest the model in another one, or answer: a symbolic tensor for symbolic ones, a torch tensor for arrays.

        inputs      symbolic tensors; or arrays or torch tensors (N, …), channels last, or a list of them
        more        further inputs, as a list of all of them would have them; a last True or False is `training`
        training    for arrays: whether dropout, augmentation and batch norms do what they do in training; None: as Keras has
                    it, augmentation alone does
        mask        Keras' argument; None, the only value

        Gradients go through the answers, whose weights are ``trainable_weights``.  Raises DataError for what does not fit
        the network.
        """
        if more and isinstance(more[-1], bool | None):
            training, more = more[-1], more[:-1]
        inputs = [inputs, *more] if more else inputs
        if RUNNING or any(isinstance(one, Operand) for one in flat(inputs)):
            self._meet(inputs)
            graph = self.graph.check()
            given = laid(inputs, graph.nested[0], graph.input_names) if nests(inputs) else inputs
            given = given[0] if nests(given) and len(given) == 1 else given
            result = super().__call__(given, training=training)
            structure = graph.nested[1]
            return result if structure is None else packed(structure, result if isinstance(result, list) else [result])
        from striate.backend.calls import listening
        from striate.inference.call import called

        self._built_for(inputs)
        with listening(self, self.module):
            return called(self.predictor if not training else self, inputs, training)

    # -- batch by batch --------------------------------------------------------------------------------------------
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update on one batch; its loss and metrics, as ``evaluate`` gives them.

        x, y            as for ``fit``, arrays of one batch
        sample_weight   the weight of each sample in the loss, (N,)
        class_weight    {class: weight of its samples in the loss}
        return_dict     give {name: figure}

        Raises DataError for arrays that do not fit the network, ArgumentError before ``compile``, TrainingError when the
        loss is not finite.
        """
        from striate.train.fit import on_batch

        logs = on_batch(self, x, y, sample_weight, class_weight, learn=True)
        return logs if return_dict else _figures(logs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch, in prediction mode, as ``evaluate`` gives them.

        x, y            as for ``evaluate``, arrays of one batch
        sample_weight   the weight of each sample in the loss, (N,)
        return_dict     give {name: figure}

        Raises DataError for arrays that do not fit the network, ArgumentError before ``compile``.
        """
        from striate.train.fit import on_batch

        logs = on_batch(self, x, y, sample_weight, None, learn=False)
        return logs if return_dict else _figures(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """``predict`` of one batch: an array (N, …), or a list of them.

        x   as for ``predict``

        Raises DataError for what does not fit the network.
        """
        return self.predict(x, engine="torch")

    @property
    def metrics_names(self) -> list[str]:
        """The names of the figures that ``evaluate`` gives, in its order.  Raises ArgumentError before ``compile``."""
        from striate.train.fit import trainer_of

        self._compiled("has no metrics")
        objective = trainer_of(self).objective
        return list(objective.logs(objective.totals(objective.plan.judged)))

    def __getattr__(self, name: str) -> Any:
        """Methods of Keras that are not here: an error that names the line that replaces them."""
        if name in INSTEAD:
            raise AttributeError(f"striate has no {name} (Keras has): write {INSTEAD[name]}.")
        if name in TORCH:
            raise AttributeError(f"a model is no torch module and has no {name}: write {TORCH[name]}.")
        if isinstance(getattr(type(self), name, None), property):  # it asked for the graph, which is not there yet
            type(self).graph.fget(self)  # type: ignore[attr-defined]
        parent = getattr(super(), "__getattr__", None)
        if parent is not None:
            return parent(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _engine(self) -> Engines:
        """What this model predicts with."""
        from striate.ship import Engines

        if self._engines is None:
            self._engines = Engines()
        return self._engines if self._engines._carried is None else self._engines.settle(self)

    def _choose(self, engine: str) -> Callable[..., Any]:
        model = self.predictor
        return partial(model._engine.pick, model, engine)


def _size(where: str, batch_size: int | None, steps: int | None, callbacks: Any) -> int:
    """How many samples at a time; where it is counted in batches, Keras' number.  Raises ArgumentError for no steps."""
    if steps is not None:
        whole(where, "steps", steps)
    if batch_size is not None:
        return batch_size
    return 256 if steps is None and not callbacks else 32


def _figures(logs: dict[str, float]) -> Any:
    """Figures as Keras returns them: a list, or the loss alone."""
    values = list(logs.values())
    return values if len(values) > 1 else values[0]
