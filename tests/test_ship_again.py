"""A call of predict like the one before: the same answers, and never from what was."""

import numpy as np
import pytest
import torch
from engine_nets import X, net

from striate.data import Preprocessing
from striate.errors import ArgumentError, DataError, Note
from striate.inference import Again
from striate.ship import choose

pytest.importorskip("openvino")


def test_a_call_like_the_one_before_answers_the_same_and_never_from_what_was(monkeypatch):
    model = net()
    model.quantize(X)

    def right(x, engine="onnxruntime", batch_size=None):
        expected = model.predict(x, engine="torch")
        for _ in range(3):
            np.testing.assert_allclose(model.predict(x, batch_size, engine=engine), expected, atol=1e-4)

    right(X[:1])
    assert model._again is not None
    again = model._again
    floats = X / np.float32(255)
    for x in (X[:3], X, floats[:1], X[::2], floats.astype(np.float64), floats, X[:2], list(X[:2])):
        right(x)
    right(X, batch_size=7)
    right(X, "openvino")
    right(X[:1])
    before = model.predict(X[:1], engine="onnxruntime")
    model.set_weights([1.1 * w for w in model.get_weights()])
    right(X[:1])
    model.layers[0].torch_module.weight.detach().numpy()[...] *= 1.5
    right(X[:1])
    model.preprocessing = Preprocessing.pictures((12, 10), 3, mean=(0.1, 0.4, 0.3), std=(0.3, 0.2, 0.2))
    right(X[:1])
    assert np.abs(model.predict(X[:1], engine="onnxruntime") - before).max() > 1e-4
    assert model._again is not again
    with pytest.raises(ArgumentError, match="call quantize again"):
        model.predict(X[:1], engine="int8")
    model.quantize(X)
    eight = [model.predict(X[:1], engine="int8") for _ in range(3)]
    np.testing.assert_array_equal(eight[0], eight[2])
    model.get_layer(index=1).set_weights([2 * w for w in model.get_layer(index=1).get_weights()])
    with pytest.raises(ArgumentError, match="call quantize again"):
        model.predict(X[:1], engine="int8")
    right(X[:1])
    with pytest.raises(DataError):
        model.predict(X[:0], engine="onnxruntime")
    with pytest.raises(ArgumentError, match="unknown engine"):
        model.predict(X[:1], engine="none")
    right(X, "auto")
    seen = []
    hook = model.module.register_forward_hook(lambda *_: seen.append(1))
    model.predict(X, engine="auto")
    assert seen
    hook.remove()


CHANGES = {
    "weights": lambda model: model.set_weights([1.1 * w for w in model.get_weights()]),
    "weights past torch": lambda model: model.layers[0].torch_module.weight.detach().numpy().__imul__(1.5),
    "preprocessing": lambda model: setattr(
        model, "preprocessing", Preprocessing.pictures((12, 10), 3, mean=(0.1, 0.4, 0.3), std=(0.3, 0.2, 0.2))
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_call_like_the_one_before_sees_what_has_changed(change, engine):
    model = net()
    for _ in range(2):
        before = model.predict(X[:1], engine=engine)
    assert model._again is not None
    CHANGES[change](model)
    now = model.predict(X[:1], engine=engine)
    assert np.abs(now - before).max() > 1e-4
    np.testing.assert_allclose(now, model.predict(X[:1], engine="torch"), atol=1e-4)


def test_a_call_like_the_one_before_but_in_floats_is_another():
    model = net()
    floats = X[:1] / np.float32(255)
    for _ in range(2):
        model.predict(X[:1], engine="onnxruntime")
    now = model.predict(floats, engine="onnxruntime")
    np.testing.assert_allclose(now, model.predict(floats, engine="torch"), atol=1e-4)
    for _ in range(2):
        model.predict(floats, engine="onnxruntime")
    now = model.predict(X[:1], engine="onnxruntime")
    np.testing.assert_allclose(now, model.predict(X[:1], engine="torch"), atol=1e-4)


def test_the_engine_of_another_thread_is_not_kept_for_a_call():
    model = net()
    model.predict(X[:1] / np.float32(255), engine="onnxruntime")
    model._engine.asked = "onnxruntime", model._engine.pick(model, "onnxruntime", 1, None)  # for floats
    assert Again.of(model, "onnxruntime", X[:1], 256) is None
    assert Again.of(model, "onnxruntime", X[:1] / np.float32(255), 256) is not None


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float64])
def test_numbers_of_any_type_that_go_in_as_they_are_are_answered_again(dtype):
    model = net()
    model.preprocessing = None
    x = X[:2].astype(dtype)
    expected = model.predict(x, engine="torch")
    model.predict(x, engine="onnxruntime")
    assert model._again is not None
    again = model._again.answer(model, "onnxruntime", x, 256)
    np.testing.assert_allclose(again, expected, atol=1e-3 * np.abs(expected).max())
    np.testing.assert_allclose(again, model.predict(x.astype(np.float32), engine="onnxruntime"), atol=1e-6)


@pytest.mark.parametrize("like", [np.float32, np.uint8])
def test_a_call_like_the_one_before_doubts_another_range_too(like):
    model = net()
    model.preprocessing = None
    model.facts["input range"] = [0.0, 1.0]
    small = (X > 127).astype(like)
    model.predict(small, engine="onnxruntime")
    assert model._again is not None
    with pytest.warns(Note, match="Scale them alike"):
        assert model._again.answer(model, "onnxruntime", X.astype(like), 256) is not None


def test_a_hook_is_run_also_in_a_call_like_the_one_before():
    model = net()
    model.predict(X, engine="onnxruntime")
    for _ in range(2):
        model.predict(X, engine="auto")
    assert model._again is not None
    seen = []
    hook = model.module.register_forward_hook(lambda *_: seen.append(1))
    model.predict(X, engine="auto")
    assert seen
    hook.remove()


def test_what_is_fast_now_answers_a_call_like_the_one_before():
    model = net()
    model._engine.choose(model, "onnxruntime", 16)
    for _ in range(2):
        exact = model.predict(X[:1], engine="fast")
    model._engine.choose(model, "openvino-bf16", 16)
    assert np.abs(model.predict(X[:1], engine="fast") - exact).max() > 0


@pytest.mark.parametrize("asked", [(), ("onnxruntime",), ("openvino",)])
def test_a_module_put_in_another_ones_place_is_what_answers(asked, monkeypatch):
    for cost in ("_BASE", "_PER_WEIGHT", "_IMPORTS"):  # so that "auto" would make an engine
        monkeypatch.setattr(choose, cost, 0)
    model = net()
    for engine in asked:
        model.predict(X, engine=engine)
    name = model.layers[-1].name
    was = model.module.get_submodule(name)
    other = torch.nn.Linear(was.in_features, was.out_features)
    setattr(model.module, name, other)
    expected = model.predict(X, engine="torch")
    for _ in range(3):
        np.testing.assert_allclose(model.predict(X), expected, atol=1e-6)
    for engine in ("onnxruntime", "openvino"):
        with pytest.raises(ArgumentError, match=f'the layer "{name}" was replaced by a torch module of your own'):
            model.predict(X, engine=engine)
    setattr(model.module, name, was)
    right = model.predict(X, engine="torch")
    np.testing.assert_allclose(model.predict(X, engine="onnxruntime"), right, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused_by_a_call_like_the_one_before_too(dtype, value):
    model = net()
    floats = (X / 255).astype(dtype)
    spoilt = floats.copy()
    spoilt[2, 3, 1, 0] = value
    for engine in ("onnxruntime", "auto", "openvino"):
        for _ in range(2):
            model.predict(floats, engine=engine)
            with pytest.raises(DataError, match="holds NaN or infinity in 1 of"):
                model.predict(spoilt, engine=engine)


@pytest.mark.filterwarnings("ignore::striate.errors.Note")  # they are far from what the model expects
def test_numbers_too_large_to_add_up_are_answered():
    model = net()
    large = np.full((2, *X.shape[1:]), 3e38, np.float32)
    for _ in range(3):
        assert (
            model.predict(large / 1e38, engine="onnxruntime").shape == model.predict(large, engine="onnxruntime").shape
        )
