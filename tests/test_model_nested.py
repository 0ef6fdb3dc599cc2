"""Models whose inputs and outputs are dicts, tuples and deeper: given and answered as they are nested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import DataError, Note, StriateError

pytestmark = pytest.mark.usefixtures("one_thread")


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def by_name() -> st.Model:
    left, right = st.Input((3,), name="left"), st.Input((4,), name="right")
    joined = layers.Concatenate()([layers.Dense(5, name="dl")(left), layers.Dense(5, name="dr")(right)])
    outputs = {"score": layers.Dense(1, name="out_s")(joined), "kind": layers.Dense(2, name="out_k")(joined)}
    return st.Model({"left": left, "right": right}, outputs)


def test_dicts_go_in_and_come_out_by_their_keys(tmp_path: Path) -> None:
    model = by_name()
    x = {"right": array(8, 4), "left": array(8, 3)}
    y = {"kind": array(8, 2), "score": array(8, 1)}
    answers = model.predict(x)
    assert {key: value.shape for key, value in answers.items()} == {"score": (8, 1), "kind": (8, 2)}
    for other in (model(x), model({key: torch.tensor(value) for key, value in x.items()}), model.predict_on_batch(x)):
        for key, value in answers.items():
            np.testing.assert_allclose(np.asarray(other[key]), value, rtol=1e-5, atol=1e-6)
    model.compile("sgd", {"score": "mse", "kind": "mae"}, metrics={"kind": ["mse"]})
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert set(history) == {"loss", "score_loss", "kind_loss", "kind_mse"}
    figures = model.evaluate(x, y, return_dict=True)
    expected = ((model.predict(x)["score"] - y["score"]) ** 2).mean()
    assert figures["score_loss"] == pytest.approx(expected, rel=1e-4)
    assert (model.input_names, model.output_names) == (["left", "right"], ["out_k", "out_s"])  # sorted by key
    assert set(model.input) == {"left", "right"}
    answers = model.predict(x)
    for place in ("folder", "m.keras", "m.h5"):
        model.save(tmp_path / place)
        again = st.models.load_model(tmp_path / place).predict(x)
        np.testing.assert_allclose(again["kind"], answers["kind"], rtol=1e-5, atol=1e-6)
    symbolic = model({"left": st.Input((3,)), "right": st.Input((4,))})
    assert symbolic["kind"].shape == (None, 2)


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_outputs_keep_their_kind_also_from_a_configuration(kind: Any) -> None:
    x = st.Input((3,))
    ends = [layers.Dense(2)(x), layers.Dense(4)(x)]
    outputs = {"b": ends[0], "a": ends[1]} if kind is dict else kind(ends)
    for model in (made := st.Model(x, outputs), st.Model.from_config(made.get_config()), st.models.clone_model(made)):
        answers = model.predict(array(5, 3))
        assert type(answers) is kind
        first = answers["b"] if kind is dict else answers[0]
        assert first.shape == (5, 2)


def test_deeper_nesting_goes_through_every_way() -> None:
    one, two, three = (st.Input((n,)) for n in (1, 2, 3))
    outputs = {"1": layers.Dense(1)(one), "rest": (layers.Dense(2)(two), [layers.Dense(3)(three)])}
    model = st.Model({"1": one, "rest": [two, {"3": three}]}, outputs)
    x = {"1": array(4, 1), "rest": [array(4, 2), {"3": array(4, 3)}]}
    answers = model.predict(x)
    assert answers["rest"][1][0].shape == (4, 3)
    assert isinstance(answers["rest"], tuple)
    np.testing.assert_allclose(model(x)["rest"][0].detach().numpy(), answers["rest"][0], rtol=1e-5, atol=1e-6)


def test_an_output_may_be_an_input_or_stand_twice() -> None:
    a, b = st.Input((2,), name="a"), st.Input((2,), name="b")
    twice = a * 2
    model = st.Model({"a": a, "b": b}, {"x": twice, "y": twice, "z": b})
    given = {"a": array(3, 2), "b": array(3, 2, seed=1)}
    for engine in ("torch", "onnxruntime"):
        answers = model.predict(given, engine=engine)
        for key, expected in (("x", 2 * given["a"]), ("y", 2 * given["a"]), ("z", given["b"])):
            np.testing.assert_allclose(answers[key], expected, rtol=1e-6)
    assert len(model.outputs) == 3


def test_a_model_may_begin_within_another_and_shares_its_layers() -> None:
    inputs = st.Input((6, 2))
    first = layers.Dense(3, name="one")(inputs)
    second = layers.Dense(4, name="two")(first)
    whole = st.Model(inputs, layers.Dense(5, name="three")(second))
    part = st.Model(second, whole.output)
    assert [layer.name for layer in part.layers][1:] == ["three"]
    x = array(2, 6, 2)
    between = st.Model(inputs, second).predict(x)
    np.testing.assert_allclose(part.predict(between), whole.predict(x), rtol=1e-5, atol=1e-6)
    assert whole.get_layer("three") is part.get_layer("three")


def test_a_last_axis_of_one_may_be_there_or_not() -> None:
    pictures = st.Sequential([st.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)])
    numbers = st.Sequential([st.Input((3,)), layers.Dense(2)])
    x = array(5, 4, 4)
    np.testing.assert_array_equal(pictures.predict(x, engine="torch"), pictures.predict(x[..., None], engine="torch"))
    assert numbers(array(5, 3, 1)).shape == (5, 2)
    assert numbers(torch.tensor(array(5, 3, 1))).shape == (5, 2)


def test_functional_is_what_a_model_of_calls_is() -> None:
    x = st.Input((3,))
    model = st.Model(x, layers.Dense(2)(x))
    assert isinstance(model, st.Functional)
    assert isinstance(model, st.Model)
    assert not isinstance(st.Sequential([layers.Dense(2)]), st.Functional)
    assert isinstance(st.Functional.from_config(model.get_config()), st.models.Functional)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"left": array(2, 3)}, 'no array for the input "right"'),
        ([array(2, 3)], "a dict of left, right"),
        ({"left": array(2, 3), "right": None}, '"right" is not optional'),
        ({"left": array(2, 3), "right": array(2, 5)}, r"takes arrays of shape \(N, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(given: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        by_name().predict(given)


def test_what_is_no_tensor_is_refused_and_what_is_too_much_is_told() -> None:
    x = st.Input((3,), name="x")
    with pytest.raises(StriateError, match="inputs holds str"):
        st.Model({"x": "x"}, x)
    with pytest.warns(Note, match="more is no input"):
        st.Model({"x": x}, x * 2).predict({"x": array(2, 3), "more": array(2, 1)})
