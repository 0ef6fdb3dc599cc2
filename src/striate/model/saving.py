"""A model on disk: everything that predicting and further training need, written and read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate.errors import ArgumentError, BundleError, Note, StriateError, note, warn
from striate.graph import from_keras
from striate.train import compiled
from striate.train.optimizer_state import OfKeras, awaited, beside_keras, optimizer_state, to_keras_state
from striate.train.rates import weight_rates
from striate.weights import Bundle, write_bundle
from striate.weights.card import model_card
from striate.weights.endings import kind_of_model, may_write


def save(
    model: Any,
    path: str | os.PathLike[str],
    overwrite: bool,
    include_optimizer: bool,
    zipped: bool | None,
    save_format: str | None,
) -> Path:
    """``Model.save``; see there."""
    kind = kind_of_model(path)
    said = {"h5": "hdf5", "keras": "keras"}.get(save_format or "")
    if zipped is not None:
        said = "keras" if zipped else "folder"
    if said is not None and said != kind:
        endings = {"keras": "ends in .keras", "hdf5": "ends in .h5", "folder": "has no ending"}
        raise ArgumentError(f"{path}: the name of what is asked for {endings[said]}.")
    may_write(path, overwrite)
    if model._plan is not None and include_optimizer:
        _say_what_is_left_out(model._plan, path)
    _say_edited(model, path)
    if kind != "folder":
        _save_keras(model, path, include_optimizer, kind == "hdf5")
        return Path(path)
    state = None
    if model._plan is not None and include_optimizer:
        _take_up(model, model._plan, tuple)
        state = optimizer_state(model._plan.optimizer)
    bundle = Bundle(
        network=model.description(),
        state=model._state(),
        preprocessing=None if model.preprocessing is None else model.preprocessing.to_dict(),
        labels=model.labels,
        decoding=_decoding(model),
        training=model.facts,
        metrics=model.scores,
        int8=model.predictor._engine.saved_int8(model.predictor.graph),
        engines=model.predictor._engine.saved_choices(model.predictor.graph),
        compiled=_described(model),
        optimizer=state,
    )
    return write_bundle(path, bundle, model_card(model._title, bundle, model.size()))


def _say_edited(model: Any, path: str | os.PathLike[str]) -> None:
    """Say that a setting of a torch module, which was edited past its layer, is not saved."""
    from striate.backend.settings import edited

    what = None if not model.built or model.torch_module is None else edited(model.torch_module)
    if what is not None:
        warn(f"{path}: {what}, and what is saved is what the layers say. Set it in the layer to keep it.", Note)


def _described(model: Any) -> dict[str, Any] | None:
    """What ``compile`` was given; what an earlier file said, where it could not be taken up."""
    if model._compile_args is not None:
        return compiled.describe(model._compile_args)
    return model._not_compiled[0] if model._not_compiled is not None else None


def _decoding(model: Any) -> dict[str, Any] | None:
    """How a network that ends in boxes decodes them, defaults too; of others what they were told."""
    from striate.intake import outputs_with_boxes

    boxes = model.built and outputs_with_boxes(model.graph)
    return model.decoding.to_dict() if boxes or model._decoding is not None else None


def _say_what_is_left_out(plan: Any, path: str | os.PathLike[str]) -> None:
    """What of a training no file keeps, in words."""
    if plan.optimizer._iterations and plan.precision == "fp16":
        note(f"{path}: the factor by which the loss is scaled in 16 bits is not kept; it is found anew.")


def _take_up(model: Any, plan: Any, kind: type[Any]) -> None:
    """Build an optimizer whose state, of a file, waits in another form than the `kind` that is written."""
    if plan.optimizer.saved_state is None or isinstance(plan.optimizer.saved_state, kind):
        return
    named = [(name, p) for name, p in model.module.named_parameters() if p.requires_grad]
    if named:
        plan.optimizer.build(named, parts=weight_rates(plan.rates, model.graph), together=plan.accumulate)


def _save_keras(model: Any, path: str | os.PathLike[str], include_optimizer: bool, hdf5: bool) -> None:
    from striate.weights.keras_model import write_keras_model
    from striate.weights.keras_says import check_for_keras

    plan = model._compiled() if model._compile_args is not None and model.built else None
    if model.built:
        check_for_keras(model.graph.check(), str(path))
        engines, graph = model.predictor._engine, model.predictor.graph
        if engines.saved_int8(graph) is not None or engines.saved_choices(graph) is not None:
            note(
                f"{path}: a file of Keras keeps neither the 8-bit twin nor which engine is the fastest. Save the model as a "
                "folder, under a name without an ending, to keep them."
            )
    beside = {
        "preprocessing": None if model.preprocessing is None else model.preprocessing.to_dict(),
        "labels": model.labels,
        "decoding": _decoding(model),
        "training": model.facts,
        "metrics": model.scores,
        "compiled": _described(model),
    }
    settings = None if plan is None else compiled.for_keras(model._compile_args, plan.optimizer, hdf5)
    arrays, own = [], None
    if plan is not None and include_optimizer:
        _take_up(model, plan, OfKeras)
        arrays = to_keras_state(model, plan.optimizer) if settings is not None else []
        own = beside_keras(plan.optimizer, arrays)
    write_keras_model(path, model, model._title, model._keras_entry(), settings, arrays, beside, own)


# -- in -----------------------------------------------------------------------------------------------------------------
def load_keras(
    path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None, compile: bool, kind: type[Any] | None = None
) -> Any:
    """The model of a file of Keras.  Raises BundleError, naming what is wrong.

    path             of the file
    custom_objects   classes and functions of a user's own by name
    compile          whether it is compiled as it was
    kind             the class of a model of calls; None: Model
    """
    from striate.data import Preprocessing
    from striate.intake import Decoding
    from striate.weights.keras_model import read_keras_model
    from striate.weights.load import apply
    from striate.weights.match import match

    saved = read_keras_model(path)
    try:
        model = from_keras(_adapted(saved.network, saved.weights), custom_objects, kind)
        if saved.beside.get("preprocessing"):
            model.preprocessing = Preprocessing.from_dict(saved.beside["preprocessing"])
        if saved.beside.get("decoding"):
            model.decoding = Decoding.from_dict(saved.beside["decoding"])
        graph = model.graph.check() if model.built else None
    except BundleError:
        raise
    except StriateError as error:
        raise BundleError(f"{path}: its network cannot be built: {error}") from error.__cause__
    if graph is not None:
        wanted = any(node.layer.parameters(*node.input_shapes) for node in graph.flat().nodes)
        if wanted or saved.weights.layers:
            plan = match(graph, None, saved.weights, "keras")
            apply(plan, graph, None, model._state, saved.weights)
    elif saved.weights.layers:
        raise BundleError(f"{path}: its network does not know the shape of its input, so its weights have no place.")
    labels, facts, scores = (saved.beside.get(key) for key in ("labels", "training", "metrics"))
    if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        model.labels = labels
    model.facts, model.scores = facts if isinstance(facts, dict) else {}, scores if isinstance(scores, dict) else {}
    if compile:
        settings = saved.beside.get("compiled")
        settings = settings if isinstance(settings, dict) else saved.compiled
        compile_again(model, settings, custom_objects, saved.own, saved.optimizer)
    return model


def compile_again(
    model: Any,
    settings: Mapping[str, Any] | None,
    custom_objects: Mapping[str, Any] | None,
    state: tuple[dict[str, Any], dict[str, Any]] | None = None,
    keras_state: list[Any] | None = None,
) -> None:
    """Compile a model as a file says; what the file cannot say is told when the model is to be trained or judged.

    settings          of compile
    custom_objects    functions and classes of a user's own by name
    state             of the optimizer, as ``optimizer_state`` gives it
    keras_state       the same in Keras' arrays
    """
    if not settings or not settings.get("loss"):
        return
    try:
        model.compile(**compiled.arguments(settings, custom_objects))
    except StriateError as error:
        model._compile_args = model._plan = None
        model._not_compiled = dict(settings), str(error).rstrip(".")
        return
    if model._plan is not None:
        awaited(model._plan.optimizer, OfKeras(model, keras_state) if state is None and keras_state else state)


def _adapted(config: dict[str, Any], weights: Any) -> dict[str, Any]:
    """A configuration in which each Normalization has the mean and the variance that the file holds as arrays."""
    adapted = {
        layer.path: list(layer.arrays.values()) for layer in weights.layers if layer.normalises_pixels and layer.path
    }
    if not adapted:
        return config

    def walk(entry: Any, start: str) -> Any:
        if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
            return entry
        inner = dict(entry["config"])
        if isinstance(inner.get("layers"), list):
            inner["layers"] = [
                walk(one, f"{start}{one['config'].get('name')}/" if nests(one) else start) for one in inner["layers"]
            ]
        elif entry.get("class_name") == "Normalization" and inner.get("mean") is None:
            arrays = adapted.get(f"{start}{inner.get('name')}")
            if arrays is not None and len(arrays) >= 2:
                inner |= {"mean": arrays[0].flatten().tolist(), "variance": arrays[1].flatten().tolist()}
        return {**entry, "config": inner}

    def nests(one: Any) -> bool:
        return isinstance(one, dict) and isinstance(one.get("config"), dict) and "layers" in one["config"]

    return walk(config, "")  # type: ignore[no-any-return]


def refuse_uncompiled(model: Any, what: str) -> ArgumentError:
    """The error for a model that was compiled when it was saved, in a way that its file could not say.

    what   it cannot do yet
    """
    return ArgumentError(
        f"{model._title} {what} yet: {model._not_compiled[1]}, when it is loaded, or call compile(optimizer, loss) again."
    )
