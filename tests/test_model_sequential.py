"""A Sequential as it grows and shrinks, clones, and what a model says of itself before it knows its input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import striate as st
from striate import layers
from striate.errors import StriateError

pytestmark = pytest.mark.usefixtures("one_thread")


def test_before_it_knows_its_input_it_says_so_and_afterwards_it_has_all() -> None:
    model = st.Sequential([layers.Dense(4, name="one"), layers.Dense(5)])
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "one (Dense)" in lines[0]
    assert "build(shape)" in lines[0]
    for name in ("input_shape", "output_shape", "inputs", "outputs"):
        assert not hasattr(model, name)
        with pytest.raises(StriateError, match="does not know its input"):
            getattr(model, name)
    x = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    whole = model(x)
    assert (whole.shape, model.output_shape) == ((3, 5), (None, 5))
    model.pop()
    np.testing.assert_allclose(model(x).detach(), x @ model.get_weights()[0], rtol=1e-5, atol=1e-6)
    model.add(layers.Dense(2))
    assert model(st.Input((2,))).shape == (None, 2)


def test_it_begins_at_the_input_that_it_was_given() -> None:
    inputs = st.Input((2,))
    model = st.Sequential([inputs, layers.Dense(4)])
    assert model.inputs == [inputs]
    assert model.outputs == [model.layers[-1].output]
    model.build((3, 2))
    with pytest.raises(StriateError, match="has its input already"):
        model.build((3, 4))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: st.Sequential([st.Input((2,)), st.Input((2,))]), "only come first"),
        (lambda: st.Sequential([layers.Dense(2, name="d"), layers.Dense(2, name="d")]), 'a layer "d" is in'),
        (lambda: st.Sequential([{}]), "takes layers"),  # type: ignore[list-item]
        (lambda: st.Sequential()(np.ones((2, 2))), "no layers"),
    ],
)
def test_what_does_not_go_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(StriateError, match=said):
        wrong()


class Own(st.Model):
    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def test_clones_have_weights_of_their_own_and_are_compiled_as_the_model_is() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    for model in (Own(3), st.Sequential([st.Input((4,)), layers.Dense(3)])):
        model(x)
        model.compile("adam", "mse", metrics=["mae"])
        other = st.models.clone_model(model)
        assert type(other) is type(model)
        assert other.compiled
        assert other.optimizer is not model.optimizer
        assert not np.allclose(other.predict(x), model.predict(x))
        other.set_weights(model.get_weights())
        np.testing.assert_allclose(other.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)
    assert not st.models.clone_model(Own(3)).compiled


def test_a_class_around_a_functional_model_keeps_its_own_arguments() -> None:
    class Named(st.Model):
        def __init__(self, *args: Any, param: int = 1, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.param = param

        def get_config(self) -> dict[str, Any]:
            return super().get_config() | {"param": self.param}

    inputs = st.Input((3,))
    model = Named(inputs=inputs, outputs=layers.Dense(5)(inputs * 2), param=3)
    again = Named.from_config(model.get_config())
    assert (type(again), again.param, again.output_shape) == (Named, 3, (None, 5))
    assert [type(layer).__name__ for layer in again.layers] == ["InputLayer", "Dense"]  # arithmetic is no layer there
