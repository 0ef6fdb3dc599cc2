"""One number for each example, of shape (None,): in size, prediction, training and every engine, as any tensor."""

import numpy as np
import pytest

import striate as st
from striate import layers, ops
from striate.errors import DataError, StriateError

X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
TOTAL, LARGEST = X.sum(1), X.max(1)
# What a function of symbolic tensors makes of (None, 3), and the same in NumPy.
CASES = {
    "index": (lambda x: x[:, 1], X[:, 1]),
    "last index": (lambda x: x[..., -1], X[:, -1]),
    "sum": (lambda x: ops.sum(x, axis=1), TOTAL),
    "sum and 1": (lambda x: ops.sum(x, axis=1) * 2 + 1, TOTAL * 2 + 1),
    "1 - sum": (lambda x: 1 - ops.sum(x, axis=1), 1 - TOTAL),
    "sum * max": (lambda x: ops.sum(x, axis=1) * ops.max(x, axis=1), TOTAL * LARGEST),
    "quotient": (lambda x: ops.sum(x, axis=1) / (ops.max(x, axis=1) + 9), TOTAL / (LARGEST + 9)),
    "length": (lambda x: ops.sqrt(ops.sum(ops.square(x), axis=-1)), np.sqrt((X**2).sum(1))),
    "layer": (lambda x: layers.ReLU()(ops.sum(x, axis=1)), np.maximum(TOTAL, 0)),
    "merge": (lambda x: layers.Add()([ops.sum(x, axis=1), ops.max(x, axis=1)]), TOTAL + LARGEST),
    "squeeze": (lambda x: ops.squeeze(ops.sum(x, axis=1, keepdims=True), -1), TOTAL),
    "reshape": (lambda x: ops.reshape(x[:, :1], (-1,)), X[:, 0]),
    "Reshape": (lambda x: layers.Reshape(())(x[:, :1]), X[:, 0]),
    "take": (lambda x: ops.take(x, 2, axis=1), X[:, 2]),
    "argmax": (lambda x: ops.argmax(x, axis=-1), X.argmax(1)),
    "logsumexp": (lambda x: ops.logsumexp(x, axis=1), np.log(np.exp(X).sum(1))),
    "torch": (lambda x: layers.Lambda(lambda v: v.std(1, correction=0))(x), X.std(1)),
    "where": (
        lambda x: ops.where(ops.sum(x, axis=1) > 0.0, ops.max(x, axis=1), ops.min(x, axis=1)),
        np.where(TOTAL > 0, LARGEST, X.min(1)),
    ),
    "expand_dims": (lambda x: ops.expand_dims(ops.sum(x, axis=1), -1), TOTAL[:, None]),
    "Flatten": (lambda x: layers.Flatten()(x[:, 0]), X[:, :1]),
    "stack": (
        lambda x: ops.stack([ops.sum(x, axis=1), ops.max(x, axis=1)], axis=1),
        np.stack([TOTAL, LARGEST], axis=1),
    ),
    "weights": (lambda x: x * ops.expand_dims(ops.sum(x, axis=1), -1), X * TOTAL[:, None]),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_numpy_says_in_every_engine_and_batch(name):
    build, truth = CASES[name]
    inputs = st.Input((3,))
    model = st.Model(inputs, build(inputs))
    assert model.output_shape == (None, *truth.shape[1:])
    for engine in ("torch", "onnxruntime"):
        for size in (1, 2, 7):
            np.testing.assert_allclose(model.predict(X, batch_size=size, engine=engine), truth, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(X).numpy(), truth, rtol=1e-5, atol=1e-6)
    assert model.size().row(model.graph.name(model.graph.outputs[0].node.layer)).output_shape == truth.shape[1:]


def answering(column):
    st.set_seed(1)
    inputs = st.Input((3,))
    answer = layers.Dense(1, activation="sigmoid")(inputs)
    model = st.Model(inputs, answer if column else ops.squeeze(answer, -1))
    model.get_weights()  # drawn now
    return model


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse", "hinge", "mae", "huber", "binary_focal_crossentropy"])
@pytest.mark.parametrize("metric", ["accuracy", "mae", "AUC", "Precision", "R2Score", "F1Score"])
def test_training_and_figures_are_those_of_a_column(loss, metric):
    y, w = (TOTAL > 0).astype(int), np.linspace(0.1, 2, 7)
    found = []
    for column in (False, True):
        model = answering(column)
        model.compile("sgd", loss, metrics=[metric], weighted_metrics=["mae"])
        history = model.fit(X, y, batch_size=3, shuffle=False, sample_weight=w, verbose=0, epochs=2).history
        found.append([*np.hstack([*history.values()]), *model.evaluate(X, y, sample_weight=w, batch_size=2)])
        found[-1] += [*model.evaluate(X, y, engine="onnxruntime"), *model.train_on_batch(X, y[:, None])]
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_one_yes_or_no_is_read_as_one(tmp_path):
    model, column = answering(False), answering(True)
    assert (model.answers.activation, model.answers.classes) == ("sigmoid", 2)
    said, meant = (st.tasks.classify(one, X) for one in (model, column))
    assert [[guess.label for guess in row] for row in said] == [[guess.label for guess in row] for row in meant]
    for name in ("folder", "file.keras"):
        model.save(tmp_path / name)
        again = st.models.load_model(tmp_path / name)
        np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(2),
        layers.Softmax(),
        layers.Activation("softmax"),
        layers.BatchNormalization(),
        layers.LayerNormalization(),
        layers.GlobalAveragePooling1D(),
        layers.Conv1D(2, 1),
        layers.PReLU(),
        layers.RepeatVector(2),
    ],
)
def test_what_needs_channels_says_so(layer):
    with pytest.raises(StriateError, match=r"\(\)"):
        layer(st.Input(()))


@pytest.mark.parametrize("kind", ["float32", "int32"])
@pytest.mark.parametrize("shape", [(5,), ()])
def test_an_embedding_takes_ids_of_any_type_and_says_which_are_none(kind, shape):
    inputs = st.Input(shape, dtype=kind)
    layer = layers.Embedding(4, 2)
    model = st.Model(inputs, layer(inputs))
    ids = np.random.default_rng(0).integers(0, 4, (6, *shape))
    for engine in ("torch", "onnxruntime"):
        for dtype in ("float32", "float64", "int64", "int32", "uint8"):
            np.testing.assert_array_equal(
                model.predict(ids.astype(dtype), engine=engine), layer.embeddings.numpy()[ids]
            )
        for wrong in (4, -1):
            with pytest.raises(DataError, match="ids from 0 to 3"):
                model.predict(np.full((2, *shape), wrong), engine=engine)
    if kind == "int32":
        with pytest.raises(StriateError, match="whole numbers"):
            model.predict(np.full((2, *shape), 1.5))
