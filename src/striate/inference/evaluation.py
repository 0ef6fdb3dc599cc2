"""``Model.evaluate``: loss and metrics, in prediction mode, of what an engine or torch answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

import torch

from striate.data import Batch, Batches, Examples
from striate.data.batches import channels_first
from striate.described import whole
from striate.inference.predict import Choose, hooks_of
from striate.train.doubts import ranges
from striate.train.feed import ArrayFeed, Peeked, StreamFeed, is_stream, unpacked
from striate.train.fit import build_for, streamed, trainer_of
from striate.train.targets import labelled, target_batches


def evaluate(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int,
    sample_weight: Any,
    choose: Choose,
    steps: int | None = None,
    callbacks: Any = None,
) -> dict[str, float]:
    """The figures of ``Model.evaluate`` by name.

    model           compiled
    x, y            whatever ``Model.evaluate`` takes
    batch_size      samples at a time
    sample_weight   of each sample in the loss, (N,), or None
    choose          as for ``answers``
    steps           batches to look at; None: all
    callbacks       told of each batch

    Raises ArgumentError for a batch_size below 1, DataError for what does not fit the network or its losses.
    """
    batch_size = whole("evaluate", "batch_size", batch_size)
    hooks = hooks_of(model, callbacks)
    model.stop_evaluating = False
    stopped = partial(getattr, model, "stop_evaluating")
    if is_stream(x, y):
        seen = Peeked(x)
        build_for(model, unpacked(seen.first)[0])
        trainer = trainer_of(model)
        made = streamed(model, x, trainer.device, model.intake)
        ranges(model, model.intake.examples(unpacked(seen.first)[0]))
        return trainer.evaluate(StreamFeed(seen.source, made), steps=steps, callbacks=hooks, stopped=stopped)
    build_for(model, x)
    trainer = trainer_of(model)
    examples = labelled(model, x, y, sample_weight)
    ranges(model, examples)
    # the engine leaves off the same final activations as training does, so that losses see the same logits
    engine = choose(len(examples), examples.pixels, trainer.objective.left_off) if trainer.by_engine else None
    if engine is None:
        batches = Batches(examples, batch_size, shuffle=False, device=trainer.device)
        return trainer.evaluate(ArrayFeed(batches, len(batches)), steps=steps, callbacks=hooks, stopped=stopped)
    return trainer.objective.measured(
        islice(_answered(engine, examples, batch_size), steps), callbacks=hooks, stopped=stopped
    )


def _answered(engine: Any, examples: Examples, batch_size: int) -> Iterator[tuple[Batch, list[torch.Tensor]]]:
    for part, batch in target_batches(examples, batch_size):
        outs = engine.predict(examples.arrays(part), batch_size)
        yield batch, [channels_first(torch.from_numpy(out)) for out in outs]
