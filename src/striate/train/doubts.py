"""What is likely not meant, said before the first step: a note where training goes on, an error where it can only go wrong.

Labels that do not go with their loss are the losses' own to refuse: ``losses/labels.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from striate.data import Examples, Preprocessing
from striate.errors import TrainingError, note
from striate.graph import Graph, Network, SymbolicTensor
from striate.intake.outputs import final_activation
from striate.train.losses import Loss

_SEEN = 64  # samples that are looked at, evenly spaced
_SMALL, _PIXELS, _ONE = (
    6.0,
    50.0,
    1.0,
)  # what scaled pixels stay below, what pixels go above, what pixels / 255 are at most


def endings(graph: Graph, losses: Sequence[Loss]) -> None:
    """Whether each loss reads what its output is.

    graph    of the network
    losses   one for each output

    Raises TrainingError for a network that would be trained backwards, or can only ever give one answer.
    """
    for tensor, loss in zip(graph.outputs, losses, strict=True):
        if loss.activation is not None or final_activation(tensor) == "boxes":
            _ending(tensor, loss, graph.label(tensor.node))


def _ending(tensor: SymbolicTensor, loss: Loss, name: str) -> None:
    final, logits = final_activation(tensor), loss.from_logits
    if loss.boxes != (final == "boxes"):
        what = "boxes" if final == "boxes" else "no boxes"
        raise TrainingError(
            f'"{name}" gives {what}, and {loss.name} {"learns from them" if loss.boxes else "does not"}: '
            "compile with the loss that goes with tasks.detector, or end the network in another layer."
        )
    if final == "distance":
        raise TrainingError(
            f'"{name}" gives distances, of which the smallest is the answer, and {loss.name} makes that of the right class '
            "large: the network would learn the wrong answers. Put layers.Rescaling(-1.0) behind it and use "
            f"{type(loss).__name__}(from_logits=True)."
        )
    if not logits and final is None and _turned_distance(tensor):
        raise TrainingError(
            f'"{name}" gives negative distances, and {loss.name} takes probabilities: the network would learn the wrong '
            f"answers. Use {type(loss).__name__}(from_logits=True)."
        )
    if final == "softmax" and tensor.sizes[-1:] == (1,):
        raise TrainingError(
            f'"{name}" is a softmax of one number, which is always 1: there is nothing to learn. Use activation="sigmoid".'
        )
    if logits and final in ("softmax", "sigmoid", "hard_sigmoid"):
        note(
            f'"{name}" ends in {final}, and {loss.name} with from_logits=True takes logits: it is applied twice, and '
            f"training is slow and stops short. Leave out from_logits=True, or the {final}."
        )
    if not logits and final in (None, "log_softmax"):
        what = "logarithms of probabilities" if final else "plain numbers (logits)"
        note(
            f'"{name}" gives {what}, and {loss.name} takes probabilities. Give the loss from_logits=True, or the last layer '
            f'activation="{loss.activation}".'
        )


def _turned_distance(tensor: SymbolicTensor) -> bool:
    """Whether an output is a distance times a number."""
    layer = tensor.node.layer
    if isinstance(layer, Network):
        return _turned_distance(layer.graph.outputs[tensor.index])
    return any(final_activation(each) == "distance" for each in tensor.node.inputs)


# -- how large the inputs are ------------------------------------------------------------------------------------------
def reach(examples: Examples) -> tuple[float, float] | None:
    """The smallest and largest number of some of the first inputs that go in as they are; None where none do.

    examples   arrays (N, ...)
    """
    x = examples.xs[0]
    numbers = x.dtype.kind == "f" or x.dtype == np.uint8 or (x.dtype.kind in "iu" and x.ndim > 2)  # no ids of tokens
    if examples.preprocessing is not None or x.ndim < 2 or not numbers:
        return None
    some = x[:: max(1, len(x) // _SEEN)][:_SEEN]
    return float(some.min()), float(some.max())


def ranges(model: Any, examples: Examples) -> None:
    """Whether inputs are as large as those that the model has learnt from; a note where they are not.

    model      whose preprocessing, or whose last training, says how large
    examples   inputs (N, ...)
    """
    now = reach(examples)
    then = None if now is None else _learnt(model)
    if now is None or then is None:
        return
    usual = max(abs(then[0]), abs(then[1]))
    how = f"the inputs run from {now[0]:.4g} to {now[1]:.4g}, those that the network has learnt from ran from {then[0]:.4g} "
    how += f"to {then[1]:.4g}"
    if usual <= _SMALL and now[1] >= _PIXELS:
        note(f"Scale them alike: {how}.")
    elif then[1] >= _PIXELS and 0 < now[1] <= _ONE:
        note(f"Scale them alike: {how}. These look divided by 255 already.")


@lru_cache
def _ends(preprocessing: Preprocessing, channels: int) -> tuple[float, float]:
    """The smallest and largest number that pixels become."""
    ends = np.stack([np.full((1, 1, channels), value, np.uint8) for value in (0, 255)])
    made = np.asarray(preprocessing.normalise(ends))
    return float(made.min()), float(made.max())


def _learnt(model: Any) -> tuple[float, float] | None:
    own = model.preprocessing
    if own is not None and not own.identity and own.vocabulary is None:
        return _ends(own, model.graph.input_shapes[0][-1])
    learnt = model.facts.get("input range")
    return None if learnt is None else (float(learnt[0]), float(learnt[1]))
