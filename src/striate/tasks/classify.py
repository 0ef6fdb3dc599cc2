"""Classification: the most probable classes of pictures or texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from striate.errors import ArgumentError, DataError
from striate.model import Model


class Guess(NamedTuple):
    """A class and the probability that the network gives it."""

    label: str
    probability: float


def classify(model: Model, sources: Sequence[Any], top: int = 5) -> list[list[Guess]]:
    """The `top` classes of each picture (path, bytes, PIL image, array) or text, most probable first.

    Sources go through the model's own preprocessing, the one it was trained with.  Raises DataError for a source that
    cannot be read, ArgumentError for a network that does not classify.
    """
    if top < 1:
        raise ArgumentError(f"top is at least 1, not {top}.")
    if not sources:
        raise DataError("no pictures to classify.")
    shape = model.graph.check().without_auxiliary().output_shapes
    if len(shape) != 1 or len(shape[0]) != 1:
        raise ArgumentError(f"this network's output {shape} is not one probability per class.")
    last = model.predictor.graph.outputs[0].node.layer.kind
    if last.startswith("Global") or (model.origin is not None and model.features is not None and last == "Flatten"):
        raise ArgumentError(
            "this network ends in features and not in classes (include_top=False): use predict for the features, or put a "
            "head on it and train it."
        )
    names = class_names(model, shape[0][0])
    guesses = []
    for probabilities in scores(model, prepared(model, sources)):
        order = np.argsort(-probabilities, kind="stable")[:top]
        guesses.append([Guess(names[i], float(probabilities[i])) for i in order])
    return guesses


def prepared(model: Model, sources: Sequence[Any]) -> np.ndarray:
    """Pictures as one uint8 array (N, H, W, C), or texts as token ids (N, L), ready for ``model.predict``."""
    from striate.data import Preprocessing

    shape = model.graph.input_shapes[0]
    preprocessing = model.preprocessing or Preprocessing.for_model(shape)
    if preprocessing.vocabulary is not None:
        return preprocessing.vocabulary.encode(list(sources))
    if len(shape) != 3:
        raise ArgumentError(f"this network takes inputs of shape {shape}, not pictures.")
    if preprocessing.image_size is None or preprocessing.channels is None:
        wanted = Preprocessing.for_model(shape)
        pixels = [wanted.pixels(source) for source in sources]
    else:
        pixels = [preprocessing.pixels(source) for source in sources]
    return np.stack(pixels)


def scores(model: Model, x: Any) -> np.ndarray:
    """A probability per class (N, classes) for arrays or a Dataset.

    One sigmoid output stands for two classes; logits are normalised.
    """
    out = np.asarray(model.predict(x), dtype=np.float64)
    if out.shape[1] == 1:
        return np.concatenate([1 - out, out], axis=1)
    if (out < 0).any() or not np.allclose(out.sum(axis=1), 1, atol=1e-3):
        out = np.exp(out - out.max(axis=1, keepdims=True))
        out /= out.sum(axis=1, keepdims=True)
    return out


def class_names(model: Model, outputs: int) -> list[str]:
    """The labels in order, or the class numbers where the model has none."""
    count = 2 if outputs == 1 else outputs
    return model.labels if model.labels and len(model.labels) == count else [str(i) for i in range(count)]
