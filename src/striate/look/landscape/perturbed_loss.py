"""Loss at other weights than the model's own: a twin network takes them; the model is only read."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from striate.data import Batches
from striate.data.batches import channels_first
from striate.described import whole
from striate.errors import ArgumentError, unknown
from striate.look.arguments import drawn, parts
from striate.look.model_copy import independent_copy
from striate.model import Model
from striate.ship.engine import Engine
from striate.train import losses, metrics
from striate.train.fit import trainer_of
from striate.train.targets import labelled, target_batches

State = dict[str, torch.Tensor]
Ignore = Literal["biasbn", None]

_CACHED = 1 << 20  # bytes of a batch's largest activation: about one core's own cache
ENGINES = ("auto", "onnxruntime", "torch")


# -- directions ---------------------------------------------------------------------------------------------------------
def random_direction(
    model: Model, seed: int, *, normalise: Literal["filter", "layer", None] = "filter", ignore: Ignore = "biasbn"
) -> State:
    """A Gaussian direction, {parameter: float32 tensor of its shape}.  Li et al. 2018, section 4.

    normalise   "filter": each filter of the direction (each row of a dense layer, each vector of an embedding) is
                scaled to the norm of that filter of the model; "layer": each weight array as a whole; None: not at all
    ignore      "biasbn": zero for biases and the weights of norms, everything of less than two axes, as in the paper;
                None: these move too, scaled as one filter

    Equal seeds give equal directions.  Raises ArgumentError for an unknown `normalise` or `ignore`.
    """
    if normalise not in ("filter", "layer", None):
        raise unknown("normalisation", str(normalise), ("filter", "layer"))
    _known_ignore(ignore)
    generator = torch.Generator().manual_seed(seed)
    module = model.module
    transposed = {
        f"{name}.weight": part.groups
        for name, part in module.named_modules()
        if isinstance(part, nn.ConvTranspose1d | nn.ConvTranspose2d)
    }
    direction: State = {}
    for name, weight in module.named_parameters():
        w = weight.detach().cpu().float()
        d = torch.randn(w.shape, generator=generator)
        if w.ndim < 2 and ignore == "biasbn":
            d = torch.zeros_like(d)
        elif normalise is not None:
            groups = transposed.get(name)
            d = d * _factors(w, d, None if normalise == "layer" or w.ndim < 2 else groups or 0)
        direction[name] = d
    return direction


def _factors(w: torch.Tensor, d: torch.Tensor, groups: int | None) -> torch.Tensor:
    """What scales the direction to the weights' norms.

    groups   None: one factor for all; 0: one for each row; else of a transposed convolution (in, out/groups, ...), one
             for each output channel
    """
    if groups is None:
        return w.norm() / d.norm().clamp_min(1e-10)
    if not groups:
        axes = list(range(1, w.ndim))
        return _norms(w, axes) / _norms(d, axes).clamp_min(1e-10)
    shape = (groups, w.shape[0] // groups, *w.shape[1:])
    axes = [1, *range(3, len(shape))]
    each = _norms(w.reshape(shape), axes) / _norms(d.reshape(shape), axes).clamp_min(1e-10)
    return each.expand(shape).reshape(w.shape)


def _norms(x: torch.Tensor, axes: list[int]) -> torch.Tensor:
    return x.square().sum(axes, keepdim=True).sqrt()


def _known_ignore(ignore: Any) -> None:
    if ignore not in ("biasbn", None):
        raise unknown("what to ignore", str(ignore), ("biasbn",))


# -- the loss there -----------------------------------------------------------------------------------------------------
class Twin:
    """The model's network with weights of its own, and the examples to judge it on.

    pictures     a Dataset, or arrays as ``Model.evaluate`` takes them, with `labels`
    count        so many of them, drawn by `seed`, each class with its share; None: all
    loss         None: the one the model was compiled with, else the cross-entropy that fits its last layer
    engine       "onnxruntime": a session is made for every point, batch norms folded into the convolutions, each
                 thread with batches of its own; "torch"; "auto": ONNX Runtime on the CPU where it knows all layers

    Raises ArgumentError and DataError as ``Model.evaluate`` does.
    """

    def __init__(
        self,
        model: Model,
        pictures: Any,
        labels: Any = None,
        *,
        count: int | None = None,
        loss: Any = None,
        seed: int = 0,
        batch_size: int = 256,
        engine: str = "auto",
    ) -> None:
        if engine not in ENGINES:
            raise unknown("engine", engine, ENGINES)
        self.batch_size = whole("", "batch_size", batch_size)
        pictures, labels = drawn(pictures, labels, count, seed)
        self.twin = independent_copy(model)
        settings = model._compile_args or {}
        self.twin.compile(
            "sgd",
            loss=loss or copy.deepcopy(settings.get("loss")) or losses.fitting(model.answers),
            loss_weights=settings.get("loss_weights") if loss is None else None,
            metrics=copy.deepcopy(settings.get("metrics")) or _accuracy(model, loss or settings.get("loss")),
        )
        self.trainer = trainer_of(self.twin)
        self.examples = labelled(self.twin, pictures, labels)
        self._batches = Batches(self.examples, batch_size, shuffle=False, device=self.trainer.device)
        self.trainer.module.eval()
        parameters = dict(self.trainer.module.named_parameters())
        self.parameters = {name: p.detach() for name, p in parameters.items()}
        self.centre = {name: p.clone() for name, p in self.parameters.items()}
        usable = self.trainer.by_engine
        if engine == "onnxruntime" and not usable:
            raise ArgumentError('ONNX Runtime cannot take this network as it is; use engine="torch".')
        self.engine = "onnxruntime" if usable and engine != "torch" else "torch"
        self._pool: ThreadPoolExecutor | None = None
        self._threads = torch.get_num_threads()
        largest = max(prod(shape) for shape in self.twin.graph.flat().shapes)
        self._batch = max(1, min(batch_size, _CACHED // (4 * largest), -(-len(self.examples) // self._threads)))

    def __len__(self) -> int:
        return len(self.examples)

    @contextmanager
    def ready(self) -> Iterator[Twin]:
        """Holds the threads that ``at`` uses; torch's own would only spin beside them."""
        if self.engine == "torch":
            yield self
            return
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(self._threads, "surface") as self._pool:
                yield self
        finally:
            self._pool = None
            torch.set_num_threads(self._threads)

    def at(
        self, steps: Sequence[float] = (), directions: Sequence[Mapping[str, torch.Tensor]] = ()
    ) -> dict[str, float]:
        """Loss and metrics, by name, at the model's weights plus the sum of step times direction."""
        for name, weight in self.parameters.items():
            weight.copy_(self.centre[name])
            for step, direction in zip(steps, directions, strict=True):
                if step and name in direction:
                    weight.add_(direction[name].to(weight.device), alpha=float(step))
        if self.engine == "torch" or self._pool is None:
            return self.trainer.evaluate(self._batches)
        return self._by_engine(self._pool)

    def _by_engine(self, pool: ThreadPoolExecutor) -> dict[str, float]:
        """``Trainer.evaluate`` with the outputs of an engine made for these weights."""
        left_off = self.trainer.objective.left_off
        engine = Engine.of(self.twin.predictor.graph, self.examples.pixels, strip=left_off, threads=1)
        outs = self._outputs(engine, pool)
        targets = target_batches(self.examples, self.batch_size)
        return self.trainer.objective.measured((batch, [out[part] for out in outs]) for part, batch in targets)

    def _outputs(self, engine: Engine, pool: ThreadPoolExecutor) -> list[torch.Tensor]:
        """The network's outputs (N, ...), channels first, for all examples."""
        done = pool.map(lambda part: engine.predict(self.examples.arrays(part)), parts(len(self.examples), self._batch))
        columns = zip(*done, strict=True)
        return [channels_first(torch.from_numpy(np.concatenate(column))) for column in columns]


def _accuracy(model: Model, loss: Any) -> list[Any] | None:
    """Accuracy where the loss is one of classes."""
    chosen = (
        losses.fitting(model.answers)
        if loss is None
        else losses.get(loss)
        if not isinstance(loss, list | dict)
        else None
    )
    if chosen is None or chosen.targets == "values":
        return None
    return [metrics.fitting(model.answers, chosen)]


def finite(value: float) -> float:
    """The loss, or infinity for what is no number: weights so far off that the sums overflow."""
    return value if math.isfinite(value) else math.inf
