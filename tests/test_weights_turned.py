"""Weights that were turned into numbers of another kind: it works, or one error says which, and what to do."""

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(8, 6, 6, 3)).astype(np.float32)
Y = np.arange(8) % 3
DOORS = {
    "predict": lambda model: model.predict(X),
    "predict_on_batch": lambda model: model.predict_on_batch(X),
    "call": lambda model: model(X),
    "extract": lambda model: model.extract(X, "conv2d"),
    "evaluate": lambda model: model.evaluate(X, Y),
    "fit": lambda model: model.fit(X, Y, verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(X, Y),
    "ensemble": lambda model: st.tasks.Ensemble([model]).classify(list(np.zeros((2, 6, 6, 3), np.uint8)), 1),
    "test_on_batch": lambda model: model.test_on_batch(X, Y),
}


def net():
    model = st.Sequential(
        [
            layers.Input((6, 6, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_every_door_names_an_array_of_another_kind_and_answers_again_once_it_is_turned_back(kind, door):
    model = net()
    model.module.to(kind)
    said = (
        f"conv2d.weight was turned into {str(kind)[6:]}, and a model computes with float32 weights: model.module.float"
    )
    with pytest.raises(ArgumentError, match=said) as caught:
        DOORS[door](model)
    assert caught.value.__cause__ is not None
    model.module.float()
    DOORS[door](model)


def test_one_layer_alone_and_arrays_without_numbers_are_named():
    model = net()
    model.module.dense.double()
    with pytest.raises(ArgumentError, match=r"Sequential\.predict: dense\.weight was turned into float64"):
        model.predict(X)
    model = net()
    model.module.to("meta")
    for ask in (DOORS["predict"], DOORS["fit"], lambda model: model.get_weights()):
        with pytest.raises(ArgumentError, match=r"conv2d\.weight is on torch's meta device"):
            ask(model)


@pytest.mark.parametrize("method", ["half", "double", "float", "bfloat16"])
def test_what_torch_has_and_a_model_has_not_says_what_to_write(method):
    with pytest.raises(AttributeError, match=f"a model is no torch module and has no {method}: write "):
        getattr(net(), method)


def test_an_error_about_something_else_is_not_put_down_to_the_weights():
    model = net()
    model.module.double()
    with pytest.raises(ArgumentError) as caught:
        model.predict(X, steps=object())
    assert "turned into" not in str(caught.value)
    with pytest.raises(ArgumentError) as caught:
        model.get_weights(1)
    assert "turned into" not in str(caught.value)
