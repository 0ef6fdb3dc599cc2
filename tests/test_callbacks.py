"""Callbacks on a model that does nothing: what they stop, save and write."""

import csv
import io
import time
from pathlib import Path
from typing import Any

import pytest
from pretend_training import Model, fit, losses

from striate import ops
from striate.errors import ArgumentError, Note
from striate.train.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    MonitorCallback,
    ProgressBar,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)


# -- stopping ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "values", "stops_after"),
    [
        ({}, [3, 2, 2, 1], 3),
        ({"patience": 2}, [3, 2, 2, 2, 1], 4),
        ({"patience": 2}, [3, 2, 2.5, 1.9, 1.95, 1.8, 1, 1], 8),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.4, 2.0, 1.95, 1], 3),
        ({"baseline": 1.0, "patience": 2}, [3, 2, 1.5, 0.5], 4),
        ({"baseline": 1.0, "patience": 2}, [3, 3, 3, 3], 2),
        ({"start_from_epoch": 3}, [1, 2, 3, 4, 5, 6], 5),
        ({"patience": 1}, [1, float("nan"), float("nan"), 0.5], 2),
        ({}, [1, 1, 1], 2),
    ],
)
def test_early_stopping_stops_when_it_should(options: dict[str, Any], values: list[float], stops_after: int) -> None:
    # Keras 3.15.1's EarlyStopping, given the same figures, stops after the same epochs
    model = fit(EarlyStopping(**options), losses(*values))
    assert model.epochs == stops_after


def test_early_stopping_brings_the_best_weights_back(capsys: pytest.CaptureFixture[str]) -> None:
    callback = EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    model = fit(callback, losses(3, 1, 2, 2, 2))
    assert (callback.stopped_epoch, callback.best_epoch, callback.best, model.epochs) == (3, 1, 1.0, 2)
    assert capsys.readouterr().out == (
        "Epoch 4: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"
    )


def test_more_accuracy_is_better_and_less_loss_is() -> None:
    rising = [{"val_accuracy": v} for v in (0.1, 0.2, 0.3, 0.3)]
    assert fit(EarlyStopping("val_accuracy"), rising).epochs == 4
    assert fit(EarlyStopping("val_accuracy", mode="min"), rising).epochs == 2
    assert fit(EarlyStopping("fuzz", mode="max"), [{"fuzz": 1.0}, {"fuzz": 2.0}, {"fuzz": 1.0}]).epochs == 3


def test_a_callback_can_be_used_again() -> None:
    callback = EarlyStopping(patience=1)
    assert fit(callback, losses(1, 2, 3)).epochs == 2
    assert fit(callback, losses(5, 4, 3)).epochs == 3


# -- the learning rate -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "values", "rates"),
    [
        ({"patience": 1}, [1, 1, 0.5, 0.5], [0.1, 0.01, 0.01, 0.001]),
        ({"patience": 2}, [1, 1, 1, 1, 1], [0.1, 0.1, 0.01, 0.01, 0.001]),
        ({"patience": 1, "factor": 0.5, "min_lr": 0.03}, [1, 1, 1, 1], [0.1, 0.05, 0.03, 0.03]),
        ({"patience": 1, "cooldown": 2}, [1, 1, 1, 1, 1], [0.1, 0.01, 0.01, 0.001, 0.001]),
        ({"patience": 1, "min_delta": 0.2}, [1, 0.9, 0.7], [0.1, 0.01, 0.01]),
    ],
)
def test_the_rate_drops_on_a_plateau(options: dict[str, Any], values: list[float], rates: list[float]) -> None:
    # the rates are those of Keras 3.15.1's ReduceLROnPlateau, given the same figures
    model, seen = Model(), []
    record = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.optimizer.learning_rate))
    fit([ReduceLROnPlateau(**options), record], losses(*values), model)
    assert seen == pytest.approx(rates)


def test_the_rate_of_each_epoch_stands_in_the_history() -> None:
    history = History()
    fit([history, ReduceLROnPlateau(patience=1)], losses(1, 1, 1))
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.1, 0.01])


def test_a_scheduler_gets_the_epoch_and_the_rate_if_it_asks() -> None:
    model = fit(LearningRateScheduler(lambda epoch, rate: rate / 2), losses(1, 1, 1))
    assert model.optimizer.learning_rate == pytest.approx(0.1 / 8)
    model = fit(LearningRateScheduler(lambda epoch: 1.0 / (epoch + 1)), losses(1, 1, 1))
    assert model.optimizer.learning_rate == pytest.approx(1 / 3)


def test_an_error_inside_a_schedule_is_not_hidden() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        fit(LearningRateScheduler(lambda epoch, rate: rate + "x"), losses(1))


# -- saving ------------------------------------------------------------------------------------------------------------
def test_checkpoints_are_named_after_epoch_and_figures(tmp_path: Path) -> None:
    model = fit(ModelCheckpoint(tmp_path / "a" / "{epoch:02d}-{val_loss:.2f}.model"), losses(0.5, 0.25))
    assert model.saved == [("all", f"{tmp_path}/a/01-0.50.model"), ("all", f"{tmp_path}/a/02-0.25.model")]
    assert (tmp_path / "a").is_dir()


def test_only_the_best_is_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = ModelCheckpoint(f"{tmp_path}/{{epoch}}", save_best_only=True, save_weights_only=True, verbose=1)
    model = fit(best, losses(0.5, 0.75, 0.25, float("nan")))
    assert model.saved == [("weights", f"{tmp_path}/1"), ("weights", f"{tmp_path}/3")]
    assert capsys.readouterr().out.splitlines()[:3] == [
        "Epoch 1: val_loss improved from nothing to 0.50000",
        f"Epoch 1: saving model to {tmp_path}/1",
        "Epoch 2: val_loss did not improve from 0.50000",
    ]
    assert fit(best, losses(0.3, 0.2)).saved == [("weights", f"{tmp_path}/2")]  # the best of all trainings
    assert fit(ModelCheckpoint("x", save_best_only=True, initial_value_threshold=0.1), losses(0.3)).saved == []


# -- files -------------------------------------------------------------------------------------------------------------
def rows(path: Path, separator: str = ",") -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def test_every_epoch_is_a_row_at_once(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "run.csv"
    sizes = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: sizes.append(len(rows(path))))
    fit([CSVLogger(path), watch], [{"loss": 0.1 + 0.2, "accuracy": 0.5}, {"loss": 0.25, "accuracy": 0.75}])
    assert sizes == [1, 2]
    assert rows(path) == [
        {"epoch": "0", "accuracy": "0.5", "loss": "0.30000000000000004"},
        {"epoch": "1", "accuracy": "0.75", "loss": "0.25"},
    ]


def test_a_csv_file_is_written_over_or_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    fit(CSVLogger(path, separator=";"), losses(3, 2))
    fit(CSVLogger(path, separator=";"), losses(1))
    assert [row["val_loss"] for row in rows(path, ";")] == ["1"]
    fit(CSVLogger(path, separator=";", append=True), losses(0))
    assert [row["val_loss"] for row in rows(path, ";")] == ["1", "0"]
    assert path.read_text().count("epoch") == 1


def test_a_figure_that_comes_later_gets_a_column(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    fit(CSVLogger(path), [{"loss": 1.0}, {"loss": 0.5, "val_loss": 2.0}, {"loss": 0.25}])
    assert rows(path) == [
        {"epoch": "0", "loss": "1.0", "val_loss": "NA"},
        {"epoch": "1", "loss": "0.5", "val_loss": "2.0"},
        {"epoch": "2", "loss": "0.25", "val_loss": "NA"},
    ]


def test_a_csv_file_that_cannot_be_written_is_an_error_before_the_first_epoch(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="could not write"):
        fit(CSVLogger(tmp_path), losses(1))


def test_tensorboard_holds_both_curves_under_one_name(tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit(TensorBoard(tmp_path, update_freq=2), losses(3, 2))

    def curve(run: str, tag: str) -> list[tuple[int, float]]:
        events = event_accumulator.EventAccumulator(str(tmp_path / run))
        events.Reload()
        return [(event.step, event.value) for event in events.Scalars(tag)]

    assert curve("validation", "epoch_loss") == [(0, 3.0), (1, 2.0)]
    assert curve("train", "epoch_loss") == [(0, 1.0), (1, 1.0)]
    assert curve("train", "epoch_learning_rate") == [(0, pytest.approx(0.1)), (1, pytest.approx(0.1))]
    assert [step for step, _ in curve("train", "batch_loss")] == [2, 4]


# -- going on after a break --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("broken_after", [1, 2, 3, 4])
def test_a_training_that_is_gone_on_with_ends_as_an_unbroken_one(broken_after: int, tmp_path: Path) -> None:
    figures = losses(5, 3, 3, 2, 2.5, 2.4, 2.3, 1)

    def everyone(name: str) -> list[Callback]:
        return [
            EarlyStopping(patience=3, restore_best_weights=True),
            ReduceLROnPlateau(patience=1, factor=0.5, cooldown=1),
            ModelCheckpoint(f"{tmp_path}/{name}-{{epoch}}", save_best_only=True),
            CSVLogger(tmp_path / f"{name}.csv"),
            History(),
        ]

    whole = everyone("whole")
    expected = fit(whole, figures)
    broken = fit(everyone("part"), figures[:broken_after])
    state, rate = broken.state, broken.optimizer.learning_rate
    fit(CSVLogger(tmp_path / "part.csv", append=True), losses(9))  # an epoch that was lost with the break
    model = Model()
    model.optimizer.learning_rate = rate
    again = everyone("part")
    model = fit(again, figures, model, resume=(broken_after, state))
    assert model.epochs == expected.epochs == 4
    assert model.optimizer.learning_rate == expected.optimizer.learning_rate
    assert again[-1].history == whole[-1].history
    assert again[-1].epoch == whole[-1].epoch == list(range(7))
    assert rows(tmp_path / "part.csv") == rows(tmp_path / "whole.csv")
    names = [path.replace("part", "whole") for _, path in broken.saved + model.saved]
    assert names == [path for _, path in expected.saved]


# -- the list ----------------------------------------------------------------------------------------------------------
def test_hooks_are_called_in_order_with_history_last() -> None:
    calls: list[str] = []

    class Noisy(Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_train_begin(self, logs: Any = None) -> None:
            calls.append(f"{self.name} begins")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["seen"] = epoch
            calls.append(f"{self.name} {epoch} of {self.params['epochs']}")

    history = History()
    fit([history, Noisy("a"), Noisy("b")], losses(1, 2))
    assert calls == ["a begins", "b begins", "a 0 of 2", "b 0 of 2", "a 1 of 2", "b 1 of 2"]
    assert history.history == {"loss": [1.0, 1.0], "val_loss": [1, 2], "seen": [0, 1]}
    assert history.epoch == [0, 1]


def test_batch_figures_are_computed_only_when_read() -> None:
    reads, batches = [], []
    hooks = CallbackList([EarlyStopping(), History()])
    assert not hooks.has_batch_hooks
    hooks.on_train_batch_end(0, lambda: reads.append(1))

    def look(batch: int, logs: Any) -> None:
        if batch == 1:
            batches.append((logs["loss"], dict(logs), "loss" in logs))

    hooks = CallbackList([LambdaCallback(on_train_batch_end=look)])
    assert hooks.has_batch_hooks
    for batch in range(3):
        hooks.on_train_batch_end(batch, lambda: reads.append(1) or {"loss": 2.0})
    assert reads == [1]
    assert batches == [(2.0, {"loss": 2.0}, True)]


def test_keras_old_batch_hooks_are_called() -> None:
    seen: list[int] = []

    class Old(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(batch)

    fit(Old(), losses(1))
    assert seen == [0, 1]


def test_batches_without_hooks_cost_next_to_nothing() -> None:
    hooks = CallbackList(
        [EarlyStopping(), History(), ModelCheckpoint("x"), ProgressBar(stream=io.StringIO())], model=Model()
    )
    hooks.on_epoch_begin(0, steps=10_000)
    begin = time.thread_time()
    for batch in range(10_000):
        hooks.on_train_batch_begin(batch)
        hooks.on_train_batch_end(batch, dict)
    assert (time.thread_time() - begin) / 10_000 < 20e-6  # about 1 µs; far above, for slow machines


# -- mistakes ----------------------------------------------------------------------------------------------------------
def test_a_figure_that_never_comes_is_a_note_after_the_first_epoch(tmp_path: Path) -> None:
    for callback in (EarlyStopping(), ReduceLROnPlateau(), ModelCheckpoint(tmp_path / "x", save_best_only=True)):
        name = type(callback).__name__
        with pytest.warns(
            Note, match=rf'{name} watches "val_loss", but an epoch gave only accuracy, loss, .*\. Give fit\(\) valid'
        ):
            model = fit(callback, [{"loss": 1.0, "accuracy": 0.5}] * 3)
        assert model.epochs == 3
    assert len(model.saved) == 3  # as in Keras it is saved all the same
    with pytest.warns(Note, match='Did you mean "val_accuracy"'):
        fit(EarlyStopping("val_accuracyy", mode="max"), [{"val_loss": 1.0, "val_accuracy": 0.5}])


def test_a_mode_that_is_not_known_is_taken_as_auto() -> None:
    with pytest.warns(Note, match="EarlyStopping mode 'up' is unknown"):
        callback = EarlyStopping(mode="up")
    assert fit(callback, losses(3, 2, 2, 1)).epochs == 3


def test_which_way_is_better_is_read_from_the_name_or_said() -> None:
    for mode, name, more in (("max", "val_mse", True), ("auto", "val_mse", False), ("auto", "acc", True)):
        callback = MonitorCallback(name, mode)
        callback._set_monitor_op()
        assert callback.monitor_op is (ops.greater if more else ops.less)
    callback = MonitorCallback(mode="max", min_delta=0.5)
    better = [callback._is_improvement(*pair) for pair in ((0.75, 0), (0.5, None), (0.5, 0), (0.2, 0.5))]
    assert better == [True, True, False, False]  # as in Keras 3.15.1


def test_functions_of_other_names_become_methods_of_a_lambda_callback() -> None:
    assert LambdaCallback(send=lambda: 3).send() == 3


def test_validation_in_some_epochs_only_is_waited_for() -> None:
    callback = EarlyStopping()
    hooks = CallbackList(callback, model=Model(), validation_freq=2)
    hooks.on_train_begin()
    hooks.on_epoch_end(0, {"loss": 1.0})
    hooks.on_epoch_end(1, {"loss": 1.0, "val_loss": 2.0})
    assert callback.best == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(monitor="fuzz"), 'is more or less "fuzz" better'),
        (lambda: EarlyStopping(patience=-1), "at least 0"),
        (lambda: EarlyStopping(patiense=3), 'Did you mean "patience"'),
        (lambda: ReduceLROnPlateau(factor=1.0), "must be less than 1"),
        (lambda: ReduceLROnPlateau(epsilon=1), 'no argument "epsilon"'),
        (lambda: ModelCheckpoint("x", save_freq="batch"), "whole number of at least 1"),
        (lambda: ModelCheckpoint("{epoch}-{val_acc}"), "names 'val_acc'; there are epoch, loss, val_loss"),
        (lambda: ModelCheckpoint("{epoch:zz}"), "is no format"),
        (lambda: ModelCheckpoint(), "filepath"),
        (lambda: CSVLogger("x", separator=", "), "one character"),
        (lambda: TensorBoard(embeddings_freq=1), "look.neighbours"),
        (lambda: TensorBoard(update_freq="never"), "unknown TensorBoard update_freq"),
        (lambda: LearningRateScheduler(0.1), "function of the epoch"),
        (lambda: LearningRateScheduler(lambda epoch: "fast"), r"schedule\(0\) is a number"),
        (lambda: LearningRateScheduler(lambda epoch: float("nan")), r"schedule\(0\)=nan"),
        (lambda: LambdaCallback(on_epoch_ends=print), 'unknown hook "on_epoch_ends". Did you mean "on_epoch_end"'),
        (lambda: LambdaCallback(on_epoch_end=3), "is a function"),
        (lambda: ProgressBar(verbose=3), "give 0, 1, 2 or 'auto'"),
        (lambda: EarlyStopping, "not the class"),
        (lambda: print, "LambdaCallback"),
    ],
)
def test_a_mistake_is_one_clear_line(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        fit([make()], losses(1))


def test_terminate_on_nan_is_accepted() -> None:
    assert fit(TerminateOnNaN(), losses(1, 2)).epochs == 2
