"""``layer(x, training=True | False)`` on symbolic tensors: the layer keeps that mode in the network, in every view."""

import copy
import pickle

import kept
import numpy as np
import pytest

import striate as st
from striate import layers
from striate.errors import ArgumentError, Note
from striate.graph import Graph
from striate.size import kept_bytes

RNG = np.random.default_rng(5)
X = RNG.random((64, 6)).astype(np.float32)


def base():
    return st.Sequential(
        [layers.Input((6,)), layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5)], name="base"
    )


def over(inner, **said):
    x = st.Input((6,))
    return st.Model(x, layers.Dense(1, name="top")(inner(x, **said)))


def again(model, way, folder):
    if way == "json":
        return st.models.from_json(model.to_json())
    if way == "description":
        return st.models.from_json(model.description())
    if way == "clone":
        return st.models.clone_model(model)
    path = folder / f"m.{way}" if way in ("keras", "h5") else folder / "m"
    model.save(path)
    return st.models.load_model(path)


def moved(model):
    """How far the batch norm's mean is from where it began, after some training."""
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], epochs=1, verbose=0)
    inner = model.get_layer("base")
    return float(np.abs(np.asarray(inner.layers[1].moving_mean.numpy())).max())


@pytest.mark.parametrize("way", ["as made", "json", "description", "clone", "keras", "h5", "folder"])
def test_a_base_called_with_training_false_learns_but_its_norms_and_dropout_stay_as_in_prediction(way, tmp_path):
    model = over(base(), training=False)
    model = model if way == "as made" else again(model, way, tmp_path)
    before = model.get_layer("base").layers[0].get_weights()[0]
    assert moved(model) == 0
    assert not np.array_equal(before, model.get_layer("base").layers[0].get_weights()[0])
    trained = model(X, training=True)
    np.testing.assert_allclose(trained.detach(), model(X, training=False).detach(), rtol=1e-6)
    plain = over(base())
    assert moved(plain) > 0


def test_the_base_alone_trains_as_ever():
    inner = base()
    over(inner, training=False)
    inner.compile("sgd", "mse")
    inner.fit(X, np.zeros((64, 8)), verbose=0)
    assert np.abs(inner.layers[1].moving_mean.numpy()).max() > 0


@pytest.mark.parametrize("way", ["as made", "json", "clone", "keras", "folder"])
def test_dropout_called_with_training_true_drops_in_prediction_too(way, tmp_path):
    x = st.Input((6,))
    model = st.Model(x, layers.Dropout(0.5)(x, training=True))
    model = model if way == "as made" else again(model, way, tmp_path)
    ones = np.ones((500, 6), np.float32)
    for answer in (model.predict(ones), model.predict(ones), model(ones, training=False).numpy()):
        assert 0.3 < (answer == 0).mean() < 0.7
    with pytest.raises(ArgumentError, match="training=True"):
        model.export_onnx(tmp_path / "m.onnx")
    with pytest.raises(ArgumentError, match="training=True"):
        model.predict(ones, engine="onnxruntime")


def test_a_layer_called_in_two_modes_is_refused():
    x, layer = st.Input((6,)), layers.BatchNormalization()
    model = st.Model(x, layers.Add()([layer(x), layer(x, training=False)]))
    with pytest.raises(ArgumentError, match="one mode in a network"):
        model.predict(X)
    with pytest.raises(ArgumentError, match="plain PyTorch"):
        over(base(), training=False).to_source()


@pytest.mark.parametrize("said", [{}, {"training": False}, {"training": True}])
def test_kept_bytes_are_those_of_the_mode(said):
    x = st.Input((8, 8, 3))
    y = layers.Conv2D(4, 3)(x)
    y = layers.Dropout(0.5)(layers.BatchNormalization()(y, **said), **said)
    graph = Graph([x], [layers.Dense(2)(layers.Flatten()(y))])
    assert kept_bytes(graph, 16) == kept.really_kept(graph, 16)


def test_a_models_class_that_passes_its_training_on_keeps_no_mode():
    class Net(st.Model):
        def __init__(self):
            super().__init__()
            self.drop, self.norm = layers.Dropout(0.5), layers.BatchNormalization()

        def call(self, x, training=False):
            x = self.norm(x, training=training)
            if training:
                x = self.drop(x, training=training)
            return x

    model = Net()
    ones = np.ones((50, 6), np.float32)
    assert (model.predict(ones) != 0).all()
    assert model.graph.modes == frozenset()


def test_what_is_always_in_training_is_nowhere_else():
    """Its mode is the layer's own, so that no other network that shares it draws numbers without a word."""
    x, inner, drop = st.Input((6,)), base(), layers.Dropout(0.5)
    with pytest.raises(ArgumentError, match="Say it of the layers inside"):
        inner(x, training=True)
    drop(x)
    with pytest.raises(ArgumentError, match="Use a second layer"):
        drop(x, training=True)
    always = layers.Dropout(0.5)
    always(x, training=True)
    with pytest.raises(ArgumentError, match="Use a second layer"):
        always(x)


def test_a_layer_set_free_within_a_frozen_base_learns_and_frozen_weights_cost_nothing():
    """As in Keras: what a network says of ``trainable`` is set on its layers, and the last word counts."""
    inner = st.Sequential([layers.Input((6,)), layers.Dense(3, kernel_regularizer="l2"), layers.Dense(3)], name="base")
    model = over(inner)
    inner.trainable = False
    inner.layers[-1].trainable = True
    assert (len(model.trainable_weights), len(inner.trainable_weights)) == (4, 0)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, X[:, :1], verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert sum(changed) >= 3
    assert not any(np.any(a != b) for a, b in zip(before[:2], inner.layers[0].get_weights(), strict=True))
    error = float(np.mean((model.predict(X) - X[:, :1]) ** 2))
    assert model.evaluate(X, X[:, :1], verbose=0) == pytest.approx(error, rel=1e-4)


def test_a_layer_set_free_in_a_whole_that_is_frozen_does_not_learn():
    model = over(base())
    model.trainable = False
    model.get_layer("top").trainable = True
    assert model.trainable_weights == []
    assert model.size().trainable == 0
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.warns(Note, match="nothing to train"):
        model.fit(X, X[:, :1], verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_keeps_the_mode_too(copied):
    x = layers.Input((64,))
    model = st.Model(x, layers.Dropout(0.5)(x, training=True))
    model.predict(np.ones((1, 64)), engine="torch")
    again = copied(model)
    assert (again.predict(np.ones((1, 64)), engine="torch") == 0).any()
    assert again.module.train() is again.module
