"""The loss around trained weights: along a line, over a plane, and the path of the training on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch

from striate.errors import ArgumentError, unknown
from striate.look.arguments import Progress
from striate.look.landscape import surface_figure
from striate.look.landscape.perturbed_loss import Twin, finite, random_direction
from striate.look.landscape.trajectory import Path, Trajectory, principal
from striate.look.result import Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model


@dataclass
class Line(Look):
    """The loss along one direction; at 0 are the trained weights.

    steps      float64 (S,): multiples of the direction
    loss       float64 (S,); infinite where the sums overflow
    accuracy   float64 (S,), 0 to 1, or None where the metrics hold none
    examples   judged at each point
    direction  in words
    """

    anchor: ClassVar[str] = "loss-line"
    title: ClassVar[str] = "Loss along a line"
    source: ClassVar[str] = "Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, section 4"

    steps: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray | None
    examples: int
    direction: str

    @property
    def centre(self) -> float:
        """The loss of the trained weights."""
        return float(self.loss[len(self.loss) // 2])

    def figure(self) -> Figure:
        return surface_figure.line(self)

    def note(self) -> str:
        low = int(np.argmin(self.loss))
        there = (
            "nowhere on the line lower"
            if low == len(self.loss) // 2
            else f"lowest {_n(self.loss[low])} at {self.steps[low]:g}"
        )
        return (
            f"Loss of {self.examples} examples at the trained weights plus so many times {self.direction}: "
            f"{_n(self.centre)} at 0, {_n(self.loss[0])} and {_n(self.loss[-1])} at the ends, {there}."
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("step", "loss", "accuracy") if self.accuracy is not None else ("step", "loss")
        columns = [[f"{s:.3g}" for s in self.steps], [_n(v) for v in self.loss]]
        if self.accuracy is not None:
            columns.append([f"{v:.1%}" for v in self.accuracy])
        return heads, list(zip(*columns, strict=True))

    def facts(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "steps": self.steps.tolist(),
            "loss": _plain(self.loss),
            **({} if self.accuracy is None else {"accuracy": self.accuracy.tolist()}),
        }


@dataclass
class Surface(Look):
    """The loss over a plane through the trained weights, which are its origin.

    x, y       float64 (X,), (Y,): multiples of the two directions, rising
    loss       float64 (Y, X); infinite where the sums overflow
    accuracy   float64 (Y, X), 0 to 1, or None where the metrics hold none
    centre     loss of the trained weights
    examples   judged at each point
    axes       the two directions in words
    path       of the training, projected onto the plane, or None
    cosine     of the two directions
    """

    anchor: ClassVar[str] = "loss-surface"
    title: ClassVar[str] = "Loss surface"
    source: ClassVar[str] = "Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, section 4"

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray | None
    centre: float
    examples: int
    axes: tuple[str, str]
    path: Path | None = None
    cosine: float = 0.0
    top: float | None = field(default=None, kw_only=True)

    def figure(self) -> Figure:
        """Contours on the left, in three dimensions on the right; cut off at `top`, logarithmic over a wide range."""
        return surface_figure.surfaces({"": self}, top=self.top)

    def note(self) -> str:
        at_edge = np.concatenate([self.loss[0], self.loss[-1], self.loss[1:-1, 0], self.loss[1:-1, -1]])
        dips = minima(self.loss)
        said = (
            f"Loss of {self.examples} examples at {self.loss.size} points around the trained weights, where it is "
            f"{_n(self.centre)}: {_n(self.loss.min())} to {_n(self.loss.max())}, at the edge {_n(at_edge.min())} to "
            f"{_n(at_edge.max())}; {dips} point{'s' * (dips != 1)} within the grid lower than all eight around."
        )
        if self.path is not None:
            said += (
                f" The plane holds {self.path.share.sum():.1%} of the variance of the training's path "
                f"({self.path.share[0]:.1%} and {self.path.share[1]:.1%})."
            )
        return said

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]] | None:
        """Over rings around the centre; the path's points where there is one."""
        if self.path is not None:
            cells = [
                (epoch, f"{x:.3g}", f"{y:.3g}", f"{off:.3g}")
                for epoch, (x, y), off in zip(self.path.epochs, self.path.points, self.path.off, strict=True)
            ]
            return ("epoch", "x", "y", "distance from the plane"), cells
        radius = np.hypot(*np.meshgrid(self.x, self.y)) / self.x[-1]
        found = []
        for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1), (1, 2**0.5)):  # the last: corners
            ring = (radius > low) & (radius <= high + 1e-9)
            if ring.any():
                values = self.loss[ring]
                accuracy = [] if self.accuracy is None else [f"{self.accuracy[ring].mean():.1%}"]
                ends = f"{low * self.x[-1]:.3g} to {high * self.x[-1]:.3g}"
                found.append((ends, _n(values.min()), _n(np.median(values)), _n(values.max()), *accuracy))
        heads = ("distance", "lowest loss", "median", "highest", "mean accuracy")
        return heads[: len(found[0]) if found else 4], found

    def facts(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "centre": self.centre,
            "x": self.x.tolist(),
            "y": self.y.tolist(),
            "loss": [_plain(row) for row in self.loss],
            **({} if self.accuracy is None else {"accuracy": self.accuracy.tolist()}),
            "minima": minima(self.loss),
            "cosine": self.cosine,
            **({} if self.path is None else self.path.facts()),
        }


# -- the techniques -----------------------------------------------------------------------------------------------------
def line(
    model: Model,
    pictures: Any,
    *,
    labels: Any = None,
    steps: int = 25,
    span: float = 1.0,
    direction: Mapping[str, torch.Tensor] | None = None,
    normalise: Literal["filter", "layer", None] = "filter",
    ignore: Literal["biasbn", None] = "biasbn",
    loss: Any = None,
    engine: Literal["auto", "onnxruntime", "torch"] = "auto",
    count: int | None = 1000,
    batch_size: int = 256,
    seed: int = 0,
    progress: Progress | None = None,
) -> Line:
    """The loss along a line through the trained weights, in prediction mode.

    model       any network; it stays as it is, a twin takes the weights
    pictures    a Dataset, or arrays as ``Model.evaluate`` takes them, with `labels`
    labels      what the answers should be; None: the Dataset's own
    steps       points, an odd number, so that the trained weights are one
    span        how far the line goes either way, in multiples of the direction
    direction   {parameter: float tensor of its shape, (filters, inputs, kh, kw), say}; parameters not named stay.  None:
                random, by `seed`
    normalise   how long a random direction is: "filter", each filter of it as long as that of the model; "layer", each
                weight array as a whole; None: not at all (``random_direction``)
    ignore      "biasbn": biases and the weights of norms stay, as in the paper; None: they move too
    loss        to judge by; None: the one the model was compiled with, else the cross-entropy that fits its last layer
    engine      "onnxruntime", "torch" or "auto", which is ONNX Runtime on the CPU where it knows all layers
    count       so many of the pictures, each class with its share; None: all
    batch_size  pictures at a time
    seed        of the pictures taken and of random directions
    progress    called as progress(points done, points in all)

    Norms keep their running statistics.  Raises ArgumentError for an even number of steps and unknown words or parameters,
    DataError for pictures that do not fit.  Source: Li et al. 2018, section 4.
    """
    multiples = _multiples(steps, span)
    twin = Twin(model, pictures, labels, count=count, loss=loss, seed=seed, batch_size=batch_size, engine=engine)
    along = random_direction(model, seed, normalise=normalise, ignore=ignore) if direction is None else direction
    _check(along, twin)
    found = _evaluated(twin, [(step,) for step in multiples], [along], progress)
    words = _words(normalise, seed) if direction is None else "the direction given"
    return Line(multiples, found[0], found[1], len(twin), words)


def surface(
    model: Model,
    pictures: Any,
    *,
    labels: Any = None,
    steps: int = 25,
    span: float = 1.0,
    directions: Literal["random", "pca"] | Sequence[Mapping[str, torch.Tensor]] | None = None,
    trajectory: str | Trajectory | Sequence[Mapping[str, Any]] | None = None,
    normalise: Literal["filter", "layer", None] = "filter",
    ignore: Literal["biasbn", None] = "biasbn",
    loss: Any = None,
    top: float | None = None,
    engine: Literal["auto", "onnxruntime", "torch"] = "auto",
    count: int | None = 1000,
    batch_size: int = 256,
    seed: int = 0,
    progress: Progress | None = None,
) -> Surface:
    """The loss around the trained weights, along random directions or those of the training, in prediction mode.

    model       any network; it stays as it is, a twin takes the weights
    pictures    a Dataset, or arrays as ``Model.evaluate`` takes them, with `labels`
    labels      what the answers should be; None: the Dataset's own
    steps       points each way, an odd number, so that the trained weights are one of steps x steps
    span        how far the grid goes either way: in multiples of the directions; for "pca" in multiples of what the path of
                the training needs
    directions  "random": two by `seed`; "pca": the two along which the `trajectory` varies most, of length 1; or two of
                {parameter: float tensor of its shape, (filters, inputs, kh, kw), say}; None: "pca" where there is a
                trajectory, else "random"
    trajectory  a Trajectory or the folder of one, or a list of states {name: array}, the last of them the model's own
                weights; None: random directions
    normalise   how long a random direction is: "filter", each filter of it as long as that of the model; "layer", each
                weight array as a whole; None: not at all (``random_direction``)
    ignore      "biasbn": biases and the weights of norms stay, as in the paper; None: they move too
    loss        to judge by; None: the one the model was compiled with, else the cross-entropy that fits its last layer
    top         where the figure cuts the loss off; None: by its range
    engine      "onnxruntime", "torch" or "auto", which is ONNX Runtime on the CPU where it knows all layers
    count       so many of the pictures, each class with its share; None: all
    batch_size  pictures at a time
    seed        of the pictures taken and of random directions
    progress    called as progress(points done, points in all)

    Norms keep their running statistics.  Raises ArgumentError for an even number of steps, unknown words or parameters, a
    trajectory of another network or of less than three snapshots, or one that ends elsewhere; DataError for pictures that
    do not fit, BundleError for a folder without snapshots.  Source: Li et al. 2018, section 4.
    """
    trajectory = Trajectory.read(trajectory) if isinstance(trajectory, str) else trajectory
    directions = directions or ("random" if trajectory is None else "pca")
    multiples = _multiples(steps, span)
    path: Path | None = None
    plane: list[Mapping[str, torch.Tensor]]
    xs, ys, axes = multiples, multiples, ("first direction", "second direction")
    if isinstance(directions, str):
        if directions not in ("random", "pca"):
            raise unknown("directions", directions, ("random", "pca"))
        if (directions == "pca") != (trajectory is not None):
            raise ArgumentError(
                'directions="pca" and trajectory= go together: the path of a training, as Trajectory keeps it.'
            )
        if trajectory is not None:
            first, second, path = principal(model, trajectory, ignore)
            plane = [first, second]
            xs, ys = (_around(path.points[:, i], steps, span) for i in (0, 1))
            axes = (f"first component, {path.share[0]:.1%} of the variance", f"second component, {path.share[1]:.1%}")
        else:
            plane = [random_direction(model, 2 * seed + i, normalise=normalise, ignore=ignore) for i in (0, 1)]
    else:
        plane = list(directions)
        if len(plane) != 2:
            raise ArgumentError(f"a surface takes two directions, not {len(plane)}.")
    twin = Twin(model, pictures, labels, count=count, loss=loss, seed=seed, batch_size=batch_size, engine=engine)
    for direction in plane:
        _check(direction, twin)
    points = [(0.0, 0.0), *((x, y_) for y_ in ys for x in xs)]
    found, accuracy = _evaluated(twin, points, plane, progress)
    shape = (len(ys), len(xs))
    return Surface(
        xs,
        ys,
        found[1:].reshape(shape),
        None if accuracy is None else accuracy[1:].reshape(shape),
        float(found[0]),
        len(twin),
        axes,
        path,
        _cosine(*plane),
        top=top,
    )


def _evaluated(
    twin: Twin,
    points: Sequence[Sequence[float]],
    directions: Sequence[Mapping[str, torch.Tensor]],
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Loss and accuracy at each point."""
    loss, accuracy = np.empty(len(points)), np.full(len(points), np.nan)
    with twin.ready():
        for i, point in enumerate(points):
            values = twin.at(point, directions)
            loss[i], accuracy[i] = finite(values["loss"]), values.get("accuracy", math.nan)
            if progress is not None:
                progress(i + 1, len(points))
    return loss, None if np.isnan(accuracy).any() else accuracy


def _multiples(steps: int, span: float) -> np.ndarray:
    """From -span to span, exactly 0 in the middle."""
    if steps < 3 or steps % 2 == 0:
        raise ArgumentError(f"steps is an odd number from 3 on, so that the trained weights are a point; not {steps}.")
    if not (span > 0 and math.isfinite(span)):
        raise ArgumentError(f"span is above 0, not {span}.")
    half = steps // 2
    return span * np.arange(-half, half + 1) / half


def _around(values: np.ndarray, steps: int, span: float) -> np.ndarray:
    """Evenly spaced over the values with a margin of a fifth; `span` times as wide."""
    low, high = values.min(), values.max()
    half = max(0.6 * (high - low), 1e-12) * 1.2 * span
    middle = (low + high) / 2
    return np.linspace(middle - half, middle + half, steps)


def _check(direction: Mapping[str, torch.Tensor], twin: Twin) -> None:
    for name, change in direction.items():
        if name not in twin.parameters:
            raise unknown("parameter", name, twin.parameters)
        if change.shape != twin.parameters[name].shape:
            mine = tuple(twin.parameters[name].shape)
            raise ArgumentError(f'the direction of "{name}" has shape {tuple(change.shape)}, the weights have {mine}.')


def _cosine(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> float:
    dot = sum(float((a[name].double() * b[name].double()).sum()) for name in a if name in b)
    norms = [math.sqrt(sum(float(v.double().square().sum()) for v in d.values())) for d in (a, b)]
    return dot / (norms[0] * norms[1]) if all(norms) else 0.0


def minima(loss: np.ndarray) -> int:
    """Points within the grid whose loss is below that of all eight around them."""
    inner = loss[1:-1, 1:-1]
    rows, columns = loss.shape
    around = [
        loss[1 + i : rows - 1 + i, 1 + j : columns - 1 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)
    ]
    return int(np.logical_and.reduce([inner < other for other in around]).sum()) if inner.size else 0


def _words(normalise: str | None, seed: int) -> str:
    return {"filter": "a filter-normalised", "layer": "a layer-normalised"}.get(
        str(normalise), "a"
    ) + f" random direction (seed {seed})"


def _n(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "infinite"


def _plain(values: np.ndarray) -> list[float | None]:
    """JSON has no infinity."""
    return [float(v) if math.isfinite(v) else None for v in values]
