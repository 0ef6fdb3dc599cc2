"""What ``compile`` chose, as a file holds it: names, configurations, and the state of the optimizer.

Functions and classes of a user's own go by their names and are given again when the file is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from striate import configs
from striate.errors import ArgumentError, StriateError
from striate.train import optimizers

# Arguments of Keras' compile that change nothing here.
_NO_MATTER = ("run_eagerly", "jit_compile", "auto_scale_loss", "sample_weight_mode")
_ROOM = {
    "optimizer": "optimizers",
    "loss": "losses",
    "metrics": "metrics",
    "weighted_metrics": "metrics",
    "mix": "layers",
    "augment": "layers",
}


# -- out ----------------------------------------------------------------------------------------------------------------
def describe(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``compile``, JSON-ready.

    arguments   by name; ``others`` holds those that it took as further ones
    """
    given = {**{key: value for key, value in arguments.items() if key != "others"}, **(arguments.get("others") or {})}
    if given.get("optimizer") is not None:
        given["optimizer"] = _optimizer(given["optimizer"])
    return {key: _said(value) for key, value in given.items() if value is not None}


def _optimizer(given: Any) -> Any:
    """An optimizer of torch as a description; one of a user's own as the class or function that makes it."""
    made = optimizers.get(given) if callable(given) or hasattr(given, "param_groups") else given
    if not isinstance(made, optimizers.TorchOptimizer) or made is given:
        return given
    return made if made.described else getattr(given, "func", given)


def _said(value: Any, compact: bool = False) -> Any:
    if isinstance(value, list | tuple):
        return [_said(part, compact) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _said(part, compact) for key, part in value.items()}
    own = getattr(value, "function", None) or getattr(value, "module", None)
    if callable(own) and not isinstance(own, str):  # a loss or metric that wraps a function
        return configs.by_name(own if inspect.isroutine(own) else type(own))
    try:
        return configs.serialize(value, compact)
    except StriateError:
        return configs.by_name(value if inspect.isroutine(value) or inspect.isclass(value) else type(value))


def for_keras(arguments: Mapping[str, Any], optimizer: Any, classes: bool = False) -> dict[str, Any] | None:
    """The same as Keras 3 reads it, in its own arguments; None where Keras has no such loss.

    arguments   of ``compile``
    optimizer   the one that they made
    classes     losses and metrics by their classes: Keras 3 does not find the names in its own HDF5 files
    """
    loss = _keras_part(arguments.get("loss"), "losses", classes)
    if loss is _NOT_THERE or type(optimizer).__name__ not in _OPTIMIZERS:
        return None
    optimizer_said = configs.described(optimizer, configs.serialize(_plain_settings(optimizer), compact=True))
    metrics, weighted = (_keras_part(arguments.get(key), "metrics", classes) for key in ("metrics", "weighted_metrics"))
    return {
        "optimizer": optimizer_said,
        "loss": loss,
        "loss_weights": configs.serialize(arguments.get("loss_weights")),
        "metrics": None if metrics is _NOT_THERE else metrics,
        "weighted_metrics": None if weighted is _NOT_THERE else weighted,
        "run_eagerly": False,
        "steps_per_execution": arguments.get("steps_per_execution") or 1,
        "jit_compile": False,
    }


_NOT_THERE = object()
_OPTIMIZERS = frozenset(
    [
        "SGD",
        "RMSprop",
        "Adam",
        "AdamW",
        "Adagrad",
        "Adadelta",
        "Adamax",
        "Nadam",
        "Adafactor",
        "Ftrl",
        "Lion",
        "Lamb",
        "Muon",
        "ScheduleFreeAdamW",
    ]
)
_NOT_KERAS = frozenset(  # names of losses and metrics that Keras has not
    [
        "half_sum_of_squares",
        "HalfSumOfSquares",
        "f1",
        "f1_macro",
        "f1_micro",
        "confusion_matrix",
        "ConfusionMatrix",
        "rmse",
        "segmentation_loss",
        "SegmentationLoss",
        "sparse_dice",
        "SparseDice",
    ]
)
_OURS_ALONE = ("decay_exclude", "rule", "ignore_class_axis")


def _plain_settings(optimizer: Any) -> dict[str, Any]:
    said = {key: value for key, value in optimizer.config().items() if key not in _OURS_ALONE}
    if optimizer.schedule is None:
        said["learning_rate"] = float(optimizer.learning_rate)
    return said


def _keras_part(value: Any, room: str, classes: bool) -> Any:
    """A loss or metrics as Keras reads them; those that it has not are left out."""
    if isinstance(value, list | tuple):
        parts = [_keras_part(part, room, classes) for part in value]
        return [part for part in parts if part is not _NOT_THERE] if room == "metrics" else _all(parts)
    if isinstance(value, Mapping):
        named = {key: _keras_part(part, room, classes) for key, part in value.items()}
        kept = {key: part for key, part in named.items() if part is not _NOT_THERE}
        return kept if room == "metrics" or len(kept) == len(named) else _NOT_THERE
    said = _said(value, compact=True)
    name = said.get("class_name") if isinstance(said, Mapping) else said
    if isinstance(said, Mapping) and (name == "function" or not str(said.get("module")).startswith("keras.")):
        return said  # of a user's own: to be given there too
    if isinstance(name, str) and (name in _NOT_KERAS or name.startswith("top")):
        return _NOT_THERE
    return _class_of(said, room) if classes and isinstance(said, str) else said


def _class_of(name: str, room: str) -> Any:
    """The class of a loss or a metric that goes by a name."""
    if name in ("accuracy", "acc", "crossentropy", "ce"):
        return name
    from striate.train import losses

    kind = losses.find(name)
    metric = configs.KNOWN.get(("metrics", "".join(part.capitalize() for part in name.split("_"))))
    made = kind if room == "losses" or metric is None else metric
    if made is None or (room, made.__name__) not in configs.KNOWN:
        return _NOT_THERE
    config = {"name": name} if room == "metrics" else {}
    return {"module": f"keras.{room}", "class_name": made.__name__, "config": config, "registered_name": None}


def _all(parts: list[Any]) -> Any:
    return _NOT_THERE if any(part is _NOT_THERE for part in parts) else parts


# -- in -----------------------------------------------------------------------------------------------------------------
def arguments(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The arguments of ``compile`` from what a file holds, of striate or of Keras.

    config           the file's
    custom_objects   functions and classes of a user's own by name

    Raises ArgumentError for one that is not known.
    """
    from striate.train import losses, metrics, optimizers  # noqa: F401  their classes are known once they are there

    own = {**configs.get_custom_objects(), **(custom_objects or {})}
    if "optimizer_config" in config:  # of Keras' HDF5 files
        config = {**config, "optimizer": config["optimizer_config"]}
    made: dict[str, Any] = {}
    for key, value in config.items():
        if key in ("optimizer_config", *_NO_MATTER) or value is None or value == []:
            continue
        made[key] = _made(value, _ROOM.get(key, ""), own, 0)
    return made


def _made(value: Any, room: str, own: Mapping[str, Any], depth: int) -> Any:
    if depth > 20:
        raise ArgumentError("the compile state is nested too deep.")
    if isinstance(value, list):
        return [_made(part, room, own, depth + 1) for part in value]
    if isinstance(value, str):
        return own.get(value, value) if room in ("losses", "metrics") else value
    if not isinstance(value, Mapping):
        return value
    kind = value.get("class_name")
    if not isinstance(kind, str) or "config" not in value:
        return {key: _made(part, room, own, depth + 1) for key, part in value.items()}
    config, module = value["config"], str(value.get("module") or "")
    if kind == "function":
        if not isinstance(config, str):
            raise ArgumentError("a function goes by its name.")
        own_function = own.get(config, own.get(str(value.get("registered_name"))))
        if own_function is None and not module.startswith("keras"):
            what = {"losses": "loss", "metrics": "metric", "optimizers": "optimizer"}.get(room, "function")
            raise ArgumentError(f'the {what} {config} is of your own: give custom_objects={{"{config}": …}}')
        return config if own_function is None else own_function
    if not isinstance(config, Mapping):
        raise ArgumentError(f"{kind}: its config is an object.")
    if kind in ("MeanMetricWrapper", "LossFunctionWrapper") and "fn" in config:
        function = _made(config["fn"], room, own, depth + 1)
        if kind == "LossFunctionWrapper":
            return function
        from striate.train import metrics

        metric = metrics.get(function)
        metric.name = str(config.get("name") or metric.name)
        return metric
    cls: Any = configs.find(kind, value.get("registered_name"), own, room, module)
    if cls is None:
        cls = next(
            (c for (place, name), c in configs.KNOWN.items() if place == room and name.lower() == kind.lower()), None
        )
    if cls is None:
        raise configs.not_known(kind, module, room)
    if not isinstance(cls, type):
        return cls
    given = {
        key: _made(part, "schedules" if key == "learning_rate" else "", own, depth + 1) for key, part in config.items()
    }
    settled = _settled(cls, given) if cls.__module__.startswith("striate.") else given
    return cls.from_config(settled)  # type: ignore[attr-defined]


_AT_DEFAULT: dict[str, tuple[Any, ...]] = {
    "reduction": ("sum_over_batch_size", "auto"),
    "axis": (-1,),
    "ema_momentum": (0.99,),
    "decay": (0.0,),
    "is_legacy_optimizer": (True, False),
    "jit_compile": (True, False),
    "sparse_y_true": (True, False),
    "sparse_y_pred": (True, False),
}


def _settled(cls: type[Any], given: dict[str, Any]) -> dict[str, Any]:
    """Arguments without those that the class has not and that say nothing, such as a dtype of 32 bits."""
    known = set(inspect.signature(cls).parameters)
    return {
        key: value
        for key, value in given.items()
        if key in known or not (value is None or value is False or key == "dtype" or value in _AT_DEFAULT.get(key, ()))
    }
