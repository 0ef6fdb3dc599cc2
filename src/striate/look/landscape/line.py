"""The loss along a line through the trained weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch

from striate.look.arguments import Progress
from striate.look.landscape import surface_figure
from striate.look.landscape.perturbed_loss import Twin, random_direction
from striate.look.landscape.points import check_direction, evaluated, multiples_of, plain, short
from striate.look.result import Look
from striate.wording import plural

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
            else f"lowest {short(self.loss[low])} at {self.steps[low]:g}"
        )
        return (
            f"Loss of {plural(self.examples, 'example')} at the trained weights plus so many times {self.direction}: "
            f"{short(self.centre)} at 0, {short(self.loss[0])} and {short(self.loss[-1])} at the ends, {there}."
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("step", "loss", "accuracy") if self.accuracy is not None else ("step", "loss")
        columns = [[f"{s:.3g}" for s in self.steps], [short(v) for v in self.loss]]
        if self.accuracy is not None:
            columns.append([f"{v:.1%}" for v in self.accuracy])
        return heads, list(zip(*columns, strict=True))

    def facts(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "steps": self.steps.tolist(),
            "loss": plain(self.loss),
            **({} if self.accuracy is None else {"accuracy": self.accuracy.tolist()}),
        }


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
    multiples = multiples_of(steps, span)
    twin = Twin(model, pictures, labels, count=count, loss=loss, seed=seed, batch_size=batch_size, engine=engine)
    along = random_direction(model, seed, normalise=normalise, ignore=ignore) if direction is None else direction
    check_direction(along, twin)
    losses, accuracy = evaluated(twin, [(step,) for step in multiples], [along], progress)
    words = _words(normalise, seed) if direction is None else "the direction given"
    return Line(multiples, losses, accuracy, len(twin), words)


def _words(normalise: str | None, seed: int) -> str:
    return {"filter": "a filter-normalised", "layer": "a layer-normalised"}.get(
        str(normalise), "a"
    ) + f" random direction (seed {seed})"
