"""``compile``: names and objects become an optimizer, losses and metrics for each output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from striate.described import whole
from striate.errors import ArgumentError, nearest, note, unknown
from striate.graph import Graph, Layer, Shape
from striate.graph.nested import flat, nests, parts
from striate.intake.outputs import final_activation
from striate.layers import Augmentation, CutMix, MixUp, Mosaic
from striate.train import losses as losses_
from striate.train import metrics as metrics_
from striate.train import optimizers as optimizers_
from striate.train.losses import Loss
from striate.train.losses.either import crossentropy
from striate.train.losses.nothing import NoLoss
from striate.train.metrics import Metric
from striate.train.optimizers import Optimizer
from striate.train.rates import layer_rates
from striate.wording import plural

PRECISIONS = {"float32": "no", "bf16": "bf16", "fp16": "fp16"}
_ELSEWHERE = {
    "bfloat16": "bf16",
    "mixed_bfloat16": "bf16",
    "float16": "fp16",
    "mixed_float16": "fp16",
    "fp32": "float32",
}
AUTO = "auto"  # until the device is known: ``bits.settle`` says which


@dataclass
class Plan:
    """What ``compile`` decided: the optimizer, and per output a loss, its weight and its metrics.

    weighted    per output the metrics that know the weights of the samples
    together    how many batches are one step to callbacks
    auxiliary   how many of the last outputs only help training; evaluation leaves them out
    precision   of ``PRECISIONS``, or ``AUTO`` until it is settled
    chosen      whether it was ``AUTO``
    mix         how the pictures of a training batch are mixed with each other, or None
    augment     how its pictures are changed, and boxes and label maps with them, or None
    rates       the part of the learning rate of each layer, by name, that does not learn at the whole of it
    """

    optimizer: Optimizer
    losses: list[Loss]
    loss_weights: list[float]
    metrics: list[list[Metric]]
    outputs: list[str]
    weighted: list[list[Metric]] = field(default_factory=list)
    together: int = 1
    auxiliary: int = 0
    precision: str = "float32"
    chosen: bool = False
    accumulate: int = 1
    mix: MixUp | CutMix | Mosaic | None = None
    augment: Augmentation | None = None
    rates: dict[str, float] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """How many outputs evaluation looks at."""
        return len(self.outputs) - self.auxiliary

    def all_metrics(self) -> list[Metric]:
        return [metric for metrics in [*self.metrics, *self.weighted] for metric in metrics]


# Arguments of Keras: what to do instead, and the values at which they change nothing.
_NOT_HERE: dict[str, tuple[str, tuple[Any, ...]]] = {
    "run_eagerly": ("everything runs eagerly already", (None, False, True)),
    "jit_compile": ("use torch.compile on model.module if you want it", (None, "auto", False, True)),
    "auto_scale_loss": ('precision="fp16" scales the loss', (None, True)),
}


def make_plan(
    graph: Graph,
    *,
    optimizer: Any,
    loss: Any,
    loss_weights: Any,
    metrics: Any,
    precision: str,
    accumulate: int,
    mix: Any,
    augment: Any = None,
    rates: Any = None,
    weighted_metrics: Any = None,
    steps_per_execution: int | None = None,
    others: dict[str, Any],
) -> Plan:
    """Check what ``compile`` was given against the network's outputs.  Raises ArgumentError, naming the nearest."""
    for key, value in others.items():
        if key in _NOT_HERE:
            hint, nothing = _NOT_HERE[key]
            if key == "jit_compile" and value is True:
                note("compile: jit_compile=True compiles nothing here; every step runs as it stands.")
            if value in nothing:
                continue
            raise ArgumentError(f'compile: striate has no argument "{key}" (Keras has): {hint}.')
        taken = (
            "optimizer loss loss_weights metrics weighted_metrics steps_per_execution precision accumulate mix augment"
        )
        known = [*taken.split(), "rates"]
        raise ArgumentError(f'compile has no argument "{key}".{nearest(key, known)} It takes: {", ".join(known)}.')
    accumulate = whole("compile", "accumulate", accumulate)
    names = graph.output_names
    shapes, structure = judged_shapes(graph), graph.nested[1]
    losses = _spread(laid_out(loss, structure, names), names, "loss")
    per_output = [_loss(spec, shape) for spec, shape in zip(losses, shapes, strict=True)]
    if loss_weights is None and graph.auxiliary:
        loss_weights = [1.0, *graph.auxiliary]
    loss_weights = (
        loss_weights.tolist() if hasattr(loss_weights, "tolist") else laid_out(loss_weights, structure, names)
    )
    weights = [_weight(one) for one in _spread(loss_weights, names, "loss_weights", default=1.0)]
    resolved: list[list[list[Metric]]] = []
    for some in (metrics, weighted_metrics):
        said = laid_out(some, structure, names)
        if said is not some:
            said = [[] if one is None else _listed(one) for one in said]
        wanted = _metric_specs(said, names[: 1 if graph.auxiliary else None]) + [[] for _ in graph.auxiliary]
        resolved.append([])
        for spec, one_loss, shape, tensor in zip(wanted, per_output, shapes, graph.outputs, strict=True):
            final = final_activation(tensor)
            resolved[-1].append([metrics_.resolve(metric, one_loss, shape, final) for metric in spec])
            metrics_.name_apart(resolved[-1][-1])
    if optimizer is None:
        raise ArgumentError("compile needs an optimizer, such as optimizer='adam'.")
    chosen = optimizers_.get(optimizer)
    if chosen.gradient_accumulation_steps:
        accumulate *= chosen.gradient_accumulation_steps
    slower = layer_rates(rates, graph)
    return Plan(
        optimizer=chosen,
        losses=per_output,
        loss_weights=weights,
        metrics=resolved[0],
        weighted=resolved[1],
        together=1 if steps_per_execution is None else whole("compile", "steps_per_execution", steps_per_execution),
        outputs=names,
        auxiliary=len(graph.auxiliary),
        precision=check_precision(precision),
        accumulate=accumulate,
        mix=_mixing(mix, graph, per_output),
        augment=_augmenting(augment, graph, per_output),
        rates=slower,
        described={
            "optimizer": _name(optimizer),
            "loss": _plain(loss),
            "precision": precision,
            "accumulate": accumulate,
            **({} if mix is None else {"mix": _name(mix)}),
            **({} if augment is None else {"augment": _name(augment)}),
            **({"rates": slower} if slower else {}),
        },
    )


def judged_shapes(graph: Graph) -> list[Shape]:
    """The shapes of the outputs as losses and metrics see them: one number for each sample is a column of them."""
    return [shape or (1,) for shape in graph.output_shapes]


MIXES = {"mixup": MixUp, "cutmix": CutMix, "mosaic": Mosaic}


def mix_of(mix: Any) -> MixUp | CutMix | Mosaic | None:
    """A name or a description as a description.

    mix   "mixup", "cutmix", "mosaic", one of these layers, or None: nothing is mixed

    Raises ArgumentError for anything else.
    """
    if isinstance(mix, str):
        if mix not in MIXES:
            raise unknown("mix", mix, MIXES)
        return MIXES[mix]()  # type: ignore[no-any-return]
    if mix is not None and not isinstance(mix, MixUp | CutMix | Mosaic):
        raise ArgumentError(
            f'compile: mix is "mixup", "cutmix", "mosaic", layers.MixUp, layers.CutMix or layers.Mosaic, not {mix!r}.'
        )
    return mix


def _mixing(mix: Any, graph: Graph, losses: list[Loss]) -> MixUp | CutMix | Mosaic | None:
    """A name or a description as a description.  Raises ArgumentError, also when there are no pictures to mix."""
    mix = mix_of(mix)
    if mix is None:
        return None
    if isinstance(mix, Mosaic):
        follow = [
            loss.boxes or (loss.sparse and len(s) == 3) for loss, s in zip(losses, graph.output_shapes, strict=True)
        ]
        if not all(follow):
            raise ArgumentError("compile: a Mosaic is for boxes and label maps; MixUp and CutMix are for classes.")
    elif any(len(shape) != 1 for shape in graph.output_shapes):
        raise ArgumentError(f"compile: mix is for outputs that are vectors, not {graph.output_shapes}.")
    if len(graph.inputs) != 1 or len(graph.input_shapes[0]) != 3:
        raise ArgumentError(
            f"compile: mix is for networks with one input of pictures (h, w, c), not {graph.input_shapes}."
        )
    return mix


def _augmenting(augment: Any, graph: Graph, losses: list[Loss]) -> Augmentation | None:
    """Layers as one layer.  Raises ArgumentError for what boxes and label maps cannot follow."""
    layers = [augment] if isinstance(augment, Layer) else list(augment or ())
    if not layers:
        return None
    if len(graph.inputs) != 1 or len(graph.input_shapes[0]) != 3:
        raise ArgumentError(
            f"compile: augment is for networks with one input of pictures (h, w, c), not {graph.input_shapes}."
        )
    made, shape = Augmentation(layers), graph.input_shapes[0]
    if made.shape(shape) != shape:
        raise ArgumentError(f"compile: augment makes pictures {made.shape(shape)}, the network takes {shape}.")
    bent = next((layer.kind for layer in made.steps() if layer.bends), None)
    if bent is not None and any(loss.boxes or loss.largest or loss.sparse for loss in losses):
        raise ArgumentError(f"compile: boxes and label maps cannot follow {bent}. Leave it out of augment.")
    if any(loss.boxes for loss in losses):
        _boxes_follow(made)
    return made


def _boxes_follow(augment: Augmentation) -> None:
    """Say it where a picture comes to show things a second time that have no box there."""
    from striate import backend

    fills = {getattr(step, "fill_mode", None): step.kind for step in augment.steps()}
    twice = "wrap" if "wrap" in fills else "reflect" if backend.augmentation(augment.change()).mirrors is None else None
    if twice is not None:
        note(
            f'compile: {fills[twice]} shows things at the edge a second time (fill_mode="{twice}"), and the second has no '
            'box. Give fill_mode="constant", or put all layers that move pixels beside each other, with "reflect".'
        )


def _weight(given: Any) -> float:
    """The weight of an output's loss.  Raises ArgumentError for what is not one number."""
    if given is None:
        return 1.0
    if np.size(given) != 1:
        raise ArgumentError(
            f"compile: loss_weights has one number for each output, not {np.size(given)}; samples have sample_weight in fit."
        )
    return float(np.reshape(given, ()))


def _loss(spec: Any, shape: tuple[int, ...]) -> Loss:
    """The loss of an output of this shape."""
    if isinstance(spec, list | tuple) and len(spec) == 1:  # a list of one stands for it, as in Keras
        spec = spec[0]
    if spec is None:
        return NoLoss()
    if isinstance(spec, str) and spec.lower() in ("crossentropy", "ce"):
        return crossentropy(spec, shape[-1])
    return losses_.get(spec)  # type: ignore[no-any-return]


def laid_out(spec: Any, structure: Any, names: list[str]) -> Any:
    """What is said of outputs in lists and dicts within each other: a value for each of them; anything else as it is.

    spec        losses, metrics, weights or targets
    structure   how the outputs are nested
    names       of the outputs

    Raises ArgumentError for what is nested otherwise.
    """
    deep = nests(structure) and any(nests(part) for _, part in parts(structure))
    if not deep or not nests(spec) or (isinstance(spec, dict) and set(spec) <= set(names)):
        return spec
    return _by_place(spec, structure)


def _by_place(spec: Any, structure: Any) -> list[Any]:
    if not nests(structure):
        return [spec]
    if not nests(spec):
        return [spec] * len(flat(structure))
    within, keyed = parts(structure), isinstance(structure, dict)
    if keyed != isinstance(spec, dict) or (not keyed and len(spec) != len(within)):
        raise ArgumentError(f"compile: {spec!r} is not nested as the outputs are, {structure!r}.")
    if keyed:
        for key in spec:
            if key not in structure:
                raise unknown("output in compile", str(key), list(structure))
    return [one for key, part in within for one in _by_place(spec.get(key) if keyed else spec[key], part)]


def _spread(spec: Any, names: list[str], what: str, default: Any = None) -> list[Any]:
    """One value per output: from a single value, a list in order, or a dict by output name."""
    if isinstance(spec, dict):
        for key in spec:
            if key not in names:
                raise unknown(f"output in {what}", key, names)
        return [spec.get(name, default) for name in names]
    if isinstance(spec, list | tuple):
        if len(spec) != len(names):
            raise ArgumentError(f"{what}: {len(spec)} given for {plural(len(names), 'output')} ({', '.join(names)}).")
        return list(spec)
    return [spec] * len(names)


def _metric_specs(metrics: Any, names: list[str]) -> list[list[Any]]:
    if metrics is None:
        return [[] for _ in names]
    if isinstance(metrics, dict):
        return [_listed(value) for value in _spread(metrics, names, "metrics", default=())]
    metrics = _listed(metrics)
    if len(names) == 1:
        return [_listed(metrics[0])] if len(metrics) == 1 else [metrics]
    nested = [isinstance(m, list | tuple) for m in metrics]
    if all(nested) and len(metrics) == len(names):
        return [list(m) for m in metrics]
    if any(nested) or len(metrics) not in (1, len(names)):
        raise ArgumentError(
            f"metrics: give a dict by output ({', '.join(names)}), or a list with one entry (or list) per output."
        )
    return [[m] for m in metrics] if len(metrics) == len(names) else [list(metrics) for _ in names]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _name(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return _name(value)


def check_epochs(epochs: Any, least: int = 1) -> int:
    """The number of passes over the data; raises ArgumentError for what is no whole number of at least `least`."""
    if isinstance(epochs, bool) or not isinstance(epochs, int | np.integer) or epochs < least:
        raise ArgumentError(
            f"epochs is how often training goes over the data, a whole number of at least {least}, not {epochs!r}. "
            "1 is a single pass."
        )
    return int(epochs)


def check_precision(precision: str) -> str:
    """A known precision name; raises ArgumentError."""
    if precision in _ELSEWHERE:
        raise ArgumentError(f'unknown precision "{precision}": here it is called "{_ELSEWHERE[precision]}".')
    if precision not in (AUTO, *PRECISIONS):
        raise unknown("precision", precision, (AUTO, *PRECISIONS))
    return precision
