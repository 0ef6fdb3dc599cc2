"""Functions on symbolic tensors, and padding in cells, in Keras' files.

The configurations were written by Keras 3.15.1 for the same lines; it loaded each of the files below and answered alike to
1e-5, and striate loaded its files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate as st
from striate import layers, ops
from striate.errors import ArgumentError

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(2, 2, 6, 4, 4)).astype(np.float32)
EVERY = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}

# what is written, Keras' module, class, arguments, and what its call takes; T is the tensor
CASES: dict[str, tuple[Any, str, str, dict[str, Any], list[Any]]] = {
    "slice": (
        lambda x, z: x[:, 1:-1, ::2, 0],
        "numpy",
        "GetItem",
        {},
        [
            "T",
            [
                EVERY,
                {"class_name": "__slice__", "config": {"start": 1, "stop": -1, "step": None}},
                {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": 2}},
                0,
            ],
        ],
    ),
    "ellipsis": (
        lambda x, z: x[..., None, :2],
        "numpy",
        "GetItem",
        {},
        [
            "T",
            [
                {"class_name": "__ellipsis__", "config": {}},
                None,
                {"class_name": "__slice__", "config": {"start": None, "stop": 2, "step": None}},
            ],
        ],
    ),
    "number first": (lambda x, z: 1.0 - x, "numpy", "Subtract", {}, [1.0, "T"]),
    "array": (
        lambda x, z: x - np.array([1, 2, 3, 4], "float32"),
        "numpy",
        "Subtract",
        {},
        ["T", {"class_name": "__numpy__", "config": {"value": [1.0, 2.0, 3.0, 4.0], "dtype": "float32"}}],
    ),
    "two tensors": (lambda x, z: x * z, "numpy", "Multiply", {}, ["T", "T"]),
    "mean": (lambda x, z: ops.mean(x, axis=(1, 2)), "numpy", "Mean", {"axis": [1, 2]}, ["T"]),
    "concatenate": (lambda x, z: ops.concatenate([x, z], axis=-1), "numpy", "Concatenate", {"axis": -1}, [["T", "T"]]),
    "reshape": (lambda x, z: ops.reshape(x, (-1, 24, 4)), "numpy", "Reshape", {"newshape": [-1, 24, 4]}, ["T"]),
    "relu": (lambda x, z: ops.relu(x), "nn", "Relu", {}, ["T"]),
    "compared": (lambda x, z: x > 0, "numpy", "Greater", {}, ["T", 0]),
    "where": (lambda x, z: ops.where(x, x, z), "numpy", "Where", {}, ["T", "T", "T"]),
    "split": (lambda x, z: ops.split(x, 2, axis=1)[1], "numpy", "Split", {"indices_or_sections": 2, "axis": 1}, ["T"]),
    "top_k": (lambda x, z: ops.top_k(x, 2)[0], "math", "TopK", {"k": 2}, ["T"]),
    "einsum": (
        lambda x, z: ops.einsum("nijk,nijk->nij", x, z),
        "numpy",
        "Einsum",
        {"subscripts": "nijk,nijk->nij"},
        ["T", "T"],
    ),
    "resize": (lambda x, z: ops.image.resize(x, (3, 3)), "image", "Resize", {"size": [3, 3]}, ["T"]),
}


def without_tensors(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return "T"
        return {key: without_tensors(one) for key, one in value.items()}
    return [without_tensors(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES)
def test_an_operation_is_written_as_keras_writes_it_and_read_again(case: str, tmp_path: Path) -> None:
    write, module, kind, config, args = CASES[case]
    inputs = [st.Input((6, 4, 4), name="x"), st.Input((6, 4, 4), name="z")]
    model = st.Model(inputs, write(*inputs))
    (entry,) = [one for one in model.get_config()["layers"] if one["class_name"] != "InputLayer"]
    assert (entry["module"], entry["class_name"], entry["registered_name"]) == (f"keras.src.ops.{module}", kind, kind)
    assert {key: value for key, value in entry["config"].items() if key != "name"} == config  # defaults are left out
    (node,) = entry["inbound_nodes"]
    assert without_tensors(json.loads(json.dumps(node["args"]))) == args
    expected = model.predict([X, Z], engine="torch")
    model.save(tmp_path / "m.keras")
    again = st.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict([X, Z], engine="torch"), expected)


def test_what_keras_has_not_is_said_before_anything_is_written(tmp_path: Path) -> None:
    x = st.Input((4,))
    with pytest.raises(ArgumentError, match="Keras has no such operation"):
        st.Model(x, ops.mish(x)).save(tmp_path / "m.keras")
    assert not any(tmp_path.iterdir())


# -- padding in cells ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("layer", "padding", "zeros"),
    [
        (layers.Conv2D(2, 3, padding=1), "same", None),
        (layers.Conv2D(2, 3, padding=2, dilation_rate=2), "same", None),
        (layers.Conv2D(2, 2, padding=((0, 1), (0, 1))), "same", None),
        (layers.Conv2D(2, 3, padding=0), "valid", None),
        (layers.Conv2D(2, 3, padding=2), "valid", [[2, 2], [2, 2]]),
        (layers.Conv2D(2, 7, strides=2, padding=3), "valid", [[3, 3], [3, 3]]),
        (layers.DepthwiseConv2D(3, strides=2, padding=((0, 1), (0, 1))), "valid", [[0, 1], [0, 1]]),
        (layers.AveragePooling2D(3, 2, padding=1, count_include_pad=True), "valid", [[1, 1], [1, 1]]),
        (layers.Conv2DTranspose(2, 3, padding=1), "same", None),
    ],
)
def test_padding_in_cells_is_same_or_a_layer_of_zeros_in_keras(layer, padding, zeros, tmp_path: Path) -> None:
    x = st.Input((6, 4, 4))
    for model in (st.Model(x, layer(x)), st.Sequential([st.Input((6, 4, 4)), layer])):
        *_, entry = model.get_config()["layers"]
        assert entry["config"].get("padding", "valid") == padding
        padded = [one for one in model.get_config()["layers"] if one["class_name"] == "ZeroPadding2D"]
        assert [one["config"]["padding"] for one in padded] == ([] if zeros is None else [zeros])
        model.save(tmp_path / "m.keras", overwrite=True)
        model.save(tmp_path / "m.h5", overwrite=True)
        for ending in ("keras", "h5"):
            again = st.models.load_model(tmp_path / f"m.{ending}")
            np.testing.assert_allclose(again.predict(X, engine="torch"), model.predict(X, engine="torch"), atol=1e-6)


def test_zeros_stand_before_a_maximum_only_where_nothing_is_below_zero(tmp_path: Path) -> None:
    x = st.Input((6, 4, 4))
    pool = layers.MaxPooling2D(3, 2, padding=1)
    model = st.Model(x, pool(layers.ReLU()(x)))
    model.save(tmp_path / "m.keras")
    again = st.models.load_model(tmp_path / "m.keras")
    assert [layer.kind for layer in again.layers] == ["InputLayer", "ReLU", "ZeroPadding2D", "MaxPooling2D"]
    np.testing.assert_array_equal(again.predict(X, engine="torch"), model.predict(X, engine="torch"))
    with pytest.raises(ArgumentError, match="put ZeroPadding2D before it"):
        st.Model(x, layers.MaxPooling2D(3, 2, padding=1)(x)).save(tmp_path / "other.keras")


def test_a_layer_called_twice_has_one_layer_of_zeros(tmp_path: Path) -> None:
    x, z = st.Input((6, 4, 4)), st.Input((6, 4, 4))
    conv = layers.Conv2D(4, 3, strides=2, padding=1)
    model = st.Model([x, z], layers.Add()([conv(x), conv(z)]))
    model.save(tmp_path / "m.keras")
    again = st.models.load_model(tmp_path / "m.keras")
    assert sum(layer.kind == "ZeroPadding2D" for layer in again.layers) == 1
    np.testing.assert_allclose(again.predict([X, Z], engine="torch"), model.predict([X, Z], engine="torch"), atol=1e-6)


def test_an_input_that_nothing_reads_goes_into_the_file(tmp_path: Path) -> None:
    x, z = st.Input((6, 4, 4)), st.Input((3,))
    st.Model([x, z], x + 1.0).save(tmp_path / "m.keras")
    assert len(st.models.load_model(tmp_path / "m.keras").inputs) == 2
