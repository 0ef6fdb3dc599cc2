"""A head on features: multinomial logistic regression, its weight decay chosen by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from striate.data.splits import line_up
from striate.logistic import DECAYS, regressions


@dataclass
class Head:
    """A dense layer to the classes.

    weight      float32 (classes, D), for features as they are
    bias        float32 (classes,)
    decay       the weight decay that was chosen
    loss        mean cross-entropy of that decay on the held-out folds
    accuracy    share of right answers there
    """

    weight: np.ndarray
    bias: np.ndarray
    decay: float
    loss: float
    accuracy: float


def fit_head(
    x: np.ndarray, y: np.ndarray, classes: int, *, folds: int = 5, repeats: int | None = None, seed: int = 0
) -> Head:
    """Logistic regression on features, found by L-BFGS.

    x           (N, D), or (V, N, D): V views of each example, such as as it is and mirrored; all of an example's views
                are on the same side of a fold, and held-out ones are judged by the first
    y           int64 (N,)
    folds       of the cross-validation that chooses the weight decay by its loss; fewer where a class has fewer examples
    repeats     of the cross-validation with other folds; None: 3 below a thousand examples, where one is a lottery

    Features are centred and brought to one common deviation, not each to its own: what the base hardly uses stays small.
    The loss is convex, so the seed matters for the folds alone.
    """
    views = np.asarray(x if x.ndim == 3 else x[None], np.float64)
    folds = max(2, min(folds, int(np.bincount(y, minlength=classes).min())))
    repeats = repeats or (3 if len(y) < 1000 else 1)
    losses, right = np.zeros(len(DECAYS)), np.zeros(len(DECAYS))
    for repeat in range(repeats):
        fold = np.empty(len(y), np.int64)
        fold[line_up(len(y), y, seed * 1000 + repeat)] = np.arange(len(y)) % folds
        for k in range(folds):
            held = fold == k
            truth = torch.from_numpy(y[held])
            for i, (weight, bias) in enumerate(regressions(views[:, ~held], y[~held], classes, DECAYS)):
                logits = torch.from_numpy(views[0, held]) @ weight.T + bias
                losses[i] += float(functional.cross_entropy(logits, truth, reduction="sum"))
                right[i] += int((logits.argmax(1) == truth).sum())
    best = int(losses.argmin())
    *_, (weight, bias) = regressions(views, y, classes, DECAYS[: best + 1])
    asked = len(y) * repeats
    return Head(
        weight.numpy().astype(np.float32),
        bias.numpy().astype(np.float32),
        DECAYS[best],
        losses[best] / asked,
        right[best] / asked,
    )
