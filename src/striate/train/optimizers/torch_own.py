"""Any optimizer of ``torch.optim`` as one of ours."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from striate import configs
from striate.errors import ArgumentError, unknown
from striate.train.optimizers.base import Optimizer
from striate.train.schedules import Schedule
from striate.wording import inner

if TYPE_CHECKING:
    import torch


class TorchOptimizer(Optimizer):
    """Any ``torch.optim`` optimizer.

    source: the name of a class in ``torch.optim`` (with its `options`), a function that makes an optimizer from a list
    of parameters, or an optimizer that exists already.  The source decays and clips in its own way.
    learning_rate: a number or a Schedule; None for the source's own.

    source, learning_rate    as above
    options                  arguments of that class, by name

    Raises ArgumentError for a class that is not in ``torch.optim``, and for LBFGS.
    """

    def __init__(
        self,
        source: str | Callable[..., Any] | torch.optim.Optimizer,
        options: Mapping[str, Any] | None = None,
        learning_rate: float | Schedule | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(source, str) and "." in source:
            raise ArgumentError(f"the optimizer was {source}, which is not in torch.optim: give it to compile() again.")
        self.source, self.options = source, dict(options or {})
        self._rate: Any = None  # None: the source's own, until a learning rate is set
        self._ratios: list[float] | None = None  # of the groups' learning rates to the first's
        if learning_rate is not None:
            self._set_rate(learning_rate)
        if self._source_name().endswith("LBFGS"):
            raise ArgumentError("LBFGS evaluates the network several times a step, which fit() does not do.")

    @property
    def _exists(self) -> bool:
        return hasattr(self.source, "param_groups")

    def _source_name(self) -> str:
        if isinstance(self.source, str):
            return self.source
        kind: Any = type(self.source) if self._exists else getattr(self.source, "func", self.source)
        if self._exists and _of_torch(kind):
            return str(kind.__name__)
        return f"{kind.__module__}.{getattr(kind, '__qualname__', type(kind).__qualname__)}"

    @property
    def described(self) -> bool:
        """Whether a file says by itself which optimizer this is: one of torch, from a class and plain options."""
        return "." not in self._source_name()

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        if isinstance(self.source, torch.optim.Optimizer):
            ours = {id(p) for p in params}
            if not any(id(p) in ours for group in self.source.param_groups for p in group["params"]):
                raise ArgumentError(
                    f"the {self._source_name()} holds none of this model's trainable weights: "
                    "make it from model.module.parameters()."
                )
            return self.source
        factory: Any = self.source
        if isinstance(factory, str):
            factory = getattr(torch.optim, factory, None)
            if factory is None:
                raise unknown("torch.optim optimizer", str(self.source), _torch_names())
        try:
            made = factory(params, **self.options)
        except (TypeError, ValueError) as error:
            raise ArgumentError(
                f"{self._source_name()} cannot be made from a list of parameters: {inner(error)}."
            ) from None
        if not isinstance(made, torch.optim.Optimizer):
            raise ArgumentError(f"{self._source_name()} gave {type(made).__name__}, not a torch.optim optimizer.")
        return made

    def rate(self, step: int) -> float:
        """The learning rate of `step`.  Raises ArgumentError before the training where only the source knows it."""
        return super().rate(step) if self._rate is not None else self._current_rate()

    def _current_rate(self) -> float:
        running: Any = self.source if self._exists and self._rate is None else self._running
        if running is not None:
            return float(running.param_groups[0]["lr"]) / (self._parts[0] if self._parts else 1.0)
        if self._rate is not None:
            return super().rate(0)
        options = {**getattr(self.source, "keywords", {}), **self.options}
        if "lr" not in options:
            raise ArgumentError(f"{self._source_name()}: its learning rate is known once the training has begun.")
        return float(options["lr"])

    def _apply_rate(self, rate: float) -> None:
        """Set the first group's rate, and the others' in proportion."""
        if self._running is not None:
            groups = self._running.param_groups
            if self._ratios is None:
                first = float(groups[0]["lr"]) / self._parts[0]
                self._ratios = [
                    float(group["lr"]) / first if first else part
                    for group, part in zip(groups, self._parts, strict=True)
                ]
            for group, ratio in zip(groups, self._ratios, strict=True):
                group["lr"] = rate * ratio

    def config(self) -> dict[str, Any]:
        options = self.options
        if self._exists:
            known = inspect.signature(type(self.source)).parameters
            group = self.source.param_groups[0]  # type: ignore[union-attr]
            options = {key: value for key, value in group.items() if key in known and key != "params"}
        return {"source": self._source_name(), "options": options, "learning_rate": self._rate}

    def get_config(self) -> dict[str, Any]:
        """``source``, ``options`` and ``learning_rate``, JSON-ready.  Raises ArgumentError for options that are not."""
        return {name: configs.serialize(value) for name, value in self.config().items()}

    def clone(self) -> Self:
        return type(self).from_dict(self.to_dict()) if self._exists else super().clone()


def _torch_names() -> list[str]:
    import torch

    return [name for name in dir(torch.optim) if isinstance(getattr(torch.optim, name), type)]


def _of_torch(kind: type) -> bool:
    return f"{kind.__module__}.".startswith("torch.optim.") and kind.__name__ in _torch_names()


def recognised(factory: Callable[..., Any]) -> tuple[Any, dict[str, Any]]:
    """A class of ``torch.optim``, bare or in a partial with plain options, as a name and options; else as it is."""
    kind, options = factory, {}
    if isinstance(factory, functools.partial) and not factory.args:
        kind, options = factory.func, factory.keywords
    try:
        json.dumps(options)
    except TypeError:
        return factory, {}
    if isinstance(kind, type) and _of_torch(kind):
        return kind.__name__, options
    return factory, {}
