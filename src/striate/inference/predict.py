"""``Model.predict``: the outputs for whatever the model takes, by the engine that is chosen or by torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from striate.data import Batches, Examples, Preprocessing
from striate.data.batches import channels_last
from striate.described import whole
from striate.errors import DataError
from striate.graph import Graph
from striate.graph.nested import flat, numbered, packed
from striate.train.doubts import ranges
from striate.train.feed import Peeked, is_stream, unpacked

# (samples, preprocessing that the engine is to do, final activations to leave off) -> engine, or None: torch
Choose = Callable[[int, Preprocessing | None, Sequence[str | None]], Any]


def answers(
    model: Any, x: Any, batch_size: int, choose: Choose, steps: int | None = None, callbacks: Any = None
) -> Any:
    """The outputs of ``Model.predict``, an array (N, …) or a list of them.

    model       whose intake says what `x` becomes
    x           whatever ``Model.predict`` takes
    batch_size  samples at a time
    choose      gives the engine for so many samples, a preprocessing and activations to leave off, or None: torch
    steps       batches to answer; None: all
    callbacks   told of each batch

    Raises ArgumentError for a batch_size below 1, DataError for what does not fit the network.
    """
    batch_size = whole("predict", "batch_size", batch_size)
    if "predict_step" in getattr(model, "own_steps", ()):
        return _by_steps(model, x, batch_size, steps, callbacks)
    given = _of_stream(model, x, choose) if is_stream(x) else _of_examples(model, x, batch_size, choose)
    given = islice(given, steps)
    model.stop_predicting = False
    parts = list(_told(model, given, hooks_of(model, callbacks)) if callbacks else given)
    if not parts:
        raise DataError("predict: there is no batch to answer.")
    results = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
    return arranged(model.graph, results)


def arranged(graph: Graph, results: list[Any]) -> Any:
    """Results for each output as the outputs are nested; one alone is no list.

    graph     whose outputs
    results   one for each of them
    """
    structure = graph.nested[1]
    nested = results if structure is None else packed(structure, results)
    return nested[0] if isinstance(nested, list | tuple) and len(nested) == 1 else nested


def hooks_of(model: Any, callbacks: Any) -> Any:
    """A CallbackList of what a user gave: one callback, several, a CallbackList, or None."""
    if callbacks is None:
        return None
    from striate.train.callbacks import CallbackList

    return callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks, model=model)


def _of_examples(model: Any, x: Any, batch_size: int, choose: Choose) -> Iterator[list[np.ndarray]]:
    examples = model.intake.examples(x)
    ranges(model, examples)
    yield from outputs_of(model, examples, batch_size, choose(len(examples), examples.pixels, ()))


def outputs_of(model: Any, examples: Examples, batch_size: int, engine: Any) -> Iterator[list[np.ndarray]]:
    """The outputs for a batch after the other, an array each.

    model       that answers
    examples    its inputs
    batch_size  samples at a time
    engine      that answers for it; None: torch does
    """
    if engine is None:
        yield from _by_torch(model.module, examples, batch_size)
        return
    for part in parts_of(len(examples), batch_size):
        yield engine.predict(examples.arrays(part), batch_size)


def _of_stream(model: Any, x: Any, choose: Choose) -> Iterator[list[np.ndarray]]:
    for element in Peeked(x).elements():
        one = unpacked(element)[0]
        yield from _of_examples(model, one, len(model.intake.examples(one)), choose)


def _told(model: Any, parts: Iterator[list[np.ndarray]], hooks: Any) -> Iterator[list[np.ndarray]]:
    """The same parts, with callbacks told of each."""
    together = 1 if model._plan is None else model._plan.together
    told = hooks.every(together, "predict")
    hooks.on_begin("predict")
    for step, part in enumerate(parts):
        told.begin(step)
        told.end(step, {"outputs": part[0] if len(part) == 1 else part})
        yield part
        if model.stop_predicting:
            break
    told.close()
    hooks.on_end("predict")


def _by_steps(model: Any, x: Any, batch_size: int, steps: int | None, callbacks: Any) -> Any:
    """What the model's own ``predict_step`` answers, nested as it answers."""
    import torch

    from striate.train.steps import given
    from striate.train.targets import examples_of

    shapes: list[Any] = []

    def parts() -> Iterator[list[np.ndarray]]:
        batched = not is_stream(x)
        for element in [x] if batched else Peeked(x).elements():
            examples = examples_of(element if batched else unpacked(element)[0], None, None, model.intake)
            size = batch_size if batched else len(examples)
            for batch in Batches(
                examples, size, shuffle=False, device=next(model.module.parameters()).device
            ).batches():
                with torch.no_grad():
                    answer = model.predict_step(given(batch))
                shapes.append(numbered(answer))
                yield [np.asarray(torch.as_tensor(one).detach().cpu()) for one in flat(answer)]

    some = islice(parts(), steps)
    model.stop_predicting = False
    made = list(_told(model, some, hooks_of(model, callbacks)) if callbacks else some)
    if not made:
        raise DataError("predict: there is no batch to answer.")
    return packed(shapes[0], [np.concatenate(column) for column in zip(*made, strict=True)])


def _by_torch(module: Any, examples: Examples, batch_size: int) -> Iterator[list[np.ndarray]]:
    import torch

    weight = next(module.parameters(), None)
    batches = Batches(examples, batch_size, shuffle=False, device="cpu" if weight is None else weight.device)
    training = module.training
    module.eval()
    try:
        for batch in batches.batches():
            with torch.inference_mode():
                out = module(*batch.xs)
                outs = out if isinstance(out, tuple | list) else (out,)
                made = [channels_last(o).cpu().numpy() for o in outs]
            yield made
    finally:
        module.train(training)


def parts_of(count: int, batch_size: int) -> list[slice]:
    """So many samples in batches, as they stand."""
    return [slice(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
