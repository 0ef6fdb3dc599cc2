"""Multinomial logistic regression of features, found by L-BFGS for one weight decay after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

DECAYS = tuple(float(d) for d in 10.0 ** np.arange(1, -4.1, -0.5))  # strongest first: each starts from the one before
# Numbers of a matrix of features up to which one thread does it: a head on 278 x 1,024 took 100 s with two threads, which
# wait for each other, on two cores that others used too, and 12 s with one.
_SMALL = 1 << 22


@contextmanager
def _few_threads(size: int) -> Iterator[None]:
    """One thread for torch where the work is small."""
    before = torch.get_num_threads()
    try:
        if size <= _SMALL:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)


def regressions(
    views: np.ndarray, y: np.ndarray, classes: int, decays: tuple[float, ...]
) -> list[tuple[Tensor, Tensor]]:
    """(weight (classes, D), bias (classes,)) of each decay, float64, for features as they are.

    views     (V, N, D): V views of each example
    y         int64 (N,)
    classes   how many there are
    decays    of the weights, strongest first

    Features are centred and brought to one common deviation, not each to its own: what hardly varies stays small.
    """
    with _few_threads(views.size):
        inputs, centre, scale, turn = _scaled(views.reshape(-1, views.shape[-1]))
        targets = torch.from_numpy(np.tile(y, len(views)))
        weight, bias = _start(classes, inputs)
        fits = []
        for decay in decays:
            _descend(inputs, targets, weight, bias, decay)
            slope = weight.detach() / scale
            slope = slope if turn is None else slope @ turn
            fits.append((slope.clone(), bias.detach() - slope @ torch.from_numpy(centre)))
        return fits


def held_out(x: np.ndarray, y: np.ndarray, classes: int, fold: np.ndarray) -> np.ndarray:
    """The probabilities (N, classes) of each example by the regression on the other folds, which did not see it.

    x         features (N, D)
    y         int64 (N,)
    classes   how many there are
    fold      int64 (N,): the fold of each

    The weight decay is the one with the least cross-entropy on what is held out, of the falling row ``DECAYS`` up to
    where that rises.
    """
    with _few_threads(x.size):
        inputs, *_ = _scaled(np.asarray(x, np.float64))
        targets = torch.from_numpy(y)
        masks = [torch.from_numpy(fold == k) for k in range(int(fold.max()) + 1)]
        fits = [_start(classes, inputs) for _ in masks]
        best, least = None, np.inf
        for decay in DECAYS:
            answers = torch.zeros(len(y), classes, dtype=torch.float64)
            for held, (weight, bias) in zip(masks, fits, strict=True):
                _descend(inputs[~held], targets[~held], weight, bias, decay)
                answers[held] = inputs[held] @ weight.detach().T + bias.detach()
            loss = float(functional.cross_entropy(answers, targets))
            if loss >= least:
                break
            best, least = answers, loss
        assert best is not None
        return best.softmax(dim=1).numpy()


def _scaled(x: np.ndarray) -> tuple[Tensor, np.ndarray, float, Tensor | None]:
    """Features centred and scaled, by what, and the turn back from the span of the examples, or None."""
    centre = x.mean(axis=0)
    scale = float(np.sqrt(((x - centre) ** 2).mean())) or 1.0
    scaled, turn = (x - centre) / scale, None
    if (
        len(x) < x.shape[1]
    ):  # the optimum lies in the span of the examples: as many numbers as there are of these will do
        basis, corner = torch.linalg.qr(torch.from_numpy(np.ascontiguousarray(scaled.T)))
        scaled, turn = corner.numpy().T, basis.T.contiguous()
    return torch.from_numpy(np.ascontiguousarray(scaled)), centre, scale, turn


def _start(classes: int, inputs: Tensor) -> tuple[Tensor, Tensor]:
    weight = torch.zeros(classes, inputs.shape[1], dtype=torch.float64, requires_grad=True)
    return weight, torch.zeros(classes, dtype=torch.float64, requires_grad=True)


def _descend(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, decay: float) -> None:
    search = torch.optim.LBFGS([weight, bias], max_iter=200, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = functional.cross_entropy(x @ weight.T + bias, y) + decay / 2 * (weight**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    search.step(loss)  # type: ignore[arg-type]
