"""Auxiliary classifiers: they help training and are gone in prediction.  Szegedy et al. 2014, section 5."""

import json

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError
from striate.graph import from_json

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 8, 8, 3)).astype(np.float32)
Y = RNG.integers(0, 4, 12)


def make():
    st.set_seed(3)
    inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, activation="relu", name="stem")(inputs)
    aux = layers.Dense(4, activation="softmax", name="aux")(layers.Flatten(name="aux_flat")(x))
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu", name="body")(x))
    return st.Model(inputs, layers.Dense(4, activation="softmax", name="main")(y), auxiliary=[(aux, 0.3)])


def test_the_loss_is_the_main_one_plus_the_weighted_auxiliary_ones():
    model = make()
    start = [p.detach().clone() for p in model.module.parameters()]
    model.compile(st.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, batch_size=12, epochs=1, verbose=0, shuffle=False).history
    # by hand, in plain torch
    twin = make()
    for p, q in zip(twin.module.parameters(), start, strict=True):
        p.data.copy_(q)
    twin.module.train()
    main, aux = twin.module(torch.from_numpy(X).movedim(-1, 1))
    y = torch.from_numpy(Y)
    losses = [torch.nn.functional.nll_loss(out.log(), y) for out in (main, aux)]
    total = losses[0] + 0.3 * losses[1]
    total.backward()
    assert history["loss"][0] == pytest.approx(total.item(), rel=1e-5)
    assert history["main_loss"][0] == pytest.approx(losses[0].item(), rel=1e-5)
    assert history["aux_loss"][0] == pytest.approx(losses[1].item(), rel=1e-5)
    assert set(history) == {"loss", "main_loss", "aux_loss", "accuracy"}
    for p, q in zip(model.module.parameters(), twin.module.parameters(), strict=True):
        torch.testing.assert_close(p.detach(), q.detach() - 0.1 * q.grad, rtol=1e-4, atol=1e-6)


def test_validation_and_evaluation_judge_the_main_output_alone():
    model = make()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, epochs=1, verbose=0, validation_data=(X, Y)).history
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    probabilities = model.predict(X)
    assert probabilities.shape == (12, 4)
    assert loss == pytest.approx(-np.log(probabilities[np.arange(12), Y]).mean(), rel=1e-4)
    assert history["val_loss"][0] == pytest.approx(loss, rel=1e-5)
    assert accuracy == pytest.approx((probabilities.argmax(1) == Y).mean())
    assert "val_aux_loss" not in history


def test_they_vanish_from_the_network_of_prediction_but_not_from_the_model():
    model = make()
    names = [layer.name for layer in model.predictor.layers]
    assert "aux" not in names
    assert "main" in names
    assert model.predictor.get_layer("body") is model.get_layer("body")
    assert model.predictor is model.predictor
    assert make().predictor.predictor is not None
    described = json.loads(json.dumps(model.description()))
    assert described["auxiliary"] == [0.3]
    assert from_json(described).auxiliary == (0.3,)
    assert st.models.from_json(described).predictor.graph.output_shapes == [(4,)]


def test_a_saved_model_keeps_them(tmp_path):
    model = make()
    model.save(tmp_path / "m")
    again = st.models.load_model(tmp_path / "m")
    assert again.graph.auxiliary == (0.3,)
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-5, atol=1e-6)


def test_targets_may_be_named_and_weights_given():
    model = make()
    model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=[1.0, 0.0])
    history = model.fit(X, {"main": Y, "aux": Y}, batch_size=12, epochs=1, verbose=0).history
    assert history["loss"][0] == pytest.approx(history["main_loss"][0])


def test_nonsense_is_said():
    inputs = layers.Input((4, 4, 1))
    flat = layers.Flatten()(inputs)
    a, b, c = (layers.Dense(2)(flat) for _ in range(3))
    with pytest.raises(ArgumentError, match="go with one output, not with 2"):
        st.Model(inputs, [a, b], auxiliary=[(c, 0.3)])
    with pytest.raises(ArgumentError, match="above 0"):
        st.Model(inputs, a, auxiliary=[(b, 0.0)])
    described = st.Model(inputs, a, auxiliary=[(b, 0.5)]).description() | {"auxiliary": ["x"]}
    with pytest.raises(ArgumentError, match="list of loss weights"):
        from_json(described)
