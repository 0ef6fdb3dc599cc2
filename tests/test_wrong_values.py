"""Whatever is given to whatever is public: it works, or it is a StriateError in words with the original as its cause.

Every function, constructor and method that `test_api` finds is called with right values for what it needs and one wrong
value, each argument in turn.  The quick part gives each argument one wrong value, the slow part all of them.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import pickle
import socket
import types
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from test_api import ALL, CONSTRUCTORS, ROOMS, Entry

import striate as st
from striate import configs, layers
from striate.errors import ArgumentError, StriateError
from striate.graph.part import NetworkPart
from striate.inference import trials

WRONG = {
    "None": None,
    "3": 3,
    "-1": -1,
    "2.5": 2.5,
    "nan": float("nan"),
    "'no'": "no",
    "b'no'": b"no",
    "True": True,
    "[]": [],
    "[1, 'a']": [1, "a"],
    "{}": {},
    "{'a': 1}": {"a": 1},
    "an object": object(),
    "an empty array": np.empty((0,), np.float32),
    "five axes": np.zeros((1, 2, 1, 2, 1), np.float32),
    "an array of objects": np.array([object(), None]),
    "an array of texts": np.array(["a", "b"]),
    "complex numbers": np.array([1j]),
    "a class": int,
    "a function": len,
}
# Rooms whose classes this package alone uses: methods that are called by the thousand and look at nothing.
MACHINERY = ("graph", "primitives", "size")
# Needs a network, or does nothing but wait.
LEFT_OUT = {"st.data.fetch", "st.utils.get_file"}


def small() -> Any:
    first = [layers.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten()]
    model = st.Sequential([*first, layers.Dense(3, activation="softmax", name="last")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def own(y_true: Any, y_pred: Any) -> Any:
    """A function of a user's own that takes anything: what fails in it would pass as it is."""
    return torch.zeros(6)


def maps() -> st.Model:
    """A network that ends in maps."""
    start = st.Input((16, 16, 3))
    return st.Model(start, layers.Conv2D(2, 3)(start))


# Objects of classes whose constructors want more than a value of the right kind.
MADE = {
    "Augmentation": lambda: layers.Augmentation([layers.RandomFlip()]),
    "DistanceBoxes": lambda: layers.DistanceBoxes([(2, 2, 8)]),
    "Engine": lambda: st.ship.Engine.of(small().graph),
    "Ensemble": lambda: st.tasks.Ensemble([small()]),
    "FunctionLoss": lambda: st.losses.get(own),
    "Lambda": lambda: layers.Lambda(abs),
    "LearningRateScheduler": lambda: st.callbacks.LearningRateScheduler(float),
    "MeanMetricWrapper": lambda: st.metrics.MeanMetricWrapper(own),
    "PartialConv2D": lambda: layers.PartialConv2D([[0]], 1),
    "RCNN": lambda: st.tasks.RCNN(maps(), ("a", "b"), proposals="sliding_windows"),
    "Recipe": lambda: st.recipes.get("digits"),
    "Split": lambda: st.backend.Split(small().module, [torch.device("cpu")] * 2, {}),
    "TorchLoss": lambda: st.losses.get(torch.nn.MSELoss()),
    "TorchModuleWrapper": lambda: layers.TorchModuleWrapper(torch.nn.ReLU()),
    "Vocabulary": lambda: st.data.Vocabulary(["a"], 3),
}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What gives a right value for a parameter, by its name and annotation."""
    model = small()
    x = np.random.default_rng(0).random((6, 8, 8, 1)).astype(np.float32)
    y = np.array([0, 1, 2, 0, 1, 2])
    data = st.data.arrays(x, y, classes=["a", "b", "c"])
    saved = tmp_path_factory.mktemp("saved") / "model"
    model.save(saved)
    named = {
        "batch": 0,
        "config": {},
        "data": data,
        "dataset": data,
        "epoch": 0,
        "folder": saved,
        "graph": model.graph,
        "inputs": x,
        "layer": "last",
        "model": model,
        "path": saved,
        "picture": x[0],
        "pictures": x,
        "seed": 0,
        "shape": (2, 3),
        "x": x,
        "y": y,
        "y_pred": np.full((6, 3), 1 / 3, np.float32),
        "y_true": y,
    }
    kinds = {
        "int": 2,
        "float": 0.5,
        "bool": True,
        "str": "a",
        "Model": model,
        "Graph": model.graph,
        "Dataset": data,
        "Layer": layers.Dense(3),
        "Tensor": torch.zeros(2, 3),
        "torch.Tensor": torch.zeros(2, 3),
        "np.ndarray": np.zeros((2, 3), np.float32),
        "Shape": (8, 8, 1),
    }

    def value(parameter: inspect.Parameter) -> Any:
        annotation = str(parameter.annotation).partition(" | ")[0]
        if parameter.name in named and annotation != "Shape":
            return named[parameter.name]
        if annotation.startswith(("Sequence", "list", "tuple", "Iterable")):
            return []
        return {} if annotation.startswith(("Mapping", "dict")) else kinds.get(annotation, 1)

    return value


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path, monkeypatch):
    """No network, no data sets, a folder of its own; settings and registries are as they were."""

    def refuse(*_: Any) -> None:
        raise OSError("no network in tests")

    monkeypatch.chdir(tmp_path)
    taken = {"rates": [1.0, 1.0], "parts": 1, "start": 0.1, "bytes": 1}  # engines would be timed for minutes
    monkeypatch.setattr(trials, "_measured", lambda folder, given, *_: dict.fromkeys(given, taken))
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    tables: list[dict[Any, Any]] = [NetworkPart.classes, configs.KNOWN, configs.get_custom_objects()]
    before = [dict(table) for table in tables]
    epsilon = st.backend.epsilon()
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)
    st.backend.set_epsilon(epsilon)
    st.backend.set_floatx("float32")
    st.backend.set_image_data_format("channels_last")
    st.config.set_dtype_policy("float32")
    st.config.enable_interactive_logging()
    st.messages.set_logging_verbosity("INFO")


def required(target: Any, right: Any) -> dict[str, Any]:
    return {p.name: right(p) for p in named(target) if p.default is p.empty}


def named(target: Any) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(target).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def called(entry: Entry, right: Any) -> Any:
    """What an entry calls: a function, a class, or a method of an object made for it."""
    if entry.owner is None:
        found: Any = st
        for part in entry.name.split(".")[1:]:
            found = getattr(found, part)
        return found
    assert entry.function is not None
    if entry.function.__name__ in CONSTRUCTORS:
        return entry.owner
    if issubclass(entry.owner, st.Model):
        made: Any = small()
    elif entry.owner.__name__ in MADE:
        made = MADE[entry.owner.__name__]()
    else:
        made = entry.owner(**required(entry.owner, right))
    return getattr(made, entry.name.rpartition(".")[2])


def entries(room: str) -> list[Entry]:
    found = [e for e in ALL if e.room == room and e.function is not None and not e.is_property]
    if room in MACHINERY:
        found = [e for e in found if e.owner in (None, layers.Layer)]
    return [e for e in found if e.name not in LEFT_OUT and not (e.owner and issubclass(e.owner, torch.nn.Module))]


def bare(call: Any, /, **arguments: Any) -> str:
    """What reached the caller that is no StriateError, or is one that says too little; "" where nothing did."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(**arguments)
    except StriateError as error:
        return "" if len(str(error)) > 15 and str(error) != str(error.__cause__) else f"says {str(error)!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    return ""


def faults(room: str, right: Any, kinds: list[str] | None) -> list[str]:
    found, number = [], 0
    for entry in entries(room):
        call = called(entry, right)
        for parameter in named(call):
            number += 1
            for kind in kinds or [[*WRONG][number % len(WRONG)]]:
                said = bare(call, **{**required(call, right), parameter.name: WRONG[kind]})
                if said:
                    found.append(f"{entry.name}({parameter.name}={kind}): {said}")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_one_wrong_value_for_each_argument_works_or_is_an_error_in_words(room, right):
    assert not faults(room, right, None)


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_every_wrong_value_works_or_is_an_error_in_words(room, right):
    assert not faults(room, right, [*WRONG])


def test_every_function_that_is_exported_is_behind_the_guard(right):
    open_doors = []
    for entry in ALL:
        fields = getattr(entry.function, "of_fields", False) or (entry.function or bare).__name__ == "__post_init__"
        if entry.function is None or entry.is_property or fields or entry.room in (*MACHINERY, "errors", "ops"):
            continue
        if entry.owner is None:
            call = called(entry, right)
        else:
            call = inspect.getattr_static(entry.owner, entry.function.__name__, None)
            call = getattr(call, "__func__", call)
        if (
            inspect.isfunction(call)
            and not hasattr(call, "_behind")
            and entry.function.__name__ not in ("lower", "lowering", "__init__")
        ):
            open_doors.append(entry.name)
    assert not open_doors


# -- the guard itself --------------------------------------------------------------------------------------------------
def test_the_argument_is_named_with_what_it_takes_and_what_was_given():
    with pytest.raises(ArgumentError, match=r"^folder: path is a path, not None\.$"):
        st.data.folder(None)
    with pytest.raises(ArgumentError, match=r"folder: workers is a whole number or None, not 2\.5"):
        st.data.folder("photos", workers=2.5)
    with pytest.raises(ArgumentError, match=r"Sequential\.predict: batch_size is a whole number or None, not 'a'"):
        small().predict(np.ones((1, 8, 8, 1)), batch_size="a")
    with pytest.raises(ArgumentError, match=r"^arrays: .*unexpected keyword argument 'sise'\. It takes: x, y, classes"):
        st.data.arrays(np.ones((2, 3)), sise=3)


def test_the_original_is_the_cause():
    with pytest.raises(ArgumentError, match=r"^Dataset: paths is a tuple or None, not 3") as caught:
        st.data.Dataset(np.ones((2, 3), np.float32), paths=3)
    assert isinstance(caught.value.__cause__, TypeError)


def test_an_error_of_a_users_own_code_passes_as_it_is():
    def batches():
        yield np.ones((2, 8, 8, 1)), np.zeros(2, int)
        raise KeyError("mine")

    class Mine(st.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            np.ones(3) + np.ones(4)

    with pytest.raises(KeyError, match="mine"):
        small().fit(batches(), verbose=0)
    with pytest.raises(ValueError, match="broadcast") as caught:
        small().fit(np.ones((2, 8, 8, 1)), np.zeros(2, int), verbose=0, callbacks=[Mine()])
    assert not isinstance(caught.value, StriateError)


def test_an_error_of_text_that_exec_runs_is_a_users_own():
    room = {}
    exec("def end(epoch, logs):\n    {}['mine']", room)
    with pytest.raises(KeyError, match="mine"):
        small().fit(
            np.ones((2, 8, 8, 1)),
            np.zeros(2, int),
            verbose=0,
            callbacks=[st.callbacks.LambdaCallback(on_epoch_end=room["end"])],
        )


@pytest.mark.parametrize(
    "room", ["losses", "metrics", "layers", "ops", "data", "tasks", "look", "models", "random", "ship"]
)
def test_what_is_behind_the_guard_can_be_pickled_as_functions_and_classes_are(room):
    module = importlib.import_module(f"striate.{room}")
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, type | types.FunctionType) and thing.__module__.startswith("striate"):
            assert pickle.loads(pickle.dumps(thing)) is thing, name


def test_a_warning_stands_at_the_users_own_line(tmp_path):
    with pytest.warns(UserWarning, match="no transparency") as caught:
        st.utils.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
    assert caught[0].filename == __file__
