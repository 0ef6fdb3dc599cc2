"""What a layer lets one ask, by Keras' names: its arrays before any model, its losses, its masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as ref
import torch

import striate as st
from striate import layers, ops
from striate.errors import ArgumentError, ShapeError, StriateError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("layer", "shape", "arrays"),
    [
        (layers.Conv2D(4, 3), (None, 5, 5, 2), {"kernel": (3, 3, 2, 4), "bias": (4,)}),
        (layers.Conv1D(4, 3, use_bias=False), (2, 5, 2), {"kernel": (3, 2, 4), "bias": None}),
        (layers.DepthwiseConv2D(3), (None, 5, 5, 2), {"kernel": (3, 3, 2, 1), "depthwise_kernel": (3, 3, 2, 1)}),
        (
            layers.SeparableConv2D(4, 3),
            (None, 5, 5, 2),
            {"depthwise_kernel": (3, 3, 2, 1), "pointwise_kernel": (1, 1, 2, 4), "bias": (4,)},
        ),
        (layers.Conv2DTranspose(4, 3), (None, 5, 5, 2), {"kernel": (3, 3, 4, 2), "bias": (4,)}),
        (layers.Dense(3), (None, 2), {"kernel": (2, 3), "bias": (3,)}),
        (layers.Embedding(5, 3), None, {"embeddings": (5, 3)}),
        (layers.PReLU(shared_axes=[1, 2]), (None, 4, 4, 3), {"alpha": (1, 1, 3)}),
        (
            layers.BatchNormalization(scale=False),
            (None, 4),
            {"gamma": None, "beta": (4,), "moving_mean": (4,), "moving_variance": (4,)},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_built_layer_has_its_arrays_by_keras_names(layer: Any, shape: Any, arrays: dict[str, Any]) -> None:
    with pytest.raises(AttributeError, match="yet: call it, or build"):
        getattr(layer, next(iter(arrays)))
    with pytest.raises(ArgumentError, match="has no weights yet"):
        layer.count_params()
    layer.build(shape)
    shapes = {name: getattr(getattr(layer, name), "shape", None) for name in arrays}
    assert shapes == arrays
    assert layer.count_params() == sum(array.size for array in layer.get_weights())
    numbers = [RNG.normal(size=array.shape).astype("float32") for array in layer.get_weights()]
    layer.set_weights(numbers)
    for one, given in zip(layer.weights, numbers, strict=True):
        np.testing.assert_array_equal(one.numpy(), given)
    with pytest.raises(AttributeError, match="no attribute 'kernels'"):
        layer.kernels


def test_arrays_set_before_a_model_are_the_models() -> None:
    layer = layers.Dense(2, activation="relu")
    with pytest.raises(ShapeError, match="build needs the input's shape"):
        layer.build()
    layer.build((1, 2))
    layer.kernel.assign([[1.0, -2.0], [3.0, -4.0]])
    layer.bias.assign([5.0, -6.0])
    np.testing.assert_allclose(layer([[-1.0, 2.0]]).detach(), [[10, 0]])
    model = st.Sequential([layers.Input((2,)), layer])
    np.testing.assert_allclose(model.predict(np.array([[-1.0, 2.0]])), [[10, 0]])


def test_shapes_and_symbolic_tensors_of_an_output() -> None:
    assert layers.Conv2D(4, 3).compute_output_shape((2, 5, 5, 1)) == (2, 3, 3, 4)
    assert layers.Conv2D(4, 3).compute_output_shape((None, None, 5, 1)) == (None, None, 3, 4)
    assert layers.Add().compute_output_shape([(None, 3), (None, 3)]) == (None, 3)
    assert layers.ReLU().compute_output_shape((4,)) == (4,)
    assert layers.Conv2D(4, 3).compute_output_spec(st.Input((5, 5, 1), 2)).shape == (2, 3, 3, 4)

    class Two(layers.Layer):
        def compute_output_shape(self, input_shape: Any) -> Any:
            return {"one": input_shape, "more": (input_shape, (None, 7))}

    said = Two().compute_output_spec(st.Input((3,)))
    assert (said["one"].shape, said["more"][0].shape, said["more"][1].shape) == ((None, 3), (None, 3), (None, 7))


def test_a_build_of_ones_own_runs_once() -> None:
    class Mine(layers.Layer):
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.w = self.add_weight(shape=(input_shape[-1], 2), name="w")
            self.built = True

        def call(self, x: Any) -> Any:
            return ops.matmul(x, self.w)

    layer = Mine()
    layer.build((None, 3))
    assert layer(st.Input((3,))).shape == (None, 2)
    assert [one.shape for one in layer.weights] == [(3, 2)]


# -- losses ------------------------------------------------------------------------------------------------------------
def test_losses_are_the_penalties_of_the_latest_call_and_those_on_weights() -> None:
    layer = layers.Dense(
        2, kernel_regularizer="l1", bias_regularizer=layers.regularizers.L2(0.5), activity_regularizer="l2"
    )
    assert layer.losses == []
    x = RNG.normal(size=(4, 3)).astype("float32")
    for _ in range(2):  # a call forgets those before
        y = layer(x).detach().numpy()
    kernel, bias = layer.get_weights()
    expected = [0.01 * (y**2).sum() / 4, 0.01 * abs(kernel).sum(), 0.5 * (bias**2).sum()]
    np.testing.assert_allclose([float(one.detach()) for one in layer.losses], expected, rtol=1e-5)
    layer.trainable = False
    assert len(layer.losses) == 1
    model = st.Sequential([layers.Input((3,)), layer, layers.ActivityRegularization(l1=0.2, l2=0.3)])
    model(x)
    expected = [expected[0], (0.2 * abs(y).sum() + 0.3 * (y**2).sum()) / 4]
    np.testing.assert_allclose([float(one.detach()) for one in model.losses], expected, rtol=1e-5)
    assert float(layers.ActivityRegularization(l1=1.0)(np.zeros((0, 3))).sum()) == 0


def half_the_mean(x: Any) -> Any:
    return 0.5 * ops.mean(x)


@pytest.mark.parametrize(
    "penalty", ["l1", layers.regularizers.L1L2(0.1, 0.2), half_the_mean], ids=["name", "both", "own"]
)
def test_training_minimises_the_penalty_on_an_output(penalty: Any) -> None:
    """The loss of one step on arrays, with a rate of 0, is the mean square plus the penalty divided by the batch."""
    x, y = RNG.normal(size=(8, 6, 6, 2)).astype("float32"), RNG.normal(size=(8, 4, 4, 3)).astype("float32")
    model = st.Sequential(
        [layers.Input((6, 6, 2)), layers.Conv2D(3, 3, activation="tanh", activity_regularizer=penalty)]
    )
    bias = model.get_weights()[1]
    out = np.tanh(np.stack([ref.conv(one, model.module.conv2d.weight.detach().numpy(), bias) for one in x]))
    size = {
        "l1": 0.01 * abs(out).sum(),
        half_the_mean: 0.5 * out.mean(),
    }.get(penalty, 0.1 * abs(out).sum() + 0.2 * (out**2).sum())
    model.compile(st.optimizers.SGD(0.0), "mse")
    history = model.fit(x, y, batch_size=8, epochs=1, verbose=0).history
    assert history["loss"][0] == pytest.approx(((out - y) ** 2).mean() + size / 8, rel=1e-4)
    assert set(model.module.state_dict()) == {"conv2d.weight", "conv2d.bias"}
    if penalty is half_the_mean:
        with pytest.raises(StriateError, match="plain PyTorch source cannot hold"):
            model.to_source()
    else:
        found: dict[str, Any] = {}
        exec(model.to_source(), found)
        network = found["Network"]()
        network.load_state_dict(model.module.state_dict())
        assert "activity_penalty" in model.to_source()
        np.testing.assert_allclose(
            network.eval()(torch.from_numpy(x).movedim(-1, 1)).movedim(1, -1).detach(), out, rtol=1e-4, atol=1e-5
        )


def test_the_penalty_on_an_output_goes_through_files(tmp_path: Any) -> None:
    model = st.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(3, 3, activity_regularizer="l2"), layers.ReLU()])
    for path in (tmp_path / "folder", tmp_path / "m.keras", tmp_path / "m.h5"):
        model.save(path)
        again = st.models.load_model(path).layers[0]
        assert isinstance(again.activity_regularizer, layers.regularizers.L2)
    assert "activity_regularizer" in model.layers[0].get_config()
    assert "activity_regularizer" not in layers.Dense(2).get_config()
    with pytest.raises(StriateError, match="l3"):
        layers.Dense(2, activity_regularizer="l3")


def test_a_layer_of_ones_own_adds_to_the_loss() -> None:
    class Penalised(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(0.1 * ops.sum(x))
            return x * 2

    layer, x = Penalised(), np.full((4, 3), 2.0, np.float32)
    with pytest.raises(ArgumentError, match="belongs into call"):
        layer.add_loss(1.0)
    np.testing.assert_allclose(layer(x), 4.0)
    assert [float(one) for one in layer.losses] == [pytest.approx(2.4)]
    model = st.Sequential([layers.Input((3,)), Penalised(), layers.Dense(1)])
    model.compile("sgd", lambda y, p: 0 * ops.sum(p))
    assert model.fit(x, np.ones((4, 1)), batch_size=4, verbose=0).history["loss"][0] == pytest.approx(2.4, rel=1e-4)


# -- masks -------------------------------------------------------------------------------------------------------------
def test_masks_pass_through_and_are_joined_by_merging_layers() -> None:
    x = np.zeros((1, 4, 2))
    one, other = np.array([[0, 1, 0, 1]], bool), np.array([[0, 0, 1, 1]], bool)
    assert layers.ReLU().compute_mask(x, one) is one
    assert layers.Add().compute_mask([x, x], [None, one]) is None
    np.testing.assert_array_equal(layers.Add().compute_mask([x, x], [one, other]), one | other)
    joined = layers.Concatenate(axis=1).compute_mask([x, x], [one, None])
    np.testing.assert_array_equal(joined, [[0, 1, 0, 1, 1, 1, 1, 1]])
    tensors = [st.Input((4, 2)), st.Input((4, 2))]
    np.testing.assert_array_equal(layers.Concatenate().compute_mask(tensors, [one, other]), one | other)
    assert layers.Dot(1).compute_mask([x, x], [one, one]) is None
    for inputs, mask in (([x, x], one), (x, [one, one]), ([x, x], [one])):
        with pytest.raises(ArgumentError, match="one for each"):
            layers.Maximum().compute_mask(inputs, mask)
