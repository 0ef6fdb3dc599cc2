"""``compile``: the name "crossentropy", losses nested as the outputs are, losses that derive from those of torch."""

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import StriateError

X = np.random.default_rng(0).random((12, 6)).astype("float32")
Y = np.arange(12) % 3


def trained(loss, y, classes=3, activation="softmax"):
    st.set_seed(1)
    model = st.Sequential([layers.Input((6,)), layers.Dense(classes, activation=activation)])
    model.compile("sgd", loss)
    return [*model.fit(X, y, epochs=2, verbose=0, seed=1).history["loss"], model.evaluate(X, y)]


@pytest.mark.parametrize(
    ("name", "y", "classes", "activation"),
    [
        ("sparse_categorical_crossentropy", Y, 3, "softmax"),
        ("sparse_categorical_crossentropy", Y[:, None], 3, "softmax"),
        ("categorical_crossentropy", np.eye(3)[Y], 3, "softmax"),
        ("binary_crossentropy", Y > 0, 1, "sigmoid"),
    ],
)
def test_crossentropy_is_the_one_that_goes_with_the_targets(name, y, classes, activation):
    assert trained("crossentropy", y, classes, activation) == trained(name, y, classes, activation)


def test_losses_weights_metrics_and_targets_are_nested_as_the_outputs_are():
    start = st.Input((6,))
    ends = [layers.Dense(1, name=name)(start) for name in "abc"]
    model = st.Model(start, {"one": ends[0], "two": [ends[1], ends[2]]})
    model.compile(
        "sgd",
        loss={"one": "mse", "two": ["mae", "mse"]},
        loss_weights={"one": 0.5, "two": [1.0, 0.0]},
        metrics={"one": ["mae"], "two": [None, "mae"]},
    )
    ones = np.ones((12, 1))
    logs = model.evaluate(X, {"one": ones, "two": [ones, ones]}, return_dict=True)
    answers = model.predict(X)
    first, second, third = answers["one"], *answers["two"]
    np.testing.assert_allclose(logs["loss"], 0.5 * np.square(first - 1).mean() + np.abs(second - 1).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["two_1_mae"], np.abs(third - 1).mean(), rtol=1e-5)
    model.compile("sgd", {"one": "mse", "two": "mse"}, loss_weights=np.array([0.0, 0.0, 2.0]))
    logs = model.evaluate(X, {"one": ones, "two": [ones, ones]}, return_dict=True)
    np.testing.assert_allclose(logs["loss"], 2 * np.square(third - 1).mean(), rtol=1e-5)
    with pytest.raises(StriateError, match="one number for each output, not 12"):
        model.compile("sgd", "mse", loss_weights={"one": np.ones(12), "two": 1.0})


class Own(torch.nn.CrossEntropyLoss):
    pass


class Holds(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = torch.nn.BCEWithLogitsLoss()

    def forward(self, y_pred, target):
        return self.loss(y_pred, target)


def test_what_derives_from_a_loss_of_torch_or_holds_one_takes_what_that_takes():
    own, held = st.losses.get(Own()), st.losses.get(Holds())
    assert (own.from_logits, own.activation, own.separate) == (True, "softmax", False)
    assert (held.from_logits, held.activation, held.separate) == (True, "sigmoid", True)
    assert trained(Own(), Y, activation=None) == trained(torch.nn.CrossEntropyLoss(), Y, activation=None)
