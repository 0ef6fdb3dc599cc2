"""ONNX graphs that lie where only ours should, or that a stranger made: they never answer, loop or fill the memory."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import striate as st
from striate.doors.onnx_files import check_onnx, parse_onnx
from striate.errors import ArgumentError, BundleError, Note

X = np.random.default_rng(0).random((8, 8, 8, 3), np.float32)


def net(units: int = 4) -> Any:
    return st.models.Sequential(
        [
            st.layers.Input((8, 8, 3)),
            st.layers.Conv2D(units, 3, activation="relu"),
            st.layers.Flatten(),
            st.layers.Dense(3, activation="softmax"),
        ]
    )


def quantized(folder: Path) -> Any:
    model = net()
    model.quantize(X)
    model.save(folder)
    return model


def with_int8(folder: Path, content: bytes) -> None:
    """Put another int8 file into a saved model, with its right checksum."""
    description = json.loads((folder / "model.json").read_text())
    (folder / "int8-other.onnx").write_bytes(content)
    description["int8"] |= {"file": "int8-other.onnx", "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "model.json").write_text(json.dumps(description))


def int8_of(folder: Path) -> bytes:
    (file,) = folder.glob("int8-*.onnx")
    return file.read_bytes()


def test_what_lies_beside_the_weights_never_answers(tmp_path: Path) -> None:
    model = net()
    model.save(tmp_path / "m")
    expected = model.predict(X, engine="torch")
    net().export_onnx(tmp_path / "other.onnx")
    other = (tmp_path / "other.onnx").read_bytes()
    for named in ("engine.onnx", "model.onnx", f"engine-{hashlib.sha256(other).hexdigest()[:32]}.onnx"):
        (tmp_path / "m" / named).write_bytes(other)  # as a stranger would put it into the folder
    again = st.models.load_model(tmp_path / "m")
    np.testing.assert_allclose(again.predict(X, engine="onnxruntime"), expected, atol=1e-6)


def test_a_twin_of_other_weights_is_refused(tmp_path: Path) -> None:
    quantized(tmp_path / "a")
    quantized(tmp_path / "b")
    whole = st.models.load_model(tmp_path / "a")
    assert whole.predict(X, engine="int8").shape == (8, 3)
    with_int8(tmp_path / "a", int8_of(tmp_path / "b"))
    with pytest.warns(Note, match=r"made from other weights\. It is left out"):
        model = st.models.load_model(tmp_path / "a")
    with pytest.raises(ArgumentError, match=r"made from other weights\. model\.quantize\(pictures\)"):
        model.predict(X, engine="int8")


def test_a_twin_survives_saving_and_loading(tmp_path: Path) -> None:
    expected = quantized(tmp_path / "a").predict(X, engine="int8")
    again = st.models.load_model(tmp_path / "a")
    again.save(tmp_path / "b")
    np.testing.assert_array_equal(st.models.load_model(tmp_path / "b").predict(X, engine="int8"), expected)
    assert int8_of(tmp_path / "a") == int8_of(tmp_path / "b")


def test_a_twin_that_does_not_say_of_which_weights_it_is_is_left_out(tmp_path: Path) -> None:
    quantized(tmp_path / "a")
    proto = onnx.load_from_string(int8_of(tmp_path / "a"))
    del proto.metadata_props[:]
    with_int8(tmp_path / "a", proto.SerializeToString())
    with pytest.warns(st.errors.Note, match="left out"):
        model = st.models.load_model(tmp_path / "a")
    with pytest.raises(ArgumentError, match="does not say which weights it was made from"):
        model.predict(X, engine="int8")


# -- graphs of strangers -----------------------------------------------------------------------------------------------
def graph_of(nodes: list[Any], arrays: dict[str, np.ndarray] | None = None, sizes: tuple[int, ...] = (4,)) -> Any:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *sizes]) for name in "xy"]
    held = [numpy_helper.from_array(value, name) for name, value in (arrays or {}).items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def body() -> Any:
    ends = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("c", "d")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    return helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "b", [count, ends[0]], [ends[1]])


def bomb(kind: str) -> Any:
    large = np.array([1, 800_000_000], np.int64)
    match kind:
        case "loop":
            node = helper.make_node("Loop", ["n", "c"], ["y"], body=body())
            return graph_of([node], {"n": np.array(1 << 60), "c": np.array(True)})
        case "constant":
            return graph_of(
                [helper.make_node("ConstantOfShape", ["n"], ["z"]), helper.make_node("Add", ["x", "z"], ["y"])],
                {"n": large},
            )
        case "expand":
            return graph_of(
                [
                    helper.make_node("Slice", ["x", "0", "1", "1"], ["z"]),
                    helper.make_node("Expand", ["z", "n"], ["w"]),
                    helper.make_node("ReduceSum", ["w", "1"], ["v"], keepdims=1),
                    helper.make_node("Add", ["x", "v"], ["y"]),
                ],
                {"n": large, "0": np.array([0]), "1": np.array([1])},
            )
        case "pad":
            node = helper.make_node("Pad", ["x", "n"], ["y"])
            return graph_of([node], {"n": np.array([0, 0, 0, 800_000_000 * 3])})
        case "range":  # of a size that shows only while it runs
            nodes = [
                helper.make_node("ReduceSum", ["x"], ["n"], keepdims=0),
                helper.make_node("Range", ["0", "n", "1"], ["z"]),
                helper.make_node("ReduceSum", ["z"], ["w"], keepdims=0),
                helper.make_node("Add", ["x", "w"], ["y"]),
            ]
            return graph_of(nodes, {"0": np.float32(0).reshape(()), "1": np.float32(1).reshape(())})
        case "custom":
            return graph_of([helper.make_node("Own", ["x"], ["y"], domain="com.other")])
        case "random":
            return graph_of([helper.make_node("RandomUniformLike", ["x"], ["y"])])
        case "outside":
            model = graph_of([helper.make_node("Add", ["x", "w"], ["y"])], {"w": np.zeros(4, np.float32)})
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="../../etc/passwd")
            return model
        case "initializer":
            model = graph_of([helper.make_node("Add", ["x", "w"], ["y"])], {"w": np.zeros(4, np.float32)})
            model.graph.initializer[0].dims[:] = [1, 3_000_000_000]
            return model
        case "many":
            names = ["x", *(f"v{i}" for i in range(100_001)), "y"]
            return graph_of([helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names)])
        case _:
            model = graph_of([helper.make_node("Own", ["x"], ["y"], domain="own")])
            model.functions.add(name="Own", domain="own")
            return model


KINDS = ["loop", "constant", "expand", "pad", "range", "custom", "random", "outside", "initializer", "many", "function"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_strangers_graph_is_looked_at_before_it_runs(kind: str, tmp_path: Path) -> None:
    content = bomb(kind).SerializeToString()
    with pytest.raises(BundleError, match="was not run"):
        check_onnx(parse_onnx(content, "x.onnx"), "x.onnx")
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(BundleError, match="was not run"):
        st.ship.Engine(tmp_path / "x.onnx")


def test_what_is_no_onnx_is_said_in_words(tmp_path: Path) -> None:
    for content in (b"\0", b"junk", b"\x3a\xff\xff\xff\xff\x0f"):
        with pytest.raises(BundleError, match="not a whole ONNX file"):
            parse_onnx(content, "x.onnx")


@pytest.mark.parametrize("name", ["cifar_net", "squeezenet1_1", "mobilenet_v2"])
def test_our_own_graphs_pass(name: str) -> None:
    model = st.zoo.create(name, input_shape=(64, 64, 3), classes=4) if name != "cifar_net" else st.zoo.create(name)
    check_onnx(st.ship.to_onnx(model.graph), "own", 1 << 28)
