"""Classes of a user's own that are made from ours: what they define is what happens, in training and prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import striate as st
from striate import constraints, initializers, layers, losses, metrics, optimizers, regularizers
from striate.errors import ArgumentError, StriateError

X = np.random.default_rng(0).random((32, 4)).astype(np.float32)
Y = (X.sum(1, keepdims=True) > 2).astype(np.float32)


class MadeDropout(layers.Dropout):
    def call(self, inputs: Any, training: Any = None) -> Any:
        return super().call(inputs, training=True)


class MadeTwice(layers.Dense):
    def call(self, inputs: Any) -> Any:
        return super().call(inputs) * 2


class MadeRectified(layers.Conv2D):
    def call(self, inputs: Any) -> Any:
        return st.ops.relu(super().call(inputs))


class MadeShifted(layers.BatchNormalization):
    def call(self, inputs: Any, training: Any = None) -> Any:
        return super().call(inputs, training=training) + 10


class MadeSeven(layers.Rescaling):
    def call(self, inputs: Any) -> Any:
        return inputs * 0 + 7


OWN = {kind.__name__: kind for kind in (MadeDropout, MadeTwice, MadeRectified, MadeShifted, MadeSeven)}


def test_a_dropout_that_is_always_in_training_drops_in_prediction() -> None:
    layer = MadeDropout(0.5)
    model = st.Sequential([layers.Input((4,)), layer])
    ones = np.ones((500, 4), np.float32)
    assert 0.4 < (model.predict(ones) == 0).mean() < 0.6
    assert (model.predict(ones) != model.predict(ones)).any()
    with pytest.raises(ArgumentError, match=r"make a new one with rate=0\.1"):
        layer.rate = 0.1


def test_the_call_of_a_class_made_from_ours_says_what_happens() -> None:
    one = np.ones((1, 4), np.float32)
    assert st.Sequential([layers.Input((4,)), MadeTwice(2, kernel_initializer="ones")]).predict(one).tolist() == [
        [8, 8]
    ]
    assert MadeTwice(2, kernel_initializer="ones")(one).tolist() == [[8, 8]]
    assert st.Sequential([layers.Input((4,)), MadeSeven(3)]).predict(one).tolist() == [[7, 7, 7, 7]]
    deeper = type("MadeDeeper", (MadeTwice,), {"call": lambda self, inputs: MadeTwice.call(self, inputs) + 1})
    assert deeper(2, kernel_initializer="ones")(one).tolist() == [[9, 9]]
    assert type("MadeSame", (MadeTwice,), {})(2, kernel_initializer="ones")(one).tolist() == [[8, 8]]
    first = MadeRectified(2, 3, data_format="channels_first", kernel_initializer="ones")
    assert first(np.ones((1, 3, 5, 6), np.float32)).shape == (1, 2, 3, 4)


def test_it_learns_is_penalised_once_and_comes_back_from_a_file(tmp_path: Any) -> None:
    inputs = layers.Input((6, 6, 3))
    x = layers.Flatten()(MadeShifted()(MadeRectified(4, 3)(inputs)))
    outputs = layers.Dense(1)(MadeTwice(3, kernel_regularizer="l2", activity_regularizer="l2")(x))
    model = st.Model(inputs, outputs)
    assert model.count_params() == 4 * 28 + 4 * 4 + 3 * (64 + 1) + 4
    assert len(model.losses) == 1
    model.compile("sgd", "mse")
    pictures = np.random.default_rng(1).random((16, 6, 6, 3)).astype(np.float32)
    before = [np.array(one) for one in model.get_weights()]
    model.fit(pictures, np.zeros((16, 1)), verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "m")
    again = st.models.load_model(tmp_path / "m", custom_objects=OWN)
    np.testing.assert_allclose(again.predict(pictures), model.predict(pictures), rtol=1e-5)
    model.layers[1].trainable = False
    assert not model.layers[1].trainable_weights


def test_a_built_in_layers_call_takes_the_mode() -> None:
    ones = np.ones((200, 4), np.float32)
    assert 0.3 < (layers.Dropout(0.5).call(ones, training=True) == 0).float().mean() < 0.7
    assert (layers.Dropout(0.5).call(ones, training=False) == 1).all()


ONE_OUTPUT = [
    *(losses.MeanSquaredError, losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy, losses.Huber, losses.Poisson),
    *(losses.Hinge, losses.LogCosh, losses.CosineSimilarity, losses.MeanAbsoluteError),
]
CLASSES = [losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy, losses.CategoricalFocalCrossentropy]


@pytest.mark.parametrize("kind", [*ONE_OUTPUT, *CLASSES])
def test_the_call_of_a_loss_made_from_ours_is_what_is_trained_and_told(kind: Any) -> None:
    seen: list[float] = []

    def call(self: Any, y_true: Any, y_pred: Any) -> Any:
        seen.append(float(y_pred.detach().min()))
        return kind.call(self, y_true, y_pred) * 0 + 7

    made = type("MadeOwn", (kind,), {"call": call})
    units = 1 if kind in ONE_OUTPUT else 3
    model = st.Sequential([layers.Input((4,)), layers.Dense(units, "sigmoid" if units == 1 else "softmax")])
    model.compile("sgd", made())
    numbers = np.arange(32) % 3
    truth = Y if units == 1 else numbers if kind is CLASSES[0] else np.eye(3)[numbers]
    assert model.evaluate(X, truth, verbose=0) == 7
    assert model.fit(X, truth, verbose=0).history["loss"] == [7]
    assert min(seen) > 0  # what the network gives, and not what stands before its last function


FIGURES = [
    *(metrics.BinaryAccuracy, metrics.AUC, metrics.Precision, metrics.Recall, metrics.MeanSquaredError),
    *(metrics.BinaryCrossentropy, metrics.F1Score, metrics.BinaryIoU, metrics.CosineSimilarity, metrics.R2Score),
]


@pytest.mark.parametrize("kind", FIGURES)
def test_the_methods_of_a_metric_made_from_ours_are_what_is_asked(kind: Any) -> None:
    options = {"target_class_ids": [0, 1]} if kind is metrics.BinaryIoU else {}
    seen: list[float] = []

    def update_state(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        seen.append(float(y_pred.detach().min()))
        kind.update_state(self, y_true, y_pred, sample_weight)

    made = {
        "plain": kind,
        "watching": type("MadeWatching", (kind,), {"update_state": update_state}),
        "doubled": type("MadeDoubled", (kind,), {"result": lambda self: kind.result(self) * 2}),
    }
    model = st.Sequential([layers.Input((4,)), layers.Dense(1, "sigmoid")])
    given = [one(**options, name=name) for name, one in made.items()]
    model.compile("sgd", "binary_crossentropy", metrics=given)
    told = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert min(seen) > 0
    plain, watching, doubled = ([value for key, value in told.items() if key.startswith(name)] for name in made)
    np.testing.assert_allclose(watching, plain, rtol=1e-6)
    np.testing.assert_allclose(doubled, 2 * np.array(plain), rtol=1e-6)


def test_what_is_called_by_a_layer_is_that_of_the_class_made_from_ours() -> None:
    drawn = {"__call__": lambda self, shape, dtype=None: np.ones(shape, "float32")}
    ones = type("MadeOnes", (initializers.GlorotUniform,), drawn)
    five = type("MadeFive", (regularizers.L2,), {"__call__": lambda self, x: x.sum() * 0 + 5})
    nine = type("MadeNine", (constraints.MaxNorm,), {"__call__": lambda self, w: w * 0 + 9})
    dense = layers.Dense(1, kernel_initializer=ones(), kernel_regularizer=five(0.1), kernel_constraint=nine(1))
    model = st.Sequential([layers.Input((4,)), dense])
    np.testing.assert_allclose(model.predict(X), X.sum(1, keepdims=True), rtol=1e-5)
    eighth = type("MadeEighth", (optimizers.schedules.ExponentialDecay,), {"__call__": lambda self, step: 0.125})
    model.compile(optimizers.SGD(eighth(0.1, 10, 0.5)), "mse")
    assert model.evaluate(X, model.predict(X), verbose=0) == pytest.approx(5)
    model.fit(X, Y, verbose=0)
    assert (dense.kernel.numpy() == 9).all()
    assert float(model.optimizer.learning_rate) == 0.125


def test_an_optimizers_own_step_is_refused_in_words() -> None:
    own = type("MadeOwn", (optimizers.SGD,), {"update_step": lambda self, gradient, variable, rate: None})
    model = _compiled(own(0.1))
    with pytest.raises(ArgumentError, match=r"an update_step of your own is not called.*torch\.optim\.Optimizer"):
        model.fit(X, Y, verbose=0)


def _compiled(optimizer: Any) -> st.Model:
    model = st.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def test_an_array_that_stands_within_ours_is_named_in_words() -> None:
    masked = type("MadeMasked", (layers.Dense,), {"call": lambda self, inputs: st.ops.matmul(inputs, self.kernel)})
    with pytest.raises(StriateError, match=r"super\(\).call\(inputs\)"):
        st.Sequential([layers.Input((4,)), masked(2)]).predict(X)
