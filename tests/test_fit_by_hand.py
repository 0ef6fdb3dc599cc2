"""Training and its figures are those of a loop in NumPy: any batches, accumulation, weights, void labels, schedules."""

import numpy as np
import pytest

import striate as st
from striate import layers
from striate.train import losses, metrics

FEATURES, CLASSES = 4, 3


def softmax(scores):
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def rate(step: int) -> float:
    return 0.5 * 0.9 ** (step / 3)


class Loop:
    """One dense layer under a softmax, trained by hand; `updates` counts through all trainings."""

    def __init__(self, kernel, bias, together, by_weight):
        self.kernel, self.bias = kernel.astype(np.float64), bias.astype(np.float64)
        self.together, self.by_weight, self.updates, self.rates = together, by_weight, 0, []

    def losses(self, x, y):
        p = softmax(x @ self.kernel + self.bias)
        return -np.log(p[np.arange(len(y)), y]), p

    def figures(self, x, y, w):
        each, p = self.losses(x, y)
        right = p.argmax(1) == y
        over = w.sum() if self.by_weight else len(y)
        return (w * each).sum() / over, right.mean(), (w * right).sum() / w.sum()

    def epoch(self, x, y, w, size):
        """The loss over an epoch, each batch's as it was before its update."""
        total, over, gathered = 0.0, 0.0, []
        starts = range(0, len(x), size)
        for number, start in enumerate(starts, start=1):
            part = slice(start, start + size)
            each, p = self.losses(x[part], y[part])
            counts = w[part].sum() if self.by_weight else len(each)
            total, over = total + (w[part] * each).sum(), over + counts
            pull = w[part][:, None] * (p - np.eye(CLASSES)[y[part]]) / counts
            gathered.append((x[part].T @ pull, pull.sum(0)))
            self.rates.append(rate(self.updates))
            if len(gathered) == self.together or number == len(starts):
                self.kernel -= rate(self.updates) * np.mean([g for g, _ in gathered], axis=0)
                self.bias -= rate(self.updates) * np.mean([g for _, g in gathered], axis=0)
                self.updates, gathered = self.updates + 1, []
        return total / over


class Rates(st.callbacks.Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


@pytest.mark.parametrize("weighing", ["none", "samples", "classes", "both", "the mean by weight"])
@pytest.mark.parametrize("held", ["data", "data with weights", "split"])
@pytest.mark.parametrize("draw", range(4))
def test_two_trainings_and_their_figures_are_those_of_a_loop(draw, held, weighing):
    rng = np.random.default_rng(100 * draw + len(held) + 10 * len(weighing))
    n, size, together, epochs = (int(rng.integers(*span)) for span in ((7, 30), (1, 9), (1, 5), (1, 4)))
    x, y = rng.normal(size=(n, FEATURES)).astype(np.float32), rng.integers(0, CLASSES, n)
    w = rng.uniform(0.1, 3, n).astype(np.float32)
    by_class = {0: 2.0, 2: 0.25}
    of_class = np.array([by_class.get(int(label), 1.0) for label in y])
    by_weight = weighing == "the mean by weight"
    weights, told = np.ones(n), {}
    if weighing in ("samples", "both", "the mean by weight"):
        weights, told["sample_weight"] = weights * w, w
    if weighing in ("classes", "both"):
        weights, told["class_weight"] = weights * of_class, by_class
    count = n
    if held == "split":
        count = int(n * (1 - 0.3))
        told["validation_split"] = 0.3
        judged = x[count:], y[count:], (w if "sample_weight" in told else np.ones(n))[count:]
    else:
        judged = rng.normal(size=(11, FEATURES)).astype(np.float32), rng.integers(0, CLASSES, 11), np.ones(11)
        if held == "data with weights":
            judged = *judged[:2], rng.uniform(0.1, 3, 11).astype(np.float32)
        told["validation_data"] = judged if held == "data with weights" else judged[:2]
    st.set_seed(draw)
    model = st.Sequential([layers.Input((FEATURES,)), layers.Dense(CLASSES, "softmax")])
    schedule = st.optimizers.schedules.ExponentialDecay(0.5, 3, 0.9)
    reduction = "mean_with_sample_weight" if by_weight else "sum_over_batch_size"
    model.compile(
        st.optimizers.SGD(schedule),
        losses.SparseCategoricalCrossentropy(reduction=reduction),
        metrics=["accuracy"],
        weighted_metrics=[metrics.SparseCategoricalAccuracy("weighted")],
        accumulate=together,
    )
    loop, rates = Loop(*model.get_weights(), together, by_weight), Rates()
    for _ in range(2):
        history = model.fit(
            x, y, batch_size=size, epochs=epochs, shuffle=False, verbose=0, callbacks=[rates], **told
        ).history
        for epoch in range(epochs):
            loss = loop.epoch(x[:count], y[:count], weights[:count], size)
            assert history["loss"][epoch] == pytest.approx(loss, rel=1e-4)
            seen = [history[f"val_{name}"][epoch] for name in ("loss", "accuracy", "weighted")]
            assert seen == pytest.approx(loop.figures(*judged), rel=1e-4)
    assert rates.seen == pytest.approx(loop.rates)
    np.testing.assert_allclose(model.get_weights()[0], loop.kernel, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], loop.bias, atol=1e-5)


# -- maps with labels that count for nothing ------------------------------------------------------------------------------
H, W, VOID = 3, 4, 255


def union_of(p, y, counts):
    """The mean over the classes that occur of what is both, over what is either; by the definition."""
    shares = []
    for k in range(CLASSES):
        answer, truth = (p == k) & counts, (y == k) & counts
        if (answer | truth).any():
            shares.append((answer & truth).sum() / (answer | truth).sum())
    return np.mean(shares)


@pytest.mark.parametrize("engine", ["torch", "onnxruntime"])
@pytest.mark.parametrize("weighing", ["none", "samples", "places", "the mean by samples", "the mean by places"])
@pytest.mark.parametrize("draw", range(3))
def test_figures_of_maps_leave_void_labels_out_whatever_the_batches(draw, weighing, engine):
    rng = np.random.default_rng(draw + 10 * len(weighing))
    n = int(rng.integers(3, 9))
    x = rng.normal(size=(n, H, W, 2)).astype(np.float32)
    y = rng.integers(0, CLASSES, (n, H, W))
    y[rng.random((n, H, W)) < 0.4] = VOID
    y[int(rng.integers(n))] = VOID  # a map of which nothing counts
    w = rng.uniform(0.1, 3, (n, H, W) if weighing.endswith("places") else (n,)).astype(np.float32)
    by_weight = weighing.startswith("the mean")
    inputs = layers.Input((H, W, 2))
    st.set_seed(draw)
    model = st.Model(inputs, layers.Conv2D(CLASSES, 1, activation="softmax")(inputs))
    reduction = "mean_with_sample_weight" if by_weight else "sum_over_batch_size"
    own = [metrics.SparseCategoricalAccuracy(ignore_class=VOID), metrics.MeanIoU(ignore_class=VOID)]
    model.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=VOID, reduction=reduction), metrics=own)
    kernel, bias = (array.astype(np.float64) for array in model.get_weights())
    p = softmax(x @ kernel[0, 0] + bias)
    counts = y != VOID
    each = -np.log(np.take_along_axis(p, np.where(counts, y, 0)[..., None], -1)[..., 0])
    spread = np.ones(y.shape) if weighing == "none" else w.reshape(w.shape + (1,) * (3 - w.ndim)) * np.ones(y.shape)
    over = (spread * counts).sum() if by_weight else counts.sum()
    wanted = [
        (spread * each * counts).sum() / over,
        (p.argmax(-1) == y)[counts].mean(),
        union_of(p.argmax(-1), y, counts),
    ]
    told = {} if weighing == "none" else {"sample_weight": w}
    for size in (1, 2, n):
        found = model.evaluate(x, y, batch_size=size, verbose=0, engine=engine, **told)
        assert found == pytest.approx(wanted, rel=1e-4), size
    model.optimizer.learning_rate = 0.0
    for size in (1, 2, n):
        history = model.fit(x, y, batch_size=size, verbose=0, **told).history
        assert [values[0] for values in history.values()] == pytest.approx(wanted, rel=1e-4), size


@pytest.mark.parametrize("weighing", ["none", "samples", "places"])
@pytest.mark.parametrize("ignored", [None, 255, -1, -100, "columns"])
@pytest.mark.parametrize("places", [(), (5,), (3, 4)])
def test_weights_of_classes_count_for_each_label_of_a_map_or_sequence(places, ignored, weighing):
    rng = np.random.default_rng(len(places))
    n, columns = 6, ignored == "columns"
    x, y = rng.normal(size=(n, *places, FEATURES)).astype(np.float32), rng.integers(0, CLASSES, (n, *places))
    if isinstance(ignored, int):
        y[rng.random(y.shape) < 0.3] = ignored
        y[0] = ignored
    counts = y != ignored
    labels = np.where(counts, y, 0)
    loss = "categorical_crossentropy" if columns else losses.SparseCategoricalCrossentropy(ignore_class=ignored)
    model = st.Sequential([layers.Input((*places, FEATURES)), layers.Dense(CLASSES, "softmax")])
    model.compile(st.optimizers.SGD(0.0), loss)
    each = -np.log(np.take_along_axis(model.predict(x), labels[..., None], -1)[..., 0])
    weights = np.array([2.0, 1.0, 0.25])[labels]
    told = None
    if weighing != "none":
        told = rng.uniform(0.1, 3, n if weighing == "samples" else y.shape)
        weights = weights * told.reshape(*told.shape, *[1] * (y.ndim - told.ndim))
    wanted = (each * weights)[counts].sum() / counts.sum()
    targets = np.eye(CLASSES, dtype=np.float32)[y] if columns else y
    for size in (1, 4, n):
        history = model.fit(
            x, targets, size, verbose=0, shuffle=False, class_weight={0: 2.0, 2: 0.25}, sample_weight=told
        ).history
        assert history["loss"] == pytest.approx([wanted], rel=1e-4), size


# -- thresholds -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["Precision", "Recall"])
@pytest.mark.parametrize("thresholds", [0.0, 0.25, 1.0, [0.0, 0.5], [0.1, 0.6, 1.0], None])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_threshold_is_taken_as_it_is_whatever_the_batches(outputs, thresholds, kind):
    rng = np.random.default_rng(outputs)
    p = np.round(rng.random((13, outputs)), 1).astype(np.float32)  # some lie on a threshold
    y = rng.integers(0, 2, (13, outputs)).astype(np.float32)
    wanted = []
    for threshold in np.atleast_1d(0.5 if thresholds is None else thresholds):
        said = p > np.float32(threshold)  # above it, as in Keras
        right, over = (said & (y == 1)).sum(), (said if kind == "Precision" else y == 1).sum()
        wanted.append(right / over if over else 0.0)
    metric = getattr(metrics, kind)(thresholds=thresholds)
    for size in (1, 4, 13):
        metric.reset_state()
        for start in range(0, 13, size):
            metric.update_state(y[start : start + size], p[start : start + size])
        np.testing.assert_allclose(np.atleast_1d(metric.result()), wanted, rtol=1e-6)
    passing = st.Sequential([layers.Input((outputs,)), layers.Activation("linear")])
    passing.compile("sgd", "binary_crossentropy", metrics=[getattr(metrics, kind)(thresholds=thresholds)])
    for size in (1, 4, 13):
        told = passing.evaluate(p, y, batch_size=size, return_dict=True, verbose=0)
        assert [value for name, value in told.items() if name != "loss"] == pytest.approx(wanted, rel=1e-6)
