"""The loss around trained weights over a plane, and the path of the training on it."""

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
from striate.look.landscape.perturbed_loss import Twin, random_direction
from striate.look.landscape.points import check_direction, evaluated, multiples_of, plain, short
from striate.look.landscape.ruggedness import bent_down, minima
from striate.look.landscape.trajectory import Path, Trajectory, principal
from striate.look.result import Look
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model


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
            f"Loss of {plural(self.examples, 'example')} at {plural(self.loss.size, 'point')} around the "
            "trained weights, where it is "
            f"{short(self.centre)}: {short(self.loss.min())} to {short(self.loss.max())}, at the edge "
            f"{short(at_edge.min())} to {short(at_edge.max())}; "
            f"{plural(dips, 'point')} within the grid lower than all eight around."
        )
        bent = bent_down(self.loss)
        if bent is not None:
            said += f" At {bent:.1%} of the points within, it bends downwards in some direction: at none in a bowl."
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
        rings = []
        for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1), (1, 2**0.5)):  # the last: corners
            ring = (radius > low) & (radius <= high + 1e-9)
            if ring.any():
                values = self.loss[ring]
                accuracy = [] if self.accuracy is None else [f"{self.accuracy[ring].mean():.1%}"]
                ends = f"{low * self.x[-1]:.3g} to {high * self.x[-1]:.3g}"
                rings.append((ends, short(values.min()), short(np.median(values)), short(values.max()), *accuracy))
        heads = ("distance", "lowest loss", "median", "highest", "mean accuracy")
        return heads[: len(rings[0]) if rings else 4], rings

    def facts(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "centre": self.centre,
            "x": self.x.tolist(),
            "y": self.y.tolist(),
            "loss": [plain(row) for row in self.loss],
            **({} if self.accuracy is None else {"accuracy": self.accuracy.tolist()}),
            "minima": minima(self.loss),
            "bent_down": bent_down(self.loss),
            "cosine": self.cosine,
            **({} if self.path is None else self.path.facts()),
        }


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
    multiples = multiples_of(steps, span)
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
        check_direction(direction, twin)
    points = [(0.0, 0.0), *((x, y_) for y_ in ys for x in xs)]
    losses, accuracy = evaluated(twin, points, plane, progress)
    shape = (len(ys), len(xs))
    return Surface(
        xs,
        ys,
        losses[1:].reshape(shape),
        None if accuracy is None else accuracy[1:].reshape(shape),
        float(losses[0]),
        len(twin),
        axes,
        path,
        _cosine(*plane),
        top=top,
    )


def _around(values: np.ndarray, steps: int, span: float) -> np.ndarray:
    """Evenly spaced over the values with a margin of a fifth; `span` times as wide."""
    low, high = values.min(), values.max()
    half = max(0.6 * (high - low), 1e-12) * 1.2 * span
    middle = (low + high) / 2
    return np.linspace(middle - half, middle + half, steps)


def _cosine(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> float:
    dot = sum(float((a[name].double() * b[name].double()).sum()) for name in a if name in b)
    norms = [math.sqrt(sum(float(v.double().square().sum()) for v in d.values())) for d in (a, b)]
    return dot / (norms[0] * norms[1]) if all(norms) else 0.0
