"""The 8-bit twin and the choice of the fastest engine go where the weights go, and nowhere else."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from engine_nets import X, net

import striate as st
from striate import layers
from striate.errors import ArgumentError, Note

CHOICE = {"engine": "onnxruntime", "batch": 4}


def shipped():
    model = net()
    model.quantize(X)
    model._engine.choose(model, *CHOICE.values())
    return model


def saved(model, tmp_path):
    model.save(tmp_path / "net")
    return st.models.load_model(tmp_path / "net")


COPIES = {
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "copy": lambda model, _: copy.copy(model),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "a copy's copy": lambda model, _: copy.deepcopy(copy.deepcopy(model)),
    "saved": saved,
    "a copy saved": lambda model, path: saved(copy.deepcopy(model), path),
    "a saved one's copy": lambda model, path: copy.deepcopy(saved(model, path)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_has_the_twin_and_the_choice_until_its_weights_change(how, tmp_path):
    model = shipped()
    expected = model.predict(X, engine="int8")
    made = COPIES[how](model, tmp_path)
    np.testing.assert_array_equal(made.predict(X, engine="int8"), expected)
    assert made._engine.measured(made.graph) == CHOICE
    assert made._engine.quantized(made.graph).report == model._engine.quantized(model.graph).report
    made.set_weights([array * 1.01 for array in made.get_weights()])
    with pytest.raises(ArgumentError, match="weights have changed"):
        made.predict(X, engine="int8")
    assert made._engine.measured(made.graph) is None


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_a_copy_that_learns_before_it_is_asked_has_neither(how, tmp_path):
    made = COPIES[how](shipped(), tmp_path)
    with torch.no_grad():
        next(made.module.parameters()).mul_(1.01)
    with pytest.raises(ArgumentError, match="weights have changed"):
        made.predict(X, engine="int8")
    assert made._engine.measured(made.graph) is None


def test_a_twin_of_changed_weights_goes_into_no_copy():
    model = shipped()
    model.set_weights([array * 1.01 for array in model.get_weights()])
    with pytest.raises(ArgumentError, match="no int8 engine yet"):
        copy.deepcopy(model).predict(X, engine="int8")


def test_a_copy_with_an_auxiliary_output_has_the_twin():
    x = layers.Conv2D(4, 3)(start := st.Input((8, 8, 3)))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    model = st.Model(start, layers.Dense(3)(x), auxiliary=[(layers.Dense(3)(x), 0.3)])
    pictures = np.random.default_rng(0).random((8, 8, 8, 3), np.float32)
    model.quantize(pictures)
    expected = model.predict(pictures, engine="int8")
    np.testing.assert_array_equal(copy.deepcopy(model).predict(pictures, engine="int8"), expected)


def double_and_back(model):
    model.module.double()
    model.module.float()


def written_again(model):
    model.set_weights(model.get_weights())


def away_and_back(model):
    weights = model.get_weights()
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.add_(1)
    model.set_weights(weights)


@pytest.mark.parametrize("change", [double_and_back, written_again, away_and_back])
def test_numbers_that_are_the_same_again_have_the_same_twin_and_choice(change):
    model = shipped()
    expected = model.predict(X, engine="int8")
    change(model)
    np.testing.assert_array_equal(model.predict(X, engine="int8"), expected)
    assert model._engine.measured(model.graph) == CHOICE


def test_a_clone_has_weights_of_its_own_and_so_neither():
    made = st.models.clone_model(shipped())
    with pytest.raises(ArgumentError, match="no int8 engine yet"):
        made.predict(X, engine="int8")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_of_keras_says_that_it_keeps_neither(ending, tmp_path):
    with pytest.warns(Note, match="keeps neither the 8-bit twin nor which engine is the fastest"):
        shipped().save(tmp_path / f"net{ending}")


@pytest.mark.slow
def test_another_process_reads_a_pickle_with_its_twin(tmp_path):
    model = shipped()
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    np.save(tmp_path / "x.npy", X)
    code = (
        "import pickle, numpy as np; m = pickle.loads(open('model.pickle', 'rb').read()); "
        "np.save('y.npy', m.predict(np.load('x.npy'), engine='int8'))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(X, engine="int8"), atol=1e-5)
