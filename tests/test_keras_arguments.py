"""Whatever Keras and striate both have takes Keras' arguments: by their names, in their places, at their defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras_signatures import OWN, SIGNATURES, SOME

import striate as st
from striate import errors, layers
from striate.described import Described
from striate.errors import ArgumentError, StriateError

ROOMS = sorted({path.rpartition(".")[0] for path in SIGNATURES})
# What bears Keras' name and does other work; a call as in Keras is refused in words.
OTHER = {
    "KerasTensor": lambda: st.KerasTensor(shape=(None, 3), dtype="float32"),
    "Model.quantize": lambda: _dense().quantize("int8"),
    "Sequential.quantize": lambda: _dense().quantize("int8"),
}
CALLED = {"Sequential.call"}  # only a class of one's own has one: a network is called


def _dense() -> st.Model:
    return st.Sequential([layers.Input((4,)), layers.Dense(2)])


def _found(path: str) -> Any:
    value: Any = st
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _said(path: str) -> list[inspect.Parameter]:
    various = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [one for one in SIGNATURES[path].parameters.values() if one.kind not in various]


def _flat(value: Any) -> set[Any]:
    return set().union(*map(_flat, value)) if isinstance(value, tuple) else {value}


def _alike(ours: Any, keras: Any) -> bool:
    """Whether two defaults say the same: 1 for (1, 1) too."""
    if isinstance(ours, bool | str | None) or isinstance(keras, bool | str | None):
        return type(ours) is type(keras) and ours == keras
    return _flat(ours) == _flat(keras)


def _unlike(path: str) -> list[str]:
    """What of a function's arguments is not as Keras has it."""
    given = [one for one in inspect.signature(_found(path)).parameters.values() if one.name not in ("self", "cls")]
    ours = {one.name: one for one in given}
    places = [one.name for one in given if one.kind is one.POSITIONAL_OR_KEYWORD]
    several = any(one.kind is one.VAR_POSITIONAL for one in given)
    found = []
    for place, one in enumerate(_said(path)):
        if one.name not in ours:
            found.append(f"{path} has no {one.name}")
        elif one.kind is one.POSITIONAL_OR_KEYWORD and not several and places[place : place + 1] != [one.name]:
            found.append(f"{path}: {one.name} is not in its place, {place}")
        elif one.default not in (..., one.empty) and not _alike(ours[one.name].default, one.default):
            found.append(f"{path}: {one.name} is {ours[one.name].default!r}, in Keras {one.default!r}")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_function_has_keras_arguments_in_their_places_at_their_defaults(room: str) -> None:
    paths = [path for path in SIGNATURES if path.rpartition(".")[0] == room and path not in OTHER.keys() | CALLED]
    functions = [path for path in paths if not inspect.isclass(_found(path))]
    named = [path for path in functions if path.startswith("applications.") and "name" in SIGNATURES[path].parameters]
    unlike = [line for path in functions for line in _unlike(path)]
    assert [line for line in unlike if not (line.split(":")[0] in named and ": name is None" in line)] == []


CLASSES = [path for path in SIGNATURES if inspect.isclass(_found(path)) and path not in OTHER]


def _needed(path: str) -> dict[str, Any]:
    return {one.name: SOME[one.name] for one in _said(path) if one.default is one.empty and one.name in SOME} | OWN.get(
        path, {}
    )


def _shown(made: Any) -> str:
    return repr(made) if isinstance(made, Described) else type(made).__name__


@pytest.mark.parametrize("path", CLASSES)
def test_a_class_takes_keras_arguments_by_name_and_in_their_places_at_their_defaults(path: str) -> None:
    kind, needed = _found(path), _needed(path)
    plain = kind(**needed)
    known = [one for one in _said(path) if one.default is not ...]
    for one in known:
        if one.default is not one.empty and one.name not in needed:
            made = kind(**needed, **{one.name: one.default})
            if one.name == "name" and one.default is not None:
                assert made.name == plain.name == one.default
            else:
                assert _shown(made) == _shown(plain), one.name
    in_place = [one for one in known if one.kind is one.POSITIONAL_OR_KEYWORD and one.name != "name"]
    if any(one.kind is one.VAR_POSITIONAL for one in SIGNATURES[path].parameters.values()):
        return
    values = []
    for one in SIGNATURES[path].parameters.values():
        if one not in in_place or (one.default is one.empty and one.name not in needed):
            break
        values.append(needed.get(one.name, one.default))
    rest = {name: value for name, value in needed.items() if name not in [one.name for one in in_place[: len(values)]]}
    assert _shown(kind(*values, **rest)) == _shown(plain)


@pytest.mark.parametrize(
    "path", [path for path in CLASSES if path.startswith(("layers.", "optimizers.", "callbacks."))]
)
def test_what_keras_has_and_a_class_has_not_is_refused_where_it_says_something(path: str) -> None:
    kind, needed = _found(path), _needed(path)
    if not getattr(kind.__init__, "of_fields", False):
        return
    fields = inspect.signature(kind).parameters
    for one in _said(path):
        if one.name not in fields and (path, one.name) != ("layers.Embedding", "weights"):
            words = rf'^{kind.__name__}: striate has no argument "{one.name}" \(Keras has\): \w+'
            with pytest.raises(ArgumentError, match=words):
                kind(**needed, **{one.name: "channels_first"})


@pytest.mark.parametrize("path", OTHER)
def test_what_bears_keras_name_and_does_other_work_says_so(path: str) -> None:
    with pytest.raises(StriateError, match=r"[Ww]rite \w+"):
        OTHER[path]()


def test_new_arguments_of_functions_give_keras_numbers() -> None:
    ops = st.ops
    numbers, step = ops.linspace(0.0, 1.0, 5, retstep=True)
    assert (numbers.tolist(), float(step)) == ([0, 0.25, 0.5, 0.75, 1], 0.25)
    assert ops.linspace([0.0, 1.0], [1.0, 3.0], 3, axis=-1).tolist() == [[0, 0.5, 1], [1, 2, 3]]
    assert ops.linspace(-1, 1, 4, dtype="int32").tolist() == [-1, -1, 0, 1]
    nan = float("nan")
    assert ops.isclose([nan, 1.0], [nan, 1.0], equal_nan=True).tolist() == [True, True]
    assert ops.isclose([nan, 1.0], [nan, 1.0]).tolist() == [False, True]
    x, places, new = [[1.0, 2.0], [3.0, 4.0]], [[0], [0]], [[2.0, 3.0], [-2.0, 5.0]]
    wanted = {"add": [[1, 10], [3, 4]], "mul": [[-4, 30], [3, 4]], "max": [[2, 5], [3, 4]], "min": [[-2, 2], [3, 4]]}
    for how, result in wanted.items():
        assert ops.scatter_update(x, places, new, reduction=how).tolist() == result, how
    with pytest.raises(ArgumentError, match='unknown scatter_update reduction "sum"'):
        ops.scatter_update(x, places, new, reduction="sum")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: st.ops.one_hot([1], 3, sparse=True), "ops.one_hot: sparse=True is not supported: give an array."),
        (lambda: st.ops.bincount([1], sparse=True), "ops.bincount: sparse=True is not supported"),
        (lambda: st.ops.convert_to_tensor([1], ragged=True), "ragged=True is not supported: pad to one length."),
        (lambda: st.ops.moments(np.ones((2, 2)), 0, synchronized=True), "synchronized=True is not supported: each pro"),
        (lambda: _dense().save_weights("w.h5", max_shard_size=1), "max_shard_size=1: weights are one file here"),
        (lambda: _dense().load_weights("w.h5", "torch"), "skip_mismatch is True or False, not 'torch'"),
        (lambda: st.Sequential([], "name"), "Sequential: trainable is True or False, not 'name'."),
        (lambda: st.Model([], [], activity_regularizer="l2"), "give it to the layer whose output is penalised"),
        (lambda: st.Variable(1.0, trainabel=False), "trainabel"),
        (lambda: _dense().fit(nb_epoch=2), 'Did you mean "epochs"?'),
        (lambda: st.Model(input=1, output=2), 'Did you mean "inputs"?'),
    ],
)
def test_an_argument_that_cannot_be_is_refused_in_words(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(StriateError, match=re.escape(message)):
        call()


def test_a_sequential_that_does_not_learn_and_one_that_tells_its_input() -> None:
    frozen = st.Sequential([layers.Input((4,)), layers.Dense(2)], False, "still")
    assert (frozen.name, frozen.trainable, frozen.trainable_weights) == ("still", False, [])
    frozen.build()
    open_ended = st.Sequential([layers.Dense(2)])
    with pytest.raises(StriateError, match="does not know its input yet"):
        open_ended.build()


def test_a_list_of_callbacks_puts_the_history_and_the_bar_there_once() -> None:
    kinds = [type(one).__name__ for one in st.callbacks.CallbackList(None, True, True).callbacks]
    assert sorted(kinds) == ["History", "ProgressBar"]
    assert len(st.callbacks.CallbackList([st.callbacks.History()], add_history=True).callbacks) == 1


def test_an_activation_of_ones_own_is_found_by_its_name() -> None:
    def doubled(x: Any) -> Any:
        return 2 * x

    assert st.activations.deserialize("doubled", {"doubled": doubled}) is doubled
    assert st.activations.deserialize("relu", custom_objects=None) is st.activations.relu


# -- Keras 1 -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "line"),
    [
        (lambda: layers.Convolution2D(32, 3, 3, border_mode="same"), 'Write Conv2D(32, (3, 3), padding="same").'),
        (lambda: layers.Conv2D(8, 1, 7, subsample=(2, 2)), "Write Conv2D(8, (1, 7), strides=(2, 2))."),
        (lambda: layers.Conv2D(8, 3, 3, dim_ordering="th"), 'Write Conv2D(8, (3, 3), data_format="channels_first").'),
        (
            lambda: layers.Convolution2D(8, 3, 3, "he_normal", "relu"),
            'Write Conv2D(8, (3, 3), kernel_initializer="he_normal", activation="relu").',
        ),
        (
            lambda: layers.SeparableConvolution2D(8, 3, 3, init="uniform"),
            'Write SeparableConv2D(8, (3, 3), kernel_initializer="uniform").',
        ),
        (lambda: layers.Deconvolution2D(8, 3, 3), "write Conv2DTranspose(filters, (rows, columns), strides=...)"),
        (lambda: layers.merge([], mode="concat"), "write concatenate([a, b])"),
        (lambda: layers.Embedding(5, 3, dropout=0.2), "put SpatialDropout1D behind it"),
        (lambda: layers.BatchNormalization(mode=1), "there is one, each channel over the batch"),
    ],
)
def test_what_keras_1_said_otherwise_is_refused_with_the_line_of_today(old: Callable[[], Any], line: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        old()
    assert line.replace('"', "'") in str(caught.value).replace('"', "'")


@pytest.mark.filterwarnings("ignore::striate.errors.Note")
@pytest.mark.parametrize(
    ("old", "today"),
    [
        (lambda: layers.Conv2D(nb_filter=8, nb_row=3, nb_col=5), layers.Conv2D(8, (3, 5))),
        (lambda: layers.Convolution1D(8, filter_length=3, subsample_length=2), layers.Conv1D(8, 3, 2)),
        (lambda: layers.MaxPooling1D(pool_length=3, stride=2), layers.MaxPooling1D(3, 2)),
        (lambda: layers.MaxPooling2D(dim_ordering="th"), layers.MaxPooling2D(data_format="channels_first")),
        (lambda: layers.Dense(output_dim=8, bias=False, W_constraint="max_norm"), None),
        (lambda: layers.SpatialDropout2D(p=0.2), layers.SpatialDropout2D(0.2)),
        (lambda: layers.GaussianNoise(sigma=0.2), layers.GaussianNoise(0.2)),
        (lambda: layers.Reshape(dims=(2, 2)), layers.Reshape((2, 2))),
        (lambda: layers.UpSampling1D(length=3), layers.UpSampling1D(3)),
        (lambda: layers.BatchNormalization(mode=0, gamma_init="ones"), layers.BatchNormalization()),
    ],
)
def test_an_argument_of_keras_1_is_taken_under_its_name_of_today(old: Callable[[], Any], today: Any) -> None:
    wanted = layers.Dense(8, use_bias=False, kernel_constraint="max_norm") if today is None else today
    assert repr(old()) == repr(wanted)


def test_a_third_number_is_the_stride_and_an_odd_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_SAID", set())
    with pytest.warns(errors.Note, match=r"third number is the stride, as in Keras 3.*Conv2D\(32, \(3, 3\)\)"):
        assert layers.Conv2D(32, 3, 3).strides == (3, 3)
    with pytest.warns(errors.Note, match=r"Keras 1's window of 1x7 is Conv2D\(32, \(1, 7\)\)"):
        layers.Conv2D(32, 1, 7)
    layers.Conv2D(32, 1, 2), layers.Conv2D(32, 5, 3), layers.Conv2D(32, 3, 3, "same")
    assert layers.Conv2D(32, 2, 2).strides == (2, 2)  # nothing is said of blocks side by side, or of what has a name
    assert layers.Conv2D(32, 3, strides=3).strides == (3, 3)
