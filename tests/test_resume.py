"""A training that is broken off at any moment goes on and ends at the weights of an unbroken one, bit for bit."""

import csv

import numpy as np
import pytest
import torch

import striate as st
from striate import layers as L
from striate.errors import ArgumentError, BundleError
from striate.train import callbacks as cb
from striate.train import checkpoint

rng = np.random.default_rng(0)
X = rng.normal(size=(44, 6, 6, 1)).astype("float32")
Y = (X.mean((1, 2, 3)) > 0).astype("int64")
VALIDATION = (rng.normal(size=(20, 6, 6, 1)).astype("float32"), rng.integers(0, 2, 20))
EPOCHS, BATCH = 3, 16  # 3 batches an epoch, the last one smaller
STEPS = EPOCHS * 3


class BrokenError(Exception):
    """What stands for a kill."""


class BreakAt(cb.Callback):
    """Raises at the n-th of all moments: after each batch, before and after each epoch."""

    def __init__(self, moment):
        self.left = moment

    def _tick(self, *_):
        self.left -= 1
        if self.left == 0:
            raise BrokenError

    on_train_batch_begin = on_train_batch_end = on_epoch_begin = on_epoch_end = _tick


def network(seed=0):
    st.set_seed(seed)
    return st.Sequential(
        [
            L.Conv2D(4, 3, input_shape=(6, 6, 1), kernel_regularizer="l2", name="conv"),
            L.BatchNormalization(name="norm"),
            L.ReLU(name="relu"),
            L.GlobalAveragePooling2D(name="mean"),
            L.Dropout(0.3, name="drop"),
            L.Dense(2, activation="softmax", name="answer"),
        ]
    )


def sgd():
    return st.optimizers.SGD(0.05, momentum=0.9, nesterov=True)


def scheduled():
    return st.optimizers.AdamW(st.optimizers.schedules.OneCycle(0.02, total_steps=None), weight_decay=0.01)


KINDS = {
    "sgd": (sgd, 1, list),
    "adam, early stopping": (
        lambda: st.optimizers.Adam(0.01),
        1,
        lambda: [cb.EarlyStopping(monitor="val_loss", patience=0, min_delta=0.05, restore_best_weights=True)],
    ),
    "schedule, accumulate": (scheduled, 2, list),
    "plateau": (sgd, 1, lambda: [cb.ReduceLROnPlateau(patience=0, min_delta=10, verbose=0)]),
    "rate by epoch": (sgd, 4, lambda: [cb.LearningRateScheduler(lambda epoch, rate: rate * 0.5)]),
}


def train(kind, folder, extra=(), **changes):
    """One process' part of a run: (model, history)."""
    optimizer, accumulate, callbacks = KINDS[kind]
    model = network()
    model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy", "f1"], accumulate=accumulate)
    log = [cb.CSVLogger(folder / "metrics.csv")] if folder else []
    settings = {"batch_size": BATCH, "epochs": EPOCHS, "seed": 3, "validation_data": VALIDATION} | changes
    x, y = settings.pop("x", X), settings.pop("y", Y)
    history = model.fit(x, y, **settings, verbose=0, callbacks=[*callbacks(), *log, *extra], resume=folder)
    return model, history


def state(model):
    return {key: value.numpy().copy() for key, value in model.module.state_dict().items()}


def same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        assert one[key].tobytes() == other[key].tobytes(), key


@pytest.fixture
def always(monkeypatch):
    """Save after every batch."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("one_thread")
def test_broken_off_at_every_moment_the_weights_history_and_log_are_those_of_an_unbroken_run(kind, tmp_path, always):
    model, history = train(kind, None)
    expected, figures, epochs = state(model), history.history, history.epoch
    for moment in range(1, 2 * STEPS + 2 * EPOCHS + 1):
        folder = tmp_path / str(moment)
        try:
            train(kind, folder, [BreakAt(moment)])
        except BrokenError:
            st.set_seed(moment)  # a new process has another random state
        model, history = train(kind, folder)
        same(state(model), expected)
        assert history.history == figures
        assert history.epoch == epochs
        rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
        assert [int(row["epoch"]) for row in rows] == epochs
        assert [float(row["val_loss"]) for row in rows] == figures["val_loss"]
    assert model.facts["seconds"] >= 0


@pytest.mark.usefixtures("one_thread", "always")
def test_broken_off_again_and_again_every_few_batches(tmp_path):
    expected = state(train("schedule, accumulate", None)[0])
    for times in range(60):
        try:
            model, _ = train("schedule, accumulate", tmp_path, [BreakAt(7)])
        except BrokenError:
            continue
        same(state(model), expected)
        assert times > 2
        return
    pytest.fail("no step forward")


@pytest.mark.usefixtures("one_thread")
def test_with_few_saves_more_is_done_again_but_the_end_is_the_same(tmp_path):
    expected = state(train("sgd", None)[0])
    with pytest.raises(BrokenError):
        train("sgd", tmp_path, [BreakAt(14)])
    same(state(train("sgd", tmp_path)[0]), expected)


def test_a_finished_training_does_nothing_more_and_may_be_made_longer(tmp_path, one_thread):
    model, _ = train("sgd", tmp_path)
    st.set_seed(99)
    again, history = train("sgd", tmp_path, [BreakAt(1)])
    same(state(again), state(model))
    assert history.epoch == [0, 1, 2]
    longer, history = train("sgd", tmp_path, epochs=5)
    assert history.epoch == [0, 1, 2, 3, 4]
    same(state(longer), state(train("sgd", None, epochs=5)[0]))


def test_the_seed_of_the_shuffling_is_kept_when_none_is_given(tmp_path, one_thread, always):
    model, _ = train("sgd", tmp_path / "whole", seed=None)
    expected = state(model)
    with pytest.raises(BrokenError):
        train("sgd", tmp_path / "broken", [BreakAt(14)], seed=None)
    torch.manual_seed(1234)
    same(state(train("sgd", tmp_path / "broken", seed=None)[0]), expected)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("sgd", {"x": X + 1}, "its training data are not the same"),
        ("sgd", {"y": 1 - Y}, "its training data are not the same"),
        ("sgd", {"validation_data": (X, Y)}, "its validation data are not the same"),
        ("sgd", {"batch_size": 4}, "its batch_size is not the same: 16 then, 4 now"),
        ("sgd", {"seed": 4}, "its seed is not the same: 3 then, 4 now"),
        ("plateau", {}, None),
        ("adam, early stopping", {}, "its optimizer is not the same"),
        ("rate by epoch", {}, "its accumulate is not the same: 1 then, 4 now"),
    ],
)
def test_a_training_of_something_else_is_refused_in_one_line(kind, changes, said, tmp_path):
    train("sgd", tmp_path, epochs=1)
    before = (tmp_path / checkpoint.FILE).read_bytes()
    if said is None:
        train(kind, tmp_path, **changes)
        return
    with pytest.raises(ArgumentError, match=said) as raised:
        train(kind, tmp_path, **changes)
    assert "choose another folder" in str(raised.value)
    assert (tmp_path / checkpoint.FILE).read_bytes() == before


def test_another_network_another_version_and_a_changed_length_of_a_schedule_are_refused(tmp_path, monkeypatch):
    train("schedule, accumulate", tmp_path, epochs=1)
    with pytest.raises(ArgumentError, match="number of epochs is not the same: 1 then, 2 now"):
        train("schedule, accumulate", tmp_path, epochs=2)
    model = st.Sequential([L.Flatten(input_shape=(6, 6, 1)), L.Dense(2, activation="softmax")])
    model.compile(scheduled(), "sparse_categorical_crossentropy", metrics=["accuracy", "f1"], accumulate=2)
    with pytest.raises(ArgumentError, match="its network is not the same"):
        model.fit(X, Y, batch_size=BATCH, seed=3, validation_data=VALIDATION, verbose=0, resume=tmp_path)
    monkeypatch.setattr("striate.version.__version__", "0.0")
    with pytest.raises(ArgumentError, match="version of striate is not the same"):
        train("schedule, accumulate", tmp_path, epochs=1)


def test_a_damaged_or_foreign_state_is_named(tmp_path):
    file = tmp_path / checkpoint.FILE
    file.write_bytes(b"no state")
    with pytest.raises(BundleError, match=r"training\.pt is damaged"):
        train("sgd", tmp_path)
    torch.save({"format": "another"}, file)
    with pytest.raises(BundleError, match="is not the state of a training"):
        train("sgd", tmp_path)


def test_while_saving_the_old_state_stays_whole(tmp_path, monkeypatch, always):
    expected = state(train("sgd", None)[0])
    save, calls = torch.save, []

    def torn(content, file):
        calls.append(1)
        if len(calls) == 6:
            file.write(b"half of it")
            raise OSError(28, "No space left on device")
        save(content, file)

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(BundleError, match="No space left on device"):
        train("sgd", tmp_path)
    monkeypatch.setattr(torch, "save", save)
    assert [path.name for path in tmp_path.glob("*.pt")] == [checkpoint.FILE]
    same(state(train("sgd", tmp_path)[0]), expected)


def test_saving_takes_at_most_two_percent_of_the_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "perf_counter", lambda: now[0])
    budget, spent = checkpoint.Budget(), 0.0
    for _ in range(10_000):  # steps of 0.1 s, a save takes 0.5 s
        now[0] += 0.1
        if budget.allows():
            with budget:
                now[0] += 0.5
                spent += 0.5
    assert 0.015 < spent / now[0] <= 0.0205
    assert not budget.allows(1e9)


def test_arrays_in_callbacks_memory_come_back_as_they_were():
    given = {"a": np.arange(6.0).reshape(2, 3), "b": [np.float32(2), ("x", None)], "c": np.array(3)}
    back = checkpoint._opened(checkpoint._plain(given))
    np.testing.assert_array_equal(back["a"], given["a"])
    assert back["b"] == [2.0, ("x", None)]
    assert back["c"].shape == ()


@pytest.mark.parametrize("name", ["again", "again.keras"])
def test_a_model_that_is_only_read_and_written_keeps_its_optimizer(tmp_path, name):
    """`striate quantize RUN` does: training that went on from there had lost its moments without a word."""
    rng = np.random.default_rng(0)
    x, y = rng.random((16, 4), dtype=np.float32), rng.integers(0, 3, 16)
    model = st.Sequential([L.Input((4,)), L.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    first, second = tmp_path / name.replace("again", "first"), tmp_path / name
    model.save(first)
    st.models.load_model(first).save(second)
    st.models.load_model(second).save(second)
    again = st.models.load_model(second)
    for each in (model, again):
        each.fit(x, y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
