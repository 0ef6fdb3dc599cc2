"""What is likely not meant is said before the first step: as a note where training goes on, else as an error."""

import warnings

import numpy as np
import pytest

import striate as st
from striate import layers, losses, zoo
from striate.errors import Note, TrainingError

X, Y = np.random.default_rng(0).random((8, 3), np.float32), np.arange(8) % 2
ONE_HOT = np.eye(2, dtype="float32")[Y]


def net(activation=None, units=2, loss="sparse_categorical_crossentropy"):
    model = st.Sequential([layers.Input((3,)), layers.Dense(units, activation=activation)])
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(
    ("model", "y", "says"),
    [
        (lambda: net("softmax", loss=losses.SparseCategoricalCrossentropy(from_logits=True)), Y, "applied twice"),
        (lambda: net("softmax", loss=losses.CategoricalCrossentropy(from_logits=True)), ONE_HOT, "applied twice"),
        (lambda: net("sigmoid", 1, losses.BinaryCrossentropy(from_logits=True)), Y, "the sigmoid"),
        (lambda: net(), Y, 'activation="softmax"'),
        (lambda: net("log_softmax"), Y, "logarithms"),
        (lambda: net(None, 1, "binary_crossentropy"), Y, 'from_logits=True, or the last layer activation="sigmoid"'),
    ],
)
def test_a_loss_and_an_ending_that_do_not_go_together_train_with_a_note(model, y, says):
    model = model()
    with pytest.warns(Note, match=says):
        history = model.fit(X, y, verbose=0)
    assert len(history.history["loss"]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, verbose=0)  # said once


def test_one_batch_is_looked_at_too():
    with pytest.warns(Note, match="activation"):
        net().train_on_batch(X, Y)


@pytest.mark.parametrize(
    ("ending", "loss", "right"),
    [
        ("softmax", None, None),
        (None, losses.SparseCategoricalCrossentropy(from_logits=True), None),
        (None, "mse", ONE_HOT),
    ],
)
def test_what_goes_together_is_not_spoken_of(ending, loss, right):
    net(ending, loss=loss or "sparse_categorical_crossentropy").fit(X, Y if right is None else right, verbose=0)


def test_a_softmax_of_one_number_is_refused():
    with pytest.raises(TrainingError, match="always 1"):
        net("softmax", 1, "binary_crossentropy").fit(X, Y, verbose=0)


def rbf(*, turned, loss):
    model = st.Sequential([layers.Input((3,)), layers.EuclideanRBF(2), *([layers.Rescaling(-1.0)] if turned else [])])
    stack = st.Sequential([layers.Input((3,)), layers.Dense(3), model])  # nested, so that models are looked into
    stack.compile("sgd", loss)
    return stack


@pytest.mark.parametrize("logits", [False, True])
def test_distances_are_never_trained_backwards(logits):
    loss = losses.SparseCategoricalCrossentropy(from_logits=logits)
    with pytest.raises(TrainingError, match="smallest is the answer"):
        rbf(turned=False, loss=loss).fit(X, Y, verbose=0)
    if logits:
        rbf(turned=True, loss=loss).fit(X, Y, verbose=0)
    else:
        with pytest.raises(TrainingError, match="negative distances"):
            rbf(turned=True, loss=loss).fit(X, Y, verbose=0)


def test_lenet_of_1998_is_not_trained_backwards():
    model = zoo.create("lenet5_1998")
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(TrainingError, match="from_logits=True"):
        model.fit(np.zeros((4, 32, 32, 1), "float32"), np.arange(4), verbose=0)


def test_labels_of_the_other_kind_are_refused():
    with pytest.raises(TrainingError, match="one-hot"):
        net("softmax").fit(X, ONE_HOT, verbose=0)
    with pytest.raises(TrainingError, match="sparse_categorical_crossentropy"):
        net("softmax", loss="categorical_crossentropy").fit(X, Y, verbose=0)


# -- how large the inputs are ------------------------------------------------------------------------------------------
PIXELS = np.random.default_rng(1).integers(0, 256, (8, 4, 4, 1)).astype("float32")


def learnt(x, tmp_path=None):
    model = st.Sequential([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile(st.optimizers.SGD(1e-6), "sparse_categorical_crossentropy")
    model.fit(x, Y, verbose=0)
    return model


@pytest.mark.parametrize("scaled", [PIXELS / 127.5 - 1, PIXELS / 255], ids=["-1..1", "0..1"])
@pytest.mark.parametrize("given", [PIXELS, PIXELS.astype("uint8")], ids=["float", "uint8"])
@pytest.mark.parametrize("use", ["fit", "predict", "evaluate"])
def test_pixels_given_to_a_network_of_scaled_ones(scaled, given, use):
    model = learnt(scaled)
    with pytest.warns(Note, match="Scale them alike: the inputs run from 1 to 251"):
        {"fit": lambda: model.fit(given, Y, verbose=0), "predict": lambda: model.predict(given)}.get(
            use, lambda: model.evaluate(given, Y)
        )()


def test_scaled_pixels_given_to_a_network_of_whole_ones():
    model = learnt(PIXELS)
    with pytest.warns(Note, match="divided by 255 already"):
        model.predict(PIXELS / 255)


def test_the_same_range_is_not_spoken_of_and_is_saved(tmp_path):
    model = learnt(PIXELS / 127.5 - 1)
    model.predict(PIXELS[:2] / 127.5 - 1)
    model.save(tmp_path / "m")
    again = st.models.load_model(tmp_path / "m")
    with pytest.warns(Note, match="Scale them alike"):
        again.predict(PIXELS)


def test_the_preprocessing_of_a_model_says_how_large_inputs_are():
    model = st.Sequential([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.preprocessing = st.data.Preprocessing(scale=1 / 127.5, mean=(1.0,), std=(1.0,))
    with pytest.warns(Note, match="ran from -1 to 1"):
        model.predict(PIXELS)
    model.predict(PIXELS.astype("uint8"))  # these it scales itself
