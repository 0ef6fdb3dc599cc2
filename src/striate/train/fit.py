"""``Model.fit``: from what users hand over to examples and a trainer."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Batch, Batches, Dataset, Examples, Splits
from striate.described import whole
from striate.errors import ArgumentError, DataError
from striate.graph.nested import laid
from striate.graph.sizes import Open
from striate.intake import Intake
from striate.messages import say
from striate.train.doubts import endings, ranges, reach
from striate.train.feed import ArrayFeed, Peeked, StreamFeed, classes_of, is_stream, unpacked
from striate.train.targets import class_weights, has_own_steps, labelled, renumbered

if TYPE_CHECKING:
    from striate.train.callbacks import History
    from striate.train.loop import Trainer


STEPS_SAVE = "save its weights with callbacks.ModelCheckpoint"


def trainer_of(model: Any, device: str | Sequence[str] | None = None, begun: Any = None) -> Trainer:
    """The model's trainer, made anew after a compile, when what is trainable has changed, or for other devices.

    begun   the precision of a training that is gone on with, or None
    """
    from striate.train.bits import settle
    from striate.train.loop import Trainer
    from striate.train.processes import kind_of

    own = has_own_steps(model)
    plan = model._compiled()
    module = model.module
    trainable = tuple(p.requires_grad for p in module.parameters())
    trainer = model._trainer
    elsewhere = trainer is not None and not isinstance(device, str | None) and trainer.asked != device
    if trainer is None or trainer.module is not module or trainer.trainable != trainable or elsewhere:
        settle(plan, model.graph, kind_of(device), begun=begun, own_steps=own)
        if own:
            from striate.train.steps import StepTrainer

            trainer = StepTrainer(model, model.graph, module, plan, trainable, device=device)
        else:
            trainer = Trainer(model.graph, module, plan, trainable, device=device)
        model._trainer = trainer
    return trainer


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int,
    epochs: int,
    verbose: str | int,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    class_weight: dict[int, float] | None,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: Any,
    seed: int | None,
    device: str | Sequence[str] | None,
    resume: str | os.PathLike[str] | None = None,
) -> History:
    """``Model.fit``; see there."""
    import torch

    from striate.train.bits import in_which
    from striate.train.callbacks import (
        CallbackList,
        CSVLogger,
        History,
        ModelCheckpoint,
        ProgressBar,
        TensorBoard,
    )
    from striate.train.callbacks.calling import each_of
    from striate.train.checkpoint import Checkpoint, signature
    from striate.train.out_of_memory import in_memory
    from striate.train.plan import check_epochs

    epochs = check_epochs(epochs, least=0)  # as in Keras none is an empty history
    batch_size = whole("fit", "batch_size", batch_size)
    if not 0 <= validation_split < 1:
        raise ArgumentError(f"fit: validation_split is from 0 up to (not including) 1, not {validation_split}.")
    for name, value in (
        ("steps_per_epoch", steps_per_epoch),
        ("validation_steps", validation_steps),
        ("validation_batch_size", validation_batch_size),
    ):
        if value is not None:
            whole("fit", name, value)
    whole("fit", "initial_epoch", initial_epoch, 0)
    stream = Peeked(x) if is_stream(x, y) else None
    if stream is not None and (validation_split or sample_weight is not None or resume is not None):
        raise ArgumentError(
            "fit: validation_split, sample_weight and resume are for arrays and a Dataset; batches that come one after the "
            "other bring their own weights, (x, y, sample_weight), and validation_data beside them."
        )
    together = model._compile_args and model._compile_args.get("steps_per_execution")
    if (
        together and steps_per_epoch is not None
    ):  # as in Keras a call of the hooks is never of fewer batches than asked for
        steps_per_epoch = -(-steps_per_epoch // together) * together
    build_for(model, x if stream is None else unpacked(stream.first)[0])
    checkpoint = None if resume is None or has_own_steps(model) else Checkpoint(resume)
    trainer = trainer_of(model, device, None if checkpoint is None else checkpoint.precision)
    if checkpoint is not None and trainer.accelerator.num_processes > 1:
        raise ArgumentError("resume is for a training in one process, not under torchrun; save with ModelCheckpoint.")
    intake = model.intake.learning_from(x) if isinstance(x, Dataset) else model.intake.calling(classes_of(x))
    given = (x, y, sample_weight)
    if stream is not None:
        given = _in_line(stream.first, intake.numbers(classes_of(x), "the stream"), intake)
    examples, held = labelled(model, *given, intake=intake, part=stream is not None), None
    if validation_data is None and validation_split:
        examples, held = examples.split(validation_split)
    if not has_own_steps(model):
        endings(model.graph, trainer.plan.losses)
    elif resume is not None:
        raise ArgumentError(f"fit: resume is not for {type(model).__name__}, which has steps of its own: {STEPS_SAVE}.")
    ranges(model, examples)
    validation: Any = None
    if held is not None:
        validation = _fed(trainer, held, validation_batch_size or batch_size)
    elif validation_data is not None:
        validation = _validation(model, trainer, validation_data, intake, validation_batch_size or batch_size)
    if class_weight is not None:  # of what is trained on: figures on held-out samples count each of them once
        examples = _weighted(examples, class_weight, model)
    model.preprocessing, model.labels = intake.preprocessing, intake.labels
    if seed is None and checkpoint is not None and checkpoint.place is not None:
        seed = int(checkpoint.place.state["seed"])
    if seed is None:
        seed = int(torch.randint(0, 2**31, ()).item())
    if checkpoint is not None:
        settings = {"batch_size": batch_size, "shuffle": shuffle, "steps_per_epoch": steps_per_epoch}
        val = validation.examples if isinstance(validation, ArrayFeed) else None
        checkpoint.signature = signature(trainer, examples, val, seed, epochs, settings)
        checkpoint.seed = seed
        checkpoint.check()
    if stream is not None:
        made = streamed(model, x, trainer.device, intake, class_weight)
        feed: Any = StreamFeed(stream.source, made, steps_per_epoch, seed if shuffle else None)
    else:
        rank, world = trainer.accelerator.process_index, trainer.accelerator.num_processes
        # every process takes the same number of steps, or they would wait for each other forever
        mine = -(-len(examples) // world) if shuffle else len(examples) // world
        batches = Batches(examples, batch_size, shuffle, seed, rank, world, device=trainer.device)
        feed = ArrayFeed(batches, -(-mine // batch_size), steps_per_epoch, initial_epoch)
    history = History()
    everyone = [*each_of(callbacks.callbacks if isinstance(callbacks, CallbackList) else callbacks), history]
    if not trainer.accelerator.is_main_process:  # one process writes files; all of them decide when to stop
        everyone = [c for c in everyone if not isinstance(c, CSVLogger | TensorBoard | ModelCheckpoint)]
    if verbose != 0 and trainer.accelerator.is_main_process:
        everyone.append(ProgressBar(verbose))
    if verbose != 0 and trainer.accelerator.is_main_process and (said := in_which(trainer.plan)):
        say(said)
    model.stop_training = False
    model.history = history
    told = {
        "verbose": verbose,
        "epochs": epochs,
        "steps": feed.steps(initial_epoch),
        "validation_freq": validation_freq,
        "broken": True,  # until it has come to its end
    }
    hooks = CallbackList(everyone, model=model, **told)
    logs: dict[str, float] = {}
    try:
        with in_memory(model.graph, trainer.plan, batch_size, trainer.device), trainer.placed():
            logs = trainer.fit(
                feed,
                epochs=epochs,
                initial_epoch=initial_epoch,
                validation=validation,
                validation_steps=validation_steps,
                validate=_when(validation_freq),
                callbacks=hooks,
                stopped=lambda: model.stop_training,
                checkpoint=checkpoint,
            )
        hooks.params["broken"] = False
    finally:
        hooks.on_train_end(logs)
    model.facts = {
        **trainer.plan.described,
        "epochs": len(history.epoch),
        "batch_size": batch_size,
        **({} if feed.size is None else {"samples": feed.size}),
        "seed": seed,
        **({} if (span := reach(examples)) is None else {"input range": list(span)}),
        **({} if checkpoint is None else {"seconds": round(checkpoint.seconds, 1)}),
        **({"data": x.name} if isinstance(x, Dataset) else {}),
    }
    return history


def on_batch(
    model: Any, x: Any, y: Any, sample_weight: Any, class_weight: dict[int, float] | None, learn: bool
) -> dict[str, float]:
    """``Model.train_on_batch`` and ``test_on_batch``; see there."""
    from striate.train.out_of_memory import in_memory

    build_for(model, x)
    trainer = trainer_of(model)
    if learn and not has_own_steps(model):
        endings(model.graph, trainer.plan.losses)
    batch = _stream_batch(model, trainer.device, model.intake, class_weight, (x, y, sample_weight))
    with in_memory(model.graph, trainer.plan, batch.size, trainer.device):
        return trainer.on_batch(batch, learn)


def _when(frequency: Any) -> Callable[[int], bool]:
    """Whether an epoch, from 0, is followed by a validation: every so many, or those of a list, from 1.

    Raises ArgumentError for anything else.
    """
    if isinstance(frequency, list | tuple | set):
        for epoch in frequency:
            whole("fit", "an epoch of validation_freq", epoch)
        return lambda epoch: epoch + 1 in frequency
    every = whole("fit", "validation_freq", frequency)
    return lambda epoch: (epoch + 1) % every == 0


def streamed(model: Any, source: Any, device: Any, intake: Intake, class_weight: dict[int, float] | None = None) -> Any:
    """What makes a batch of an element of a stream: checked, its classes numbered as the model's are, on the device.

    model          that learns from it or is judged
    source         the stream, of which it may say how its classes are called
    device         of the batches
    intake         of the model
    class_weight   {class: weight of its samples in the loss}

    Raises DataError for a class that the model does not know.
    """
    numbers = intake.numbers(classes_of(source), "the stream")
    return partial(_stream_batch, model, device, intake, class_weight, numbers=numbers)


def _in_line(element: Any, numbers: np.ndarray | None, intake: Intake) -> tuple[Any, Any, Any]:
    """(x, y, sample weights) of one batch of a stream, its classes numbered as the model's are."""
    x, y, weights = unpacked(element)
    if numbers is not None and hasattr(y, "__array__"):
        y = renumbered(np.asarray(y), numbers, len(intake.labels or ()))
    return x, y, weights


def _stream_batch(
    model: Any,
    device: Any,
    intake: Intake,
    class_weight: dict[int, float] | None,
    element: Any,
    numbers: np.ndarray | None = None,
) -> Batch:
    """One batch of a stream, checked and brought to the device."""
    examples = labelled(model, *_in_line(element, numbers, intake), intake, part=True)
    if class_weight is not None:
        examples = _weighted(examples, class_weight, model)
    return next(Batches(examples, len(examples), shuffle=False, device=device).batches())


def _fed(trainer: Trainer, examples: Examples, batch_size: int) -> ArrayFeed:
    batches = Batches(examples, batch_size, shuffle=False, device=trainer.device)
    return ArrayFeed(batches, len(batches))


def build_for(model: Any, x: Any) -> None:
    """Tell a Sequential, or a model of a user's own, without an input shape what its input is: the data's.

    Sizes that a model's inputs leave open are those of the data from now on.

    x    arrays (N, ...), a list or dict of them for several inputs, or a Dataset
    """
    x = x.x if isinstance(x, Dataset) else x
    if model.has_own_call or not model.built:
        model._meet(x)
    elif any(isinstance(size, Open) for shape in model.graph.input_shapes for size in shape):
        try:
            given = laid(x, model.graph.nested[0], model.graph.input_names)
        except DataError:  # said where the arrays are checked
            return
        if all(hasattr(one, "shape") for one in given):
            model.resize(tuple(tuple(one.shape[1:]) for one in given))


def _validation(model: Any, trainer: Trainer, data: Any, intake: Intake, batch_size: int) -> Any:
    """What feeds the evaluation after an epoch."""
    pair = isinstance(data, list | tuple) and len(data) in (2, 3) and not isinstance(data, Splits)
    if not isinstance(data, Dataset) and not pair:
        if not is_stream(data):
            raise ArgumentError("validation_data is (x, y), (x, y, sample_weight), a Dataset or batches of them.")
        return StreamFeed(data, streamed(model, data, trainer.device, intake))
    x, y, weights = (data, None, None) if isinstance(data, Dataset) else unpacked(data)
    return _fed(trainer, labelled(model, x, y, weights, intake), batch_size)


def _weighted(examples: Examples, class_weight: dict[int, float], model: Any) -> Examples:
    outputs = (1, *model.graph.output_shapes[0])[-1]
    if len(examples.ys) > 1:
        raise ArgumentError(
            "class_weight is for networks with one output; give sample_weight, a list or dict of weights for each output."
        )
    loss = None if model._plan is None else model._plan.losses[0]
    sparse = loss is not None and loss.sparse
    if examples.ys[0].ndim > 2 and not sparse and (loss is None or loss.activation is None):
        raise ArgumentError("class_weight is for labels; these targets are arrays that are no classes.")
    each = class_weights(class_weight, examples.ys[0], outputs, sparse)
    own = None if examples.weights is None else examples.weights[0]
    if own is not None:  # of samples or of places, as these
        most = max(own.ndim, each.ndim)
        own, each = (array.reshape(*array.shape, *[1] * (most - array.ndim)) for array in (own, each))
        each = own * each
    return replace(examples, weights=[each])
