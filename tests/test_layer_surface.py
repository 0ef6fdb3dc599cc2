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


# -- types, and what a call is told ------------------------------------------------------------------------------------
def test_every_layer_takes_a_dtype_of_float32_and_says_what_it_computes_in() -> None:
    policy = {"class_name": "DTypePolicy", "config": {"name": "float32"}, "module": "keras"}
    for dtype in (None, "float32", torch.float32, np.float32, np.dtype("float32"), st.mixed_precision.Policy(), policy):
        layer = layers.Dense(2, dtype=dtype, autocast=True)
        assert (layer.dtype, layer.compute_dtype, layer.variable_dtype) == ("float32",) * 3
    for dtype in ("float16", "mixed_bfloat16", torch.float64):
        with pytest.raises(
            ArgumentError, match=r"layers compute in float32; train in 16 bits with compile\(precision="
        ):
            layers.Conv2D(2, 3, dtype=dtype)


def test_alpha_dropout_keeps_mean_and_variance_and_drops_to_selus_lowest() -> None:
    """Klambauer et al. 2017, section 3: what is dropped is -scale · alpha, then all is turned by a and b."""
    layer, x = layers.AlphaDropout(0.3, seed=1), RNG.normal(size=(400, 500)).astype("float32")
    y = layer(x, training=True).numpy()
    assert abs(y.mean()) < 0.01
    assert abs(y.std() - 1) < 0.01
    lowest = -1.6732632423543772 * 1.0507009873554805
    a = (0.7 * (1 + 0.3 * lowest**2)) ** -0.5
    dropped = np.isclose(y, a * lowest - a * lowest * 0.3, atol=1e-5)
    assert abs(dropped.mean() - 0.3) < 0.01
    np.testing.assert_allclose(y[~dropped], (a * x - a * lowest * 0.3)[~dropped], atol=1e-5)
    np.testing.assert_array_equal(layer(x), x)
    y = layers.AlphaDropout(0.5, noise_shape=(None, 1, None))(np.ones((20, 5, 10)), training=True)
    np.testing.assert_array_equal(y[:, 0], y[:, 1])
    with pytest.raises(ArgumentError, match="AlphaDropout: rate is from 0"):
        layers.AlphaDropout(1.5)


def test_a_layer_within_another_is_in_the_mode_that_the_call_says() -> None:
    class Dropped(layers.Layer):
        def __init__(self, how: Any) -> None:
            super().__init__()
            self.how, self.dropout = how, layers.Dropout(0.9)

        def call(self, x: Any, training: Any = False) -> Any:
            return self.dropout(x, training=training) if self.how is None else self.dropout(x, training=self.how)

    x = np.ones((8, 8), np.float32)
    for how, training, lowest in ((None, None, 1), (None, True, 0), (True, False, 0), (False, True, 1)):
        assert float(Dropped(how)(x, training=training).min()) == lowest


def test_a_call_of_ones_own_takes_several_inputs_one_by_one() -> None:
    class Both(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = layers.Dense(2), layers.Dense(2)

        def call(self, a: Any, b: Any) -> Any:
            return self.one(a) + self.other(b)

    layer = Both()
    assert layer(st.Input((3,)), st.Input((4,))).shape == (None, 2)
    assert sorted(one.shape for one in layer.weights) == [(2,), (2,), (3, 2), (4, 2)]
    layer = Both()
    given = {"b": np.ones((5, 4)), "a": np.ones((5, 3))}
    kernels = [one.numpy() for one in layer(st.Input((3,)), b=st.Input((4,))).node.layer.weights if one.ndim == 2]
    np.testing.assert_allclose(
        layer(**given).detach(), np.ones((5, 3)) @ kernels[0] + np.ones((5, 4)) @ kernels[1], rtol=1e-5
    )
    with pytest.raises(ArgumentError, match='Both is called with no argument "c"'):
        layer(st.Input((3,)), c=st.Input((4,)))
    with pytest.raises(ArgumentError, match='Dense is called with no argument "x"'):
        layers.Dense(2)(np.ones((2, 3)), x=1)
    with pytest.raises(ArgumentError, match="Give it to the constructor"):
        layer(st.Input((3,)), b=True)


def test_an_embedding_may_start_with_a_table() -> None:
    table = RNG.normal(size=(3, 4)).astype("float32")
    for weights in (table, [table]):
        layer = layers.Embedding(3, 4, weights=weights)
        np.testing.assert_array_equal(layer.embeddings.numpy(), table)
        np.testing.assert_array_equal(layer(np.array([2, 0])).detach(), table[[2, 0]])
    with pytest.raises(ArgumentError, match=r"weights is a table of numbers of shape \(3, 4\)"):
        layers.Embedding(3, 4, weights=table.T)
    assert layers.Embedding(3, 4, weights=None).embeddings_initializer == "uniform"


def test_a_lambda_keeps_its_mask_and_its_configuration_names_its_function() -> None:
    layer = layers.Lambda(half_the_mean, mask=np.array([True, False]))
    assert layer.compute_mask(np.zeros((2, 3))).tolist() == [True, False]
    config = layers.Lambda(half_the_mean).get_config()
    again = layers.Lambda.from_config(config, custom_objects={"half_the_mean": half_the_mean}, safe_mode=False)
    assert again.function is half_the_mean
    with pytest.raises(ArgumentError, match="without its code"):
        layers.Lambda.from_config(config, safe_mode=False)


# -- weights of layers of one's own ------------------------------------------------------------------------------------
class Scaled(layers.Layer):
    """A layer with arrays of its own and of a layer within; `torch_code`: its call is not traced."""

    def __init__(self, torch_code: bool = False) -> None:
        super().__init__()
        self.torch_code, self.dense = torch_code, layers.Dense(3)
        self.count = self.add_weight(shape=(2, 2), dtype="int32", trainable=False, name="count")

    def build(self, input_shape: Any) -> None:
        self.dense.build(input_shape)
        self.w = self.add_weight((3,), "ones", "float32", name="w")

    def call(self, x: Any) -> Any:
        y = self.dense(x) * self.w
        return torch.sin(y) if self.torch_code else ops.sin(y)


@pytest.mark.parametrize("torch_code", [False, True])
def test_arrays_of_ones_own_can_be_set_before_and_after_the_first_call(torch_code: bool) -> None:
    layer, x = Scaled(torch_code), RNG.normal(size=(4, 2)).astype("float32")
    assert (layer.count.dtype, layer.count.numpy().tolist()) == ("int32", [[0, 0], [0, 0]])
    layer.build((None, 2))
    assert sorted(one.shape for one in layer.trainable_weights) == [(2, 3), (3,), (3,)]
    layer.w.assign([1.0, 2.0, 3.0])
    layer.dense.bias.assign([0.1, 0.2, 0.3])
    for factor in (1.0, 2.0):
        layer.w.assign(factor * np.array([1.0, 2.0, 3.0]))
        kernel, bias = layer.dense.get_weights()
        np.testing.assert_allclose(bias, [0.1, 0.2, 0.3], rtol=1e-6)
        expected = np.sin((x @ kernel + bias) * layer.w.numpy())
        np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-4, atol=1e-5)
    assert np.array_equal(layer.w, [2.0, 4.0, 6.0])


def test_a_layer_within_shows_the_arrays_that_the_layer_around_computes_with() -> None:
    class Around(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = layers.Dense(3), layers.SeparableConv1D(2, 2)

        def call(self, x: Any) -> Any:
            return self.other(self.one(x))

    layer, x = Around(), np.ones((1, 4, 2), np.float32)
    inputs = st.Input((4, 2))
    model = st.Model(inputs, layer(inputs))
    assert layer.one.kernel.shape == (2, 3)
    assert layer.other.pointwise_kernel.shape == (1, 3, 2)
    layer.one.kernel.assign(np.zeros((2, 3)))
    layer.one.bias.assign(np.zeros(3))
    np.testing.assert_array_equal(model.predict(x), 0)
    assert len(layer.weights) == len(layer.one.weights) + len(layer.other.weights) == 5


def test_a_weight_is_added_where_keras_has_it_added() -> None:
    layer = Scaled()
    with pytest.raises(ArgumentError, match="the name is a keyword argument"):
        layer.add_weight("matrix")
    with pytest.raises(ArgumentError, match='dtype is one such as "float32" or "int32", not "text"'):
        layer.add_weight((2,), dtype="text")

    class Late(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * self.add_weight((3,))

    with pytest.raises(ArgumentError, match="weights are added in build or in the constructor, not in call"):
        Late()(np.ones((2, 3)))


@pytest.mark.parametrize("shape", [None, 3, "abc"])
def test_what_is_no_shape_is_named(shape):
    with pytest.raises(ShapeError, match="a shape is a tuple"):
        layers.Dense(2).compute_output_shape(shape)
