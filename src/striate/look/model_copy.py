"""A copy of a network, for what must not touch the network itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from striate.model import Model


def independent_copy(model: Model) -> Model:
    """The same network with the same weights in memory of its own; the global random numbers stay where they were."""
    from striate.models import from_json

    state = {key: tensor.detach().clone() for key, tensor in model._state().items()}
    with torch.random.fork_rng(devices=[]):
        copy = from_json(model.description())
        copy._load_state(state, "the model")
    copy.preprocessing, copy.labels = model.preprocessing, model.labels
    weight = next(model.module.parameters(), None)
    if weight is not None:
        copy.module.to(weight.device, weight.dtype)
    return copy
