"""``from striate import models``: Sequential, Model and loading, as the field's lecture code spells them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from striate.doors.parsing import parse_json
from striate.errors import ArgumentError, BundleError, Note, StriateError, warn
from striate.graph import from_json as graph_from_json
from striate.graph import from_keras
from striate.graph.text import revived
from striate.guard import guard
from striate.model import Functional, Model, clone_model
from striate.sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "from_json",
    "load_model",
    "model_from_json",
    "save_model",
]


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """The model saved at `filepath`, ready to predict, to be judged and to be trained further.

    filepath         a folder that ``model.save`` wrote, or a .keras or .h5 file of Keras 2 or 3
    custom_objects   classes and functions of your own that the model is made of, by name
    compile          whether it is compiled as it was; False: it can predict
    safe_mode        Keras' argument; code in a file is never run, whatever it says

    Raises BundleError, naming the part that is wrong.  A folder whose 8-bit twin or optimizer's state cannot be read is read
    without it, and a warning says so.
    """
    from striate.model.saving import compile_again, load_keras

    if os.path.lexists(filepath) and not os.path.isdir(filepath):
        return load_keras(filepath, custom_objects, compile)  # type: ignore[no-any-return]
    from striate.configs import CustomObjectScope
    from striate.data import Preprocessing
    from striate.intake import Decoding
    from striate.weights import read_bundle

    bundle = read_bundle(filepath)
    try:
        with CustomObjectScope(custom_objects):
            model = from_json(bundle.network)
        if bundle.preprocessing is not None:
            model.preprocessing = Preprocessing.from_dict(bundle.preprocessing)
        if bundle.decoding is not None:
            model.decoding = Decoding.from_dict(bundle.decoding)
        model.labels = bundle.labels
    except BundleError:
        raise
    except StriateError as error:
        raise BundleError(f"{filepath}: its model cannot be built: {error}") from None
    model._load_state(bundle.state, str(filepath))
    model.facts, model.scores = bundle.training, bundle.metrics
    of_weights = bundle.checksum, bundle.int8, bundle.engines, bundle.lost.get("int8")
    model.predictor._engine.loaded(model.predictor, filepath, *of_weights)
    if compile and "optimizer" in bundle.lost:
        warn(
            f"{bundle.lost['optimizer']}. It is left out, and further training begins the optimizer's state anew.", Note
        )
    if compile:
        compile_again(model, bundle.compiled, custom_objects, bundle.optimizer)
    return model


def save_model(
    model: Model, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None, **others: Any
) -> None:
    """``model.save(filepath)``, as Keras has it too.

    model       to save
    filepath    a folder, a .keras or a .h5 file
    overwrite   False: something that stands there is an error
    zipped      Keras' argument: False for a folder, True for a .keras file; None: the end of the name says it
    others      ``include_optimizer``; ``save_format`` of Keras 2, which the end of the name says now

    Raises ArgumentError and BundleError where ``model.save`` does.
    """
    known = ("include_optimizer", "save_format")
    for key in others:
        if key not in known:
            raise ArgumentError(f'save_model has no argument "{key}". It takes: overwrite, zipped, {", ".join(known)}.')
    model.save(filepath, overwrite, zipped=zipped, **others)


def from_json(description: dict[str, Any] | str) -> Model:
    """A new model (fresh weights) from `description`, as ``Model.description`` gives it, or the same as text.

    Raises ArgumentError for what is no description of a network.
    """
    graph = graph_from_json(description).check()
    if isinstance(description, str):
        return Model.from_graph(graph)
    return revived(description, graph, description.get("name"))  # type: ignore[no-any-return]


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A new model (fresh weights) from the text that ``Model.to_json`` gives, or Keras'.

    json_string      the text
    custom_objects   classes and functions of your own by name

    Raises ArgumentError for what is no network's configuration, and for layers that are not known.
    """
    config = parse_json(json_string, "the network's configuration", ArgumentError)
    return from_keras(config, custom_objects)  # type: ignore[no-any-return]


guard(__name__)
