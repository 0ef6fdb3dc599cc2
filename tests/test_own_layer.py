"""A layer of a user's own, of primitives: at home in every view, and every mistake in it one clear error."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept import really_kept

import striate as st
from striate import layers
from striate import primitives as p
from striate.backend import build
from striate.errors import ArgumentError, ShapeError, StriateError
from striate.graph import Graph, Input, Value
from striate.primitives import Window
from striate.ship import Engine

pytestmark = pytest.mark.usefixtures("one_thread")


class Gate(layers.Layer):
    """Each map times the sigmoid of what a 3x3 convolution makes of all of them; a residual of the input is added."""

    slope: float = 0.1

    def lower(self, x: Value) -> Value:
        window = Window((3, 3), (1, 1), "same")
        y = p.pointwise(p.conv(x, x.shape[-1], window, name="look"), "leaky_relu", self.slope)
        y = p.batch_norm(p.conv(y, x.shape[-1], Window((1, 1), (1, 1)), bias=None, name="mix"), name="norm")
        return p.combine("add", x, p.combine("multiply", x, p.pointwise(y, "sigmoid")))


def gated() -> st.Sequential:
    return st.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", activation="relu", input_shape=(8, 8, 1)),
            Gate(slope=0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def test_a_layer_of_ones_own_is_at_home_in_every_view(tmp_path: Any) -> None:
    st.set_seed(0)
    model = gated()
    size = model.size(batch_size=4)
    weights = 3 * 3 * 4 * 4 + 4 + 4 * 4 + 2 * 4
    assert (size.row("gate").weights, size.row("gate").buffers) == (weights, 8)
    assert size.row("gate").mults == 8 * 8 * (9 * 4 * 4 + 4 * 4)
    assert size.row("gate").receptive_field == (5, 5)
    assert size.kept_bytes == really_kept(model.graph, 4)
    assert f"= {weights}" in model.explain("gate")
    assert "each output position sees 5x5" in model.explain("gate")
    assert "self.gate.look(" in model.to_source()
    assert "Gate" in model.draw()

    digits = st.data.load("digits")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.get_layer("gate").get_weights()
    losses = model.fit(digits.train, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all((a != b).any() for a, b in zip(before, model.get_layer("gate").get_weights(), strict=True))

    model.export_onnx(tmp_path / "gate.onnx", pixels=True)
    x = digits.test.x[:5]
    given = Engine(tmp_path / "gate.onnx").predict([x])[0]
    np.testing.assert_allclose(given, model.predict(digits.test[:5], engine="torch"), atol=1e-5)
    maps = st.look.activations(model, digits.test.x[:2], ["gate"])
    assert maps["gate"].shape == (2, 8, 8, 4)
    assert st.look.gradcam(model, digits.test.x[:1], layer="gate").values.shape[:1] == (1,)

    model.save(tmp_path / "kept")
    again = st.models.load_model(tmp_path / "kept")
    assert again.get_layer("gate").config()["slope"] == 0.2
    assert (again.predict(digits.test[:5]) == model.predict(digits.test[:5])).all()


def test_parts_of_one_name_are_refused_in_words() -> None:
    class _Twice(layers.Layer):
        def lower(self, x: Value) -> Value:
            return p.linear(p.linear(x, 2, name="a"), 2, name="a")

    with pytest.raises(ArgumentError, match='two of its parts are named "a"'):
        _Twice()(Input((3,)))


def test_parts_without_a_name_get_one_from_what_they_are() -> None:
    class _Plain(layers.Layer):
        def lower(self, x: Value) -> Value:
            return p.linear(p.scale(p.linear(x, 2)), 2)

    names = list(_Plain().parameters((3,)))
    assert names == ["linear.weight", "linear.bias", "scale.weight", "linear_1.weight", "linear_1.bias"]


def test_a_lower_that_returns_no_value_or_takes_none_is_refused_in_words() -> None:
    class _Number(layers.Layer):
        def lower(self, x: Value) -> Any:
            return 3

    class _Array(layers.Layer):
        def lower(self, x: Value) -> Value:
            return p.flatten(np.zeros(3))  # type: ignore[arg-type]

    with pytest.raises(ArgumentError, match=r"its lower\(\) must return the values"):
        _Number()(Input((3,)))
    with pytest.raises(ArgumentError, match=r"Flatten takes values that this lower\(\)"):
        _Array()(Input((3,)))


WRONG: list[Callable[[Value], Any]] = [
    lambda x: p.conv(x, 0, 3),
    lambda x: p.conv(x, 4, "3"),  # type: ignore[arg-type]
    lambda x: p.conv(x, 4, 3, groups=0),
    lambda x: p.conv(x, 4, 3, groups=3),
    lambda x: p.conv(x, 4, Window((3, 3), (0, 1))),
    lambda x: p.conv(x, 4, Window((3, 3), (1, 1), "SAME")),
    lambda x: p.conv(x, 4, Window((3, 3), 1)),  # type: ignore[arg-type]
    lambda x: p.depthwise_conv(x, Window((3, 3), (1, 1), transposed=True)),
    lambda x: p.partial_conv(x, ((0, 1),), Window((3, 3), (2, 2))),
    lambda x: p.partial_conv(x, ((0, 1),), Window((3, 3), (1, 1), "same")),
    lambda x: p.partial_conv(x, ((-1,),), 3),
    lambda x: p.partial_conv(x, (), 3),
    lambda x: p.pool(x, Window((3, 3), (1, 1), "same", (2, 2)), "average"),
    lambda x: p.pool(x, 2, "mean"),  # type: ignore[arg-type]
    lambda x: p.adaptive_pool(x, (2, 2), "mean"),  # type: ignore[arg-type]
    lambda x: p.depth_pool(x, Window((2,), (1,), "same"), "max"),
    lambda x: p.depth_pool(x, 2, "sum"),  # type: ignore[arg-type]
    lambda x: p.reduce(x, "mean", (7,)),
    lambda x: p.reduce(x, "mean", -1),  # type: ignore[arg-type]
    lambda x: p.concatenate(5, x, x),
    lambda x: p.concatenate(-1),
    lambda x: p.concatenate(-1, [x, x]),  # type: ignore[arg-type]
    lambda x: p.combine("add"),
    lambda x: p.combine("mul", x, x),  # type: ignore[arg-type]
    lambda x: p.reshape(x, -1),  # type: ignore[arg-type]
    lambda x: p.reshape(x, (-1, -1)),
    lambda x: p.reshape(x, (0, -1)),
    lambda x: p.pad(x, 1),  # type: ignore[arg-type]
    lambda x: p.pad(x, ((-1, 0), (0, 0))),
    lambda x: p.crop(x, ((-1, 0), (0, 0))),
    lambda x: p.resize(x, (2, 2), "cubic"),  # type: ignore[arg-type]
    lambda x: p.resize(x, (0, 2)),
    lambda x: p.pointwise(x, None),  # type: ignore[arg-type]
    lambda x: p.pointwise("relu", x),  # type: ignore[arg-type]
    lambda x: p.pointwise(x, "clip", 1.0),
    lambda x: p.pointwise(x, "relu", 0.3),
    lambda x: p.pointwise(x, "clip", float("nan"), 1.0),
    lambda x: p.activation(x, np.tanh),  # type: ignore[arg-type]
    lambda x: p.linear(x, 0),
    lambda x: p.linear(x, "8"),  # type: ignore[arg-type]
    lambda x: p.dropout(x, 1.0),
    lambda x: p.batch_norm(x, -1.0),
    lambda x: p.batch_norm(x, momentum=3.0),
    lambda x: p.affine(x, float("nan")),
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_a_wrong_argument_is_one_clear_error_before_anything_is_built(wrong: Callable[[Value], Any]) -> None:
    class _Wrong(layers.Layer):
        def lower(self, x: Value) -> Value:
            return wrong(x)  # type: ignore[no-any-return]

    with pytest.raises((ArgumentError, ShapeError), match=r'^_Wrong "__wrong": '):
        _Wrong()(Input((8, 8, 3)))


def test_numbers_and_sizes_may_be_given_as_users_have_them() -> None:
    class _Free(layers.Layer):
        def lower(self, x: Value) -> Value:
            y = p.affine(p.conv(x, 4, 3), np.arange(4.0), [1, 2, 3, 4])  # type: ignore[arg-type]
            return p.reduce(p.pool(y, (2, 2), "max"), "mean", (-1, 2))

    assert _Free().shape((8, 8, 3)) == (5, 5)


def test_an_own_class_of_a_name_that_is_taken_cannot_be_saved_as_the_other(tmp_path: Any) -> None:
    own = type("Dense", (layers.Layer,), {"lower": lambda self, x: p.linear(x, 3), "__module__": __name__})
    assert type(st.models.from_json({"layers": [{"class": "Dense", "units": 2, "input_shape": [4]}]}).layers[-1]) is (
        layers.Dense
    )
    with pytest.raises(ArgumentError, match='"dense" is of a class Dense that is not'):
        st.Sequential([own(input_shape=(4,))]).save(tmp_path / "own")


def test_a_field_that_json_cannot_hold_is_named(tmp_path: Any) -> None:
    class Odd(layers.Layer):
        window: Any = None

        def lower(self, x: Value) -> Value:
            return p.linear(x, 3)

    model = st.Sequential([Odd(window={1, 2}, input_shape=(4,))])
    with pytest.raises(ArgumentError, match=r'Odd "odd": window is \{1, 2\}'):
        model.save(tmp_path / "odd")
    assert not (tmp_path / "odd").exists()


def head(function: str | None) -> type[layers.Layer]:
    def lower(self: Any, x: Value) -> Value:
        return p.activation(p.linear(p.activation(p.linear(x, 5, name="a"), self.activation), 3, name="b"), function)

    made = {"lower": lower, "activation": "softmax", "__annotations__": {"activation": "str"}, "__module__": __name__}
    return type(f"_Head{function}", (layers.Layer,), made)


@pytest.mark.parametrize("function", ["softmax", "sigmoid", "log_softmax", None])
def test_what_the_answers_of_ones_own_layer_are_is_read_from_what_it_does(function: str | None) -> None:
    model = st.Sequential([layers.Flatten(input_shape=(2, 2, 1)), head(function)()])
    assert model.answers.activation == function


def test_joined_answers_are_what_each_of_them_is() -> None:
    x = Input((4,))
    one, two = (layers.Dense(1, activation="sigmoid")(x) for _ in range(2))
    for joined in (layers.Concatenate()([one, two]), layers.Maximum()([one, two]), layers.Rescaling(1.0)(one)):
        assert st.Model(x, joined).answers.activation == "sigmoid"
    soft = [layers.Dense(2, activation="softmax")(x) for _ in range(2)]
    assert st.Model(x, layers.Average()(soft)).answers.activation == "softmax"
    assert st.Model(x, layers.Concatenate()(soft)).answers.activation is None
    assert st.Model(x, layers.Rescaling(2.0)(one)).answers.activation is None


def test_a_changed_field_is_another_layer() -> None:
    class _Wide(layers.Layer):
        units: int = 2

        def lower(self, x: Value) -> Value:
            return p.linear(x, self.units)

    wide = _Wide()
    assert wide.shape((3,)) == (2,)
    wide.units = 5
    assert wide.shape((3,)) == (5,)


def test_shapes_that_do_not_go_together_are_refused_in_words() -> None:
    class _Sum(layers.Layer):
        def lower(self, x: Value) -> Value:
            return p.combine("add", x, p.reduce(x, "mean", (-1,)))

    with pytest.raises(ShapeError, match=r'_Sum "__sum": joins inputs of one shape'):
        _Sum()(Input((4, 5, 3)))


def test_a_layer_may_give_several_outputs() -> None:
    class _Halves(layers.Layer):
        def lower(self, x: Value) -> list[Value]:
            return [p.pointwise(x, "relu"), p.pointwise(x, "negative")]

    x = Input((3,))
    above, turned = _Halves()(x)
    module = build(Graph([x], [above, turned]))
    one, two = module(torch.tensor([[1.0, -2.0, 0.5]]))
    assert one.tolist() == [[1.0, 0.0, 0.5]]
    assert two.tolist() == [[-1.0, 2.0, -0.5]]


def test_a_field_may_be_made_anew_for_each_layer() -> None:
    class Listed(layers.Layer):
        places: list[int] = dataclasses.field(default_factory=list)

        def lower(self, x: Value) -> Value:
            return p.pointwise(x, "relu")

    one, other = Listed(), Listed(places=[2])
    one.places.append(1)
    assert (one.places, other.places, Listed().places) == ([1], [2], [])
    assert other.config() == {"places": [2]}
    assert "places" in str(inspect.signature(Listed))


class Twice(layers.Wrapper):
    """What a layer gives, times two."""

    def call(self, inputs: Any) -> Any:
        return 2 * self.layer(inputs)


class Divided(layers.Wrapper):
    """What a layer gives, divided; with a constructor of its own, as Keras' code has it."""

    def __init__(self, layer: Any, by: float = 2.0, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.by = by

    def call(self, inputs: Any) -> Any:
        return self.layer(inputs) / self.by

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "by": self.by}


@pytest.mark.parametrize(("kind", "factor"), [(Twice, 2.0), (Divided, 0.5)])
def test_a_layer_around_another_has_its_weights_and_goes_through_files(
    tmp_path: Path, kind: Any, factor: float
) -> None:
    inner = layers.Conv2D(2, 3, kernel_initializer="ones")
    model = st.Sequential([layers.Input((5, 4, 1)), kind(inner), kind(layers.BatchNormalization())])
    x = np.arange(40, dtype=np.float32).reshape(2, 5, 4, 1)
    sums = np.stack([x[:, i : i + 3, j : j + 3, 0].sum((1, 2)) for i in range(3) for j in range(2)], 1)
    expected = factor**2 * np.repeat(sums.reshape(2, 3, 2, 1), 2, -1) / np.sqrt(1 + 1e-3)
    assert np.asarray(model.predict(x)) == pytest.approx(expected, rel=1e-4)
    assert (len(model.layers[0].trainable_weights), len(model.layers[1].non_trainable_weights)) == (2, 2)
    model.compile("sgd", "mse")
    model.fit(x, expected, verbose=0)
    for name in ("m.keras", "m.h5", "m"):
        model.save(tmp_path / name)
        again = st.models.load_model(tmp_path / name, custom_objects={kind.__name__: kind})
        assert np.asarray(again.predict(x)) == pytest.approx(np.asarray(model.predict(x)), rel=1e-5), name
    with pytest.raises(ArgumentError, match="takes a layer to wrap"):
        kind("no layer")


def test_the_axes_of_a_normalization_are_each_named_once() -> None:
    for axis in ([-1, 1], [-2, -1, 2]):
        with pytest.raises(StriateError, match="twice"):
            layers.LayerNormalization(axis=axis)(st.Input((2, 4) if len(axis) == 3 else (4,)))
