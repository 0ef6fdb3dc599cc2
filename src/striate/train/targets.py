"""Targets: what the losses want of what users give, and how classes weigh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from striate import backend
from striate.annotations import is_number
from striate.data import Batch, Dataset, Examples
from striate.data.batches import channels_first, channels_last, over
from striate.data.box_targets import largest_boxes, moved_shares, moved_targets, of_dataset
from striate.data.mixing import mix
from striate.errors import ArgumentError, DataError
from striate.graph.nested import flat, nests, numbered
from striate.intake import Intake, as_array, check_finite
from striate.layers import Augmentation, CutMix, MixUp
from striate.train.losses import Loss
from striate.train.losses.labels import some_must_count
from striate.train.plan import judged_shapes, laid_out
from striate.wording import plural


def labelled(
    model: Any, x: Any, y: Any = None, sample_weight: Any = None, intake: Intake | None = None, part: bool = False
) -> Examples:
    """Inputs with their targets and weights, checked against the network and its losses.

    A Dataset is brought into line with the model (``Intake.dataset``); targets given beside it are taken as they are.
    intake      what stands for the model's own: what it will be once it has learnt from other data
    part        whether this is a batch of more, in which no label need count

    Raises DataError and TrainingError for what does not go with them, also where no label counts.
    """
    intake = model.intake if intake is None else intake
    if isinstance(x, Dataset):
        if y is None:
            x, y = _targets_of(intake.dataset(x), model)
        else:
            x = intake.prepared(x)
    if has_own_steps(model):
        return examples_of(x, y, sample_weight, intake)
    examples = intake.examples(x)
    ys = spread(y, model, len(examples))
    for array in ys:
        if len(array) != len(examples):
            raise DataError(
                f"{plural(len(examples), 'input')} but {plural(len(array), 'target')}; give one target for each."
            )
    if not part:
        for loss, array in zip(model._compiled().losses, ys, strict=True):
            some_must_count(loss, array)
    weights = None if sample_weight is None else weighted(sample_weight, model, ys)
    return replace(examples, ys=ys, weights=weights)


def renumbered(y: np.ndarray, numbers: np.ndarray, count: int) -> np.ndarray:
    """Targets with their classes numbered otherwise: class numbers of any shape and type, or rows that are one-hot.

    Numbers that are no class of theirs stay, to be named by whoever checks them.

    y         targets (N, ...)
    numbers   of each class from now on, (classes,)
    count     of the classes that there are then
    """
    if y.ndim == 2 and y.shape[1] == len(numbers) > 1:
        made = np.zeros((len(y), count), y.dtype)
        made[:, numbers] = y
        return made
    made = np.array(y)
    for old, new in enumerate(numbers):
        made[y == old] = new
    return made


def _targets_of(data: Dataset, model: Any) -> tuple[Dataset, Any]:
    """What of a data set is learnt, and what it has for each output: its boxes where the loss learns those, else `y`.

    Beside an output that learns the largest box of a picture the others learn its class.  Raises DataError where there
    are no boxes.
    """
    if has_own_steps(model):
        return data, data.y
    plan = model._compiled()
    if any(loss.largest for loss in plan.losses):
        some, labels, corners = largest_boxes(data)
        return some, [corners if loss.largest else labels for loss in plan.losses]
    if not any(loss.boxes for loss in plan.losses):
        return data, data.y
    boxes = of_dataset(data)
    if boxes is None:
        raise DataError(f"{data.name}: has no boxes, and the network learns to find some.")
    return data, [boxes if loss.boxes else data.y for loss in plan.losses] if len(plan.losses) > 1 else boxes


def examples_of(x: Any, y: Any, sample_weight: Any, intake: Intake) -> Examples:
    """Inputs as the network takes them, with targets as they are, in any lists and dicts.

    intake   of the model

    Raises DataError where they are not of one length.
    """
    made = intake.examples(x)
    ys, weights = (
        [as_array(one, "y") for one in flat(part)] if part is not None else [] for part in (y, sample_weight)
    )
    for array in (*ys, *weights):
        if len(array) != len(made):
            raise DataError(
                f"{plural(len(made), 'input')}, but an array of {len(array)} beside them; give one for each."
            )
    shape = numbered(x) if nests(x) and len(flat(x)) == len(made.xs) else None
    return Examples(
        made.xs,
        ys,
        made.preprocessing,
        weights=[one.astype(np.float32) for one in weights] if weights else None,
        nested=(shape, *(None if part is None else numbered(part) for part in (y, sample_weight))),  # type: ignore[arg-type]
    )


def has_own_steps(model: Any) -> bool:
    """Whether the class of a model says anew what training or evaluation does with a batch."""
    return bool(getattr(model, "own_steps", frozenset()) - {"predict_step"})


def weighted(sample_weight: Any, model: Any, ys: list[np.ndarray]) -> list[np.ndarray | None]:
    """What the samples count in the loss of each output: (N,), or (N, …) where each place of a sample has its own.

    sample_weight   of all outputs, or a list or dict of them by output

    Raises DataError for what does not go with the targets `ys`.
    """
    names = model._compiled().outputs
    each: list[Any]
    if isinstance(sample_weight, dict):
        for key in sample_weight:
            if key not in names:
                raise DataError(f'sample_weight: there is no output "{key}"; the outputs are {", ".join(names)}.')
        each = [sample_weight.get(name) for name in names]
    elif (
        isinstance(sample_weight, list | tuple) and len(sample_weight) == len(names) and any(map(_array, sample_weight))
    ):
        each = list(sample_weight)
    else:
        each = [sample_weight] * len(names)
    made: list[np.ndarray | None] = []
    for given, y, shape in zip(each, ys, judged_shapes(model.graph), strict=True):
        if given is None:
            made.append(None)
            continue
        array = as_array(given, "sample_weight").astype(np.float32)
        check_finite(array, "sample_weight")
        if array.ndim == 2 and array.shape[1] == 1 and len(shape) == 1:
            array = array[:, 0]
        if not array.ndim or array.shape != (len(y), *shape[: array.ndim - 1]):
            places = f", or one for each place, ({len(y)}, {', '.join(map(str, shape[:-1]))})" if len(shape) > 1 else ""
            raise DataError(f"sample_weight takes one number per sample, ({len(y)},){places}; it got {array.shape}.")
        made.append(array)
    return made


def _array(value: Any) -> bool:
    """Whether a part of a list is the weights of an output, and not the weight of a sample."""
    return np.ndim(value) > 0


def spread(y: Any, model: Any, count: int) -> list[np.ndarray]:
    """One array of targets per output, for `count` samples, checked by its loss; auxiliary outputs have those of the first.

    An output without a loss needs none, and has zeros then.
    """
    plan = model._compiled()
    asked = [loss.targets != "none" for loss in plan.losses]
    y = laid_out(y, model.graph.nested[1], plan.outputs)
    if y is None and any(asked):
        raise DataError("no targets: give y, or a Dataset with labels.")
    if y is None:
        y = [None] * len(asked) if len(asked) > 1 else None
    elif sum(asked) < len(asked) and not isinstance(y, dict):  # targets of the outputs that have a loss
        parts = list(y) if isinstance(y, list | tuple) else [y]
        if len(parts) == sum(asked) != len(asked):
            coming = iter(parts)
            y = [next(coming) if wanted else None for wanted in asked]
    if plan.auxiliary and not isinstance(y, dict):
        y = [y[0] if isinstance(y, list | tuple) and len(y) == 1 else y] * len(plan.outputs)
    if isinstance(y, dict):
        lost = [name for name, wanted in zip(plan.outputs, asked, strict=True) if wanted and name not in y]
        if lost:
            raise DataError(f'no targets for the output "{lost[0]}"; the outputs are {", ".join(plan.outputs)}.')
        values = [y.get(name) for name in plan.outputs]
    elif len(plan.outputs) > 1:
        if not isinstance(y, list | tuple) or len(y) != len(plan.outputs):
            raise DataError(f"the network has {plural(len(plan.outputs), 'output')}; give a list or dict of targets.")
        values = list(y)
    else:
        values = [y]
    arrays: list[Any] = []
    for value, name, loss, shape in zip(values, plan.outputs, plan.losses, judged_shapes(model.graph), strict=True):
        if value is None and loss.targets == "none":
            arrays.append(None)
            continue
        array = as_array(value, f'the targets of "{name}"')
        check_finite(array, f'the targets of "{name}"')
        loss.check(array, shape)
        if loss.sparse:
            array = array.astype(np.int64)
            if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
                array = array[..., 0]
        elif array.dtype.kind != "f" or array.dtype == np.float64:
            array = array.astype(np.float32)
        if not loss.sparse and array.ndim == 1 and shape == (1,):
            array = array[:, None]
        arrays.append(array)
    return [np.zeros(count, np.int64) if array is None else array for array in arrays]


def class_weights(class_weight: dict[int, float], y: np.ndarray, outputs: int = 1, sparse: bool = False) -> np.ndarray:
    """A weight per label, (N,) or (N, places), from a weight per class.

    class_weight   the weight of each class that does not weigh 1
    y              targets: labels, or a column for each class along the last axis
    outputs        of the network: more than one is one for each class
    sparse         whether they are labels, as the loss takes them; else a last axis of more than one is that of classes

    Raises ArgumentError for a class that is not there, or a weight that is no number.
    """
    if not isinstance(class_weight, Mapping):
        raise ArgumentError(f"class_weight is a dict, {{class: weight}}, not {class_weight!r}.")
    if not sparse and y.ndim > 1:
        y = y.argmax(axis=-1) if y.shape[-1] > 1 else y[..., 0]
    labels = y.astype(np.int64)
    absent = [k for k in class_weight if not isinstance(k, int | np.integer) or k < 0]
    if absent:
        raise ArgumentError(f"class_weight: {absent[0]!r} is not a class; use whole numbers from 0.")
    if outputs > 1 and max(class_weight, default=0) >= outputs:
        raise ArgumentError(
            f"class_weight: there is no class {max(class_weight)}; the network has {outputs}, 0 to {outputs - 1}."
        )
    table = np.ones(max(int(labels.max()), max(class_weight, default=0)) + 1, dtype=np.float32)
    for label, weight in class_weight.items():
        if not is_number(weight) or not np.isfinite(float(weight)):
            raise ArgumentError(f"class_weight: the weight of class {label} is a number, not {weight!r}.")
        table[label] = weight
    return np.where(labels < 0, np.float32(1), table[np.maximum(labels, 0)])  # below 0: what a loss leaves out


def aligned(batch: Batch, losses: list[Loss]) -> Batch:
    """Targets as the losses want them: dense ones channels-first like the outputs."""
    batch.ys = [y if loss.sparse else channels_first(y) for y, loss in zip(batch.ys, losses, strict=True)]
    return batch


def mixed(batch: Batch, how: MixUp | CutMix) -> Batch:
    """The batch with its pictures mixed; `ys` are the targets of the heavier part of each picture."""
    pictures = mix(batch.xs[0], how)
    heavy = pictures.weight >= 0.5
    own = torch.arange(batch.size, device=heavy.device)
    first, second = torch.where(heavy, own, pictures.partner), torch.where(heavy, pictures.partner, own)
    return Batch(
        xs=[pictures.x],
        ys=[y[first] for y in batch.ys],
        weights=batch.weights,
        size=batch.size,
        others=[y[second] for y in batch.ys],
        share=torch.maximum(pictures.weight, 1 - pictures.weight),
    )


def moved(batch: Batch, augment: Augmentation, losses: Sequence[Loss]) -> Batch:
    """The batch with its pictures changed, and with them boxes and label maps; other targets stay.

    augment   what changes them
    losses    of the outputs: which targets are boxes, and which label of a map counts for nothing (else 0 comes in)
    """
    module = backend.augmentation(augment.change()).train()
    maps = [i for i, (y, loss) in enumerate(zip(batch.ys, losses, strict=True)) if loss.sparse and y.ndim == 3]
    mask = batch.ys[maps[0]][:, None].double() if maps else None
    outside = getattr(losses[maps[0]], "ignore_class", None) if maps else None
    x, back, mask = module.moved(batch.xs[0], mask, float(outside or 0))
    ys = list(batch.ys)
    if mask is not None:
        ys[maps[0]] = mask[:, 0].round().to(batch.ys[maps[0]].dtype)
    size, weights = (x.shape[2], x.shape[3]), batch.weights
    for i, loss in enumerate(losses):
        if loss.boxes:
            old = (batch.xs[0].shape[2], batch.xs[0].shape[3]) if module.mirrors else None
            rows = channels_last(ys[i]).cpu().numpy()
            rows = moved_targets(rows, np.linalg.inv(back.double().numpy()), size, mirrored=old)
            ys[i] = channels_first(torch.from_numpy(rows).to(ys[i].device))
        if loss.largest:
            corners, left = moved_shares(ys[i].cpu().numpy(), np.linalg.inv(back.double().numpy()), size)
            ys[i] = torch.from_numpy(corners).to(ys[i].device)
            if not left.all():  # what was to be found has left the picture: nothing is learnt of it
                weights = _weighed(weights, torch.from_numpy(left).to(ys[i]), len(losses))
    return replace(batch, xs=[x, *batch.xs[1:]], ys=ys, weights=weights)


def _weighed(weights: Any, share: torch.Tensor, outputs: int) -> list[torch.Tensor]:
    """The samples' weights in the loss of each output, (N, …), times `share` (N,)."""
    return [
        share if given is None else given * share.reshape(-1, *[1] * (given.ndim - 1))
        for given in (weights or [None] * outputs)
    ]


def target_batches(examples: Examples, batch_size: int) -> Iterator[tuple[slice, Batch]]:
    """The targets and weights alone, as they stand, for outputs that come from elsewhere: (which examples, batch)."""
    ys = [over(y) for y in examples.ys]
    given = examples.weights
    weights = None if given is None else [w if w is None else over(w) for w in given]
    for start in range(0, len(examples), batch_size):
        part = slice(start, min(start + batch_size, len(examples)))
        some = None if weights is None else [w if w is None else w[part] for w in weights]
        yield part, Batch([], [y[part] for y in ys], some, part.stop - start)
