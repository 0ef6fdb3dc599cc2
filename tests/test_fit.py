"""fit, evaluate and predict: the same numbers as a plain torch loop."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_nets import pictures, small_net

import striate as st
from striate import layers
from striate.errors import ArgumentError, DataError, ShapeError, TrainingError

BATCH = 16
OPTIMIZERS = {
    "sgd": (
        lambda: st.optimizers.SGD(0.05, momentum=0.9),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    ),
    "adam": (lambda: st.optimizers.Adam(rule="torch"), lambda p: torch.optim.Adam(p, lr=1e-3, eps=1e-7)),
    "rmsprop": (
        lambda: st.optimizers.RMSprop(rule="torch"),
        lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, eps=1e-7),
    ),
    "nadam": (lambda: st.optimizers.Nadam(), lambda p: torch.optim.NAdam(p, lr=1e-3, eps=1e-7, momentum_decay=1.0)),
    "adadelta": (
        lambda: st.optimizers.Adadelta(1.0),
        lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.95, eps=1e-7),
    ),
}


def weights_of(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_of_fit_give_the_weights_of_a_hand_written_torch_loop(name):
    ours, theirs = OPTIMIZERS[name]
    x, y = pictures(n=5 * BATCH)
    st.set_seed(1)
    model = small_net()
    plain = copy.deepcopy(model.module)
    model.compile(ours(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=BATCH, epochs=4, shuffle=False, verbose=0)

    plain.train()
    optimizer = theirs(plain.parameters())
    inputs, targets = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y)
    for _ in range(4):
        for i in range(0, len(x), BATCH):
            probabilities = plain(inputs[i : i + BATCH])
            loss = F.nll_loss(torch.log(probabilities), targets[i : i + BATCH])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(model.module.state_dict()[key], value, rtol=0, atol=1e-6, msg=key)


def test_shuffled_batches_depend_on_the_seed_alone():
    x, y = pictures()

    def final(seed, other):
        st.set_seed(3)
        model = small_net()
        model.module  # the weights are drawn now
        model.compile("adam", "sparse_categorical_crossentropy")
        torch.rand(other)  # a different state of the global generator
        model.fit(x, y, batch_size=16, epochs=2, seed=seed, verbose=0)
        return model.get_weights()

    for a, b in zip(final(7, 0), final(7, 5), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(final(7, 0), final(8, 0), strict=True))


def test_the_same_set_seed_gives_the_same_run():
    x, y = pictures()

    def run():
        st.set_seed(11)
        model = small_net()
        model.compile("adam", "sparse_categorical_crossentropy")
        return model.fit(x, y, epochs=3, verbose=0).history["loss"]

    assert run() == run()


def test_history_holds_what_evaluate_computes():
    x, y = pictures()
    st.set_seed(0)
    model = small_net()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y)).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    loss, accuracy = model.evaluate(x, y)
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy)
    p = model.predict(x)
    assert accuracy == pytest.approx((p.argmax(1) == y).mean())
    assert loss == pytest.approx(-np.log(p[np.arange(len(y)), y]).mean(), rel=1e-4)


def test_it_learns():
    x, y = pictures(256)
    st.set_seed(0)
    model = small_net()
    model.compile(st.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=10, verbose=0)
    assert model.evaluate(*pictures(200, seed=5))[1] > 0.95


def test_one_hot_labels_and_class_numbers_train_alike():
    x, y = pictures()
    results = []
    for loss, targets in (
        ("sparse_categorical_crossentropy", y),
        ("categorical_crossentropy", np.eye(4, dtype=np.float32)[y]),
    ):
        st.set_seed(0)
        model = small_net()
        model.compile("sgd", loss, metrics=["accuracy"])
        results.append(model.fit(x, targets, epochs=2, verbose=0, seed=1).history)
    assert results[0]["loss"] == pytest.approx(results[1]["loss"], rel=1e-5)
    assert results[0]["accuracy"] == results[1]["accuracy"]


def test_class_weights_scale_the_loss_of_their_samples():
    x, y = pictures()
    st.set_seed(0)
    model = small_net()
    model.compile(st.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    start = weights_of(model.module)
    weighted = model.fit(x, y, epochs=1, batch_size=64, verbose=0, class_weight={0: 3.0, 1: 0.5}).history["loss"][0]
    model.module.load_state_dict(start)
    by_hand = np.array([3.0, 0.5, 1.0, 1.0])[y]
    same = model.fit(x, y, epochs=1, batch_size=64, verbose=0, sample_weight=by_hand).history["loss"][0]
    assert weighted == pytest.approx(same)
    model.module.load_state_dict(start)
    plain = model.fit(x, y, epochs=1, batch_size=64, verbose=0).history["loss"][0]
    assert weighted != pytest.approx(plain)


def test_validation_split_takes_the_last_samples():
    x, y = pictures(100)
    x[80:] = 0  # a constant picture: each prediction is the same
    st.set_seed(0)
    model = small_net()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=1, verbose=0, validation_split=0.2)
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(x[80:], y[80:])[0], rel=1e-5)


def test_regularizers_add_their_penalty_to_the_loss_and_pull_weights_to_zero():
    x, y = pictures()
    st.set_seed(0)
    model = small_net(kernel_regularizer=st.regularizers.L2(0.5))
    kernel = model.get_layer("conv2d")
    model.compile(st.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    first = model.evaluate(x, y)
    penalty = 0.5 * float(np.square(kernel.get_weights()[0]).sum())
    plain = -np.log(model.predict(x)[np.arange(len(y)), y]).mean()
    assert first == pytest.approx(plain + penalty, rel=1e-4)


def test_gradient_accumulation_equals_one_large_batch_without_batch_norm():
    x, y = pictures(64)

    def run(batch, accumulate):
        st.set_seed(0)
        model = st.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(4, activation="softmax")])
        model.compile(st.optimizers.SGD(0.1), "sparse_categorical_crossentropy", accumulate=accumulate)
        model.fit(x, y, batch_size=batch, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    for a, b in zip(run(32, 1), run(8, 4), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("mix", ["cutmix", layers.MixUp(0.4)])
def test_a_step_on_mixed_pictures_has_the_loss_of_both_targets_by_their_parts(mix):
    x, y = pictures(16)
    weight = np.linspace(0.5, 2, 16).astype(np.float32)
    torch.manual_seed(3)
    mixed = st.data.mix(torch.from_numpy(x).permute(0, 3, 1, 2), mix if mix != "cutmix" else layers.CutMix())
    st.set_seed(0)
    parts = [layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(4, "softmax")]  # no batch norm: the same in training
    model = st.Sequential(parts)
    one_hot = torch.eye(4)[y]
    logits = torch.log(torch.from_numpy(model.predict(mixed.x.permute(0, 2, 3, 1).numpy(), verbose=0)))
    each = F.cross_entropy(logits, mixed.targets(one_hot), reduction="none")
    expected = (each * torch.from_numpy(weight)).mean().item()
    heavier = torch.where(mixed.weight >= 0.5, torch.from_numpy(y), torch.from_numpy(y)[mixed.partner])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], mix=mix)
    torch.manual_seed(3)
    history = model.fit(x, y, batch_size=16, sample_weight=weight, shuffle=False, seed=0, verbose=0).history
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4)
    assert history["accuracy"][0] == pytest.approx((logits.argmax(1) == heavier).float().mean().item())


def test_mixing_needs_pictures_and_vectors():
    dense = st.Sequential([layers.Dense(2, "softmax", input_shape=(4,))])
    with pytest.raises(ArgumentError, match="pictures"):
        dense.compile("adam", "mse", mix="mixup")
    maps = st.Sequential([layers.Conv2D(2, 3, input_shape=(8, 8, 3))])
    with pytest.raises(ArgumentError, match="vectors"):
        maps.compile("adam", "mse", mix="mixup")


def test_frozen_layers_and_their_batch_norm_averages_do_not_move():
    x, y = pictures()
    st.set_seed(0)
    model = small_net()
    for layer in model.layers[:2]:
        layer.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = weights_of(model.module)
    model.fit(x, y, epochs=2, verbose=0)
    after = model.module.state_dict()
    moved = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert moved == {"dense"}
    model.trainable = True
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=1, verbose=0)
    after = model.module.state_dict()
    assert {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])} == {
        "conv2d",
        "batch_normalization",
        "dense",
    }


def test_several_inputs_and_outputs_train_with_losses_and_weights_by_name():
    a, b = layers.Input((6,), name="a"), layers.Input((4,), name="b")
    h = layers.Dense(8, activation="relu")(layers.Concatenate()([a, b]))
    model = st.Model([a, b], [layers.Dense(1, name="value")(h), layers.Dense(3, "softmax", name="kind")(h)])
    rng = np.random.default_rng(0)
    xs = {"a": rng.normal(size=(40, 6)).astype(np.float32), "b": rng.normal(size=(40, 4)).astype(np.float32)}
    ys = {"value": rng.normal(size=40).astype(np.float32), "kind": rng.integers(0, 3, 40)}
    st.set_seed(0)
    model.compile(
        st.optimizers.SGD(0.0),
        {"value": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"value": 0.5},
        metrics={"kind": ["accuracy"]},
    )
    history = model.fit(xs, ys, batch_size=40, epochs=1, verbose=0).history
    assert set(history) == {"loss", "value_loss", "kind_loss", "kind_accuracy"}
    value, kind = model.predict([xs["a"], xs["b"]])
    mse = ((value[:, 0] - ys["value"]) ** 2).mean()
    entropy = -np.log(kind[np.arange(40), ys["kind"]]).mean()
    assert history["value_loss"][0] == pytest.approx(mse, rel=1e-4)
    assert history["loss"][0] == pytest.approx(0.5 * mse + entropy, rel=1e-4)


def test_predict_gives_channels_last_maps_in_any_batch_size():
    st.set_seed(0)
    model = st.Sequential([layers.Conv2D(5, 3, input_shape=(8, 6, 2)), layers.MaxPooling2D(2)])
    x = np.random.default_rng(0).normal(size=(7, 8, 6, 2)).astype(np.float32)
    whole = model.predict(x)
    assert whole.shape == (7, 3, 2, 5)
    np.testing.assert_allclose(model.predict(x, batch_size=3), whole, atol=1e-6)
    with torch.no_grad():
        direct = model.module(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(whole, direct.numpy(), atol=1e-6)


def test_a_sequential_without_input_shape_learns_it_from_the_data():
    x, y = pictures()
    model = st.Sequential([layers.Flatten(), layers.Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=1, verbose=0)
    assert model.graph.input_shapes == [(8, 8, 1)]


def test_a_loss_that_becomes_nan_names_the_step_and_keeps_the_last_good_weights():
    x, y = pictures(256)
    st.set_seed(0)
    model = st.Sequential([layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(30), layers.Dense(1)])
    model.compile(st.optimizers.SGD(1e6), "mse")
    with pytest.raises(TrainingError, match=r"the loss became (nan|inf) at step \d+ \(epoch \d+, batch \d+ of 8"):
        model.fit(x, y.astype(np.float32), batch_size=32, epochs=20, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert np.isfinite(model.predict(x)).all()


def test_layers_tell_unknown_names_and_give_their_weights():
    model = small_net()
    with pytest.raises(ArgumentError, match='Did you mean "conv2d"'):
        model.get_layer("conv2")
    layer = model.get_layer("dense")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 2, bias + 1])
    np.testing.assert_allclose(layer.get_weights()[0], kernel * 2)
    with pytest.raises(ShapeError):
        layer.set_weights([bias, kernel])
    with pytest.raises(ShapeError):
        model.set_weights(model.get_weights()[1:])


def test_a_dataset_brings_its_preprocessing_and_labels_to_the_model():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 8, 8, 1)).astype(np.uint8), np.arange(40) % 4
    data = st.data.Dataset(
        x, y, classes=("a", "b", "c", "d"), preprocessing=st.data.Preprocessing.pictures((8, 8), 1, mean=0.5, std=0.25)
    )
    st.set_seed(0)
    model = small_net()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(data, epochs=1, verbose=0)
    assert model.labels == ["a", "b", "c", "d"]
    by_hand = ((x.astype(np.float32) / 255) - 0.5) / 0.25
    np.testing.assert_allclose(model.predict(x), model.predict(by_hand), atol=1e-6)
    np.testing.assert_allclose(model.predict(data), model.predict(by_hand), atol=1e-6)
    with pytest.raises(DataError):
        model.fit(st.data.Dataset(x), verbose=0)


def test_sixteen_bit_training_learns_and_keeps_float32_weights():
    x, y = pictures(256)
    st.set_seed(0)
    model = small_net()
    model.compile(st.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], precision="bf16")
    model.fit(x, y, epochs=6, verbose=0)
    assert model.evaluate(x, y)[1] > 0.9
    assert {p.dtype for p in model.module.parameters()} == {torch.float32}
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=1, verbose=0)  # and back to 32 bits in the same process


def test_any_torch_optimizer_and_any_loss_function_can_be_used():
    x, y = pictures()
    st.set_seed(0)
    model = small_net()

    def loss(y_true, y_pred):
        return F.nll_loss(torch.log(y_pred + 1e-9), y_true)

    model.compile(torch.optim.RAdam, loss)
    history = model.fit(x, y, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_numbers_of_any_type_train_and_predict_as_float32():
    x, y = pictures()
    st.set_seed(0)
    model = small_net()
    model.compile("adam", "sparse_categorical_crossentropy")
    expected = model.predict(x)
    np.testing.assert_allclose(model.predict(x.astype(np.float64)), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(x.tolist()), expected, atol=1e-6)
    model.fit(x.astype(np.float64), y, epochs=1, verbose=0)
    model.evaluate(x.astype(np.float16), y)


def test_one_callback_need_not_be_in_a_list_and_a_batch_of_none_is_refused():
    x, y = pictures()
    model = small_net()
    model.compile("adam", "sparse_categorical_crossentropy")
    seen = []
    model.fit(
        x, y, verbose=0, callbacks=st.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    )
    assert seen == [0]
    for call in (lambda: model.fit(x, y, batch_size=0), lambda: model.predict(x, 0), lambda: model.evaluate(x, y, 0)):
        with pytest.raises(ArgumentError, match=r"batch_size=.* must be a whole number of at least 1"):
            call()


def test_a_misspelt_layer_class_names_the_nearest():
    with pytest.raises(AttributeError, match='Did you mean "Conv2D"'):
        _ = layers.Conv2d


# -- figures -----------------------------------------------------------------------------------------------------------
def test_two_metrics_of_one_name_are_both_in_the_logs():
    model = small_net()
    auc = [st.metrics.AUC(), st.metrics.AUC(curve="PR")]
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=auc)
    x, y = pictures()
    told = model.evaluate(x, y, return_dict=True)
    assert list(told) == ["loss", "auc", "auc_1"]
    assert told["auc"] != told["auc_1"]


@pytest.mark.parametrize("loss", ["dice", "binary_crossentropy", "mse"])
def test_a_network_that_ends_in_sigmoids_is_measured_by_each_of_them_whatever_the_loss(loss):
    model = st.Sequential([layers.Input((3,)), layers.Activation("sigmoid")])
    model.compile("sgd", loss, metrics=["precision", "recall", "binary_crossentropy"])
    x, y = np.array([[2, 2, -2], [-2, 2, 2]], np.float32), np.array([[1, 1, 0], [0, 0, 1]], np.float32)
    told = model.evaluate(x, y, return_dict=True)
    assert (told["precision"], told["recall"]) == (pytest.approx(0.75), pytest.approx(1.0))
    expected = (np.logaddexp(0, -x) * y + np.logaddexp(0, x) * (1 - y)).mean()
    assert told["binary_crossentropy"] == pytest.approx(expected, rel=1e-5)
