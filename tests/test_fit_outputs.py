"""``compile`` and ``fit`` as Keras has them: outputs without a loss, weights of each output, steps together, stops."""

import numpy as np
import pytest

import striate as st
from striate import callbacks, layers
from striate.errors import ArgumentError, DataError, Note

X = np.arange(1, 9, dtype="float32")[:, None] / 8
Y = np.zeros((8, 1), "float32")


def twins(**compiled):
    """Two outputs, x and 2 x, that begin as just that."""
    inputs = layers.Input((1,))
    heads = [
        layers.Dense(1, use_bias=False, kernel_initializer=st.initializers.Constant(k), name=name)(inputs)
        for k, name in ((1.0, "a"), (2.0, "b"))
    ]
    model = st.Model(inputs, heads)
    model.compile("sgd", **compiled)
    return model


def line(**compiled):
    model = st.Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", "mse", **compiled)
    return model


# -- losses ------------------------------------------------------------------------------------------------------------
def test_an_output_without_a_loss_needs_no_targets_and_does_not_count():
    model = twins(loss=["mse", None])
    for y in (Y, [Y], {"a": Y}, [Y, Y]):
        figures = model.evaluate(X, y, return_dict=True)
        assert list(figures) == ["loss", "a_loss"]
        assert figures["loss"] == pytest.approx(float(np.mean(X**2)))
    model.fit(X, Y, verbose=0)
    a, b = (float(w.numpy()) for w in model.weights)
    assert a < 1
    assert b == 2


def test_a_model_without_any_loss_is_one_clear_line_when_it_is_to_train():
    model = twins(loss=None)
    assert len(model.predict(X)) == 2
    with pytest.raises(ArgumentError, match="there is no loss: give compile one"):
        model.fit(X, verbose=0)


def test_penalties_alone_can_be_trained():
    model = st.Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False, kernel_regularizer="l2")])
    model.compile("sgd")
    before = abs(float(model.weights[0].numpy()))
    model.fit(X, verbose=0)
    assert abs(float(model.weights[0].numpy())) < before


# -- weights of the samples ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["list", "dict", "tensor", "column"])
def test_each_output_has_weights_of_its_own(form):
    w = np.arange(8, dtype="float32")
    model = twins(loss="mse", metrics=[["mse"], ["mse"]], weighted_metrics=[["mse"], []])
    given = {
        "list": [w, None],
        "dict": {"a": w},
        "tensor": [st.ops.convert_to_tensor(w), np.ones(8)],
        "column": [w[:, None], None],
    }[form]
    figures = model.evaluate(X, [Y, Y], sample_weight=given, return_dict=True)
    square = X[:, 0] ** 2
    assert figures["a_loss"] == pytest.approx(np.mean(w * square))  # Keras divides by the number of samples
    assert figures["b_loss"] == pytest.approx(np.mean(4 * square))
    assert figures["a_mse"] == pytest.approx(np.mean(square))
    assert figures["a_weighted_mse"] == pytest.approx(np.sum(w * square) / w.sum())
    assert list(figures) == ["loss", "a_loss", "b_loss", "a_mse", "b_mse", "a_weighted_mse"]


def test_places_have_weights_of_their_own():
    model = st.Sequential([layers.Input((2, 3, 1)), layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", "mse", weighted_metrics=["mse"])
    x, w = np.random.rand(4, 2, 3, 1), np.random.rand(4, 2, 3)
    loss, weighted = model.evaluate(x, np.zeros_like(x), sample_weight=w)
    assert loss == pytest.approx(np.mean(w * x[..., 0] ** 2), rel=1e-5)
    assert weighted == pytest.approx(np.sum(w * x[..., 0] ** 2) / w.sum(), rel=1e-5)
    with pytest.raises(DataError, match=r"one for each place, \(4, 2, 3\); it got \(4, 3\)"):
        model.evaluate(x, np.zeros_like(x), sample_weight=w[:, 0])


def test_weights_of_no_output_are_named():
    with pytest.raises(DataError, match='there is no output "c"; the outputs are a, b'):
        twins(loss="mse").fit(X, [Y, Y], sample_weight={"c": Y[:, 0]}, verbose=0)
    with pytest.raises(ArgumentError, match="give sample_weight, a list or dict of weights for each output"):
        twins(loss="mse").fit(X, [Y, Y], class_weight={0: 1.0}, verbose=0)


def test_class_weights_count_in_weighted_metrics():
    model = line(weighted_metrics=["mse"], metrics=["mse"])
    y = np.array([0, 1] * 4, "float32")
    weights = np.where(y == 1, 3.0, 1.0)
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, y, class_weight={1: 3.0}, batch_size=3, verbose=0).history
    error = (X[:, 0] - y) ** 2
    assert history["loss"][0] == pytest.approx(np.mean(weights * error), rel=1e-5)
    assert history["mse"][0] == pytest.approx(np.mean(error), rel=1e-5)
    assert history["weighted_mse"][0] == pytest.approx(np.sum(weights * error) / weights.sum(), rel=1e-5)


# -- steps and stops -----------------------------------------------------------------------------------------------------
def test_hooks_are_called_once_for_the_steps_that_go_together():
    told = []
    watch = callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: told.append(batch),
        on_train_batch_end=lambda batch, logs: told.append(-batch),
        on_test_batch_begin=lambda batch, logs: told.append(batch),
        on_predict_batch_begin=lambda batch, logs: told.append(batch),
    )
    model = line(steps_per_execution=3)
    model.fit(X, Y, batch_size=1, verbose=0, callbacks=[watch])
    assert told == [0, -2, 3, -5, 6, -8]  # 8 batches; Keras 3 counts the last call to its full length, too
    told.clear()
    model.evaluate(X, Y, batch_size=1, callbacks=[watch])
    model.predict(X, batch_size=1, callbacks=[watch])
    assert told == [0, 3, 6, 0, 3, 6]


def test_an_epoch_is_whole_calls_of_the_hooks():
    """As in Keras: 5 steps an epoch, 2 to a call, are 3 calls and then the 2 that are left of 10 batches."""
    begun = []
    watch = callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: begun.append(batch))
    x = np.ones((10, 1), "float32")
    with pytest.warns(Note, match="The data ran out"):
        line(steps_per_execution=2).fit(x, x, batch_size=1, epochs=2, steps_per_epoch=5, verbose=0, callbacks=[watch])
    assert begun == [0, 2, 4, 0, 2]


@pytest.mark.parametrize(
    ("method", "flag", "hook"), [("evaluate", "evaluating", "test"), ("predict", "predicting", "predict")]
)
def test_a_callback_ends_what_has_no_end(method, flag, hook):
    seen = []

    def stop(batch, logs):
        seen.append(batch)
        if batch == 3:
            setattr(model, f"stop_{flag}", True)

    def forever():
        while True:
            yield (X,) if method == "predict" else (X, Y)

    model = line()
    getattr(model, method)(forever(), callbacks=[callbacks.LambdaCallback(**{f"on_{hook}_batch_end": stop})])
    assert seen == [0, 1, 2, 3]


def test_a_frozen_model_goes_through_the_motions_and_says_so():
    model = line()
    model.trainable = False
    with pytest.warns(Note, match="nothing to train"):
        history = model.fit(X, Y, epochs=2, verbose=0)
    assert history.history["loss"] == pytest.approx([float(np.mean(X**2))] * 2)
    assert model.optimizer.iterations == 2


@pytest.mark.parametrize("endless", [False, True])
def test_batches_by_number_may_say_how_many_they_are_as_num_batches(endless):
    class Numbered(st.utils.PyDataset):
        num_batches = property(lambda self: None if endless else 4)

        def __getitem__(self, index):
            return X[:2], Y[:2]

    model = line()
    model.fit(Numbered(workers=2), epochs=2, steps_per_epoch=3 if endless else None, verbose=0)
    assert model.optimizer.iterations == (6 if endless else 8)
