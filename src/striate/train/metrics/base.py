"""The base of every metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from striate.described import Described
from striate.errors import ArgumentError, undefined
from striate.graph.layer import snake_case
from striate.train.losses.base import channels_last
from striate.train.tensors import dtype_name

if TYPE_CHECKING:
    from torch import Tensor

    from striate.train.losses import Loss


class _Always:
    """True, whatever it is set to: an ``update_state`` of a user's own gets the outputs as the network gives them."""

    def __get__(self, metric: Any, kind: Any = None) -> bool:
        return True

    def __set__(self, metric: Any, value: bool) -> None: ...


class Metric(Described, family="metric"):
    """Base class.  A metric of your own derives from it and defines ``update_state`` and ``result``.

    It keeps its numbers in what ``add_variable`` gives, or it defines ``reset_state`` too.

    dtype    the type of the result by name; None: 32-bit floats
    name     in the logs; None: the class's, in snake_case

    Raises ArgumentError for a dtype that is not known.
    """

    keras_room = "metrics"
    quicker = {"result": ("figure", "results"), "update_state": ("update_logits",)}
    direction: str | None = "max"  # "max" or "min": which way is better
    needs_probabilities: bool = True  # whether logits will not do
    kept: ClassVar[tuple[str, ...]] = ()  # the properties that are its numbers
    name: Any = "metric"
    dtype: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update_state" in cls.__dict__ and not cls.__module__.startswith("striate."):
            cls.needs_probabilities = _Always()  # type: ignore[assignment]

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype_name(type(self).__name__, dtype, whole=True) or "float32"

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if self.name is None:
            self.name = getattr(type(self), "name", None) or snake_case(kind)
        self.dtype = dtype_name(kind, self.dtype, whole=True) or "float32"

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        """Learn what the network's outputs mean.

        loss            the one that the network is trained with
        output_shape    channels-last, without the batch
        activation      the function that the network ends in, such as "sigmoid"; None where it is not known
        """

    @property
    def _dtype(self) -> str:
        """What subclasses written for Keras read: the type of the result by name."""
        return str(self.dtype)

    def config(self) -> dict[str, Any]:
        said = super().config()
        if said.get("dtype") == "float32":
            del said["dtype"]
        return said

    def get_config(self) -> dict[str, Any]:
        """All arguments by name, JSON-ready, as Keras has it; those that Keras has not only where they differ."""
        said, ours = super().get_config(), self.config()
        alone: set[str] = (
            {f.name for f in dataclasses.fields(self) if f.kw_only} if dataclasses.is_dataclass(self) else set()
        )
        return {name: value for name, value in said.items() if name not in alone or name in ours}

    # -- what it sees ------------------------------------------------------------------------------------------------
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch, of arrays or tensors, channels-last.

        y_true           targets: class numbers (N, …) or like the outputs; (N,) goes with (N, 1)
        y_pred           outputs, (N, …, C)
        sample_weight    a weight per sample, (N,), or per number; None: each counts 1

        Raises ArgumentError where a class of your own does not define it.
        """
        raise undefined(self, "update_state(self, y_true, y_pred, sample_weight=None)")

    def update(self, y_true: Tensor, y_pred: Tensor, lacking: str | None = None, weights: Tensor | None = None) -> None:
        """Take in one batch of the training loop.

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)
        lacking           the last activation, "softmax" or "sigmoid", that the outputs are without
        weights           of the samples, (N,), or of their places, (N, …); None: each counts 1

        Raises ArgumentError where a class of your own does not define ``update_state``.
        """
        y_true, y_pred = channels_last(y_true, y_pred)
        if weights is not None:
            self.update_state(y_true, activated(y_pred, lacking) if self.needs_probabilities else y_pred, weights)
        elif lacking is None:
            self.update_state(y_true, y_pred)
        else:
            self.update_logits(y_true, y_pred, lacking)

    def update_logits(self, y_true: Tensor, logits: Tensor, activation: str) -> None:
        """Take in one batch of outputs that lack their last `activation`, "softmax" or "sigmoid".

        `y_true` and `logits` are as in ``update_state``, (N, …) and (N, …, C).  Raises ArgumentError where a class of your
        own does not define it.
        """
        self.update_state(y_true, activated(logits, activation) if self.needs_probabilities else logits)

    # -- what it says ------------------------------------------------------------------------------------------------
    def result(self) -> Any:
        """The figure over all batches since the last reset: a scalar, or a tensor with one per class.

        Raises ArgumentError where a class of your own does not define it.
        """
        plain = vars(Metric)["figure"]
        ours = (vars(kind).get("figure", plain) for kind in type(self).__mro__)  # below a ``result`` of a user's own
        figure = next((one for one in ours if one is not plain), None)
        if figure is None:
            raise undefined(self, "result(self)")
        import torch

        return torch.as_tensor(figure(self)).to(getattr(torch, self.dtype))

    def figure(self) -> Any:
        """The result in 64 bits: a number, a tensor or an array with one per class.  Raises ArgumentError as ``result``
        does.
        """
        return self.result()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in one batch, with the arguments `args` and `kwargs` of ``update_state``, and give the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def results(self) -> dict[str, float]:
        """The figures by name, for logs: one, or one per class as ``name_0``, ``name_1``, …"""
        figure = self.figure()
        if isinstance(figure, Mapping):
            return {str(name): float(value) for name, value in figure.items()}
        each = figure.tolist() if hasattr(figure, "tolist") else figure
        if isinstance(each, list | tuple):
            return {f"{self.name}_{i}": float(value) for i, value in enumerate(each)}
        return {self.name: float(each)}

    def reset_state(self) -> None:
        """Forget all batches: every variable is 0 again.  Raises ArgumentError where a class of your own keeps its numbers
        elsewhere and does not define it.
        """
        if not self._added() and type(self).update_state is not Metric.update_state:
            raise undefined(self, "reset_state(self)")
        for one in self._added():
            one.assign(0)

    # -- the numbers of a metric of a user's own -----------------------------------------------------------------------
    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Any:
        """A tensor that lives as long as the metric: it has ``assign``, ``assign_add`` and ``assign_sub``.

        shape          of the tensor
        initializer    what fills it, by name or as an object; None: zeros
        dtype          by name, such as "int32"; None: 32-bit floats
        aggregation    "sum": over several processes it is added up
        name           of the variable

        Raises ArgumentError for an initializer or a dtype that is not known.
        """
        from striate.train.metrics.variables import variable

        made = variable(shape, initializer, dtype or self.dtype, name)
        self.__dict__.setdefault("_variables", []).append(made)
        return made

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Any:
        """``add_variable`` by its older name.

        shape, initializer, dtype, name    as there
        """
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Any]:
        """The numbers that this metric keeps, named tensors: first those of ``add_variable``, also of metrics in it."""
        from striate.train.metrics.variables import named

        return [*self._added(), *(named(getattr(self, name), name) for name in self.kept)]

    def _added(self) -> list[Any]:
        """What ``add_variable`` gave to this metric and to those that it holds, each once."""
        once: dict[int, Any] = {}
        for one in _held(list(self.__dict__.values())):
            once.setdefault(id(one), one)
        return list(once.values())

    # -- over several processes ----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Tensor]:
        """All that was taken in, as tensors that add up: the sum over processes is the state over all data.

        Their shapes depend on the metric alone, not on how much was taken in.
        """
        return {str(i): one.value.clone() for i, one in enumerate(self._added())}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`, a ``state_dict`` of a metric like this.

        Its tensors have the shapes that this metric's own have.
        """
        for i, one in enumerate(self._added()):
            one.assign(state[str(i)])


def _held(value: Any) -> Iterator[Any]:
    """The variables in what an object holds: in lists, dicts and metrics too."""
    if hasattr(value, "assign_add"):
        yield value
    elif isinstance(value, Metric):
        yield from _held(list(value.__dict__.values()))
    elif isinstance(value, Mapping):
        yield from _held(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _held(part)


def activated(logits: Tensor, activation: str | None) -> Tensor:
    """softmax over the last axis, or sigmoid of each number; None: as it is."""
    if activation is None:
        return logits
    return logits.softmax(-1) if activation == "softmax" else logits.sigmoid()


def in_range(where: str, name: str, value: Any) -> float:
    """A number from 0 to 1.  Raises ArgumentError."""
    from striate.described import number

    return number(where, name, value, 0, 1)


def scores_of_one_class(name: str, y_pred: Tensor, class_id: int) -> None:
    """Raise ArgumentError where `y_pred` has no class `class_id`."""
    if y_pred.ndim < 2 or class_id >= y_pred.shape[-1]:
        last = y_pred.shape[-1] - 1 if y_pred.ndim > 1 else 0
        raise ArgumentError(f"{name}: class_id={class_id}, the classes are 0 to {last}.")
