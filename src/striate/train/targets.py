"""Targets: what the losses want of what users give, and how classes weigh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from striate.data import Batch, Dataset, Examples
from striate.data.augmentation import mix
from striate.data.batches import channels_first, over
from striate.errors import ArgumentError, DataError
from striate.intake import Intake, as_array, check_finite
from striate.layers import CutMix, MixUp
from striate.train.losses import Loss
from striate.wording import plural


def labelled(model: Any, x: Any, y: Any = None, sample_weight: Any = None, intake: Intake | None = None) -> Examples:
    """Inputs with their targets and weights, checked against the network and its losses.

    A Dataset is brought into line with the model (``Intake.dataset``); targets given beside it are taken as they are.
    intake      what stands for the model's own: what it will be once it has learnt from other data
    """
    intake = model.intake if intake is None else intake
    if isinstance(x, Dataset):
        x = intake.dataset(x) if y is None else intake.prepared(x)
        y = x.y if y is None else y
    examples = intake.examples(x)
    ys = spread(y, model)
    for array in ys:
        if len(array) != len(examples):
            raise DataError(
                f"{plural(len(examples), 'input')} but {plural(len(array), 'target')}; give one target for each."
            )
    weights = None if sample_weight is None else as_array(sample_weight, "sample_weight").astype(np.float32)
    if weights is not None and weights.shape != (len(examples),):
        raise DataError(f"sample_weight takes one number per sample, ({len(examples)},); it got {weights.shape}.")
    return replace(examples, ys=ys, weights=weights)


def spread(y: Any, model: Any) -> list[np.ndarray]:
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
            raise DataError(f"the network has {plural(len(plan.outputs), 'output')}; give a list or dict of targets.")
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
        elif array.dtype.kind != "f" or array.dtype == np.float64:
            array = array.astype(np.float32)
        if not loss.sparse and array.ndim == 1 and shape == (1,):
            array = array[:, None]
        arrays.append(array)
    return arrays


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


def target_batches(examples: Examples, batch_size: int) -> Iterator[tuple[slice, Batch]]:
    """The targets and weights alone, as they stand, for outputs that come from elsewhere: (which examples, batch)."""
    ys = [over(y) for y in examples.ys]
    weights = None if examples.weights is None else over(examples.weights)
    for start in range(0, len(examples), batch_size):
        part = slice(start, min(start + batch_size, len(examples)))
        yield part, Batch([], [y[part] for y in ys], None if weights is None else weights[part], part.stop - start)
