"""Networks as ONNX: every layer, any graph, the same answers as torch."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import layer_cases as every
import numpy as np
import onnx
import pytest
import reference as ref
import torch
from hypothesis import given
from hypothesis import strategies as some

import striate as st
from striate import layers
from striate.backend import build, logits_module
from striate.errors import ArgumentError, BundleError, DataError
from striate.graph import Graph, Input, every_layer
from striate.ship import Engine, save_onnx, to_onnx
from striate.ship.writer import ROWS

pytestmark = pytest.mark.usefixtures("one_thread")


def engine_of(model: onnx.ModelProto) -> Engine:
    onnx.checker.check_model(model, full_check=True)
    return Engine(model.SerializeToString(), threads=1)


def torchs(graph: Graph, xs: list[np.ndarray]) -> list[np.ndarray]:
    with torch.no_grad():
        out = build(graph).eval()(*(torch.from_numpy(ref.channels_first(x)) for x in xs))
    return [ref.channels_last(o.numpy()) for o in (out if isinstance(out, tuple) else (out,))]


def shaken(graph: Graph) -> Graph:
    """The graph with weights, norms included, that make a difference."""
    build(graph)
    for layer in every_layer(graph):
        for name, tensor in () if layer.torch_module is None else layer.torch_module.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif name.endswith(("running_mean", "bias")):
                tensor.normal_(0, 0.5)
    return graph


def same(graph: Graph, *, tolerance: float = 1e-5, counts: tuple[int, ...] = (1, 3)) -> onnx.ModelProto:
    """Assert that ONNX Runtime and torch agree for these batch sizes; returns the ONNX model."""
    model = to_onnx(graph)
    engine = engine_of(model)
    rng = np.random.default_rng(1)
    for count in counts:
        xs = [rng.normal(size=(count, *shape)).astype(np.float32) for shape in graph.input_shapes]
        for out, expected in zip(engine.predict(xs), torchs(graph, xs), strict=True):
            assert out.shape == expected.shape
            np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)
    return model


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_every_primitive_has_a_row() -> None:
    from striate.backend.table import ROWS as TORCH

    assert ROWS.keys() == TORCH.keys()


@pytest.mark.parametrize("one", every.labelled())
def test_every_layer_answers_as_in_torch(one: every.Case) -> None:
    t = every.tried(one)
    engine = engine_of(to_onnx(t.graph))
    out = engine.predict(t.xs)[0]
    np.testing.assert_allclose(out, t.run(t.module), rtol=1e-5, atol=1e-5)
    assert out.dtype == np.float32
    one_by_one = np.concatenate([engine.predict([x[i : i + 1] for x in t.xs])[0] for i in range(len(t.xs[0]))])
    np.testing.assert_allclose(one_by_one, out, rtol=1e-5, atol=1e-6)


# -- norms fold into the weights before them ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((6, 5, 4), lambda: layers.Conv2D(8, 3, padding="same", use_bias=False)),
        ((6, 5, 4), lambda: layers.Conv2D(8, 3, groups=2)),
        ((6, 5, 4), lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)),
        ((6, 5, 4), lambda: layers.SeparableConv2D(8, 3)),
        ((6, 5, 4), lambda: layers.Conv2DTranspose(8, 3, strides=2, padding="same")),
        ((7, 4), lambda: layers.Conv1D(8, 3)),
        ((4,), lambda: layers.Dense(8)),
        ((4,), lambda: layers.Dense(8, use_bias=False)),
        ((6, 5, 4), lambda: layers.Dense(8)),
        ((3, 4), lambda: layers.BatchNormalization()),
    ],
)
def test_a_norm_after_weights_costs_nothing(shape: Any, layer: Any) -> None:
    start = Input(shape)
    graph = shaken(Graph([start], [layers.LayerScale(0.3)(layers.BatchNormalization()(layer()(start)))]))
    found = kinds(same(graph))
    without = kinds(to_onnx(shaken(Graph([start], [layer()(start)]))))
    assert found == without


def test_a_norm_is_kept_where_others_read_what_is_before_it() -> None:
    start = Input((6, 5, 3))
    x = layers.Conv2D(4, 3, padding="same")(start)
    model = same(shaken(Graph([start], [layers.Add()([layers.BatchNormalization()(x), x])])))
    assert "BatchNormalization" in kinds(model)
    same(shaken(Graph([start], [x, layers.BatchNormalization()(x)])))


def test_a_shared_convolution_before_two_norms_is_folded_twice_from_the_same_weights() -> None:
    a, b = Input((6, 5, 3)), Input((6, 5, 3))
    shared = layers.Conv2D(4, 3)
    ends = [layers.BatchNormalization()(shared(a)), layers.BatchNormalization()(shared(b))]
    assert "BatchNormalization" not in kinds(same(shaken(Graph([a, b], ends))))


def test_shared_weights_are_stored_once() -> None:
    a, b = Input((40,)), Input((40,))
    shared = layers.Dense(40)
    model = same(shaken(Graph([a, b], [shared(a), shared(b)])))
    assert sorted(tuple(t.dims) for t in model.graph.initializer) == [(40,), (40, 40)]


# -- graphs ----------------------------------------------------------------------------------------------------------
def test_nothing_is_turned_for_a_network_that_starts_by_flattening() -> None:
    model = st.zoo.create("dense")
    assert "Transpose" not in kinds(same(model.graph))


def test_several_inputs_and_outputs_and_nested_networks() -> None:
    inner_in = Input((6, 5, 2))
    inner = st.Model(inner_in, layers.BatchNormalization()(layers.Conv2D(3, 3)(inner_in)), name="inner")
    outer_in = Input((6, 5, 2))
    middle = st.Model(outer_in, layers.ReLU()(inner(outer_in)), name="middle")
    a, b = Input((6, 5, 2), name="a"), Input((6, 5, 2), name="b")
    joined = layers.Concatenate()([middle(a), inner(b)])
    head = layers.Dense(4, activation="softmax")(layers.Flatten()(joined))
    model = same(shaken(Graph([a, b], [head, joined, a, joined])))
    assert [i.name for i in model.graph.input] == ["a", "b"]


@pytest.mark.parametrize(
    "after",
    [
        lambda: layers.MaxPooling2D(3, 2),
        lambda: layers.MinPooling2D(3, 2),
        lambda: layers.MaxPooling2D(3, 2, padding=1),
        lambda: layers.AveragePooling2D(3, 2),
        lambda: layers.AveragePooling2D(3, 2, padding=1),
        lambda: layers.Conv2D(4, 3, strides=2),
        lambda: layers.Conv2D(4, 3, padding=1),
        lambda: layers.DepthwiseConv2D(3, strides=2),
    ],
)
@pytest.mark.parametrize("padding", [1, ((0, 2), (1, 0))])
def test_zeros_before_a_window_stay_zeros(after: Any, padding: Any) -> None:
    start = Input((7, 7, 4))
    x = layers.Rescaling(0.5, offset=-3.0)(start)  # all below 0, so that a zero wins
    same(shaken(Graph([start], [after()(layers.ZeroPadding2D(padding)(x))])))
    same(shaken(Graph([start], [after()(layers.ZeroPadding2D(padding)(layers.Conv2D(4, 1)(start)))])))


def test_an_input_that_is_an_output_and_one_that_nobody_reads() -> None:
    a, b = Input((3, 2), name="a"), Input((4,), name="b")
    same(Graph([a, b], [a, layers.Dropout(0.5)(a)]))


@given(some.lists(some.integers(0, 9), min_size=1, max_size=10), some.randoms(use_true_random=False))
def test_random_graphs_answer_as_in_torch(choices: list[int], random: Any) -> None:
    start = Input((6, 6, 4))
    maps = [start]
    for choice in choices:
        x, y = random.choice(maps), random.choice(maps)
        makers: list[Any] = [
            lambda x, y: layers.Conv2D(4, 3, padding="same")(x),
            lambda x, y: layers.BatchNormalization()(x),
            lambda x, y: layers.ReLU(max_value=random.choice([None, 6.0]))(x),
            lambda x, y: layers.Add()([x, y]),
            lambda x, y: layers.LayerNormalization()(x),
            lambda x, y: layers.Dense(4, activation="gelu")(x),
            lambda x, y: layers.Conv2D(4, 1)(layers.Concatenate()([x, y])),
            lambda x, y: layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(y)]),
            lambda x, y: layers.MaxPooling2D(3, 1, "same")(x),
            lambda x, y: layers.Reshape((6, 6, 4))(layers.Flatten()(x)),
        ]
        maps.append(makers[choice](x, y))
    same(shaken(Graph([start], maps[-2:])), tolerance=1e-3, counts=(2,))


@pytest.mark.parametrize("name", ["cifar_net", "cifar_resnet20", "lenet5", "lenet5_1998", "fashion_net"])
def test_small_networks_answer_as_in_torch(name: str) -> None:
    model = st.zoo.create(name)
    same(shaken(model.graph), tolerance=1e-4)


def lightest(names: tuple[str, ...]) -> str:
    return min(names, key=lambda name: st.zoo.card(name).totals[2])


# At small sizes all are compared in test_zoo.py; at full size the lightest of each family, the others at length.
FULL_SIZE = [
    pytest.param(name, marks=[pytest.mark.slow, *([] if name == lightest(names) else [pytest.mark.long])], id=name)
    for names in st.zoo.families().values()
    for name in names
]


@pytest.mark.usefixtures("soon_drawn")
@pytest.mark.parametrize("name", FULL_SIZE)
def test_every_architecture_answers_as_in_torch(name: str) -> None:
    model = st.zoo.create(name).predictor
    graph, module = model.graph, model.module
    rng = np.random.default_rng(0)
    shape, whole = graph.input_shapes[0], graph.inputs[0].dtype == "int64"
    x = rng.integers(0, 1000, (2, *shape)) if whole else rng.normal(size=(2, *shape)).astype(np.float32)
    shaken(graph)
    logits = to_onnx(graph, strip=["softmax"] * len(graph.outputs))
    found = Engine(logits.SerializeToString()).predict([x])
    stripped, _ = logits_module(module, ["softmax"] * len(graph.outputs))
    with torch.inference_mode():
        out = stripped.eval()(torch.from_numpy(ref.channels_first(x)))
    for mine, theirs in zip(found, out if isinstance(out, tuple) else (out,), strict=True):
        expected = ref.channels_last(theirs.numpy())
        assert np.isfinite(expected).all()
        assert np.abs(mine - expected).max() <= 1e-4 * max(1, np.abs(expected).max())


def test_token_ids() -> None:
    model = st.zoo.create("imdb_net")
    engine = engine_of(to_onnx(model.graph))
    ids = np.random.default_rng(0).integers(0, 10_000, (3, 500))
    np.testing.assert_allclose(engine.predict([ids])[0], torchs(model.graph, [ids])[0], atol=1e-5)
    with pytest.raises(DataError, match="ids from 0 to 9999, not -1"):
        engine.predict([ids * 0 - 1])
    with pytest.raises(DataError, match="whole numbers"):
        engine.predict([ids / 2])


# -- pixels, logits, files -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "preprocessing",
    [
        st.data.Preprocessing(),
        st.data.Preprocessing(scale=1 / 255),
        st.data.Preprocessing(scale=1 / 127.5, mean=1.0),
        st.data.Preprocessing(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["cifar_net", "linear"])
def test_pixels_are_normalised_as_everywhere_else(name: str, preprocessing: st.data.Preprocessing) -> None:
    graph = st.zoo.create(name).graph
    x = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    model = to_onnx(graph, preprocessing=preprocessing)
    out = engine_of(model).predict([x])[0]
    np.testing.assert_allclose(out, torchs(graph, [preprocessing.normalise(x)])[0], atol=1e-5)
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_the_final_activation_can_be_left_off() -> None:
    start = Input((5,))
    x = layers.Dense(4)(start)
    graph = Graph([start], [layers.Softmax()(x), layers.Dense(1, activation="sigmoid")(x), layers.ReLU()(x)])
    build(graph)
    assert "Softmax" in kinds(to_onnx(graph))
    logits = to_onnx(graph, strip=["softmax", "sigmoid", "softmax"])
    assert not {"Softmax", "Sigmoid"} & {*kinds(logits)}
    assert "Relu" in kinds(logits)
    xs = [np.ones((2, 5), np.float32)]
    out, expected = engine_of(logits).predict(xs), torchs(graph, xs)
    np.testing.assert_allclose(ref.softmax(out[0]), expected[0], atol=1e-6)
    np.testing.assert_allclose(ref.sigmoid(out[1]), expected[1], atol=1e-6)


def test_exported_file_tells_labels_and_preprocessing(tmp_path: Any) -> None:
    model = st.zoo.create("cifar_net")
    model.labels = [f"c{i}" for i in range(10)]
    model.preprocessing = st.data.Preprocessing.pictures((32, 32), 3)
    file = model.export_onnx(tmp_path / "net.onnx", pixels=True)
    read = onnx.load(file)
    said = {p.key: p.value for p in read.metadata_props}
    assert json.loads(said["labels"]) == model.labels
    assert st.data.Preprocessing.from_dict(json.loads(said["preprocessing"])) == model.preprocessing
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    np.testing.assert_allclose(Engine(file).predict([x])[0], model.predict(x, engine="torch"), atol=1e-5)
    model.preprocessing = None
    with pytest.raises(ArgumentError, match="has no preprocessing"):
        model.export_onnx(tmp_path / "net.onnx", pixels=True)


def test_weights_too_many_for_one_file_lie_beside_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.ship.onnx_graph.LARGEST", 100_000)
    graph = st.zoo.create("cifar_net").graph
    for _ in range(2):  # the second time over the first
        save_onnx(to_onnx(graph), tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").stat().st_size < 100_000
    assert (tmp_path / "net.onnx.data").stat().st_size < 3_000_000
    x = np.ones((1, 32, 32, 3), np.float32)
    np.testing.assert_allclose(Engine(tmp_path / "net.onnx").predict([x])[0], torchs(graph, [x])[0], atol=1e-5)


def test_what_is_no_model_is_an_error_in_words(tmp_path: Any) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(BundleError, match=r"x\.onnx is not a whole ONNX file"):
        Engine(tmp_path / "x.onnx")


def test_onnx_is_loaded_only_when_needed() -> None:
    code = "import striate as st, sys; st.zoo.create('cifar_net').predict(__import__('numpy').ones((1, 32, 32, 3)))"
    code += "\nassert not {'onnx', 'onnxruntime'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
