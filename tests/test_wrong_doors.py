"""Wrong values at the doors that people use most: what is said, with its numbers; nothing is taken without a word."""

import copy
import operator

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, ops
from striate.errors import ArgumentError, NoNumbersError, StriateError

X = np.random.default_rng(0).random((12, 8, 8, 1)).astype(np.float32)
Y = np.arange(12) % 3
HOLE = np.where(np.arange(12)[:, None, None, None] == 3, np.nan, X).astype(np.float32)


def small():
    model = st.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def stream(*batches):
    yield (X[:4], Y[:4])
    yield from batches


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"class_weight": [1, 2, 3]}, "class_weight is a dict"),
        ({"class_weight": "balanced"}, "class_weight is a dict.*'balanced'"),
        ({"class_weight": {7: 1}}, "no class 7; the network has 3, 0 to 2"),
        ({"class_weight": {0: None}}, "weight of class 0 is a number, not None"),
        ({"class_weight": {0: np.nan}}, "weight of class 0 is a number, not nan"),
        ({"class_weight": {1.5: 2}}, "1.5 is not a class"),
        ({"batch_size": 2.5}, "batch_size is a whole number or None, not 2.5"),
        ({"epochs": "3"}, "epochs is a whole number, not '3'"),
        ({"initial_epoch": -1}, "initial_epoch=-1"),
        ({"x": HOLE}, "NaN or infinity in 1 of 12 samples, first in sample 3"),
        ({"y": np.where(Y == 1, np.nan, Y)}, "targets .* NaN or infinity in 4 of 12"),
        ({"y": Y + 0.5}, "0.5 is not one"),
        ({"y": np.array(list("abc" * 4))}, "targets .* not an array of numbers"),
        ({"sample_weight": np.full(12, np.nan)}, "sample_weight holds NaN"),
        ({"sample_weight": 2.0}, r"one number per sample, \(12,\)"),
        ({"validation_batch_size": 0, "validation_data": (X, Y)}, "validation_batch_size=0"),
        ({"validation_freq": ["a"], "validation_data": (X, Y)}, "validation_freq='a'"),
        ({"validation_data": (X[:, :7], Y)}, r"\(12, 7, 8, 1\)"),
        ({"validation_data": X}, r"validation_data is \(x, y\)"),
        ({"validation_split": 1.0}, "validation_split"),
        ({"validation_split": float("nan")}, "validation_split is a number, not nan"),
        ({"callbacks": 3}, "callbacks is a callback or a list of them, not 3"),
        ({"callbacks": "EarlyStopping"}, "callbacks is a callback or a list of them"),
        ({"device": "nowhere"}, "\"nowhere\" is not here; give 'cpu'"),
        ({"shuffle": "no"}, "shuffle is True or False, not 'no'"),
        ({"x": iter(()), "y": None}, "gave no batch"),
        ({"x": stream((X[:4, :7], Y[:4])), "y": None}, r"\(4, 7, 8, 1\)"),
        ({"x": stream((X[:4], Y[:3])), "y": None}, "4 inputs but 3 targets"),
        ({"x": stream((X[:4], Y[:4] + 5)), "y": None}, "labels run from 5"),
        ({"x": stream((HOLE[:4], Y[:4])), "y": None}, "NaN or infinity in 1 of 4"),
        ({"x": stream("no"), "y": None}, "no"),
        ({"x": st.Input((8, 8, 1))}, "is symbolic"),
    ],
)
def test_fit_says_which_argument_is_wrong_and_with_which_numbers(given, says):
    with pytest.raises(StriateError, match=says):
        small().fit(**{"x": X, "y": Y, "verbose": 0} | given)


def test_weights_of_classes_that_there_are_count_as_before():
    model = small()
    model.set_weights([np.zeros((64, 3)), np.zeros(3)])
    history = model.fit(X, Y, class_weight={np.int64(2): np.float32(3)}, batch_size=12, verbose=0).history
    assert history["loss"][0] == pytest.approx(np.log(3) * 5 / 3, rel=1e-5)  # as in Keras: over the number of samples


@pytest.mark.parametrize("steps", [0, -1])
def test_no_steps_are_said(steps):
    for call in (lambda: small().predict(X, steps=steps), lambda: small().evaluate(X, Y, steps=steps)):
        with pytest.raises(ArgumentError, match=f"steps={steps} must be a whole number of at least 1"):
            call()


@pytest.mark.parametrize("wrong", [0, -1, 1.5, 2.0, True, False, "3", float("nan"), np.float32(2)], ids=repr)
def test_a_batch_is_a_whole_number_of_at_least_one_sample_everywhere(wrong):
    model = small()
    for call in (
        lambda: model.fit(X, Y, batch_size=wrong, verbose=0),
        lambda: model.fit(X, Y, epochs=0, batch_size=wrong, verbose=0),
        lambda: model.evaluate(X, Y, batch_size=wrong),
        lambda: model.predict(X, batch_size=wrong),
        lambda: list(st.tasks.answer_files(model, ["a.png"], batch_size=wrong)),
        lambda: list(st.tasks.classify_files(model, ["a.png"], batch_size=wrong)),
        lambda: st.utils.image_dataset_from_directory(".", batch_size=wrong),
    ):
        with pytest.raises(ArgumentError, match=r"batch_size.* (must be|is) a whole number"):
            call()
    assert len(model.predict(X, batch_size=np.int64(5))) == len(X)


@pytest.mark.parametrize("set_on", ["model", "layer"])
def test_trainable_is_true_or_false(set_on):
    model = small()
    target = model if set_on == "model" else model.layers[-1]
    for wrong in ("no", None, [], 2):
        with pytest.raises(ArgumentError, match="trainable is True or False"):
            target.trainable = wrong
    for right in (False, np.bool_(False), 0):
        target.trainable = right
        assert not model.layers[-1].trainable


def test_a_models_arrays_for_torch_are_named_where_they_are():
    model = small()
    with pytest.raises(ArgumentError, match=r"model\.module\.parameters\(\)"):
        torch.optim.SGD(model.parameters(), lr=0.1)
    torch.optim.SGD(model.module.parameters(), lr=0.1)
    for name in ("state_dict", "eval", "train", "to"):
        with pytest.raises(AttributeError, match=r"no torch module and has no .*model\.module"):
            getattr(model, name)


def test_an_engine_says_what_does_not_fit_and_keeps_the_cause(tmp_path):
    file = tmp_path / "net.onnx"
    small().export_onnx(file)
    engine = st.ship.Engine(file)
    for arrays, says in (([X[:, :7]], "7, 8, 1"), ([X, X], "1 input; 2 were given"), ([X[:0]], "0, 8, 8, 1")):
        with pytest.raises(StriateError, match=says):
            engine.predict(arrays)
    file.write_bytes(b"junk")
    for wrong, says in ((file, "not a whole ONNX file"), (tmp_path / "none.onnx", "no such file")):
        with pytest.raises(StriateError, match=says):
            st.ship.Engine(wrong)
    with pytest.raises(StriateError, match="ONNX Runtime cannot use") as caught:
        st.ship.Engine(b"junk")
    assert caught.value.__cause__ is not None


SYMBOLIC = {
    "if": bool,
    "len": len,
    "list": list,
    "in": lambda x: 3 in x,
    "float": float,
    "int": int,
    "np.asarray": np.asarray,
    "np.exp": np.exp,
    "np.mean": np.mean,
    "np.stack": lambda x: np.stack([x, x]),
    "torch.relu": torch.relu,
    "torch.cat": lambda x: torch.cat([x, x]),
    "torch.tensor": torch.tensor,
    "torch.nn": torch.nn.Linear(3, 2),
    "max": lambda x: max(x, x * 2),
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_a_symbolic_tensor_has_no_numbers_and_says_so(name):
    with pytest.raises(NoNumbersError, match="is symbolic: it has a shape but no numbers"):
        SYMBOLIC[name](st.Input((3,)))


def test_the_function_to_write_instead_is_named():
    for call, says in (
        (np.exp, r"ops\.exp"),
        (torch.relu, r"ops\.relu"),
        (lambda x: torch.cat([x]), r"ops\.concatenate"),
    ):
        with pytest.raises(NoNumbersError, match=says):
            call(st.Input((3,)))


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor, np.float32])
def test_arrays_and_tensors_join_symbolic_tensors_from_either_side(make):
    inputs = st.Input((3,))
    for how in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.gt):
        for first in (True, False):
            constant = make(1.5) if make is np.float32 else make([1.5, 2.0, 0.5])
            result = how(constant, inputs) if first else how(inputs, constant)
            x = np.float32([[1.0, 1.5, 2.0]])
            truth = how(np.asarray(constant, np.float32), x) if first else how(x, np.asarray(constant, np.float32))
            np.testing.assert_allclose(st.Model(inputs, result).predict(x), truth, rtol=1e-5)


def test_a_symbolic_tensor_comes_from_a_call_and_can_be_compared_with_none_and_copied():
    with pytest.raises(ArgumentError, match=r"Input\(batch_shape=\(2, 3\)\)"):
        st.KerasTensor((2, 3))
    inputs = st.Input((3,))
    assert inputs is not None
    assert inputs in [None, inputs]
    assert copy.copy(inputs).shape == (None, 3)
    assert sum([inputs, inputs]).shape == ops.add(inputs, inputs).shape
