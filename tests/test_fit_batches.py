"""Training, evaluation and prediction by batches: loaders, generators, one batch at a time, and hooks in Keras' order."""

import itertools

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError, DataError, Note, StriateError

X = np.arange(10, dtype="float32")[:, None]
Y = np.zeros((10, 1), "float32")


class Hooks(st.callbacks.Callback):
    """The names of hooks as they are called."""

    def __init__(self):
        self.seen, self.logs = [], {}


def _recorded(name):
    def hook(self, *args):
        self.seen.append((name.removeprefix("on_"), *args[:-1]))
        self.logs[name] = dict(args[-1])

    return hook


for _name in [
    n for n in vars(st.callbacks.Callback) if n.startswith("on_") and n not in ("on_batch_begin", "on_batch_end")
]:
    setattr(Hooks, _name, _recorded(_name))


def line(optimizer="sgd", **compiled):
    """y = w x from w = 1."""
    model = st.Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer, "mse", **compiled)
    return model


def weight(model):
    return float(model.module.state_dict()["dense.weight"])


def stepped(batches, w=1.0, rate=0.001):
    """Plain gradient descent on the mean of (w x)^2 over each batch."""
    for x in batches:
        w -= rate * 2 * w * float(np.mean(np.square(x)))
    return w


def pairs():
    return [(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]


class Numbered:
    """As Keras' PyDataset: batches by number."""

    def __init__(self):
        self.ended = 0

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return pairs()[i]

    def on_epoch_end(self):
        self.ended += 1


def loader():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=4)


@pytest.mark.parametrize(
    "source", [pairs, lambda: iter(pairs()), loader, Numbered, lambda: tuple(pairs()), lambda: (p for p in pairs())]
)
def test_any_iterable_of_batches_trains_evaluates_and_predicts(source):
    model = line(st.optimizers.SGD(0.001))
    history = model.fit(source(), shuffle=False, verbose=0)
    assert weight(model) == pytest.approx(stepped(x for x, _ in pairs()), rel=1e-6)
    assert history.epoch == [0]
    same = line(st.optimizers.SGD(0.001))
    expected = same.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    assert history.history["loss"] == pytest.approx(expected.history["loss"])
    assert model.evaluate(source()) == pytest.approx(same.evaluate(X, Y), rel=1e-6)
    np.testing.assert_allclose(model.predict(source()), same.predict(X), rtol=1e-6)


def test_epochs_of_a_generator_go_on_where_it_is():
    model, hooks = line(st.optimizers.SGD(0.001)), Hooks()
    endless = ((x, y) for x, y in itertools.cycle(pairs()))
    model.fit(endless, steps_per_epoch=2, epochs=3, verbose=0, callbacks=hooks)
    assert [s for s in hooks.seen if s[0] == "epoch_end"] == [("epoch_end", 0), ("epoch_end", 1), ("epoch_end", 2)]
    assert weight(model) == pytest.approx(stepped(x for x, _ in pairs() * 2), rel=1e-6)


def test_a_generator_that_ends_ends_the_training_with_a_note():
    model = line()
    with pytest.warns(Note, match="ran out"):
        history = model.fit(iter(pairs()), epochs=3, verbose=0)
    assert history.epoch == [0]


def test_weights_of_samples_come_with_the_batches():
    model, same = line(), line()
    weights = np.linspace(0, 1, 10).astype("float32")
    model.fit([(X[:5], Y[:5], weights[:5]), (X[5:], Y[5:], weights[5:])], verbose=0)
    same.fit(X, Y, batch_size=5, shuffle=False, sample_weight=weights, verbose=0)
    assert weight(model) == weight(same)


def test_a_network_takes_its_input_from_the_first_batch():
    model = st.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(pairs(), validation_data=loader(), verbose=0)
    assert model.predict(X).shape == (10, 1)
    fresh = st.Sequential([layers.Dense(2)])
    assert fresh.predict(X).shape == (10, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.fit(pairs(), validation_split=0.5), "for arrays"),
        (lambda m: m.fit(pairs(), resume="x"), "for arrays"),
        (lambda m: m.fit(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))), "DataLoader"),
        (lambda m: m.fit(iter([])), "no batch"),
        (lambda m: m.fit([(X, Y, Y, Y)] * 2), "targets|parts|array"),
        (lambda m: m.fit(X, Y, steps_per_epoch=0), "steps_per_epoch"),
        (lambda m: m.fit(X, Y, validation_freq=0), "validation_freq"),
        (lambda m: m.fit(X, Y, validation_data=3), "validation_data is"),
    ],
)
def test_what_cannot_feed_a_training_is_one_clear_line(call, message):
    with pytest.raises(StriateError, match=message):
        call(line())


def test_an_open_schedule_needs_a_length():
    model = line(st.optimizers.SGD(st.optimizers.schedules.CosineDecay(0.1)))
    with pytest.raises(ArgumentError, match="steps_per_epoch"):
        model.fit(iter(pairs()), verbose=0)


def test_whole_numbers_are_numbers_unless_the_network_looks_them_up():
    whole, model = np.arange(10)[:, None], line(st.optimizers.SGD(0.001))
    same = line(st.optimizers.SGD(0.001))
    model.fit(whole, Y, shuffle=False, verbose=0)
    same.fit(X, Y, shuffle=False, verbose=0)
    assert weight(model) == weight(same)
    np.testing.assert_array_equal(model.predict(whole), same.predict(X))
    reader = st.Sequential([layers.Input((4,)), layers.Embedding(9, 3), layers.Flatten()])
    assert reader.predict(np.arange(8).reshape(2, 4)).shape == (2, 12)


# -- steps -------------------------------------------------------------------------------------------------------------
def test_epochs_of_some_steps_go_on_through_the_data():
    """Ten samples in batches of two: five batches; epochs of two have batches 0 1, 2 3, 4, 0 1."""
    model = line(st.optimizers.SGD(0.001))
    batches = [X[i : i + 2] for i in range(0, 10, 2)]
    with pytest.warns(Note, match="ran out"):
        history = model.fit(X, Y, batch_size=2, steps_per_epoch=2, epochs=4, shuffle=False, verbose=0)
    assert weight(model) == pytest.approx(stepped(batches + batches[:2]), rel=1e-6)
    assert history.epoch == [0, 1, 2, 3]


def test_class_weights_never_weigh_what_is_held_out():
    x, y = np.random.rand(40, 3).astype("float32"), np.arange(40) % 2
    results = []
    for weights in (None, {0: 5.0, 1: 1.0}):
        st.set_seed(0)
        model = st.Sequential([layers.Input((3,)), layers.Dense(2, activation="softmax")])
        model.compile(st.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        results.append(model.fit(x, y, validation_split=0.5, class_weight=weights, verbose=0).history)
    assert results[0]["val_loss"] == results[1]["val_loss"]
    assert results[0]["loss"] != results[1]["loss"]


def test_validation_of_some_steps_after_some_epochs():
    model, hooks = line(st.optimizers.SGD(0.0)), Hooks()
    history = model.fit(
        X,
        Y,
        epochs=4,
        validation_data=(X, Y),
        validation_batch_size=2,
        validation_steps=2,
        validation_freq=2,
        verbose=0,
    )
    assert len(history.history["val_loss"]) == 2
    assert history.history["val_loss"][0] == pytest.approx(np.mean(np.square(X[:4])))
    model.fit(X, Y, epochs=3, validation_data=(X, Y), validation_freq=[1, 3], verbose=0, callbacks=hooks)
    assert [s[0] for s in hooks.seen].count("test_begin") == 2


# -- hooks -------------------------------------------------------------------------------------------------------------
def test_hooks_of_a_training_come_in_keras_order():
    model, hooks = line(), Hooks()
    model.fit(X, Y, batch_size=5, validation_data=(X[:5], Y[:5]), verbose=0, callbacks=[hooks])
    assert hooks.seen == [
        ("train_begin",),
        ("epoch_begin", 0),
        ("train_batch_begin", 0),
        ("train_batch_end", 0),
        ("train_batch_begin", 1),
        ("train_batch_end", 1),
        ("test_begin",),
        ("test_batch_begin", 0),
        ("test_batch_end", 0),
        ("test_end",),
        ("epoch_end", 0),
        ("train_end",),
    ]
    assert set(hooks.logs["on_test_end"]) == {"loss"}
    assert set(hooks.logs["on_epoch_end"]) == set(hooks.logs["on_train_end"]) == {"loss", "val_loss"}
    assert set(hooks.logs["on_train_batch_end"]) == {"loss"}


def test_hooks_of_evaluation_and_prediction():
    model, hooks = line(), Hooks()
    figures = model.evaluate(X, Y, batch_size=4, steps=2, callbacks=hooks, return_dict=True)
    assert figures["loss"] == pytest.approx(np.mean(np.square(X[:8])))
    assert [s[0] for s in hooks.seen] == ["test_begin", *["test_batch_begin", "test_batch_end"] * 2, "test_end"]
    hooks.seen.clear()
    assert model.predict(X, batch_size=4, steps=2, callbacks=[hooks]).shape == (8, 1)
    assert [s[0] for s in hooks.seen] == [
        "predict_begin",
        *["predict_batch_begin", "predict_batch_end"] * 2,
        "predict_end",
    ]
    assert hooks.logs["on_predict_batch_end"]["outputs"].shape == (4, 1)


# -- one batch ---------------------------------------------------------------------------------------------------------
def test_one_batch_at_a_time():
    model = line(st.optimizers.SGD(0.001), metrics=["mae"])
    assert model.metrics_names == ["loss", "mae"]
    first = model.train_on_batch(X[:4], Y[:4])
    assert first == pytest.approx([np.mean(np.square(X[:4])), np.mean(X[:4])])
    assert weight(model) == pytest.approx(stepped([X[:4]]), rel=1e-6)
    w = weight(model)
    second = model.train_on_batch(X[4:8], Y[4:8], return_dict=True)  # its own figures, as in Keras 3
    assert second["loss"] == pytest.approx(np.mean(np.square(w * X[4:8])))
    w = weight(model)
    assert model.test_on_batch(X[:2], Y[:2])[0] == pytest.approx(np.mean(np.square(w * X[:2])))
    assert weight(model) == w
    np.testing.assert_allclose(model.predict_on_batch(X[:3]), w * X[:3], rtol=1e-6)
    assert int(model.optimizer.iterations) == 2


def test_weights_of_one_batch():
    model = line(st.optimizers.SGD(0.0))
    loss = model.train_on_batch(X[:2], Y[:2], sample_weight=np.array([1.0, 3.0]))
    assert loss == pytest.approx((0 + 3 * 1) / 2)


def test_a_model_is_called_on_arrays_and_gradients_go_through():
    model = st.Sequential(
        [layers.Input((4, 4, 1)), layers.Dropout(0.5), layers.Conv2D(2, 3), layers.BatchNormalization()]
    )
    x = np.random.rand(3, 4, 4, 1).astype("float32")
    out = model(x, training=False)
    assert isinstance(out, torch.Tensor)
    assert np.asarray(out).shape == out.numpy().shape == (3, 2, 2, 2)
    np.testing.assert_allclose(out.numpy(), model.predict(x), atol=1e-6)
    assert type(out.sum()) is torch.Tensor
    moving = [t.clone() for t in model.module.buffers()]
    given = torch.tensor(x, requires_grad=True)
    model(given, training=True).square().sum().backward()
    assert given.grad.shape == given.shape
    assert any((a != b).any() for a, b in zip(moving, model.module.buffers(), strict=True))
    assert not model.module.training
    with pytest.raises(DataError, match="takes"):
        model(torch.zeros(3, 1, 4, 4))


def test_a_loop_of_ones_own_is_what_fit_does():
    model, same = line(st.optimizers.Adam(0.1)), line(st.optimizers.Adam(0.1))
    optimizer = st.optimizers.Adam(0.1)
    weights = list(model.module.parameters())
    for x, y in pairs():
        loss = (model(x, training=True) - torch.tensor(y)).square().mean()
        optimizer.apply_gradients(zip(torch.autograd.grad(loss, weights), weights, strict=True))
    same.fit(pairs(), verbose=0)
    assert weight(model) == pytest.approx(weight(same), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("export", r"export_onnx\(path"),
        ("fit_generator", r"fit\(generator"),
        ("predict_classes", "argmax"),
        ("predict_proba", "predict"),
    ],
)
def test_methods_of_keras_that_are_not_here_name_what_replaces_them(name, instead):
    with pytest.raises(AttributeError, match=instead):
        getattr(line(), name)
    assert not hasattr(line(), "no_such_thing")


# -- compile -----------------------------------------------------------------------------------------------------------
def test_arguments_of_compile_at_keras_defaults_are_taken():
    line(weighted_metrics=None, run_eagerly=False, steps_per_execution=1, jit_compile="auto", auto_scale_loss=True)
    line(run_eagerly=True)
    with pytest.warns(Note, match="jit_compile"):
        line(jit_compile=True)


def test_a_policy_says_in_which_numbers_to_train():
    from striate import mixed_precision

    try:
        mixed_precision.set_global_policy("mixed_bfloat16")
        model = line()
        assert model._compiled().precision == "bf16"
        model.fit(X, Y, verbose=0)
        assert model.module.state_dict()["dense.weight"].dtype == torch.float32
        assert mixed_precision.global_policy().compute_dtype == "bfloat16"
    finally:
        mixed_precision.set_global_policy(mixed_precision.Policy("float32"))
    assert line()._compiled().precision == "float32"
    with pytest.raises(ArgumentError, match="mixed_float16"):
        mixed_precision.set_global_policy("float16")
