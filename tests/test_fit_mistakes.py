"""Mistakes around fit, compile and classes of one's own: each is one clear line, and leaves the weights alone."""

import numpy as np
import pytest
from small_nets import pictures, small_net

import striate as st
from striate import layers, models
from striate.errors import ArgumentError, StriateError
from striate.train.metrics import MeanMetric, Metric
from striate.train.optimizers import Optimizer


def sized(**changes):
    x, y = pictures()
    return {"x": x, "y": y, "epochs": 1, "verbose": 0} | changes


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"y": np.full(64, 4)}, "4"),
        ({"y": np.full(64, -1)}, "-1"),
        ({"y": pictures()[1][:63]}, "63"),
        ({"x": pictures()[0][0]}, r"x\[None\]"),
        ({"x": pictures()[0].transpose(0, 3, 1, 2)}, "channels-first"),
        ({"x": np.where(np.arange(64)[:, None, None, None] == 5, np.nan, pictures()[0])}, "sample 5"),
        ({"x": pictures()[0][:0], "y": pictures()[1][:0]}, "empty"),
        ({"x": [[1, 2], [3]]}, "different lengths|lengths"),
        ({"y": None}, "no targets"),
        ({"validation_split": 1.5}, "validation_split"),
        ({"batch_size": -1}, "batch_size"),
        ({"sample_weight": np.ones(3)}, "sample_weight"),
        ({"class_weight": {"cat": 2}}, "class_weight"),
    ],
)
def test_data_that_does_not_fit_is_one_clear_error_and_leaves_the_weights_alone(changes, says):
    st.set_seed(0)
    model = small_net()
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    with pytest.raises(StriateError, match=says) as caught:
        model.fit(**sized(**changes))
    assert "\n" not in str(caught.value)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"optimizer": "adm", "loss": "mse"}, '"adm". Did you mean "adam"'),
        ({"optimizer": "adam", "loss": "categorical_crosentropy"}, "categorical_crossentropy"),
        ({"optimizer": "adam", "loss": "mse", "metrics": ["acuracy"]}, 'Did you mean "accuracy"'),
        ({"loss": "mse", "steps_per_execution": 0}, "steps_per_execution=0 must be a whole number of at least 1"),
        ({"loss": "mse", "los": 1}, "loss"),
        ({"loss": "mse", "precision": "int8"}, "precision"),
        ({"loss": {"nowhere": "mse"}}, "nowhere"),
        ({"loss": ["mse", "mse"]}, "2 given for 1"),
        ({"loss": "mse", "mix": "mixupp"}, 'Did you mean "mixup"'),
        ({"loss": "mse", "mix": 0.2}, "layers.MixUp"),
    ],
)
def test_compile_names_the_nearest_known_thing(arguments, says):
    with pytest.raises(ArgumentError) as caught:
        small_net().compile(**arguments)
    assert says in str(caught.value)


def test_using_a_model_too_early_says_what_is_missing():
    model = small_net()
    with pytest.raises(ArgumentError, match="compile"):
        model.fit(*pictures())
    with pytest.raises(ArgumentError, match="does not know its input"):
        st.Sequential([layers.Dense(3)]).size()
    with pytest.raises(ArgumentError, match="no layers"):
        st.Sequential().summary()


class _NoCall(st.losses.Loss):
    pass


class _NoUpdate(MeanMetric):
    pass


class _NoResult(Metric):
    def update_state(self, y_true, y_pred):
        pass

    def reset_state(self):
        pass


class _NoMake(Optimizer):
    pass


class _NoStep(st.optimizers.schedules.Schedule):
    pass


@pytest.mark.parametrize(
    ("what", "missing"),
    [
        ({"loss": _NoCall}, r"_NoCall must define call\(self, y_true, y_pred\)"),
        ({"metrics": _NoUpdate}, r"_NoUpdate must define update_state\(self, y_true, y_pred, sample_weight=None\)"),
        ({"metrics": _NoResult}, r"_NoResult must define result\(self\)"),
        ({"optimizer": _NoMake}, r"_NoMake must define _make\(self, params\)"),
        ({"optimizer": lambda: st.optimizers.SGD(_NoStep())}, r"_NoStep must define __call__\(self, step\)"),
    ],
)
def test_a_class_of_ones_own_that_leaves_a_method_out_is_told_so(what, missing):
    made = {"optimizer": "sgd", "loss": "mse"}
    made |= {key: [make()] if key == "metrics" else make() for key, make in what.items()}
    model = st.Sequential([layers.Dense(1, input_shape=(2,))])

    def train():
        model.compile(**made)
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)

    with pytest.raises(ArgumentError, match=missing):
        train()


def small():
    model = models.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_no_epochs_are_an_empty_history_and_leave_the_weights_as_in_keras():
    model, x, y = small(), np.ones((8, 4), np.float32), np.zeros(8, int)
    before = [array.copy() for array in model.get_weights()]
    history = model.fit(x, y, epochs=0, verbose=0, validation_split=0.25)
    assert (history.history, history.epoch) == ({}, [])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("epochs", [-1, 1.5, "3", True, None])
def test_epochs_that_are_no_number_of_passes_are_refused(epochs):
    with pytest.raises(ArgumentError, match=r"epochs is (how often training goes over the data|a whole number)"):
        small().fit(np.ones((8, 4), np.float32), np.zeros(8, int), epochs=epochs, verbose=0)


@pytest.mark.parametrize("epochs", [0, -2])
def test_runs_tuning_and_transfer_take_at_least_one_epoch_and_write_nothing(tmp_path, epochs):
    from striate import runs, transfer, tune

    calls = (
        lambda: runs.train_run("digits", folder=tmp_path / "run", epochs=epochs, recipe="digits", report=False),
        lambda: tune.tune("digits", 2, epochs=epochs, folder=tmp_path / "tune"),
        lambda: transfer.fit("fast_net", "digits", epochs=epochs, folder=tmp_path / "transfer"),
    )
    for call in calls:
        with pytest.raises(ArgumentError, match=f"at least 1, not {epochs}"):
            call()
    assert not list(tmp_path.iterdir())
