"""A model's own ``train_step`` and its like: called with every batch, equal to the loop's own where they say the same."""

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import StriateError

X = np.random.default_rng(0).random((20, 6, 6, 1)).astype("float32")
Y = np.arange(20) % 3


class Plain(st.Model):
    def __init__(self):
        super().__init__()
        self.flat, self.out = layers.Flatten(), layers.Dense(3, activation="softmax", kernel_regularizer="l2")

    def call(self, x, training=False):
        return self.out(self.flat(x))


class Written(Plain):
    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        self.zero_grad()
        loss = self.compute_loss(x, y, y_pred)
        loss.backward()
        weights = self.trainable_weights
        with torch.no_grad():
            self.optimizer.apply([one.value.grad for one in weights], weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class Asked(Plain):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return super().compute_loss(x, y, y_pred, sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred, sample_weight)


class More(Plain):
    def __init__(self):
        super().__init__()
        self.top = st.metrics.Mean(name="top")

    def train_step(self, data):
        return {**super().train_step(data), "more": 10}

    def test_step(self, data):
        return {**super().test_step(data), "more": torch.tensor(5.0)}

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.top.update_state(y_pred.max())
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data):
        return 2 * self(data, training=False)


def trained(kind, batches=X, y=Y, **more):
    st.set_seed(1)
    model = kind()
    model.compile(st.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, model.fit(batches, y, batch_size=5, epochs=3, verbose=0, seed=3, **more).history


@pytest.mark.parametrize("kind", [Written, Asked, More])
def test_the_step_as_keras_writes_it_is_the_step_of_the_loop(kind):
    (plain, one), (own, other) = trained(Plain, validation_data=(X, Y)), trained(kind, validation_data=(X, Y))
    for key in one:
        np.testing.assert_allclose(one[key], other[key], rtol=1e-5, err_msg=key)
    for weight, same in zip(plain.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-6)
    figures = own.evaluate(X, Y, return_dict=True)
    for key, value in plain.evaluate(X, Y, return_dict=True).items():
        np.testing.assert_allclose(value, figures[key], rtol=1e-5)
    assert own.optimizer.iterations == 12


def test_weights_of_samples_and_of_classes_reach_the_step():
    weights = np.linspace(0, 1, 20).astype("float32")
    for given in ({"sample_weight": weights}, {"class_weight": {0: 3.0, 1: 1.0, 2: 0.0}}):
        one, other = trained(Plain, **given)[1], trained(Asked, **given)[1]
        np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-5)


def test_figures_of_ones_own_are_in_the_history_and_in_evaluation():
    model, history = trained(More, validation_split=0.2)
    assert history["more"] == [10.0] * 3
    assert history["val_more"] == [5.0] * 3
    assert 0 < history["top"][-1] <= 1
    assert set(model.evaluate(X, Y, return_dict=True)) == {
        "loss",
        "accuracy",
        "top",
        "more",
    }
    assert [metric.name for metric in model.metrics] == ["loss", "top", "accuracy"]
    np.testing.assert_allclose(model.predict(X), 2 * np.asarray(model(X).detach()), atol=1e-6)
    assert set(model.train_on_batch(X[:4], Y[:4], return_dict=True)) == {"loss", "accuracy", "top", "more"}


def test_batches_of_a_generator_and_inputs_alone_reach_the_step():
    class Same(st.Model):
        def __init__(self):
            super().__init__()
            self.out, self.seen = layers.Dense(1), []

        def call(self, x):
            return self.out(x)

        def train_step(self, data):
            self.seen.append(tuple(data.shape))
            loss = (self(data, training=True) ** 2).mean()
            self.zero_grad()
            loss.backward()
            self.optimizer.apply([one.value.grad for one in self.trainable_weights], self.trainable_weights)
            return {"loss": loss}

    model = Same()
    model.compile("sgd")
    history = model.fit(X, batch_size=8, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    assert model.seen == [(8, 6, 6, 1), (8, 6, 6, 1), (4, 6, 6, 1)] * 2
    trained(Written, [(X[i : i + 5], Y[i : i + 5]) for i in range(0, 20, 5)], None)


class Wrong(Plain):
    def train_step(self, data):
        return 3


class Many(Plain):
    def compute_loss(self, **given):
        return given["y_pred"]


@pytest.mark.parametrize(
    ("kind", "compiled", "fitted", "said"),
    [
        (Written, {"mix": "mixup"}, {}, r"has steps of its own \(train_step\): compile\(mix=\)"),
        (Written, {"accumulate": 2}, {}, r"compile\(accumulate=\) is not for it"),
        (Written, {"precision": "bf16"}, {}, r"compile\(precision=\) is not for it"),
        (Written, {"augment": layers.RandomFlip()}, {}, r"compile\(augment=\) is not for it"),
        (Written, {}, {"device": ["cpu", "cpu"]}, "in one process, on one device"),
        (Written, {}, {"resume": "there"}, "resume is not for Written.*ModelCheckpoint"),
        (Wrong, {}, {}, "train_step returns a dict of figures by name, not int"),
        (Many, {}, {}, r"compute_loss gives one number, a torch scalar, not Answer\(20, 3\)"),
    ],
)
def test_what_cannot_be_had_is_said(kind, compiled, fitted, said):
    model = kind()
    model.compile("sgd", "sparse_categorical_crossentropy", **compiled)
    with pytest.raises(StriateError, match=said):
        model.fit(X, Y, verbose=0, **fitted)
