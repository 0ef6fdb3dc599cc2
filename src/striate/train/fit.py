"""``Model.fit``: from what users hand over to examples and a trainer."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Dataset, Examples
from striate.errors import ArgumentError
from striate.intake import Intake

if TYPE_CHECKING:
    from striate.train.callbacks import History
    from striate.train.checkpoint import Checkpoint
    from striate.train.loop import Trainer


def trainer_of(model: Any, device: str | None = None) -> Trainer:
    """The model's trainer, made anew after a compile or when what is trainable has changed."""
    from striate.train.loop import Trainer

    plan = model._compiled()
    module = model.module
    trainable = tuple(p.requires_grad for p in module.parameters())
    trainer = model._trainer
    if trainer is None or trainer.module is not module or trainer.trainable != trainable:
        trainer = model._trainer = Trainer(model.graph, module, plan, trainable, device=device)
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
    validation_batch_size: int | None,
    seed: int | None,
    device: str | None,
    resume: str | os.PathLike[str] | None = None,
) -> History:
    """``Model.fit``; see there."""
    import torch

    from striate.train.callbacks import (
        Callback,
        CallbackList,
        CSVLogger,
        History,
        ModelCheckpoint,
        ProgressBar,
        TensorBoard,
    )
    from striate.train.checkpoint import signature
    from striate.train.plan import check_epochs
    from striate.train.targets import labelled

    epochs = check_epochs(epochs, least=0)  # as in Keras none is an empty history
    if batch_size < 1:
        raise ArgumentError(f"fit: batch_size is at least 1, not {batch_size}.")
    if not 0 <= validation_split < 1:
        raise ArgumentError(f"fit: validation_split is from 0 up to (not including) 1, not {validation_split}.")
    _build_for(model, x)
    trainer = trainer_of(model, device)
    intake = model.intake.learning_from(x) if isinstance(x, Dataset) else model.intake
    examples = labelled(model, x, y, sample_weight, intake)
    validation = None
    if validation_data is not None:
        validation = _validation(model, validation_data, intake)
    elif validation_split:
        examples, validation = examples.split(validation_split)
    if class_weight is not None:  # of what is trained on: figures on held-out samples count each of them once
        examples = _weighted(examples, class_weight)
    model.preprocessing, model.labels = intake.preprocessing, intake.labels
    checkpoint = None if resume is None else _checkpoint(trainer, resume)
    if seed is None and checkpoint is not None and checkpoint.place is not None:
        seed = int(checkpoint.place.state["seed"])
    if seed is None:
        seed = int(torch.randint(0, 2**31, ()).item())
    if checkpoint is not None:
        settings = {"batch_size": batch_size, "shuffle": shuffle, "steps_per_epoch": steps_per_epoch}
        checkpoint.signature = signature(trainer, examples, validation, seed, epochs, settings)
        checkpoint.seed = seed
        checkpoint.check()
    history = History()
    everyone = [history, *([callbacks] if isinstance(callbacks, Callback) else callbacks)]
    if not trainer.accelerator.is_main_process:  # one process writes files; all of them decide when to stop
        everyone = [c for c in everyone if not isinstance(c, CSVLogger | TensorBoard | ModelCheckpoint)]
    if verbose != 0 and trainer.accelerator.is_main_process:
        everyone.append(ProgressBar(verbose))
    model.stop_training = False
    model.history = history
    hooks = CallbackList(everyone, model, epochs=epochs)
    try:
        trainer.fit(
            examples,
            batch_size=batch_size,
            epochs=epochs,
            initial_epoch=initial_epoch,
            validation=validation,
            validation_batch_size=validation_batch_size,
            shuffle=shuffle,
            seed=seed,
            steps_per_epoch=steps_per_epoch,
            callbacks=hooks,
            stopped=lambda: model.stop_training,
            checkpoint=checkpoint,
        )
    finally:
        hooks.on_train_end()
    model.facts = {
        **trainer.plan.described,
        "epochs": len(history.epoch),
        "batch_size": batch_size,
        "samples": len(examples),
        "seed": seed,
        **({} if checkpoint is None else {"seconds": round(checkpoint.seconds, 1)}),
        **({"data": x.name} if isinstance(x, Dataset) else {}),
    }
    return history


def _checkpoint(trainer: Trainer, folder: str | os.PathLike[str]) -> Checkpoint:
    """Where the state of the training is kept."""
    from striate.train.checkpoint import Checkpoint

    if trainer.accelerator.num_processes > 1:
        raise ArgumentError("resume is for a training in one process, not under torchrun; save with ModelCheckpoint.")
    return Checkpoint(folder)


def _build_for(model: Any, x: Any) -> None:
    """Tell a Sequential without an input shape what its input is: the data's."""
    if model.knows_input:
        return
    model.build(np.shape(x.x if isinstance(x, Dataset) else x)[1:])


def _validation(model: Any, data: Any, intake: Intake) -> Examples:
    from striate.train.targets import labelled

    if isinstance(data, Dataset):
        return labelled(model, data, intake=intake)
    if not isinstance(data, list | tuple) or len(data) not in (2, 3):
        raise ArgumentError("validation_data is (x, y), (x, y, sample_weight) or a Dataset.")
    return labelled(model, data[0], data[1], data[2] if len(data) == 3 else None, intake)


def _weighted(examples: Examples, class_weight: dict[int, float]) -> Examples:
    from striate.train.targets import class_weights

    if len(examples.ys) > 1:
        raise ArgumentError("class_weight works with one output; use sample_weight.")
    each = class_weights(class_weight, examples.ys[0])
    return replace(examples, weights=each if examples.weights is None else examples.weights * each)
