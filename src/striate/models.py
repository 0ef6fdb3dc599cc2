"""``from striate import models``: Sequential, Model and loading, as the field's lecture code spells them."""

from __future__ import annotations

import os
from typing import Any

from striate.errors import StriateError
from striate.graph import from_json as graph_from_json
from striate.model import Model
from striate.sequential import Sequential

__all__ = ["Model", "Sequential", "from_json", "load_model"]


def load_model(path: str | os.PathLike[str]) -> Model:
    """The model saved in the folder `path`, ready to predict or to train on.

    Raises BundleError, naming the part that is wrong.
    """
    from striate.data import Preprocessing
    from striate.errors import BundleError
    from striate.weights import read_bundle

    bundle = read_bundle(path)
    try:
        model = from_json(bundle.network)
        if bundle.preprocessing is not None:
            model.preprocessing = Preprocessing.from_dict(bundle.preprocessing)
        model.labels = bundle.labels
    except BundleError:
        raise
    except StriateError as error:
        raise BundleError(f"{path}: its model cannot be built: {error}") from None
    model._load_state(bundle.state, str(path))
    model.facts, model.scores = bundle.training, bundle.metrics
    model.predictor._engine.loaded(model.predictor, path, bundle.checksum, bundle.int8)
    return model


def from_json(description: dict[str, Any] | str) -> Model:
    """A new model (fresh weights) from `description`, as ``Model.to_json`` gives it, or the same as text.

    Raises ArgumentError for what is no description of a network.
    """
    graph = graph_from_json(description).check()
    if isinstance(description, str):
        return Model.from_graph(graph)
    kind = Sequential if description.get("class") == "Sequential" else Model
    return kind.from_graph(graph, description.get("name"))
