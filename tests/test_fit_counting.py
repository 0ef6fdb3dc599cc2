"""What counts as an update and what a label weighs: last batches, schedules, and losses over batches of any size."""

import numpy as np
import pytest

import striate as st
from striate import layers


class Watch(st.callbacks.Callback):
    """The one weight after each batch and each epoch, the learning rate of each batch, and the last one of each epoch."""

    def __init__(self, model):
        self.watched, self.weights, self.rates, self.epochs = model, [0.0], [], []

    def _note(self):
        self.weights.append(float(self.watched.get_weights()[0][0, 0]))

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(self.watched.optimizer.learning_rate)

    def on_train_batch_end(self, batch, logs=None):
        self._note()

    def on_epoch_end(self, epoch, logs=None):
        self._note()
        self.epochs.append(self.watched.optimizer.learning_rate)


def one_weight(optimizer, loss="mse", **compiled):
    model = st.Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1), np.float32)])
    model.compile(optimizer, loss, **compiled)
    return model


class Counting(st.optimizers.schedules.Schedule):
    """1, 2, 3 …"""

    def __call__(self, step):
        return step + 1.0


@pytest.mark.parametrize(("batches", "together"), [(3, 2), (5, 4), (4, 2), (2, 3)])
def test_the_last_batches_of_an_epoch_make_an_update_of_their_own_mean(batches, together):
    """The gradient of every sample is 1, so every update of SGD(1) is -1."""
    model = one_weight(st.optimizers.SGD(1.0), lambda y_true, y_pred: y_pred, accumulate=together)
    watch = Watch(model)
    model.fit(np.ones((batches, 1)), np.zeros((batches, 1)), 1, 2, verbose=0, shuffle=False, callbacks=watch)
    moved = [round(step, 5) for step in np.diff(watch.weights) if step]
    assert moved == [-1.0] * (2 * -(-batches // together))


def test_a_schedule_counts_updates_and_not_batches():
    model = one_weight(st.optimizers.SGD(Counting()), accumulate=2)
    watch = Watch(model)
    model.fit(np.zeros((3, 1)), np.zeros((3, 1)), 1, 3, verbose=0, callbacks=watch)
    assert watch.epochs == [2, 4, 6]


def test_a_second_fit_goes_on_with_the_schedule():
    model = one_weight(st.optimizers.SGD(st.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)))
    watch = Watch(model)
    for _ in range(3):
        model.fit(np.zeros((16, 1)), np.zeros((16, 1)), 8, verbose=0, callbacks=watch)
    assert watch.rates == [0.5**step for step in range(6)]


def test_a_schedule_as_long_as_the_training_runs_once_through_each():
    model = one_weight(st.optimizers.SGD(st.optimizers.schedules.PolynomialDecay(1.0, end_learning_rate=0.0)))
    watch = Watch(model)
    for _ in range(2):
        model.fit(np.zeros((16, 1)), np.zeros((16, 1)), 8, 2, verbose=0, callbacks=watch)
    assert watch.rates == [1.0, 0.75, 0.5, 0.25] * 2


@pytest.mark.parametrize("size", [1, 2])
def test_the_loss_of_labels_that_count_does_not_depend_on_the_batches(size):
    """One of ten pixels is wrong by 10, nine cost nothing, ten are void: 10 / 10."""
    model = st.Sequential([layers.Input((1, 10, 2)), layers.Activation("linear")])
    loss = st.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    own = st.metrics.SparseCategoricalAccuracy(ignore_class=255)
    keras = st.metrics.SparseCategoricalCrossentropy("keras", from_logits=True, ignore_class=255)
    model.compile("sgd", loss, metrics=[own, loss, "accuracy", keras])
    x = np.zeros((2, 1, 10, 2), np.float32)
    x[0, ..., 1] = x[1, ..., 0] = 10
    y = np.full((2, 1, 10), 255)
    y[0, 0, 0] = 0
    y[1, 0, :9] = 0
    loss, own, again, accuracy, keras = model.evaluate(x, y, batch_size=size)
    assert (loss, own, again) == (pytest.approx(1.0, abs=1e-4), pytest.approx(0.9), pytest.approx(loss))
    assert (accuracy, keras) == (pytest.approx(9 / 20), pytest.approx(loss * 10 / 20))  # of all labels, as in Keras


def test_the_whole_loss_is_its_weighted_parts_and_penalties_where_they_count_differently():
    inputs = layers.Input((1, 4, 2))
    outputs = [
        layers.Conv2D(2, 1, use_bias=False, name=name, kernel_regularizer=layers.regularizers.L2(0.1))(inputs)
        for name in "ab"
    ]
    model = st.Model(inputs, outputs)
    loss = st.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    model.compile("sgd", [loss, "mse"], loss_weights=[2.0, 3.0])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 1, 4, 2)).astype(np.float32)
    y = [rng.integers(0, 2, (5, 1, 4)), rng.normal(size=(5, 1, 4, 2)).astype(np.float32)]
    y[0][1:3, 0, :3] = 255
    logs = [model.evaluate(x, y, batch_size=size, return_dict=True) for size in (1, 2, 5)]
    penalty = 0.1 * sum(float((w**2).sum()) for w in model.get_weights())
    for told in logs:
        assert told["loss"] == pytest.approx(2 * told["a_loss"] + 3 * told["b_loss"] + penalty, rel=1e-5)
        assert told == pytest.approx(logs[-1], rel=1e-5)


# -- penalties on what passes -----------------------------------------------------------------------------------------
class Adds(layers.Layer):
    """A penalty of its own: a tenth of the sum of squares, the mean over the batch."""

    def call(self, x):
        self.add_loss(0.1 * x.square().sum() / len(x))
        return x * 1


class OwnSteps(st.Model):
    """Steps of its own, which do what every model does."""

    def train_step(self, data):
        return super().train_step(data)

    def test_step(self, data):
        return super().test_step(data)


def tenth_of_squares(x):
    return 0.1 * (x**2).sum()


PENALISED = {
    "layer": lambda x: layers.ActivityRegularization(l2=0.1)(x),
    "argument": lambda x: layers.Activation("linear", activity_regularizer=layers.regularizers.L2(0.1))(x),
    "function": lambda x: layers.Activation("linear", activity_regularizer=tenth_of_squares)(x),
    "add_loss": lambda x: Adds()(x),
}


@pytest.mark.parametrize("kind", PENALISED)
@pytest.mark.parametrize("of", [st.Model, OwnSteps], ids=["model", "own steps"])
def test_every_loss_has_the_penalties_on_what_passes(kind, of):
    """Each batch's loss is its mean square and its penalty per example, weighted by its size; then the weights' penalty."""
    x, y = np.arange(60, dtype="float32").reshape(10, 6) / 10, np.zeros(10, "float32")

    def loss(some):
        return np.mean((0.1 * some.sum(1)) ** 2) + 0.1 * np.sum(some**2) / len(some)

    weights = 0.5 * 6 * 0.1**2
    batches = (7 * loss(x[:7]) + 3 * loss(x[7:])) / 10 + weights  # 11.2531, as Keras 3.15.1 gives for "layer"
    entry = layers.Input((6,))
    dense = layers.Dense(
        1, kernel_initializer=st.initializers.Constant(0.1), kernel_regularizer=st.regularizers.L2(0.5)
    )
    model = of(entry, dense(PENALISED[kind](entry)))
    model.compile(st.optimizers.SGD(0.0), "mse")
    told = model.fit(x, y, batch_size=7, shuffle=False, validation_data=(x, y), verbose=0).history
    model(x[:2])  # and predictions leave nothing behind
    model.predict(x)
    assert told["loss"] == told["val_loss"] == pytest.approx([batches], rel=1e-5)
    assert model.evaluate(x, y, batch_size=7, verbose=0) == pytest.approx(batches, rel=1e-5)
    assert model.evaluate([(x[:7], y[:7]), (x[7:], y[7:])], verbose=0) == pytest.approx(batches, rel=1e-5)
    for on_batch in (model.test_on_batch, model.train_on_batch):
        assert on_batch(x[7:], y[7:]) == pytest.approx(loss(x[7:]) + weights, rel=1e-5)
    dense.trainable = False  # in Keras, too, nothing is asked of weights that stay
    assert model.evaluate(x, y, batch_size=7, verbose=0) == pytest.approx(batches - weights, rel=1e-5)
    model.predict(x)
    assert all(getattr(part, "penalty", None) is None for part in model.module.modules())


def test_a_metric_that_is_named_is_told_under_that_name():
    """The names are those that Keras 3.15.1 logs; ``get`` names as the class does."""
    model = st.Sequential([layers.Input((2,)), layers.Dense(1, activation="sigmoid")])
    named = ["AUC", "MeanAbsoluteError", "mae", "auc", "Precision", "acc"]
    model.compile("sgd", "binary_crossentropy", metrics=named)
    told = model.evaluate(np.eye(2, dtype="float32"), np.array([0, 1]), verbose=0, return_dict=True)
    assert list(told) == ["loss", *named]
    assert st.metrics.get("AUC").name == "auc"
