"""From what users hand to fit, evaluate and predict, to feeds and a trainer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Dataset, Preprocessing
from striate.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from striate.train.callbacks import History
    from striate.train.checkpoint import Checkpoint
    from striate.train.feed import Feed
    from striate.train.loop import Trainer

    # (samples, preprocessing that the engine is to do, final activations to leave off) -> engine, or None: torch
    Choose = Callable[[int, Preprocessing | None, Sequence[str | None]], Any]


# -- arrays -------------------------------------------------------------------------------------------------------------
def as_array(value: Any, what: str) -> np.ndarray:
    """A NumPy array of numbers from a list, an array or a tensor.  Raises DataError for anything else."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise DataError(f"{what} is no array: its rows have different lengths.") from None
    if array.dtype.kind not in "biuf":
        hint = "convert it first."
        if array.dtype.kind in "UO":
            hint = "for pictures in files: np.stack([model.preprocessing.pixels(path) for path in paths])."
        raise DataError(f"{what} is not an array of numbers (its dtype is {array.dtype}); {hint}")
    return array.astype(np.int64) if array.dtype.kind in "b" else array


def spread_inputs(x: Any, names: list[str], shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """One array per network input, checked against its shape: from an array, a list in order or a dict by name."""
    if isinstance(x, dict):
        lost = [name for name in names if name not in x]
        if lost:
            raise DataError(f'no array for the input "{lost[0]}"; the inputs are {", ".join(names)}.')
        values = [x[name] for name in names]
    elif len(names) > 1:
        if not isinstance(x, list | tuple) or len(x) != len(names):
            raise DataError(f"the network has {len(names)} inputs ({', '.join(names)}); give a list or dict of arrays.")
        values = list(x)
    else:
        values = [x[0]] if isinstance(x, tuple | list) and len(x) == 1 and hasattr(x[0], "shape") else [x]
    arrays = [as_array(value, f'the input "{name}"') for value, name in zip(values, names, strict=True)]
    for array, name, shape in zip(arrays, names, shapes, strict=True):
        check_shape(array, shape, name)
    if len({len(a) for a in arrays}) > 1:
        raise DataError(f"the inputs have different lengths: {', '.join(str(len(a)) for a in arrays)}.")
    return arrays


def check_shape(array: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Raise DataError unless `array` is (N, *shape), finite and not empty."""
    if array.shape[1:] != shape:
        hint = ""
        if array.shape == shape:
            hint = " For one sample, add the batch axis: x[None]."
        elif array.shape[1:] == shape[:-1] and shape[-1] == 1:
            hint = " Add the channel axis: x[..., None]."
        elif array.ndim == 4 and array.shape[1:] == (shape[-1], *shape[:-1]):
            hint = " Those look channels-first: x.transpose(0, 2, 3, 1)."
        elif int(np.prod(array.shape[1:])) == int(np.prod(shape)):
            hint = f" Same count: x.reshape(-1, {', '.join(map(str, shape))})."
        raise DataError(
            f'the input "{name}" takes arrays of shape (N, {", ".join(map(str, shape))}), it got {array.shape}.{hint}'
        )
    if not len(array):
        raise DataError(f'the input "{name}" is empty: no samples.')
    check_finite(array, f'the input "{name}"')


def check_finite(array: np.ndarray, what: str) -> None:
    """Raise DataError, with the count and the first place, if `array` holds NaN or infinity."""
    if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
        bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if bad.any():
            raise DataError(
                f"{what} holds NaN or infinity in {int(bad.sum())} of {len(array)} samples, first in sample "
                f"{int(bad.argmax())}. Drop or repair them (np.nan_to_num)."
            )


def spread_targets(y: Any, model: Any) -> list[np.ndarray]:
    """One array of targets per output, checked by its loss; auxiliary outputs have those of the first."""
    plan = model._compiled()
    if y is None:
        raise DataError("no targets: give y, or a Dataset with labels.")
    if plan.auxiliary and not isinstance(y, dict):
        y = [y[0] if isinstance(y, list | tuple) and len(y) == 1 else y] * len(plan.outputs)
    if isinstance(y, dict):
        lost = [name for name in plan.outputs if name not in y]
        if lost:
            raise DataError(f'no targets for the output "{lost[0]}"; the outputs are {", ".join(plan.outputs)}.')
        values = [y[name] for name in plan.outputs]
    elif len(plan.outputs) > 1:
        if not isinstance(y, list | tuple) or len(y) != len(plan.outputs):
            raise DataError(f"the network has {len(plan.outputs)} outputs; give a list or dict of targets.")
        values = list(y)
    else:
        values = [y]
    arrays = []
    for value, name, loss, shape in zip(values, plan.outputs, plan.losses, model.graph.output_shapes, strict=True):
        array = as_array(value, f'the targets of "{name}"')
        check_finite(array, f'the targets of "{name}"')
        loss.check(array, shape)
        if loss.sparse:
            array = array.astype(np.int64)
            if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
                array = array[..., 0]
        elif array.dtype.kind != "f":
            array = array.astype(np.float32)
        if not loss.sparse and array.ndim == 1 and shape == (1,):
            array = array[:, None]
        arrays.append(array)
    return arrays


def make_feed(
    model: Any, x: Any, y: Any, *, device: Any = "cpu", sample_weight: Any = None, targets: bool = True
) -> Feed:
    """A feed of a Dataset or of arrays, checked against the network."""
    from striate.train.feed import Feed

    graph = model.graph.check()
    names = [graph.label(tensor.node) for tensor in graph.inputs]
    preprocessing: Preprocessing | None = None
    if isinstance(x, Dataset):
        preprocessing, inputs = x.preprocessing, x.x
        y = x.y if y is None else y
    else:
        inputs = x
        first = x[0] if isinstance(x, list | tuple) and len(x) == len(names) > 1 else x
        if str(getattr(first, "dtype", None)) in ("uint8", "torch.uint8") and model.preprocessing is not None:
            preprocessing = model.preprocessing
    xs = spread_inputs(inputs, names, graph.input_shapes)
    ys = spread_targets(y, model) if targets else []
    for array in ys:
        if len(array) != len(xs[0]):
            raise DataError(f"{len(xs[0])} inputs but {len(array)} targets; give one target for each.")
    weights = None if sample_weight is None else as_array(sample_weight, "sample_weight").astype(np.float32)
    if weights is not None and weights.shape != (len(xs[0]),):
        raise DataError(f"sample_weight takes one number per sample, ({len(xs[0])},); it got {weights.shape}.")
    return Feed(xs, ys, preprocessing=preprocessing, sample_weight=weights, device=device)


def class_weights(class_weight: dict[int, float], y: np.ndarray) -> np.ndarray:
    """A weight per sample from a weight per class.  Raises ArgumentError for a class that is not there."""
    labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1).astype(np.int64)
    if len(labels) != len(y):
        raise ArgumentError("class_weight needs one label per sample.")
    absent = [k for k in class_weight if not isinstance(k, int | np.integer) or k < 0]
    if absent:
        raise ArgumentError(f"class_weight: {absent[0]!r} is not a class; use whole numbers from 0.")
    table = np.ones(max(int(labels.max()), max(class_weight, default=0)) + 1, dtype=np.float32)
    for label, weight in class_weight.items():
        table[label] = weight
    return table[labels]


# -- what the model's methods call -----------------------------------------------------------------------------------
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

    if batch_size < 1 or epochs < 0:
        raise ArgumentError(f"fit: batch_size is at least 1 and epochs at least 0, not {batch_size} and {epochs}.")
    if not 0 <= validation_split < 1:
        raise ArgumentError(f"fit: validation_split is from 0 up to (not including) 1, not {validation_split}.")
    _build_for(model, x)
    trainer = trainer_of(model, device)
    feed = make_feed(model, x, y, device=trainer.device, sample_weight=sample_weight)
    if class_weight is not None:
        if len(feed.ys) > 1:
            raise ArgumentError("class_weight works with one output; use sample_weight.")
        per_sample = torch.from_numpy(class_weights(class_weight, feed.ys[0].numpy()))
        feed.weights = per_sample if feed.weights is None else feed.weights * per_sample
    validation = None
    if validation_data is not None:
        validation = _validation(model, validation_data, trainer.device)
    elif validation_split:
        feed, validation = feed.split(validation_split)
    if isinstance(x, Dataset):
        model.preprocessing = x.preprocessing
        model.labels = list(x.classes) if x.classes else None
    checkpoint = None if resume is None else _checkpoint(trainer, resume)
    if seed is None and checkpoint is not None and checkpoint.place is not None:
        seed = int(checkpoint.place.state["seed"])
    if seed is None:
        seed = int(torch.randint(0, 2**31, ()).item())
    if checkpoint is not None:
        settings = {"batch_size": batch_size, "shuffle": shuffle, "steps_per_epoch": steps_per_epoch}
        checkpoint.signature = signature(trainer, feed, validation, seed, epochs, settings)
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
            feed,
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
        "samples": len(feed),
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


def _validation(model: Any, data: Any, device: Any) -> Feed:
    if isinstance(data, Dataset):
        return make_feed(model, data, None, device=device)
    if not isinstance(data, list | tuple) or len(data) not in (2, 3):
        raise ArgumentError("validation_data is (x, y), (x, y, sample_weight) or a Dataset.")
    return make_feed(model, data[0], data[1], device=device, sample_weight=data[2] if len(data) == 3 else None)


def evaluate(model: Any, x: Any, y: Any, *, batch_size: int, sample_weight: Any, choose: Choose) -> dict[str, float]:
    """``Model.evaluate`` as a dict; see there."""
    if batch_size < 1:
        raise ArgumentError(f"evaluate: batch_size is at least 1, not {batch_size}.")
    trainer = trainer_of(model)
    feed = make_feed(model, x, y, device=trainer.device, sample_weight=sample_weight)
    # the engine leaves off the same final activations as training does, so that losses see the same logits
    ends = list(zip(trainer.losses, trainer.finals, strict=True))[: trainer.plan.judged]
    left_off = [loss.activation if final else None for loss, final in ends]
    plain = trainer.device.type == "cpu" and trainer.plan.precision == "float32"
    engine = choose(len(feed), _pixels(feed), left_off) if plain else None
    if engine is None:
        return trainer.evaluate(feed, batch_size)
    return _evaluated(trainer, feed, engine, batch_size)


def _evaluated(trainer: Trainer, feed: Feed, engine: Any, batch_size: int) -> dict[str, float]:
    """``Trainer.evaluate`` with the outputs of an engine."""
    import torch

    from striate.train.feed import Feed, channels_first
    from striate.train.loop import Totals, aligned

    for metric in trainer.plan.all_metrics():
        metric.reset()
    totals = Totals(1 + trainer.plan.judged)
    targets = Feed([], feed.ys, sample_weight=feed.weights)
    with torch.inference_mode():
        for part in _parts(len(feed), batch_size):
            outs = [channels_first(torch.from_numpy(out)) for out in engine.predict(_arrays(feed, part), batch_size)]
            batch = aligned(targets.batch(part, part.stop - part.start), trainer.losses)
            totals.add(*trainer.loss(outs, batch), batch.size)
            trainer.metrics_update(batch, outs)
    return trainer.logs(totals)


def predict(model: Any, x: Any, batch_size: int, choose: Choose) -> Any:
    """``Model.predict``; see there."""
    import torch

    from striate.train.feed import channels_last

    if batch_size < 1:
        raise ArgumentError(f"predict: batch_size is at least 1, not {batch_size}.")
    feed = make_feed(model, x, None, targets=False)
    engine = choose(len(feed), _pixels(feed), ())
    parts: list[list[np.ndarray]] = []
    if engine is not None:
        parts = [engine.predict(_arrays(feed, part), batch_size) for part in _parts(len(feed), batch_size)]
        return _joined(parts)
    module = model.module
    if (parameter := next(module.parameters(), None)) is not None:
        feed.device = parameter.device
    training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            for batch in feed.batches(batch_size):
                out = module(*batch.xs)
                outs = out if isinstance(out, tuple | list) else (out,)
                parts.append([channels_last(o).cpu().numpy() for o in outs])
    finally:
        module.train(training)
    return _joined(parts)


def _joined(parts: list[list[np.ndarray]]) -> Any:
    """Batches of outputs as one array, or one per output."""
    results = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
    return results[0] if len(results) == 1 else results


def _parts(count: int, batch_size: int) -> list[slice]:
    return [slice(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]


def _pixels(feed: Feed) -> Preprocessing | None:
    """The preprocessing that an engine can do itself: of uint8 pictures."""
    x, preprocessing = feed.xs[0], feed.preprocessing
    fits = preprocessing is not None and x.ndim == 4 and str(x.dtype) == "torch.uint8"
    return preprocessing if fits else None


def _arrays(feed: Feed, part: slice) -> list[np.ndarray]:
    """Some of the samples as an engine takes them: channels-last, pixels as they are, anything else normalised."""
    xs = [x[part].cpu().numpy() for x in feed.xs]
    if feed.preprocessing is not None and _pixels(feed) is None:
        xs[0] = feed.preprocessing.normalise(xs[0])
    return xs
