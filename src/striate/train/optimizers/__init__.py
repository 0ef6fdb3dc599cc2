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
        optimizer.average()          # the moving average of the weights, where there is one
        optimizer.constrain()        # what their constraints say, where they have some

or, with gradients of one's own, ``optimizer.apply(gradients, weights)``, which does all of it.

Weight decay is decoupled, as in Keras 3 and in Loshchilov & Hutter 2017: w shrinks by lr · weight_decay · w before the
update and the gradient is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate import configs
from striate.errors import ArgumentError, absent, unknown
from striate.guard import guard
from striate.train import schedules
from striate.train.optimizers.base import Optimizer
from striate.train.optimizers.more import Adafactor, Ftrl, Lamb, Lion, Muon, ScheduleFreeAdamW
from striate.train.optimizers.rules import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, RMSprop
from striate.train.optimizers.torch_own import TorchOptimizer, recognised

__all__ = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "NAMES",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "SGD",
    "ScheduleFreeAdamW",
    "TorchOptimizer",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_ALL = (
    SGD,
    RMSprop,
    Adagrad,
    Adadelta,
    Adam,
    AdamW,
    Adamax,
    Nadam,
    Adafactor,
    Lion,
    Lamb,
    Ftrl,
    Muon,
    ScheduleFreeAdamW,
)
NAMES: dict[str, type[Optimizer]] = {kind.__name__.lower(): kind for kind in _ALL}

_SCALED = 'compile(precision="fp16"), which scales the loss itself'
_SHARED = "one optimizer for all layers; layer.trainable = False leaves some as they are"
LossScaleOptimizer = absent("LossScaleOptimizer", _SCALED)
MultiOptimizer = absent("MultiOptimizer", _SHARED)
_KERAS_ONLY = {"lossscaleoptimizer": _SCALED, "multioptimizer": _SHARED}


def get(identifier: Any) -> Any:
    """The optimizer of a name such as ``adam``, a description, an Optimizer, or anything that makes a torch optimizer.  None
    stays None.

    The last is a ``torch.optim`` optimizer, its class, or a function of the parameters such as
    ``functools.partial(torch.optim.SGD, lr=0.1)``.  Raises ArgumentError.

    identifier   one of these
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        if identifier.lower() in _KERAS_ONLY:
            raise ArgumentError(
                f'optimizer "{identifier}": Keras has it, striate has not; give {_KERAS_ONLY[identifier.lower()]} instead.'
            )
        if identifier.lower() not in NAMES:
            raise unknown("optimizer", identifier, NAMES)
        return NAMES[identifier.lower()]()
    if isinstance(identifier, Mapping):
        return deserialize(identifier) if "class_name" in identifier else Optimizer.from_dict(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if hasattr(identifier, "param_groups"):
        return TorchOptimizer(identifier)
    if callable(identifier):
        return TorchOptimizer(*recognised(identifier))
    raise ArgumentError(f"an optimizer is a name such as 'adam' or an object such as Adam(1e-3), not {identifier!r}.")


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """An optimizer as Keras describes it: its class and its arguments.

    optimizer    such as ``Adam(1e-3)``

    Raises ArgumentError for arguments that a description cannot hold, such as a function as learning rate.
    """
    return configs.serialize(optimizer)  # type: ignore[no-any-return]


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, type[Optimizer]] | None = None) -> Optimizer:
    """The optimizer of a ``serialize``.

    config            with the class's name under "class_name" and its arguments under "config"
    custom_objects    classes of one's own by name

    Raises ArgumentError for a class that is not known.
    """
    kind = NAMES.get(str(config.get("class_name")))
    named = config if kind is None else {**config, "class_name": kind.__name__}
    return configs.deserialize(named, custom_objects, "optimizers")  # type: ignore[no-any-return]


guard(__name__)
