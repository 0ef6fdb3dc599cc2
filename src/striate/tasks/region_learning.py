"""What R-CNN learns from regions: which are things, by linear machines, and where their boxes are, by ridge regression."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from striate.errors import DataError
from striate.tasks.boxes import iou_matrix
from striate.tasks.matching import Truth
from striate.tasks.regions import offsets

_NORM = 20.0  # features are brought to this mean length, as in the authors' code, so that C and lambda mean the same
_COST = 1e-3  # of the linear machines, their C
_COVERED = 0.5  # the part of a region in a box that is ignored, from which on it is left out
_DECAY = 1e-2  # of the softmax's weights


@dataclass
class Samples:
    """Regions of all pictures that are learnt from, one row each.

    crops     warped, (n, h, w, C), of each picture; joined, one array
    regions   (n, 4), corners in pixels of their picture
    boxes     (n, 4): the box that each overlaps most; itself where there is none
    labels    its class where the region counts as it, -1 elsewhere
    near      the class of that box, however little they overlap; -1 where there is none
    exact     bool (n,): the region is a box itself
    clear     bool (n,): it counts as a class, or is none of any
    best      (n, K): its highest overlap with a box of each class
    """

    crops: list[np.ndarray] = field(default_factory=list)
    parts: list[dict[str, np.ndarray]] = field(default_factory=list)
    regions: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    near: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    exact: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    clear: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    best: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def draw(
        self,
        proposals: np.ndarray,
        truth: Truth,
        classes: int,
        positive: float,
        negative: float,
        near: float,
        most: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """The regions (n, 4) of a picture that are learnt from: its boxes, regions on them, and others.

        proposals   (n, 4)
        truth       of the picture
        classes     how many there are
        positive, negative, near   overlaps, as for ``RCNN.fit``
        most        how many at most, beside the boxes; up to a quarter of them lie on a box
        rng         draws them
        """
        flags = np.zeros(len(truth.boxes), bool) if truth.ignored is None else np.asarray(truth.ignored, bool)
        boxes = np.asarray(truth.boxes, np.float64).reshape(-1, 4)
        there, labels = boxes[~flags], np.asarray(truth.classes, np.int64)[~flags]
        if flags.any() and len(proposals):
            low = np.maximum(proposals[:, None, :2], boxes[flags][None, :, :2])
            both = (np.minimum(proposals[:, None, 2:], boxes[flags][None, :, 2:]) - low).clip(0).prod(-1)
            sides = (proposals[:, 2:] - proposals[:, :2]).prod(-1)
            proposals = proposals[(both < _COVERED * sides[:, None]).all(1)]
        overlap = iou_matrix(proposals, there) if len(there) else np.zeros((len(proposals), 0))
        highest = overlap.max(1, initial=0)
        on = np.flatnonzero(highest >= min(positive, near))
        off = np.flatnonzero(highest < min(positive, near))
        on = rng.choice(on, min(len(on), max(1, most // 4)), replace=False)
        off = rng.choice(off, min(len(off), max(0, most - len(on))), replace=False)
        chosen = np.concatenate([on, off]).astype(np.int64)
        regions = np.concatenate([there, proposals[chosen]])
        overlap = iou_matrix(regions, there) if len(there) else np.zeros((len(regions), 0))
        best = np.zeros((len(regions), classes))
        for k in range(classes):
            best[:, k] = overlap[:, labels == k].max(1, initial=0)
        own = overlap.argmax(1) if len(there) else np.zeros(len(regions), np.int64)
        highest = overlap.max(1, initial=0)
        self.parts.append(
            {
                "regions": regions,
                "boxes": there[own] if len(there) else regions,
                "labels": np.where(highest >= positive, labels[own], -1) if len(there) else own - 1,
                "near": labels[own] if len(there) else own - 1,
                "exact": np.arange(len(regions)) < len(there),
                "clear": (highest >= positive) | (highest < negative),
                "best": best,
            }
        )
        return regions

    def join(self) -> None:
        """Make one table of all pictures.  Raises DataError where there is nothing to learn."""
        self.crops = [np.concatenate(self.crops)]
        for name in self.parts[0]:
            setattr(self, name, np.concatenate([part[name] for part in self.parts]))
        if (self.labels < 0).all() or (self.labels >= 0).all():
            raise DataError(
                "R-CNN learns from regions on things and off them; here all of them are one or the other. Give more "
                "pictures, or other proposals."
            )


def scorers(
    features: np.ndarray, samples: Samples, classes: int, kind: str, negative: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (K, D) and biases (K,) of the scores; of the softmax K is one more, the ground.

    features   (n, D)
    samples    the regions
    classes    how many there are
    kind       "svm": for each class a linear machine (squared hinge), whose examples are the boxes themselves, against
               regions that overlap none of its boxes by `negative`.  "softmax": all regions that are clear
    negative   that overlap
    seed       of the solver
    """
    centre, scale = _normal(features)
    if kind == "softmax":
        from striate.logistic import regressions

        some = samples.clear
        y = np.where(samples.labels < 0, classes, samples.labels)[some]
        weight, bias = regressions(features[some][None].astype(np.float64), y, classes + 1, (_DECAY,))[0]
        return weight.numpy(), bias.numpy()
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    scaled = ((features - centre) * scale).astype(np.float64)
    weights, biases = np.zeros((classes, features.shape[1])), np.full(classes, -10.0)
    for k in range(classes):
        good = samples.exact & (samples.labels == k)
        bad = samples.best[:, k] < negative
        if not good.any() or not bad.any():
            continue  # a class without a box says nothing: its score stays at 0
        rows = np.flatnonzero(good | bad)
        machine = LinearSVC(C=_COST, class_weight={1: 2.0}, dual=False, random_state=seed, max_iter=2000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(scaled[rows], good[rows].astype(int))
        weights[k] = machine.coef_[0] * scale
        biases[k] = machine.intercept_[0] - weights[k] @ centre
    return weights, biases


def ridge(
    features: np.ndarray, samples: Samples, classes: int, near: float, decay: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (4 K, D) and constants (4 K,) of t_x, t_y, t_w and t_h of each class.

    features   (n, D)
    samples    the regions
    classes    how many there are
    near       overlap with a box from which on a region learns where that is
    decay      of the weights
    """
    weights, constants = np.zeros((classes, 4, features.shape[1])), np.zeros((classes, 4))
    centre, scale = _normal(features)
    overlap = samples.best.max(1)
    for k in range(classes):
        rows = np.flatnonzero(
            (samples.near == k) & (overlap >= near) & (samples.best[:, k] == overlap) & ~samples.exact
        )
        if not len(rows):
            continue  # boxes of this class stay as they were proposed
        x = (features[rows] - centre) * scale
        y = offsets(samples.regions[rows], samples.boxes[rows])
        mean, middle = y.mean(0), x.mean(0)
        x = (x - middle).astype(np.float64)
        if len(x) < x.shape[1]:  # the same sum, over as many unknowns as there are regions
            w = x.T @ np.linalg.solve(x @ x.T + decay * np.eye(len(x)), y - mean)
        else:
            w = np.linalg.solve(x.T @ x + decay * np.eye(x.shape[1]), x.T @ (y - mean))
        weights[k] = w.T * scale
        constants[k] = mean - (middle / scale + centre) @ weights[k].T
    return weights.reshape(classes * 4, -1), constants.reshape(-1)


def _normal(features: np.ndarray) -> tuple[np.ndarray, float]:
    """The mean of features, and what brings them, less it, to the mean length."""
    centre = features.mean(0).astype(np.float64)
    length = float(np.linalg.norm(features - centre, axis=1).mean())
    return centre, _NORM / max(length, 1e-12)
