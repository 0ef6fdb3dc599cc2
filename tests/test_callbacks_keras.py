"""Callbacks that Keras has and that hold more than figures: backups, averaged weights, histograms, saves within an epoch."""

import json

import numpy as np
import pytest

import striate as st
from striate import callbacks, layers
from striate.errors import ArgumentError, BundleError, Note, TrainingError

X, Y = np.arange(8, dtype="float32")[:, None] / 8, np.zeros((8, 1), "float32")


def line(optimizer=None):
    model = st.Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer or st.optimizers.Adam(st.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)), "mse")
    return model


def weight(model):
    return float(model.module.state_dict()["dense.weight"])


class Break(callbacks.Callback):
    """An error at the end of an epoch."""

    def __init__(self, epoch):
        self.at = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


def trained(epochs, kept, model=None):
    model = model or line()
    history = model.fit(X, Y, batch_size=2, epochs=epochs, shuffle=False, verbose=0, callbacks=kept)
    return model, history


@pytest.mark.parametrize("double", [False, True])
def test_a_broken_training_goes_on_from_its_backup(tmp_path, double):
    folder = tmp_path / "backup"
    keep = callbacks.BackupAndRestore(folder, double_checkpoint=double)
    with pytest.raises(KeyboardInterrupt):
        trained(5, [keep, Break(2)])
    assert folder.exists()
    if double:  # the last one is damaged: the one before is an epoch older
        (folder / "latest.pt").write_bytes(b"damaged")
    model, history = trained(5, [callbacks.BackupAndRestore(str(folder))])
    assert history.epoch == ([2, 3, 4] if double else [3, 4])
    assert weight(model) == pytest.approx(weight(trained(5, [])[0]), rel=1e-6)
    assert int(model.optimizer.iterations) == 20
    assert not folder.exists()


def test_a_backup_after_batches_stays_where_it_is_told_to(tmp_path):
    folder = tmp_path / "backup"
    trained(1, [callbacks.BackupAndRestore(folder, save_freq=3, delete_checkpoint=False)])
    assert sorted(file.name for file in folder.iterdir()) == [".lock", "latest.pt"]
    history = trained(1, [callbacks.BackupAndRestore(folder)])[1]
    assert history.epoch == []  # all of it is done


def test_a_backup_of_another_network_or_none_is_one_clear_line(tmp_path):
    trained(1, [callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)])
    other = st.Sequential([layers.Input((1,)), layers.Dense(1)])
    other.compile("sgd", "mse")
    with pytest.raises(BundleError, match="not a state of this training"):
        trained(1, [callbacks.BackupAndRestore(tmp_path)], other)
    (tmp_path / "latest.pt").write_bytes(b"damaged")
    with pytest.raises(BundleError, match="damaged"):
        trained(1, [callbacks.BackupAndRestore(tmp_path)])
    with pytest.raises(ArgumentError, match="backup_dir"):
        callbacks.BackupAndRestore("")
    with pytest.raises(ArgumentError, match="save_freq"):
        callbacks.BackupAndRestore("x", save_freq="batch")


def test_evaluation_sees_the_average_and_training_the_weights():
    """w falls by 0.05 * 2 w a step from 1; the average is 0.5 of the last one and 0.5 of the weight."""
    model = line(st.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5))
    seen = []
    watch = callbacks.LambdaCallback(
        on_test_begin=lambda logs: seen.append(weight(model)),
        on_epoch_end=lambda epoch, logs: seen.append(weight(model)),
    )
    one = np.ones((1, 1), "float32")
    swap = callbacks.SwapEMAWeights()
    model.fit(one, 0 * one, epochs=2, validation_data=(one, 0 * one), verbose=0, callbacks=[swap, watch])
    assert seen == pytest.approx([0.9, 0.9, (0.9 + 0.81) / 2, 0.81])
    assert weight(model) == pytest.approx((0.9 + 0.81) / 2)


def test_the_average_stands_in_the_model_at_the_end_of_an_epoch(tmp_path):
    model = line(st.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5))
    one, seen = np.ones((1, 1), "float32"), []
    watch = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(weight(model)))
    model.fit(one, 0 * one, epochs=3, verbose=0, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True), watch])
    averages = [0.9, 0.855, (0.855 + 0.729) / 2]
    assert seen == pytest.approx(averages)
    assert weight(model) == pytest.approx(averages[-1])
    with pytest.raises(ArgumentError, match="use_ema=True"):
        line().evaluate(X, Y, callbacks=[callbacks.SwapEMAWeights()])


def test_the_averages_of_a_batch_norm_are_averaged_as_the_weights_are_but_for_frozen_ones(tmp_path):
    """Weights stand still at a rate of 0, so that only the averages of the batch norm move: its mean by a tenth of the
    way to each batch's, and the average of those by half."""
    x = np.random.default_rng(0).normal(3, 1, (12, 2)).astype("float32")

    def network(momentum: float | None, frozen: bool = False):
        norm = st.layers.BatchNormalization(momentum=0.9, input_shape=(2,), name="norm", trainable=not frozen)
        model = st.Sequential([norm, st.layers.Dense(1)])
        ema = {} if momentum is None else {"use_ema": True, "ema_momentum": momentum}
        model.compile(st.optimizers.SGD(0.0, **ema), "mse")
        return model

    def mean_of(model):
        return np.array(model.get_layer("norm").get_weights()[2])

    def fitted(model, epochs, **others):
        model.fit(x, x[:, :1], epochs=epochs, batch_size=3, shuffle=False, verbose=0, **others)
        return mean_of(model)

    moves, mean = [], np.zeros(2)
    for start in range(0, 12, 3):
        mean = 0.9 * mean + 0.1 * x[start : start + 3].mean(0)
        moves.append(mean)
    average = moves[0]
    for each in moves[1:]:
        average = 0.5 * average + 0.5 * each
    np.testing.assert_allclose(fitted(network(None), 1), moves[-1], rtol=1e-5)
    np.testing.assert_allclose(fitted(network(0.5), 1), average, rtol=1e-5)
    np.testing.assert_array_equal(fitted(network(0.5, frozen=True), 1), np.zeros(2))
    swapped, seen = network(0.5), []
    watch = callbacks.LambdaCallback(on_test_begin=lambda logs: seen.append(mean_of(swapped)))
    swap = callbacks.SwapEMAWeights()
    fitted(swapped, 1, validation_data=(x, x[:, :1]), callbacks=[swap, watch])
    np.testing.assert_allclose(seen[0], average, rtol=1e-5)
    whole = fitted(network(0.5), 2)
    for epochs in (1, 2):
        again = fitted(network(0.5), epochs, resume=tmp_path)
    np.testing.assert_array_equal(again, whole)


def test_a_checkpoint_after_batches_names_them(tmp_path):
    trained(2, [callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=3)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-3", "2-2"]


def test_weights_updates_and_speed_for_tensorboard(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    model = st.Sequential([layers.Input((6, 6, 1)), layers.Conv2D(3, 5), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    board = callbacks.TensorBoard(
        tmp_path, 1, write_graph=True, write_images=True, write_steps_per_second=True, profile_batch=0
    )
    x, y = np.ones((4, 6, 6, 1), "float32"), np.ones((4, 1), "float32")
    model.fit(x, y, batch_size=2, epochs=2, validation_data=(x, y), verbose=0, callbacks=[board])

    def tags(run, kind):
        events = accumulator(str(tmp_path / run))
        events.Reload()
        return events, {tag.rpartition("sequential/")[2] for tag in events.Tags()[kind]}

    names = ("conv2d/kernel", "conv2d/bias", "dense/kernel", "dense/bias")
    assert tags("train", "histograms")[1] == {f"{name}/histogram" for name in names}
    assert tags("train", "images")[1] == {f"{name}/image" for name in names}
    epoch = {"epoch_loss", "epoch_learning_rate", "epoch_steps_per_second"}
    assert tags("train", "scalars")[1] == {*epoch, "batch_steps_per_second"}
    held, curves = tags("validation", "scalars")
    assert curves == {"epoch_loss", "evaluation_loss_vs_iterations"}
    assert [event.step for event in held.Scalars("evaluation_loss_vs_iterations")] == [2, 4]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_figures_of_an_epoch_go_to_a_server_of_ones_own(monkeypatch, as_json):
    requests, sent = pytest.importorskip("requests"), []
    monkeypatch.setattr(requests, "post", lambda *args, **kwargs: sent.append((args, kwargs)))
    monitor = callbacks.RemoteMonitor("http://here:1", headers={"a": "b"}, send_as_json=as_json)
    monitor.on_epoch_end(2, {"loss": np.float32(0.5), "val_loss": 1.0})
    told, address = {"epoch": 2, "loss": 0.5, "val_loss": 1.0}, "http://here:1/publish/epoch/end/"
    if as_json:
        assert sent == [((address,), {"json": told, "headers": {"a": "b"}})]
    else:
        assert sent == [((address, {"data": json.dumps(told)}), {"headers": {"a": "b"}})]


def test_a_server_that_does_not_answer_is_a_note(monkeypatch):
    requests = pytest.importorskip("requests")

    def refuse(*args, **kwargs):
        raise requests.exceptions.ConnectionError

    monkeypatch.setattr(requests, "post", refuse)
    with pytest.warns(Note, match="Could not reach RemoteMonitor root server at http://localhost:9000"):
        callbacks.RemoteMonitor().on_epoch_end(0, {"loss": 0.0})


def test_what_is_printed_can_go_to_logging(caplog, capsys):
    caplog.set_level("INFO", "striate")
    model, rates = line("sgd"), callbacks.LearningRateScheduler(lambda epoch: 1 / (1 + epoch), verbose=1)
    st.utils.disable_interactive_logging()
    try:
        assert not st.utils.is_interactive_logging_enabled()
        model.fit(X, Y, epochs=2, callbacks=[rates])
    finally:
        st.utils.enable_interactive_logging()
    assert "Epoch 2: LearningRateScheduler setting learning rate to 0.5." in caplog.messages
    assert any("loss:" in message for message in caplog.messages)
    assert capsys.readouterr().out == ""


def test_a_rate_that_is_cut_is_a_plain_number():
    model = line(st.optimizers.Adam(0.1))
    cut = callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=100)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[cut])
    assert float(model.optimizer.learning_rate) == 0.01


def test_a_loss_that_is_nan_ends_the_training_quietly_where_that_is_asked_for(capsys):
    model = line(st.optimizers.SGD(1e30))
    kept = model.fit(X, Y, batch_size=2, epochs=9, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert len(kept.epoch) == 1
    assert not np.isfinite(kept.history["loss"][0])
    assert "Training ends: the loss became" in capsys.readouterr().out
    assert np.isfinite(weight(model))
    with pytest.raises(TrainingError, match="the loss became"):
        model.fit(X, Y, batch_size=2, epochs=9, verbose=0, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


@pytest.mark.parametrize("name", ["OrbaxCheckpoint"])
def test_what_is_not_here_says_what_to_write(name):
    with pytest.raises(ArgumentError, match=f"{name}: Keras has it"):
        getattr(callbacks, name)()


@pytest.mark.parametrize("name", ["LossScaleOptimizer", "MultiOptimizer"])
def test_optimizers_that_are_not_here_say_what_to_write(name):
    with pytest.raises(ArgumentError, match=f"{name}: Keras has it"):
        getattr(st.optimizers, name)("adam")


def test_arguments_at_keras_defaults_are_taken(tmp_path):
    callbacks.EarlyStopping("val_loss", 0, 0, 0, "auto", None, False, 0)
    callbacks.ReduceLROnPlateau("val_loss", 0.1, 10, 0, "auto", 1e-4, 0, 0.0)
    callbacks.ModelCheckpoint("x", "val_loss", 0, False, False, "auto", "epoch", None)
    callbacks.CSVLogger("x", ",", False)
    callbacks.TensorBoard("logs", 0, True, False, False, "epoch", 0, 0, None)
    callbacks.BackupAndRestore("x", "epoch", False, True)
    callbacks.LearningRateScheduler(lambda epoch: 0.1, 0)
    callbacks.RemoteMonitor("http://localhost:9000", "/publish/epoch/end/", "data", None, False)
    callbacks.LambdaCallback(None, None, None, None, None, None)
