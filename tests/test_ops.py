"""striate.ops: the same function on symbolic tensors, torch tensors and arrays, and operators that put layers down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import reference as ref
import torch
from scipy.special import erf

import striate as st
from striate import activations, layers, ops
from striate import backend as K
from striate.errors import ArgumentError, ShapeError, StriateError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 5, 4)).astype(np.float32)
P = np.abs(X) + 0.1


def axis(name: str, keep: bool = False) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (
        lambda x: getattr(ops, name)(x, axis=(1, 2), keepdims=keep),
        lambda x: getattr(np, name)(x, axis=(1, 2), keepdims=keep),
    )


# what is written, the same in NumPy, the numbers
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], np.ndarray]] = {
    "arithmetic": (lambda x: x * 2 - 1, lambda x: x * 2 - 1, X),
    "the other way round": (lambda x: 1 - 2 / x, lambda x: 1 - 2 / x, P),
    "minus": (lambda x: -x + x / 255, lambda x: -x + x / 255, X),
    "power": (lambda x: x**2 + x**0.5 + x**3 + x**-1, lambda x: x**2 + x**0.5 + x**3 + x**-1, P),
    "per channel": (
        lambda x: ops.divide(ops.subtract(x, np.array([1.0, 2, 3, 4], "float32")), [1.0, 2.0, 4.0, 8.0]),
        lambda x: (x - [1.0, 2, 3, 4]) / np.array([1.0, 2, 4, 8]),
        X,
    ),
    "itself": (lambda x: x * x + abs(x), lambda x: x * x + abs(x), X),
    "one cell": (lambda x: x[:, 0], lambda x: x[:, 0], X),
    "inside": (lambda x: x[:, 1:-1, 1:-1], lambda x: x[:, 1:-1, 1:-1], X),
    "first channels": (lambda x: x[..., :2], lambda x: x[..., :2], X),
    "backwards": (lambda x: ops.get_item(x, (..., slice(None, None, -1))), lambda x: x[..., ::-1], X),
    "every other": (lambda x: x[:, ::2, 1::3, -1], lambda x: x[:, ::2, 1::3, -1], X),
    "new axis": (lambda x: x[:, 0, 0, None], lambda x: x[:, 0, 0, None], X),
    "mean": (*axis("mean"), X),
    "sum": (*axis("sum", True), X),
    "max": (*axis("max"), X),
    "min": (*axis("min", True), X),
    "var": (*axis("var"), X),
    "std": (*axis("std", True), X),
    "over channels": (lambda x: ops.mean(x, axis=-1), lambda x: x.mean(-1), X),
    "concatenate": (lambda x: ops.concatenate([x, x * 2], axis=1), lambda x: np.concatenate([x, x * 2], 1), X),
    "stack": (lambda x: ops.stack([x, -x], axis=-1), lambda x: np.stack([x, -x], -1), X),
    "split": (lambda x: ops.split(x, 2, axis=-1)[1], lambda x: np.split(x, 2, -1)[1], X),
    "reshape": (lambda x: ops.reshape(x, (-1, 30, 4)), lambda x: x.reshape(2, 30, 4), X),
    "transpose": (lambda x: ops.transpose(x, (0, 3, 1, 2)), lambda x: x.transpose(0, 3, 1, 2), X),
    "swapaxes": (lambda x: ops.swapaxes(x, 1, 3), lambda x: np.swapaxes(x, 1, 3), X),
    "moveaxis": (lambda x: ops.moveaxis(x, 3, 1), lambda x: np.moveaxis(x, 3, 1), X),
    "expand and squeeze": (lambda x: ops.squeeze(ops.expand_dims(x, 2), 2), lambda x: x, X),
    "pad": (
        lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))),
        lambda x: np.pad(x, [(0, 0), (1, 2), (0, 1), (0, 0)]),
        X,
    ),
    "pad by reflection": (
        lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 1), (0, 0)), "reflect"),
        lambda x: np.pad(x, [(0, 0), (1, 2), (3, 1), (0, 0)], "reflect"),
        X,
    ),
    "pad by symmetry": (
        lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 1), (0, 0)), "symmetric"),
        lambda x: np.pad(x, [(0, 0), (1, 2), (3, 1), (0, 0)], "symmetric"),
        X,
    ),
    "repeat": (lambda x: ops.repeat(x, 3, axis=2), lambda x: np.repeat(x, 3, 2), X),
    "tile": (lambda x: ops.tile(x, (1, 2, 1, 3)), lambda x: np.tile(x, (1, 2, 1, 3)), X),
    "flip": (lambda x: ops.flip(x, axis=1), lambda x: np.flip(x, 1), X),
    "roll": (lambda x: ops.roll(x, 2, axis=1), lambda x: np.roll(x, 2, 1), X),
    "take": (lambda x: ops.take(x, [3, -1, 0], axis=3), lambda x: x[..., [3, -1, 0]], X),
    "softmax": (ops.softmax, lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True), X),
    "gelu": (lambda x: ops.gelu(x, approximate=False), lambda x: x * 0.5 * (1 + erf(x / 2**0.5)), X),
    "gelu by a tanh": (
        ops.gelu,
        lambda x: 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
        X,
    ),
    "relu": (ops.relu, lambda x: np.maximum(x, 0), X),
    "clip": (lambda x: ops.clip(x, -0.5, 0.7), lambda x: np.clip(x, -0.5, 0.7), X),
    "bounds": (lambda x: ops.minimum(ops.maximum(x, -0.5), 0.7), lambda x: np.clip(x, -0.5, 0.7), X),
    "log": (lambda x: ops.exp(ops.log(x)) - ops.sqrt(x), lambda x: x - x**0.5, P),
    "compared": (lambda x: (x > 0.2) * 2.0 + (x <= -1), lambda x: (x > 0.2) * 2.0 + (x <= -1), X),
    "where": (lambda x: ops.where(x > 0.2, x, -1.0), lambda x: np.where(x > 0.2, x, -1.0), X),
    "sort": (ops.sort, lambda x: np.sort(x, -1), X),
    "argmax": (lambda x: ops.argmax(x, axis=-1), lambda x: x.argmax(-1), X),
    "one_hot": (lambda x: ops.one_hot(ops.argmax(x, axis=-1), 4), lambda x: np.eye(4)[x.argmax(-1)], X),
    "top_k": (lambda x: ops.top_k(x, 2)[0], lambda x: -np.sort(-x, -1)[..., :2], X),
    "places of top_k": (lambda x: ops.top_k(x, 2)[1], lambda x: np.argsort(-x, -1)[..., :2], X),
    "matmul": (lambda x: ops.matmul(x, ops.swapaxes(x, 2, 3)), lambda x: x @ x.swapaxes(2, 3), X),
    "matmul by numbers": (
        lambda x: ops.matmul(x, np.full((4, 2), 0.5, "float32")),
        lambda x: x.sum(-1, keepdims=True) * [[0.5] * 2],
        X,
    ),
    "einsum": (lambda x: ops.einsum("nijk,nijl->nikl", x, x), lambda x: np.einsum("nijk,nijl->nikl", x, x), X),
    "cumsum": (lambda x: ops.cumsum(x, axis=1), lambda x: x.cumsum(1), X),
    "norm": (lambda x: ops.norm(x, axis=-1), lambda x: np.linalg.norm(x, axis=-1), X),
    "conv": (
        lambda x: ops.conv(x, np.ones((2, 1, 4, 3), "float32")),
        lambda x: (x[:, :-1] + x[:, 1:]).sum(-1, keepdims=True).repeat(3, -1),
        X,
    ),
    "max_pool": (
        lambda x: ops.max_pool(x, 2),
        lambda x: x[:, :, :4].reshape(2, 3, 2, 2, 2, 4).max((2, 4)),
        X,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_symbolic_tensors_torch_tensors_and_onnx_give_numpys_numbers(case: str) -> None:
    ours, numpys, numbers = CASES[case]
    expected = np.asarray(numpys(numbers.astype(np.float64)))
    given = ops.convert_to_numpy(ours(torch.from_numpy(numbers)))
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)
    x = st.Input(numbers.shape[1:])
    y = ours(x)
    assert y.shape == (None, *expected.shape[1:])
    model = st.Model(x, y)
    for engine in ("torch", "onnxruntime"):
        np.testing.assert_allclose(model.predict(numbers, engine=engine), expected, rtol=1e-4, atol=1e-5)
    again = st.models.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    np.testing.assert_allclose(again.predict(numbers, engine="torch"), expected, rtol=1e-4, atol=1e-5)


def test_arithmetic_is_layers_with_keras_names() -> None:
    x = st.Input((8, 8, 3))
    y = ops.mean(-(x * 2 - 1)[:, 1:-1], axis=(1, 2))
    model = st.Model(x, layers.Dense(2)(y + y))
    assert [layer.kind for layer in model.layers] == ["InputLayer", "Dense"]
    called = [node.layer for node in model.graph.nodes]
    names = [(layer.name, layer.kind) for layer in called if layer.kind not in ("InputLayer", "Dense")]
    assert sorted(names) == [
        ("add", "Add"),
        ("get_item", "GetItem"),
        ("mean", "Mean"),
        ("multiply", "Multiply"),
        ("negative", "Negative"),
        ("subtract", "Subtract"),
    ]
    assert model.size().row("get_item").output_shape == (6, 8, 3)
    assert "8·8·3 becomes 6·8·3" in model.explain("get_item")
    assert "[:, :, 1:7, :]" in model.to_source()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda x: x[0], "axis 0 is the batch"),
        (lambda x: x[:, 9], "there is no cell 9 on axis 1"),
        (lambda x: x[:, 3:3], "leaves nothing"),
        (lambda x: x[:, :, :, :, 0], "too many"),
        (lambda x: ops.mean(x), r"Write axis=\(1, 2, 3\)"),
        (lambda x: ops.sum(x, axis=0), "axis 0 is the batch"),
        (lambda x: ops.mean(x, axis=7), "there is no axis 7"),
        (lambda x: ops.mean(x, 1, 2, 3), "too many positional arguments"),
        (lambda x: ops.sort(x, axis=0), "axis 0 is the batch"),
        (lambda x: ops.argmax(x), r"Write axis=\(1, 2, 3\)"),
        (lambda x: ops.matmul(x, np.ones((7, 2))), "ops.matmul"),
        (lambda x: x + "1", "not"),
        (lambda x: x / 0, "by 0"),
    ],
)
def test_what_a_symbolic_tensor_cannot_do_is_said_in_a_line(wrong: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(StriateError, match=said):
        wrong(st.Input((4, 4, 3)))


def test_eager_functions_say_what_does_not_fit() -> None:
    with pytest.raises(ArgumentError, match=r"ops.matmul cannot take Tensor \(2, 3\)"):
        ops.matmul(torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(AttributeError, match="softmax"):
        ops.softmaxx
    with pytest.raises(ShapeError, match="equal parts"):
        ops.split(np.ones(5), 2)


@pytest.mark.parametrize("data", ['[["op", 3]]', '[["axis", 1], ["nothing", 2]]', "3"])
def test_a_description_with_a_wrong_operation_is_refused(data: str) -> None:
    import json

    layer = {"class": "OpsLayer", "op": "mean", "options": json.loads(data)}
    description = {"class": "Functional", "layers": [{"class": "Input", "shape": [4, 4]}, layer]}
    with pytest.raises(StriateError):
        st.models.from_json(description)
    layer["op"] = "system"
    with pytest.raises(StriateError, match="unknown operation"):
        st.models.from_json(description)


# expected: Keras 3.12, torch backend, on the number -0.5 and the number 2
ACTIVATIONS = {
    "celu": (-0.39346933, 2),
    "elu": (-0.39346933, 2),
    "exponential": (0.60653067, 7.3890562),
    "gelu": (-0.15426877, 1.9544997),
    "hard_shrink": (0, 2),
    "hard_sigmoid": (0.41666666, 0.8333333),
    "hard_silu": (-0.20833333, 1.6666667),
    "hard_tanh": (-0.5, 1),
    "leaky_relu": (-0.1, 2),
    "linear": (-0.5, 2),
    "log_sigmoid": (-0.974077, -0.126928),
    "mish": (-0.22074376, 1.9439589),
    "relu": (0, 2),
    "relu6": (0, 2),
    "selu": (-0.69175816, 2.101402),
    "sigmoid": (0.37754068, 0.880797),
    "silu": (-0.18877034, 1.761594),
    "soft_shrink": (0, 1.5),
    "softplus": (0.474077, 2.126928),
    "softsign": (-0.33333334, 0.6666667),
    "sparse_plus": (0.0625, 2),
    "sparse_sigmoid": (0.25, 1),
    "squareplus": (0.78077644, 2.4142137),
    "tanh": (-0.46211717, 0.9640276),
    "tanh_shrink": (-0.03788284, 1.0359725),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_keras_number(name: str) -> None:
    function = activations.get(name)
    np.testing.assert_allclose(
        ops.convert_to_numpy(function(np.array([-0.5, 2], "float32"))), ACTIVATIONS[name], atol=1e-6
    )
    assert activations.serialize(function) in (name, "exp")


def test_an_activation_with_arguments() -> None:
    x = np.array([-3.0, -1, 2, 9], np.float32)
    expected = [-0.3, -0.1, 2, 6]  # slope 0.1, at most 6
    np.testing.assert_allclose(activations.relu(x, 0.1, 6.0), expected, rtol=1e-6)
    inputs = st.Input((4,))
    model = st.Model(inputs, activations.relu(inputs, 0.1, 6.0))
    np.testing.assert_allclose(model.predict(x[None], engine="torch")[0], expected, rtol=1e-6)
    assert layers.Dense(3, activation=activations.relu).activation == "relu"
    with pytest.raises(ArgumentError, match='Did you mean "relu"'):
        activations.get("rellu")


def test_keras_2_functions_of_the_backend() -> None:
    p, y = torch.tensor([[0.2, 0.8], [0.6, 0.4]]), torch.tensor([[0.0, 1], [0, 1]])
    assert float(K.mean(K.square(p - y))) == pytest.approx((0.04 + 0.04 + 0.36 + 0.36) / 4)
    assert K.argmax(p).tolist() == [1, 0]
    assert float(K.mean(K.cast(K.equal(K.argmax(y), K.argmax(p)), "float32"))) == 0.5
    assert float(K.sum(K.round(K.clip(p * y, 0, 1)))) == 1
    assert float(K.sum(K.flatten(y) * K.flatten(p))) == pytest.approx(1.2)
    assert K.epsilon() == 1e-7
    assert (K.floatx(), K.image_data_format(), K.backend()) == ("float32", "channels_last", "torch")
    assert K.int_shape(st.Input((4, 4, 3))) == (None, 4, 4, 3)
    assert float(K.sqrt(K.max(K.abs(p)))) == pytest.approx(0.8**0.5)
    K.clear_session()


def test_a_custom_metric_and_loss_of_backend_functions_train() -> None:
    def mean_pred(y_true: Any, y_pred: Any) -> Any:
        return K.mean(y_pred)

    def squared(y_true: Any, y_pred: Any) -> Any:
        return K.mean(K.square(y_true - y_pred), axis=-1)

    model = st.Sequential([layers.Dense(1, activation="sigmoid", input_shape=(4,))])
    model.compile("sgd", squared, metrics=[mean_pred])
    x = RNG.normal(size=(32, 4)).astype(np.float32)
    history = model.fit(x, (x[:, :1] > 0).astype(np.float32), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert 0 < history["mean_pred"][0] < 1


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_windows_on_arrays_slide_as_the_reference_slides_them(padding: str, strides: int, dilation: int) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 7, 6, 4)).astype("float32")
    kernel, deep, point = (
        rng.normal(size=size).astype("float32") for size in ((3, 2, 4, 5), (3, 2, 4, 2), (1, 1, 8, 3))
    )
    how = {"strides": strides, "padding": padding, "dilation": dilation}
    same = {"strides": strides, "padding": padding, "dilation_rate": dilation}
    filters, by_map = kernel.transpose(3, 2, 0, 1), deep.reshape(3, 2, 8).transpose(2, 0, 1)[:, None]
    pairs = {
        "conv": (ops.conv(x, kernel, **same), lambda one: ref.conv(one, filters, **how)),
        "depthwise": (ops.depthwise_conv(x, deep, **same), lambda one: ref.depthwise(one, by_map, **how)),
        "separable": (
            ops.separable_conv(x, deep, point, **same),
            lambda one: ref.separable(one, by_map, point.transpose(3, 2, 0, 1), **how),
        ),
        "max": (ops.max_pool(x, (3, 2), strides, padding), lambda one: ref.pool(one, "max", (3, 2), strides, padding)),
        "average": (
            ops.average_pool(x, (3, 2), strides, padding),
            lambda one: ref.pool(one, "average", (3, 2), strides, padding),
        ),
    }
    for name, (ours, reference) in pairs.items():
        expected = ref.batch(reference, x)
        np.testing.assert_allclose(ops.convert_to_numpy(ours), expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_numbers_of_two_types_meet_in_the_one_that_holds_both():
    """As in Keras 3.15, where 2 is not close to 2.5 and whole numbers are added up as int32."""
    whole, parts = np.array([[2, 3], [1, 0]], np.int32), np.array([[2.5, 3.0], [1.0, 0.5]], np.float32)
    assert ops.isclose(whole, 2.5).tolist() == [[False, False], [False, False]]
    assert ops.isclose(whole, parts).tolist() == [[False, True], [True, False]]
    for product in (ops.inner, ops.tensordot, ops.dot, ops.matmul, ops.vdot):
        np.testing.assert_allclose(product(whole, parts), product(whole.astype(np.float32), parts))
    for added in (ops.cumsum(whole), ops.cumprod(whole), ops.prod(whole), ops.sum(whole), ops.trace(whole)):
        assert added.dtype == torch.int32
    assert ops.vdot(whole, whole).dtype == torch.int32
    assert ops.where(whole > 1)[0].dtype == torch.int32
    assert ops.cumsum(whole.astype(np.int64)).dtype == torch.int64
    assert torch.isnan(ops.sign([np.nan, -2.0])[0])
