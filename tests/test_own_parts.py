"""Layers of a user's own, as Keras and as torch have them: sized, trained, saved, loaded and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept import really_kept

import striate as st
from striate import layers, ops
from striate.errors import StriateError


class Mingle(layers.Layer):
    def __init__(self, units: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.relu(ops.matmul(inputs, self.w) + self.b)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Block(layers.Layer):
    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same")
        self.norm = layers.BatchNormalization()
        self.rest = st.Sequential([layers.Conv2D(filters, 1), layers.ReLU()])

    def call(self, x: Any, training: Any = None) -> Any:
        return x + self.rest(self.norm(self.conv(x), training=training))


class Ripple(layers.Layer):
    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv = torch.nn.Conv2d(4, filters, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(self.conv(x))


class Noisy(layers.Layer):
    """In torch, channels-last, with a layer of striate's inside, and other in training."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(units)

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight((input_shape[-1],), "ones", name="gain")

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            x = x + 0.01 * torch.randn_like(x)
        return torch.tanh(self.inner(x * self.gain))


def network(own: layers.Layer) -> st.Model:
    inputs = st.Input((8, 8, 1))
    x = layers.GlobalAveragePooling2D()(own(layers.Conv2D(4, 3, activation="relu")(inputs)))
    return st.Model(inputs, layers.Dense(10, activation="softmax")(x))


PARTS = {
    "build and call": (lambda: Mingle(6), "mingle", 4 * 6 + 6, (6, 6, 6), (3, 3)),
    "layers inside": (lambda: Block(4), "block", 148 + 8 + 20, (6, 6, 4), (5, 5)),
    "forward": (lambda: Ripple(5), "ripple", 185, (4, 4, 5), (8, 8)),
    "torch in call": (lambda: Noisy(5), "noisy", 4 + 25, (6, 6, 5), (8, 8)),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_layer_of_ones_own_is_sized_trained_saved_and_exported(part: str, tmp_path: Path) -> None:
    make, name, weights, shape, sees = PARTS[part]
    st.set_seed(0)
    model = network(make())
    row = model.size().row(name)
    assert (row.weights, row.output_shape, row.receptive_field) == (weights, shape, sees)
    assert model.size(batch_size=3).kept_bytes == really_kept(model.graph, 3)
    digits = st.data.load("digits")
    x, y = digits.train.x[:256], digits.train.y[:256]
    x = x.astype(np.float32) / 16 if x.dtype != np.float32 else x
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    answers = model.predict(x[:5], engine="torch")
    np.testing.assert_allclose(model.predict(x[:5], engine="onnxruntime"), answers, atol=1e-5)
    model.save(tmp_path / "kept")
    again = st.models.load_model(tmp_path / "kept", custom_objects={"Mingle": Mingle}, compile=False)
    np.testing.assert_array_equal(again.predict(x[:5], engine="torch"), answers)


def test_a_layer_computes_what_its_call_says() -> None:
    mix = Mingle(3)
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    given = mix(x).detach().numpy()
    kernel, bias = (w.reshape(-1, 3) for w in mix.get_weights())
    np.testing.assert_allclose(given, np.maximum(x @ kernel + bias[0], 0), rtol=1e-5, atol=1e-6)


def test_a_lambda_of_slices_is_seen_through_and_one_of_torch_runs() -> None:
    inputs = st.Input((6, 6, 2))
    inner = layers.Lambda(lambda t: t[:, 1:-1, 1:-1] * 2)(inputs)
    sums = layers.Lambda(lambda t: torch.cumsum(t, dim=1), name="sums")(inner)
    model = st.Model(inputs, sums)
    assert model.size().row("lambda").receptive_field == (1, 1)
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 2)).astype(np.float32)
    expected = np.cumsum(x[:, 1:-1, 1:-1] * 2, 1)
    for engine in ("torch", "onnxruntime"):
        np.testing.assert_allclose(model.predict(x, engine=engine), expected, rtol=1e-5, atol=1e-5)


def test_a_saved_lambda_is_given_by_name_or_refused_in_a_line(tmp_path: Path) -> None:
    def twice(t: Any) -> Any:
        return t * 2

    inputs = st.Input((3,))
    st.Model(inputs, layers.Lambda(twice)(inputs)).save(tmp_path / "kept")
    with pytest.raises(StriateError, match="custom_objects"):
        st.models.load_model(tmp_path / "kept")
    again = st.models.load_model(tmp_path / "kept", custom_objects={"twice": twice})
    assert again.predict(np.ones((1, 3), np.float32)).tolist() == [[2, 2, 2]]


def test_a_torch_module_and_any_function_as_activation() -> None:
    inputs = st.Input((5,))
    x = layers.TorchModuleWrapper(torch.nn.Linear(5, 3))(inputs)
    model = st.Model(inputs, layers.Activation(lambda t: ops.relu(t) * 3)(x))
    numbers = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    module: Any = model.layers[1]
    expected = (
        np.maximum(numbers @ module.module.weight.detach().numpy().T + module.module.bias.detach().numpy(), 0) * 3
    )
    np.testing.assert_allclose(model.predict(numbers, engine="torch"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: layers.Lambda(3), "takes a function"),
        (lambda: layers.TorchModuleWrapper(torch.nn.Linear), "takes a torch module"),
        (lambda: layers.Lambda(lambda t: torch.conv2d(t, t))(st.Input((3,))), "fails on"),
        (lambda: layers.Lambda(lambda t: t.sum())(st.Input((3,))), "batch"),
        (lambda: Mingle("x")(st.Input((3,))), "whole numbers"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(wrong: Any, said: str) -> None:
    with pytest.raises(StriateError, match=said) as caught:
        wrong()
    assert len(str(caught.value).strip().splitlines()) <= 2


def test_a_constructor_of_ones_own_is_inherited():
    class Plain(layers.Dense):
        def __init__(self, units):
            super().__init__(units, use_bias=False)
            self.doubled = 2 * units

    class Further(Plain):
        def twice(self):
            return 2 * self.doubled

    assert Further(3).twice() == 12
    assert not Further(3).use_bias


class ThreeWithin(layers.Layer):
    """Three layers with arrays of the same names, a batch norm between them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.norm = layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()
        self.second, self.third = layers.Conv2D(3, 1), layers.Conv2D(3, 1)

    def call(self, x):
        return self.third(self.second(self.norm(self.first(x))))


@pytest.mark.parametrize("way", ["m.keras", "m.h5", "m.weights.h5", "folder"])
@pytest.mark.parametrize("frozen", [False, True])
def test_every_array_of_layers_within_a_layer_goes_through_every_file(way, frozen, tmp_path):
    def made():
        return st.Sequential([layers.Input((4, 4, 3)), ThreeWithin(name="block")])

    model = made()
    model.set_weights([np.full(w.shape, i + 1.0, np.float32) for i, w in enumerate(model.get_weights())])
    model.layers[0].trainable = not frozen
    again, path = made(), tmp_path / way
    if way == "m.weights.h5":
        model.save_weights(path)
        again.load_weights(path)
    else:
        model.save(path)
        again = st.models.load_model(path, custom_objects={"ThreeWithin": ThreeWithin})
    found = [float(w.ravel()[0]) for w in again.get_weights()]
    assert found == [float(w.ravel()[0]) for w in model.get_weights()]
    assert len(set(found)) == 10
