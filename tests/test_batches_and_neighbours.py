"""What a figure or an answer must not depend on: the size of the batches, and what lies beside an example in one."""

import itertools

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import StriateError
from striate.train import losses, metrics

N, CLASSES = 13, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 5)).astype(np.float32)
Y = np.arange(N) % CLASSES
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[Y]
WEIGHTS = np.array([0.0, 0, 1, 2, 0.5] * 3)[:N]

# ctc is of sequences; the others compare, or sum over, the examples of a batch.
OF_BATCHES = {"ctc", "circle", "dice", "tversky", "sparse_dice", "segmentation_loss"}
OF_NUMBERS = {"categorical_generalized_cross_entropy", "mean_iou"}  # and all called sparse_…: targets are class numbers


def ending(activation, units=CLASSES):
    st.set_seed(0)
    return st.Sequential([layers.Input((5,)), layers.Dense(units, activation=activation)])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(set(losses.NAMES) - OF_BATCHES))
def test_no_loss_depends_on_the_batches(name, weighted):
    model = ending("softmax")
    model.compile("sgd", name)
    y = Y if name.startswith("sparse") or name in OF_NUMBERS else ONE_HOT
    told = {"sample_weight": WEIGHTS} if weighted else {}
    seen = [model.evaluate(X, y, size, verbose=0, **told) for size in (1, 2, 5, 12, N)]
    np.testing.assert_allclose(seen, seen[-1], rtol=1e-5)


NOT_NUMBERS = {"confusion_matrix"}


@pytest.mark.parametrize("name", sorted(set(metrics.NAMES) - NOT_NUMBERS))
def test_no_metric_depends_on_the_batches(name):
    model = ending("softmax")
    model.compile("sgd", "categorical_crossentropy", metrics=[name])
    y = Y if name.startswith("sparse") or name in OF_NUMBERS else ONE_HOT
    if y is Y:
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[name])
    seen = [model.evaluate(X, y, size, verbose=0) for size in (1, 2, 5, 12, N)]
    np.testing.assert_allclose(seen, [seen[-1]] * len(seen), rtol=1e-5)


@pytest.mark.parametrize("engine", ["torch", "onnxruntime"])
@pytest.mark.parametrize(("activation", "units"), [*itertools.product(["softmax", "sigmoid", None], [1, 3])])
def test_an_answer_does_not_depend_on_what_lies_beside_it_or_on_the_batches(activation, units, engine):
    model = ending(activation, units)
    alone = np.concatenate([model.predict(X[i : i + 1], engine=engine, verbose=0) for i in range(N)])
    for size in (1, 4, N):
        np.testing.assert_allclose(model.predict(X, size, engine=engine, verbose=0), alone, atol=1e-6)
    extreme = np.concatenate([X, np.full_like(X, 1e4), np.full_like(X, -1e4)])
    np.testing.assert_allclose(model.predict(extreme, engine=engine, verbose=0)[:N], alone, atol=1e-6)


@pytest.mark.parametrize("size", [4, 12, 13, 1])
@pytest.mark.parametrize("flat", [True, False])
def test_a_last_batch_of_one_trains_past_batch_norm(size, flat):
    """13 examples in batches of 4 or 12 leave one, whose channels have one value each."""
    norm = [layers.Flatten(), layers.Dense(3)] if flat else [layers.Conv2D(3, 2)]
    st.set_seed(0)
    model = st.Sequential(
        [layers.Input((2, 2, 1)), *norm, layers.BatchNormalization(), layers.Flatten(), layers.Dense(CLASSES)]
    )
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(RNG.normal(size=(N, 2, 2, 1)), Y, size, 2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(array).all() for array in model.get_weights())


class _Forward(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = torch.nn.BatchNorm1d(2)

    def forward(self, x):
        return self.norm(x)


@pytest.mark.parametrize("make", [_Forward, lambda: layers.TorchModuleWrapper(torch.nn.BatchNorm1d(2))])
def test_a_batch_norm_of_torchs_own_says_what_a_last_batch_of_one_is(make):
    model = st.Sequential([layers.Input((2,)), make(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), batch_size=2, verbose=0)
    with pytest.raises(StriateError, match=r"one value per channel.*layers\.BatchNormalization") as caught:
        model.fit(np.ones((5, 2)), np.ones(5), batch_size=2, verbose=0)
    assert isinstance(caught.value.__cause__, ValueError)
