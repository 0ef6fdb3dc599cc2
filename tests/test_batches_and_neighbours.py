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
OF_BATCHES = {"ctc", "circle", "dice", "tversky", "sparse_dice"}
OF_NUMBERS = {
    "categorical_generalized_cross_entropy",
    "mean_iou",
    "segmentation_loss",
}  # and all called sparse_…: targets are class numbers


def ending(activation, units=CLASSES):
    st.set_seed(0)
    return st.Sequential([layers.Input((5,)), layers.Dense(units, activation=activation)])


WEIGHTED = [  # a segmentation_loss has the weights of its classes, and takes none of samples
    (name, weighted)
    for name in sorted(set(losses.NAMES) - OF_BATCHES)
    for weighted in ([False] if name == "segmentation_loss" else [False, True])
]


@pytest.mark.parametrize(("name", "weighted"), WEIGHTED)
def test_no_loss_depends_on_the_batches(name, weighted):
    model = ending("softmax")
    model.compile("sgd", name)
    y = Y if name.startswith("sparse") or name in OF_NUMBERS else ONE_HOT
    told = {"sample_weight": WEIGHTS} if weighted else {}
    seen = [model.evaluate(X, y, size, verbose=0, **told) for size in (1, 2, 5, 12, N)]
    np.testing.assert_allclose(seen, seen[-1], rtol=1e-5)


VOID = 255
MAPS = RNG.normal(size=(5, 4, 6, 3)).astype(np.float32)
LABELS = RNG.integers(0, 3, MAPS.shape[:3])
LABELS[0], LABELS[1, :3], LABELS[2, 0, 1:] = VOID, VOID, VOID  # a batch of the first picture alone counts nothing
OF_MAPS = {
    "sparse": (losses.SparseCategoricalCrossentropy(ignore_class=VOID), None),
    "segmentation": (losses.SegmentationLoss(VOID), None),
    "weighed": (losses.SegmentationLoss(VOID, (1.0, 2.0, 5.0)), torch.tensor([1.0, 2.0, 5.0])),
}


def of_maps(loss, *before, rate=0.1):
    st.set_seed(0)
    model = st.Sequential([layers.Input(MAPS.shape[1:]), *before, layers.Softmax()])
    model.compile(st.optimizers.SGD(rate), loss)
    model.get_weights()  # drawn now, before a loader draws anything
    return model


def in_batches(size):
    return [(MAPS[i : i + size], LABELS[i : i + size]) for i in range(0, len(MAPS), size)]


def streams(size):
    """The maps in batches, in every form in which batches come."""
    parts = in_batches(size)
    data = torch.utils.data.TensorDataset(torch.from_numpy(MAPS), torch.from_numpy(LABELS))
    return [parts, (part for part in parts), torch.utils.data.DataLoader(data, batch_size=size)]


@pytest.mark.parametrize("kind", OF_MAPS)
def test_a_loss_of_maps_is_that_over_all_labels_that_count_through_every_door(kind):
    loss, weight = OF_MAPS[kind]
    scores, truth = torch.from_numpy(MAPS).movedim(-1, 1), torch.from_numpy(LABELS)
    wanted = float(torch.nn.functional.cross_entropy(scores, truth, weight=weight, ignore_index=VOID))
    model = of_maps(loss, layers.DepthwiseConv2D(1, depthwise_initializer="ones"), rate=0.0)
    for size in (1, 2, 5):
        seen = [model.evaluate(MAPS, LABELS, size, verbose=0), *(model.evaluate(s, verbose=0) for s in streams(size))]
        np.testing.assert_allclose(seen, wanted, rtol=1e-5)
        held = model.fit(MAPS, LABELS, verbose=0, validation_data=(MAPS, LABELS), validation_batch_size=size)
        batches = model.fit(MAPS, LABELS, verbose=0, validation_data=streams(size)[2])
        np.testing.assert_allclose([h.history["val_loss"][0] for h in (held, batches)], wanted, rtol=1e-5)


ALL_OF_MAPS = [
    *(loss for loss, _ in OF_MAPS.values()),
    losses.SparseDice(VOID),
    losses.SegmentationLoss(VOID, None, 0.5, 1.0),
]


@pytest.mark.parametrize("loss", ALL_OF_MAPS, ids=lambda loss: loss.name)
def test_a_batch_without_a_label_that_counts_teaches_nothing_and_counts_nothing(loss):
    figures, weights = [], []
    for x in (None, *streams(1)):
        model = of_maps(loss, layers.Conv2D(3, 1))
        told = {"shuffle": False, "verbose": 0}
        history = model.fit(MAPS, LABELS, 1, **told) if x is None else model.fit(x, **told)
        figures.append(history.history["loss"][0])
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(figures, figures[0], rtol=1e-5)
    np.testing.assert_allclose(weights, [weights[0]] * 4, rtol=1e-5)
    alone = of_maps(loss, layers.Conv2D(3, 1))
    before = alone.get_weights()
    assert alone.train_on_batch(MAPS[:1], LABELS[:1]) == 0
    assert alone.test_on_batch(MAPS[:1], LABELS[:1]) == 0
    np.testing.assert_array_equal(alone.get_weights()[0], before[0])
    later = of_maps(loss, layers.Conv2D(3, 1))
    assert later.fit(in_batches(1)[1:], shuffle=False, verbose=0).history["loss"][0] == pytest.approx(
        figures[0], rel=1e-5
    )


def test_data_in_which_no_label_counts_are_refused():
    model = of_maps(losses.SegmentationLoss(VOID), layers.Conv2D(3, 1))
    for call in (model.fit, model.evaluate):
        with pytest.raises(StriateError, match="every label is the ignored class 255"):
            call(MAPS[:1], LABELS[:1], verbose=0)
    with pytest.raises(StriateError, match="every label is the ignored class 255"):
        model.fit(MAPS, LABELS, verbose=0, validation_data=(MAPS[:1], LABELS[:1]))


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
