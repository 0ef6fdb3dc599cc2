"""Constraints: what they make of arrays in Keras' layout, when training applies them, and that files keep them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import constraints, layers
from striate.errors import StriateError

X = (np.sin(1.7 * np.arange(24) + 1) * 2).reshape(2, 3, 4).astype(np.float32)


def length(x: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt((x.astype(np.float64) ** 2).sum(axis, keepdims=True))


@pytest.mark.parametrize("axis", [0, -1, (0, 1), [1, 2]], ids=str)
@pytest.mark.parametrize(
    ("name", "wanted", "options"),
    [
        ("MaxNorm", lambda n: np.minimum(n, 1.5), {"max_value": 1.5}),
        ("MaxNorm", lambda n: np.minimum(n, 2), {}),
        ("UnitNorm", lambda n: np.ones_like(n), {}),
        ("MinMaxNorm", lambda n: np.clip(n, 2, 2.5), {"min_value": 2, "max_value": 2.5}),
        ("MinMaxNorm", lambda n: 0.25 * np.clip(n, 0, 1) + 0.75 * n, {"rate": 0.25}),
    ],
)
def test_a_constraint_changes_lengths_over_its_axes(name: str, wanted: Any, options: dict[str, Any], axis: Any) -> None:
    constraint = getattr(constraints, name)(**options, axis=axis)
    over = tuple(axis) if isinstance(axis, list) else axis
    expected = X * wanted(length(X, over)) / length(X, over)
    for x in (X, torch.from_numpy(X), X.tolist()):
        assert np.asarray(constraint(x)) == pytest.approx(expected, rel=1e-5)
    again = constraints.deserialize(json.loads(json.dumps(constraints.serialize(constraint))))
    assert np.asarray(again(X)) == pytest.approx(expected, rel=1e-5)


def test_non_neg_leaves_nothing_below_0_and_the_base_changes_nothing() -> None:
    assert np.asarray(constraints.NonNeg()(X)) == pytest.approx(np.maximum(X, 0))
    assert np.asarray(constraints.Constraint()(X)) == pytest.approx(X)


class Even(constraints.Constraint):
    """Every filter of a kernel (height, width, in, out) has a mean of 0."""

    def __init__(self, by: float = 1.0) -> None:
        self.by = by

    def __call__(self, w: Any) -> Any:
        assert tuple(w.shape)[-1] == 5
        return (w - w.mean((0, 1, 2), keepdim=True)) * self.by

    def get_config(self) -> dict[str, Any]:
        return {"by": self.by}


def trained(layer: Any, shape: tuple[int, ...], by_hand: bool = False, **compiled: Any) -> Any:
    """A model of the layer after two updates far from where it began."""
    model = st.Sequential([layer, layers.Flatten(), layers.Dense(1)])
    model.build((None, *shape))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, *shape)).astype("float32"), 9 * rng.normal(size=(8, 1)).astype("float32")
    optimizer = compiled.pop("optimizer", None) or st.optimizers.SGD(0.05)
    if by_hand:
        weights = model.trainable_weights
        grads = [torch.ones_like(one.value) for one in weights]
        optimizer.apply(grads, weights)
        return model
    model.compile(optimizer, "mse", **compiled)
    model.fit(x, y, batch_size=4, epochs=1, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(
    ("layer", "shape", "arrays"),
    [
        (lambda c: layers.Conv2D(5, 3, kernel_constraint=c), (6, 5, 2), {"kernel": (0, 1, 2)}),
        (lambda c: layers.Conv1D(5, 3, kernel_constraint=c), (6, 2), {"kernel": (0, 1)}),
        (lambda c: layers.Conv2DTranspose(5, 3, kernel_constraint=c), (6, 5, 2), {"kernel": (0, 1, 2)}),
        (lambda c: layers.DepthwiseConv2D(3, depthwise_constraint=c), (6, 5, 2), {"kernel": (0, 1, 2)}),
        (
            lambda c: layers.SeparableConv2D(5, 3, depthwise_constraint=c, pointwise_constraint=c),
            (6, 5, 2),
            {"depthwise_kernel": (0, 1, 2), "pointwise_kernel": (0, 1, 2)},
        ),
        (lambda c: layers.Dense(5, kernel_constraint=c, bias_constraint=c), (3,), {"kernel": 0, "bias": 0}),
        (
            lambda c: layers.BatchNormalization(gamma_constraint=c, beta_constraint=c),
            (4, 3),
            {"gamma": 0, "beta": 0},
        ),
        (lambda c: layers.LayerNormalization(gamma_constraint=c), (4, 3), {"gamma": 0}),
        (lambda c: layers.GroupNormalization(1, beta_constraint=c), (4, 3), {"beta": 0}),
        (lambda c: layers.PReLU(alpha_initializer="ones", alpha_constraint=c), (4, 3), {"alpha": (0, 1)}),
    ],
)
def test_training_keeps_each_array_to_its_constraint_in_keras_layout(
    layer: Any, shape: tuple[int, ...], arrays: dict[str, Any], by_hand: bool
) -> None:
    axes = next(iter(arrays.values()))
    model = trained(layer(st.constraints.UnitNorm(axes if isinstance(axes, int) else list(axes))), shape, by_hand)
    for one in model.layers[0].trainable_weights:
        if one.name in arrays and len(one.shape) > np.max(axes):
            assert one.constraint is not None
            lengths = length(one.numpy(), axes)
            assert lengths == pytest.approx(np.ones_like(lengths), abs=1e-4), one.name
    assert model.layers[-1].trainable_weights[0].constraint is None


def test_a_lookup_table_keeps_its_vectors_to_a_length() -> None:
    table = layers.Embedding(7, 4, embeddings_constraint=st.constraints.UnitNorm(1), input_length=3)
    model = st.Sequential([table, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.arange(21).reshape(7, 3) % 7, np.arange(7.0), verbose=0)
    assert length(model.get_weights()[0], 1) == pytest.approx(np.ones((7, 1)), abs=1e-4)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_constraint_comes_after_the_update_and_the_average(optimizer: str) -> None:
    made = st.optimizers.get({"class": optimizer.upper() if optimizer == "sgd" else "AdamW", "use_ema": True})
    model = trained(layers.Dense(5, kernel_constraint=Counts()), (3,), optimizer=made)
    assert model.layers[0].trainable_weights[0].constraint.seen == 2
    plain = trained(layers.Dense(5, kernel_constraint="non_neg"), (3,), optimizer=optimizer)
    assert plain.get_weights()[0].min() >= 0


class Counts(constraints.Constraint):
    """Knows how often it was asked."""

    seen = 0

    def __call__(self, w: Any) -> Any:
        self.seen += 1
        return w


def test_gathered_batches_are_one_update_and_frozen_layers_stay() -> None:
    counted = Counts()
    trained(layers.Dense(5, kernel_constraint=counted), (3,), accumulate=2)
    assert counted.seen == 1
    frozen = Counts()
    trained(layers.Dense(5, kernel_constraint=frozen, trainable=False), (3,))
    assert frozen.seen == 0


def test_one_of_ones_own_a_function_and_files(tmp_path: Path) -> None:
    model = trained(layers.Conv2D(5, 3, kernel_constraint=Even(), name="c"), (6, 5, 2))
    means = model.get_weights()[0].mean((0, 1, 2))
    assert means == pytest.approx(np.zeros(5), abs=1e-6)
    for name in ("m.keras", "m.h5", "m"):
        model.save(tmp_path / name)
        again = st.models.load_model(tmp_path / name, custom_objects={"Even": Even})
        assert isinstance(again.layers[0].kernel_constraint, Even), name
    plain = st.Sequential([layers.Dense(2, kernel_constraint=st.constraints.MaxNorm(3, [0]), input_shape=(3,))])
    for name in ("p.keras", "p.h5", "p"):
        plain.save(tmp_path / name)
        kept = st.models.load_model(tmp_path / name).layers[0].kernel_constraint
        assert kept.get_config() == {"max_value": 3.0, "axis": [0]}, name
    halved = trained(layers.Dense(2, kernel_constraint=lambda w: 0 * w), (3,))
    assert not halved.get_weights()[0].any()


class Mixed(layers.Layer):
    """Uses a weight by ops, or asks for numbers, so that it runs in torch."""

    def __init__(self, torch_code: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.torch_code = torch_code

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], 4), constraint="unit_norm", name="w")
        self.s = self.add_weight(shape=(1, 4), initializer="ones", constraint=constraints.UnitNorm(1), name="s")

    def call(self, inputs: Any) -> Any:
        if self.torch_code:
            return torch.sin(inputs @ self.w.value) * self.s.value
        return st.ops.matmul(inputs, self.w) * self.s


@pytest.mark.parametrize("torch_code", [False, True])
def test_a_weight_that_a_layer_adds_is_kept_to_its_constraint(torch_code: bool) -> None:
    w, s = trained(Mixed(torch_code), (3,)).get_weights()[:2]
    assert length(w, 0) == pytest.approx(np.ones((1, 4)), abs=1e-4)
    assert length(s, 1) == pytest.approx(np.ones((1, 1)), abs=1e-4)


@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization, layers.GroupNormalization])
def test_scale_and_shift_of_a_normalization_may_be_penalised(kind: Any) -> None:
    options = {"groups": 1} if kind is layers.GroupNormalization else {}
    model = st.Sequential([kind(**options, gamma_regularizer="l2", beta_regularizer="l1", input_shape=(5, 3))])
    gamma, beta = np.array([1, -2, 3], np.float32), np.array([-1, 0, 4], np.float32)
    model.layers[0].set_weights([gamma, beta, *model.get_weights()[2:]])
    model.compile("sgd", lambda y, p: 0 * p.sum())
    loss = model.evaluate(np.ones((2, 5, 3)), np.ones((2, 5, 3)), return_dict=True, verbose=0)["loss"]
    assert loss == pytest.approx(0.01 * (gamma**2).sum() + 0.01 * np.abs(beta).sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda: layers.Dense(2, kernel_constraint="maxnorm"), "unknown constraint"),
        (lambda: constraints.MaxNorm(-1), "max_value=-1 must be at least 0"),
        (lambda: constraints.MinMaxNorm(2, 1), "max_value=1 must be at least 2"),
        (lambda: constraints.MinMaxNorm(rate=2), "rate=2 must be between 0 and 1"),
        (lambda: constraints.UnitNorm(axis="rows"), "axis is a whole number or a list of them"),
        (lambda: constraints.UnitNorm(axis=3)(X), r"axis 3 is none of a weight of shape \(2, 3, 4\)"),
        (lambda: constraints.NonNeg()("text"), "a constraint is called on an array of numbers"),
        (lambda: trained(layers.Dense(2, kernel_constraint=lambda w: w[0]), (3,)), "gave"),
        (lambda: Mixed().add_weight((2,), constraint="typo"), "unknown constraint"),
    ],
)
def test_what_no_constraint_is_is_one_clear_line(say: Any, message: str) -> None:
    with pytest.raises(StriateError, match=message):
        say()


def test_relu_is_0_at_its_threshold_as_in_keras() -> None:
    x = np.array([-10, -5, 0, 5, 10], np.float32)
    assert np.asarray(st.activations.relu(x, threshold=5.0)).tolist() == [0, 0, 0, 0, 10]
    assert np.asarray(st.activations.relu(x, 0.5, 7.0, 5.0)).tolist() == [-7.5, -5, -2.5, 0, 7]


class Around(layers.Layer):
    """Runs in torch, and calls a layer, or a network, that has rules for its weights."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs: Any) -> Any:
        return torch.sin(self.inner(inputs))


@pytest.mark.parametrize("nested", [False, True])
def test_layers_that_torch_code_calls_keep_their_penalties_and_constraints_in_keras_layout(nested: bool) -> None:
    table = np.array([[1, -2], [3, 4], [-5, 6]], np.float32)
    dense = layers.Dense(
        2,
        use_bias=False,
        kernel_initializer=st.initializers.Constant(table),
        kernel_regularizer="l2",
        kernel_constraint=constraints.UnitNorm(0),
    )
    model = st.Sequential([layers.Input((3,)), Around(st.Sequential([dense]) if nested else dense)])
    model.compile(st.optimizers.SGD(0.01), lambda y, p: 0 * p.sum())
    x = np.ones((2, 3), np.float32)
    assert model.evaluate(x, x[:, :2], verbose=0) == pytest.approx(0.01 * (table**2).sum(), rel=1e-5)
    model.fit(x, x[:, :2], verbose=0)
    kernel = next(iter(model.module.state_dict().values())).numpy()  # torch's layout: out, in
    assert kernel == pytest.approx((table / length(table, 0)).T, rel=1e-4)
