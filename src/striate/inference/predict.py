"""``Model.predict``: the outputs for whatever the model takes, by the engine that is chosen or by torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from striate.data import Batches, Examples, Preprocessing
from striate.data.batches import channels_last
from striate.errors import ArgumentError

# (samples, preprocessing that the engine is to do, final activations to leave off) -> engine, or None: torch
Choose = Callable[[int, Preprocessing | None, Sequence[str | None]], Any]


def answers(model: Any, x: Any, batch_size: int, choose: Choose) -> Any:
    """The outputs of ``Model.predict``, an array (N, …) or a list of them.

    model       whose intake says what `x` becomes
    x           whatever ``Model.predict`` takes
    batch_size  samples at a time
    choose      gives the engine for so many samples, a preprocessing and activations to leave off, or None: torch

    Raises ArgumentError for a batch_size below 1, DataError for what does not fit the network.
    """
    if batch_size < 1:
        raise ArgumentError(f"predict: batch_size is at least 1, not {batch_size}.")
    examples = model.intake.examples(x)
    engine = choose(len(examples), examples.pixels, ())
    if engine is not None:
        parts = [engine.predict(examples.arrays(part), batch_size) for part in parts_of(len(examples), batch_size)]
    else:
        parts = list(_by_torch(model.module, examples, batch_size))
    results = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
    return results[0] if len(results) == 1 else results


def _by_torch(module: Any, examples: Examples, batch_size: int) -> Iterator[list[np.ndarray]]:
    import torch

    weight = next(module.parameters(), None)
    batches = Batches(examples, batch_size, shuffle=False, device="cpu" if weight is None else weight.device)
    training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            for batch in batches.batches():
                out = module(*batch.xs)
                outs = out if isinstance(out, tuple | list) else (out,)
                yield [channels_last(o).cpu().numpy() for o in outs]
    finally:
        module.train(training)


def parts_of(count: int, batch_size: int) -> list[slice]:
    """So many samples in batches, as they stand."""
    return [slice(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
