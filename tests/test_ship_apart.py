"""Engines are given the weights as they lie, without a copy on the way, and never see them change."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import striate as st
from striate import layers
from striate.doors.writing import atomic_write
from striate.errors import BundleError
from striate.ship import Engine, apart, runtimes, to_onnx
from striate.ship.engine import exported
from striate.ship.writer import Op

PICTURES = np.random.default_rng(3).random((5, 12, 12, 3), np.float32)


def _network():
    x = inputs = layers.Input((12, 12, 3))
    x = layers.BatchNormalization()(layers.Conv2D(40, 3)(x))
    x = layers.Conv2D(33, 3, activation="relu")(layers.DepthwiseConv2D(3)(x))
    x = layers.Dense(70, activation="relu")(layers.Flatten()(x))
    return st.Model(inputs, layers.Dense(50, use_bias=False)(x))


def _arrays(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_the_pieces_are_the_whole_model():
    graph = _network().graph
    plain, beside = to_onnx(graph), exported(graph)
    assert len(beside.arrays) == 4
    assert sum(map(len, beside.pieces())) == len(beside.whole())
    assert beside.model.ByteSize() < 0.3 * len(beside.whole())
    read = onnx.load_from_string(beside.whole())
    onnx.checker.check_model(read)
    turned = {node.output[0]: node for node in read.graph.node if node.op_type == "Transpose" and "turned" in node.name}
    assert len(turned) == 1
    named = {node.output[0]: node.input[0] for node in turned.values()}
    for node in read.graph.node:
        node.input[:] = [named.get(name, name) for name in node.input]
    assert [node for node in read.graph.node if node.output[0] not in turned] == list(plain.graph.node)
    assert (read.opset_import, read.ir_version) == (plain.opset_import, plain.ir_version)
    expected, found = _arrays(plain), _arrays(read)
    assert expected.keys() == found.keys()
    for node in turned.values():
        found[node.input[0]] = found[node.input[0]].transpose(node.attribute[0].ints)
    assert all(np.array_equal(array, found[name]) for name, array in expected.items())


@pytest.mark.parametrize("copies", [True, False])
def test_an_engine_does_not_see_weights_change(monkeypatch, copies):
    monkeypatch.setattr(runtimes, "_copies", lambda: copies)
    model = _network()
    before = model.predict(PICTURES, engine="torch")
    engine = Engine.of(model.graph)
    assert np.allclose(engine.predict([PICTURES])[0], before, atol=1e-5)
    assert (engine._session._held is None) == copies
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.mul_(2)
    assert np.allclose(engine.predict([PICTURES])[0], before, atol=1e-5)
    after = model.predict(PICTURES, engine="onnxruntime")
    assert np.allclose(after, model.predict(PICTURES, engine="torch"), rtol=1e-4, atol=1e-4)
    assert not np.allclose(after, before, atol=1e-2)


def test_openvino_reads_arrays_where_they_lie_and_answers_for_no_weights_but_those():
    pytest.importorskip("openvino")
    model = _network()
    beside = exported(model.graph)
    engine = Engine(beside, runtime="openvino")
    assert engine._session._held is beside.arrays
    assert [name for name, _, _ in engine.inputs] == [end.name for end in beside.model.graph.input]
    assert np.allclose(engine.predict([PICTURES])[0], model.predict(PICTURES, engine="torch"), atol=1e-5)
    for _ in range(3):
        answers = model.predict(PICTURES, engine="openvino")
        assert np.allclose(answers, model.predict(PICTURES, engine="torch"), rtol=1e-4, atol=1e-4)
        with torch.no_grad():
            for parameter in model.module.parameters():
                parameter.mul_(1.5)


def test_arrays_in_another_order_are_given_as_they_lie():
    model = _network()
    kept = {array.__array_interface__["data"][0] for array in exported(model.graph).arrays.values()}
    own = [p for p in model.module.parameters() if p.ndim == 4 and p.nbytes >= apart.LEAST]
    assert any(not p.is_contiguous() for p in own)
    assert all(p.data_ptr() in kept for p in own if p.shape[0] == 33)
    turned = [node for node in exported(model.graph).model.graph.node if node.op_type == "Transpose"]
    assert len({name for node in turned for name in node.output}) == len(turned)


def test_an_array_of_two_layers_is_turned_once():
    backwards = np.zeros((32, 64), np.float32)[::-1]
    lies = np.arange(2048, dtype=np.float32).reshape(32, 64)
    ops = [Op("MatMul", ["x", lies.T], "y"), Op("MatMul", ["y", lies], "z"), Op("MatMul", ["z", lies.T], "w")]
    given = list(apart.as_they_lie([*ops, Op("Add", ["w", backwards], "v")]))
    assert [op.kind for op in given] == ["Transpose", "MatMul", "MatMul", "MatMul", "Add"]
    assert given[1].inputs[1] == given[3].inputs[1] == given[0].output
    assert np.shares_memory(given[0].inputs[0], lies)
    assert given[0].inputs[0].shape == (32, 64)
    assert given[0].attributes == {"perm": [1, 0]}
    assert given[4].inputs[1] is backwards


def test_an_onnx_runtime_that_reads_arrays_where_they_lie_is_found_out(monkeypatch):
    given = {}

    class Session:
        def __init__(self, model, options, providers):
            pass

        def run(self, outputs, inputs):
            return [inputs["x"] @ given["w"] + given["b"]]

    fake = SimpleNamespace(
        SessionOptions=lambda: SimpleNamespace(
            add_external_initializers=lambda names, values: given.update(zip(names, values, strict=True))
        ),
        OrtValue=SimpleNamespace(ortvalue_from_numpy=lambda array: array),
        InferenceSession=Session,
    )
    monkeypatch.setattr(runtimes, "onnx_runtime", lambda: fake)
    assert not runtimes._copies.__wrapped__()
    monkeypatch.undo()
    assert isinstance(runtimes._copies(), bool)


def test_large_dense_layers_in_pieces_give_the_same_answers(monkeypatch):
    model = _network()
    whole = Engine.of(model.graph).predict([PICTURES])[0]
    monkeypatch.setattr(apart, "_PIECE", 1 << 12)
    pieces = exported(model.graph)
    kinds = [node.op_type for node in pieces.model.graph.node]
    assert kinds.count("Concat") == 2
    assert kinds.count("Gemm") > 10
    assert np.allclose(Engine(pieces).predict([PICTURES])[0], whole, atol=1e-6)
    assert np.allclose(Engine(pieces.whole()).predict([PICTURES])[0], whole, atol=1e-6)


def test_exporting_for_an_engine_copies_no_weights():
    x = inputs = layers.Input((8, 8, 128))
    x = layers.Dense(2048, activation="relu")(layers.GlobalAveragePooling2D()(layers.Conv2D(512, 3)(x)))
    model = st.Model(inputs, layers.Dense(512)(x))
    weights = sum(parameter.nbytes for parameter in model.module.parameters())
    exported(model.graph)  # what is imported and kept by then
    tracemalloc.start()
    try:
        beside = exported(model.graph)
        Engine(beside)
        assert tracemalloc.get_traced_memory()[1] < 0.1 * weights
        tracemalloc.reset_peak()
        assert sum(map(len, beside.pieces())) > weights
        assert tracemalloc.get_traced_memory()[1] < 0.1 * weights
    finally:
        tracemalloc.stop()


def test_pieces_are_written_whole_or_not_at_all(tmp_path):
    atomic_write(tmp_path / "f", iter([b"ab", memoryview(b"cd")]))
    assert (tmp_path / "f").read_bytes() == b"abcd"

    def breaking():
        yield b"xy"
        raise OSError(28, "No space left on device")

    with pytest.raises(BundleError):
        atomic_write(tmp_path / "f", breaking())
    assert (tmp_path / "f").read_bytes() == b"abcd"
    assert [file.name for file in tmp_path.iterdir()] == ["f"]
