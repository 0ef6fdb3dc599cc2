"""Optimizers: Keras 3's names, arguments and defaults, run by ``torch.optim``.

An Optimizer is a description until ``build`` gives it weights; then its ``learning_rate`` acts on the running
``torch.optim`` optimizer.  Training is::

    running = optimizer.build(module.named_parameters())
    optimizer.bind(total_steps)      # for schedules that leave their length open
    for step in range(total_steps):
        loss.backward()
        optimizer.set_rate()         # the schedule's learning rate for this update
        optimizer.before_step()      # clip the gradients
        optimizer.decay()            # shrink the weights
        running.step()
        optimizer.iterations += 1

Weight decay is decoupled, as in Keras 3 and in Loshchilov & Hutter 2017: w shrinks by lr · weight_decay · w before the
update and the gradient is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate.errors import ArgumentError, unknown
from striate.train import schedules
from striate.train.optimizers.base import Optimizer
from striate.train.optimizers.rules import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, RMSprop
from striate.train.optimizers.torch_own import TorchOptimizer, recognised

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAMES",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "SGD",
    "TorchOptimizer",
    "get",
    "schedules",
]

NAMES: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind for kind in (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam)
}

_KERAS_ONLY = {"adafactor": "torch.optim.Adafactor", "muon": "torch.optim.Muon", "ftrl": "", "lion": "", "lamb": ""}


def get(spec: Any) -> Optimizer:
    """The optimizer of a name such as ``adam``, a description, an Optimizer, or anything that makes a torch optimizer.

    The last is a ``torch.optim`` optimizer, its class, or a function of the parameters such as
    ``functools.partial(torch.optim.SGD, lr=0.1)``.  Raises ArgumentError.

    spec    one of these
    """
    if isinstance(spec, Optimizer):
        return spec
    if isinstance(spec, str):
        if spec.lower() in _KERAS_ONLY:
            instead = _KERAS_ONLY[spec.lower()] or "a torch.optim class, or a function of the parameters,"
            raise ArgumentError(f'optimizer "{spec}": Keras has it, striate has not; give {instead} instead.')
        if spec.lower() not in NAMES:
            raise unknown("optimizer", spec, NAMES)
        return NAMES[spec.lower()]()
    if isinstance(spec, Mapping):
        return Optimizer.from_dict(spec)
    if isinstance(spec, type) and issubclass(spec, Optimizer):
        return spec()
    if hasattr(spec, "param_groups"):
        return TorchOptimizer(spec)
    if callable(spec):
        return TorchOptimizer(*recognised(spec))
    raise ArgumentError(f"an optimizer is a name such as 'adam' or an object such as Adam(1e-3), not {spec!r}.")
