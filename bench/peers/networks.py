"""The networks of the prediction benches, as every peer on torch's side makes them."""

import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch

import striate as st
from striate.data import Preprocessing

FOLDER = Path(os.environ.get("STRIATE_DATA") or Path.home() / ".striate" / "data") / "weights"
FILES = {
    "mobilenet": "mobilenet_1_0_224_imagenet1001_keras_legacy.h5",
    "mobilenet_v2": "mobilenetv2_1_0_224_imagenet1001.weights.h5",
}


def published(net: str) -> Path | None:
    """The file of published weights; None where there is none, and weights are drawn."""
    file = FOLDER / FILES.get(net, "none")
    return file if file.is_file() else None


def network(net: str) -> Any:
    """striate's model, with published weights where they are there."""
    st.set_seed(0)
    model = st.zoo.create(net, weights=published(net))
    model.preprocessing = Preprocessing.pictures(224, 3, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return model


def plain(net: str) -> torch.nn.Module:
    """The same network as plain torch code."""
    model = network(net)
    space: dict = {}
    exec(model.to_source(), space)
    module = space["Network"]()
    module.load_state_dict(model.module.state_dict())
    return module.eval()  # type: ignore[no-any-return]


def exported(net: str) -> bytes:
    """What torch.onnx writes of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            plain(net),
            (torch.zeros(2, 3, 224, 224),),
            dynamo=True,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
        )
    assert program is not None
    file = io.BytesIO()
    program.save(file)
    return file.getvalue()
