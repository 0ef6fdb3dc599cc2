"""Copies of models: ``copy.deepcopy`` and ``pickle`` give a network of its own that answers and trains alike."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import striate as st
from striate import layers

X = np.random.default_rng(0).random((6, 6, 6, 1)).astype("float32")
Y = np.array([0, 1, 2, 0, 1, 2])


class Net(st.Model):
    def __init__(self):
        super().__init__()
        self.flat, self.out = layers.Flatten(), layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.out(self.flat(x))


class Waves(layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="w")

    def call(self, x):
        import torch

        return torch.sin(x * self.w)


def functional(ends):
    x = layers.Flatten()(layers.BatchNormalization()(layers.Conv2D(2, 3)(start := st.Input((6, 6, 1)))))
    return st.Model(start, ends(layers.Dense(3, activation="softmax")(x), layers.Dense(1)(x)))


MODELS = {
    "one output": lambda: functional(lambda a, b: a),
    "a list": lambda: functional(lambda a, b: [a, b]),
    "a dict": lambda: functional(lambda a, b: {"a": a, "b": b}),
    "sequential": lambda: st.Sequential([layers.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, "softmax")]),
    "not built": lambda: st.Sequential([layers.Flatten(), layers.Dense(3, "softmax")]),
    "nested": lambda: st.Sequential(
        [layers.Input((6, 6, 1)), st.Sequential([layers.Conv2D(2, 3)]), layers.Flatten(), layers.Dense(3, "softmax")]
    ),
    "own call": Net,
    "own layer": lambda: st.Sequential(
        [layers.Input((6, 6, 1)), Waves(), layers.Flatten(), layers.Dense(3, "softmax")]
    ),
}
COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model))}


def flat(answers):
    return list(answers.values() if isinstance(answers, dict) else answers if isinstance(answers, list) else [answers])


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", MODELS)
def test_a_copy_answers_alike_and_has_weights_of_its_own(kind, how):
    model = MODELS[kind]()
    COPIES[how](model)
    before = flat(model.predict(X))
    twin = COPIES[how](model)
    for one, other in zip(before, flat(twin.predict(X)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    twin.set_weights([array + 1 for array in twin.get_weights()])
    for one, other in zip(before, flat(model.predict(X)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_goes_on_training_where_its_model_stands(how):
    model = MODELS["one output"]()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=3, verbose=0, shuffle=False)
    twin = COPIES[how](model)
    one, other = (m.fit(X, Y, epochs=2, verbose=0, shuffle=False).history for m in (model, twin))
    assert one.keys() == other.keys()
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-5)
    assert twin.optimizer.iterations == model.optimizer.iterations == 5


def test_a_model_and_its_copy_can_be_cut_and_joined():
    model = MODELS["one output"]()
    twin = copy.deepcopy(model)
    joined = layers.Average()([model(start := st.Input((6, 6, 1))), twin(start)])
    both = st.Model(start, joined)
    np.testing.assert_allclose(both.predict(X), model.predict(X), atol=1e-6)
    head = st.Model(twin.input, layers.Dense(2)(twin.layers[-2].output))
    assert head.predict(X).shape == (6, 2)


@pytest.mark.slow
def test_a_pickle_is_read_by_another_process(tmp_path):
    model = st.Sequential([layers.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3)])
    model.predict(X)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    np.save(tmp_path / "x.npy", X)
    code = (
        "import pickle, sys, numpy as np; from pathlib import Path; folder = Path(sys.argv[1]); "
        "model = pickle.loads((folder / 'model.pickle').read_bytes()); "
        "np.save(folder / 'y.npy', model.predict(np.load(folder / 'x.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(X), atol=1e-6)
