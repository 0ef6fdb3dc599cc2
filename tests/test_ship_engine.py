"""Which engine answers, that it answers as torch does, and that it never answers from old weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError, DataError
from striate.ship import choose
from striate.ship.watch import Watch

pytestmark = pytest.mark.usefixtures("one_thread")

MUCH = 10**9  # of samples, so that any engine pays


def net(filters: int = 4) -> st.Model:
    st.set_seed(0)
    model = st.Sequential(
        [
            layers.Conv2D(filters, 3, activation="relu", input_shape=(8, 8, 3)),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.preprocessing = st.data.Preprocessing.pictures((8, 8), 3)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.module
    return model


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3)).astype(np.uint8)


@pytest.fixture
def y() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 3, 50)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def both(model: st.Model, x: np.ndarray) -> np.ndarray:
    """What ONNX Runtime says, after asserting that torch says the same."""
    out = model.predict(x, engine="onnxruntime")
    close(out, model.predict(x, engine="torch"))
    return out  # type: ignore[no-any-return]


# -- the same answers ------------------------------------------------------------------------------------------------
def test_pixels_floats_and_data_sets_answer_alike(x: np.ndarray, y: np.ndarray) -> None:
    model = net()
    expected = both(model, x)
    close(model.predict(x / np.float32(255), engine="onnxruntime"), expected)
    close(model.predict((x / 255).astype(np.float64), engine="onnxruntime"), expected)
    dataset = st.data.arrays(x, y, preprocessing=model.preprocessing)
    close(model.predict(dataset, engine="onnxruntime"), expected)
    floats = st.data.arrays(x.astype(np.float32), y, preprocessing=model.preprocessing)
    close(model.predict(floats, engine="onnxruntime"), expected)
    model.preprocessing = None
    assert np.abs(both(model, x) - expected).max() > 0.01


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_any_batch_size(x: np.ndarray, batch_size: int) -> None:
    model = net()
    expected = both(model, x)
    close(model.predict(x, batch_size, engine="onnxruntime"), expected)
    engine = model._engine.pick(model, "onnxruntime", 1, None)
    assert engine is not None
    engine.batch = 9
    close(model.predict(x / np.float32(255), batch_size, engine="onnxruntime"), expected)


def test_several_inputs_and_outputs() -> None:
    a, b = layers.Input((6, 6, 2), name="a"), layers.Input((6, 6, 2), name="b")
    shared = layers.Conv2D(3, 3)
    joined = layers.Add()([shared(a), shared(b)])
    model = st.Model([a, b], [layers.Dense(4)(layers.Flatten()(joined)), joined])
    rng = np.random.default_rng(0)
    xs = {k: rng.normal(size=(5, 6, 6, 2)).astype(np.float32) for k in "ab"}
    for out, expected in zip(model.predict(xs, engine="onnxruntime"), model.predict(xs, engine="torch"), strict=True):
        close(out, expected)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "metrics"),
    [
        (3, "softmax", "sparse_categorical_crossentropy", ["accuracy"]),
        (3, None, st.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"]),
        (1, "sigmoid", "binary_crossentropy", ["accuracy", "precision"]),
        (3, "softmax", "mse", []),
        (1, None, "mse", ["mae"]),
    ],
)
def test_loss_and_metrics_are_torchs(x: np.ndarray, units: int, activation: Any, loss: Any, metrics: Any) -> None:
    model = st.Sequential(
        [
            layers.Flatten(input_shape=(8, 8, 3)),
            layers.Dense(units, activation=activation, kernel_regularizer="l2"),
        ]
    )
    model.compile("sgd", loss, metrics=metrics)
    rng = np.random.default_rng(0)
    targets = rng.integers(0, max(units, 2), 50)
    y = np.eye(units, dtype=np.float32)[targets % units] if loss == "mse" else targets
    weight = rng.random(50)
    for extra in ({}, {"sample_weight": weight}):
        mine, torchs = (
            model.evaluate(x, y, batch_size=20, return_dict=True, engine=engine, **extra)
            for engine in ("onnxruntime", "torch")
        )
        assert mine == pytest.approx(torchs, rel=1e-5)
        assert model._engine._made  # it was not torch twice


def test_sure_and_wrong_answers_have_a_finite_loss(x: np.ndarray) -> None:
    model = net()
    with torch.no_grad():
        model.get_layer("dense").torch_module.weight.mul_(1e4)
    y = model.predict(x).argmin(-1)
    losses = [model.evaluate(x, y, engine=engine, return_dict=True)["loss"] for engine in ("onnxruntime", "torch")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] > 100  # probabilities cut off at 1e-7 would give 16 at most


def test_auxiliary_outputs_are_not_there_in_prediction(x: np.ndarray, y: np.ndarray) -> None:
    start = layers.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3)(start)
    side = layers.Dense(3, activation="softmax", name="side")(layers.Flatten()(maps))
    main = layers.Dense(3, activation="softmax", name="main")(layers.GlobalMaxPooling2D()(maps))
    model = st.Model(start, main, auxiliary=[(side, 0.3)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert both(model, x).shape == (50, 3)
    results = [model.evaluate(x, y, engine=engine, return_dict=True) for engine in ("onnxruntime", "torch")]
    assert results[0] == pytest.approx(results[1], rel=1e-5)
    assert set(results[0]) == {"loss", "accuracy"}


def test_extract_gives_the_activations_of_layers(x: np.ndarray) -> None:
    model = net()
    with torch.no_grad():
        inside = model.module.conv2d(model.preprocessing.normalise(torch.from_numpy(x)).permute(0, 3, 1, 2)).relu()
    for engine in ("onnxruntime", "torch", "auto"):
        maps = model.extract(x, "conv2d", engine=engine)
        close(maps, inside.permute(0, 2, 3, 1))
        both_layers = model.extract(x, ["conv2d", "global_average_pooling2d"], engine=engine)
        close(both_layers[0], maps)
        close(model.extract(x, engine=engine), both_layers[1])  # what the last layer with weights reads
    model.set_weights([w * 2 for w in model.get_weights()])
    assert np.abs(model.extract(x, "conv2d", engine="onnxruntime") - maps).max() > 0.01
    with pytest.raises(ArgumentError, match='"conv2"'):
        model.extract(x, "conv2")


@pytest.mark.parametrize("none", [[], (), "", [""], ["conv2d", ""]])
def test_no_name_of_a_layer_is_no_default(x: np.ndarray, none: Any) -> None:
    with pytest.raises(ArgumentError, match=r"names no layer|unknown layer name"):
        net().extract(x, none)


def test_extract_gives_the_last_maps_where_the_architecture_names_them() -> None:
    model = st.zoo.create("cifar_resnet20")
    assert model.features is not None
    assert model.extract(np.ones((2, 32, 32, 3), np.float32)).shape == (2, *model.features.sizes)


# -- never from old weights ------------------------------------------------------------------------------------------
def _no_grad(model: st.Model) -> None:
    with torch.no_grad():
        model.get_layer("conv2d").torch_module.bias[2] += 1


def _replaced(model: st.Model) -> None:
    dense = model.get_layer("dense").torch_module
    dense.weight = torch.nn.Parameter(dense.weight.detach() * 2)


def _numpy(model: st.Model) -> None:
    model.get_layer("conv2d").torch_module.weight.detach().numpy()[...] *= 2


CHANGES: dict[str, Callable[[st.Model], Any]] = {
    "no_grad": _no_grad,
    ".data": lambda m: m.get_layer("conv2d").torch_module.weight.data.mul_(2),
    ".data =": lambda m: setattr(
        m.get_layer("conv2d").torch_module.weight, "data", m.get_layer("conv2d").torch_module.weight * 2
    ),
    "numpy": _numpy,
    "buffer": lambda m: m.get_layer("batch_normalization").torch_module.running_mean.add_(1),
    "replaced": _replaced,
    "set_weights": lambda m: m.set_weights([w * 1.5 for w in m.get_weights()]),
    "layer.set_weights": lambda m: m.get_layer("dense").set_weights(
        [w * 2 for w in m.get_layer("dense").get_weights()]
    ),
    "load_state_dict": lambda m: m.module.load_state_dict({k: v * 2 for k, v in m.module.state_dict().items()}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_of_a_weight_is_seen(x: np.ndarray, change: Any) -> None:
    model = net()
    before = both(model, x)
    change(model)
    assert np.abs(both(model, x) - before).max() > 1e-4


def wide() -> st.Model:
    """A network of 100,000 weights that multiplies each of them once."""
    st.set_seed(0)
    return st.Sequential([layers.Dense(512, input_shape=(8 * 8 * 3,)), layers.Flatten(), layers.Dense(3)])


def edited(model: st.Model, place: int = 12_345) -> None:
    """One weight of many, in a way that torch does not count."""
    model.get_layer("dense").torch_module.weight.detach().numpy().reshape(-1)[place] += 10


@pytest.mark.parametrize("place", [1, 12_345, 80_000, 98_303])
def test_one_weight_of_many_edited_through_numpy_is_seen_where_the_work_pays_for_comparing_all(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "_PER_COMPARED", 1000)
    model = wide()
    x = np.ones((1000 * model.count_params() // model.mults() + 1, 192), np.float32)
    before = both(model, x)
    edited(model, place)
    assert np.abs(both(model, x) - before).max() > 1e-3


def test_one_weight_of_many_edited_through_torch_is_seen_at_once() -> None:
    model, x = wide(), np.ones((1, 192), np.float32)
    for place in (1, 12_345, 80_000):
        before = both(model, x)
        with torch.no_grad():
            model.get_layer("dense").torch_module.weight.view(-1)[place] += 10
        assert np.abs(both(model, x) - before).max() > 1e-3


def test_one_weight_of_many_edited_is_seen_by_one_of_the_next_single_predictions() -> None:
    model, x = wide(), np.ones((1, 192), np.float32)
    both(model, x)
    edited(model, 80_000)
    for _ in range(1 + model.count_params() // 16_336):
        model.predict(x, engine="onnxruntime")
    both(model, x)


def test_saying_that_a_weight_was_edited_makes_the_next_answer_right() -> None:
    model, x = wide(), np.ones((1, 192), np.float32)
    before, features = both(model, x), model.extract(x, "dense", engine="onnxruntime")
    model.quantize(np.random.default_rng(0).random((20, 192)).astype(np.float32))
    for place in range(60_000, 90_000, 10_000):
        edited(model, place)
        model.reset_engines()
        assert np.abs(both(model, x) - before).max() > 1e-3
        assert np.abs(model.extract(x, "dense", engine="onnxruntime") - features).max() > 1
    with pytest.raises(ArgumentError, match="call quantize"):
        model.predict(x, engine="int8")


def test_a_weight_edited_after_loading_is_seen_by_the_first_answer(tmp_path: Path) -> None:
    x = np.ones((1, 192), np.float32)
    wide().save(tmp_path)
    st.models.load_model(tmp_path).predict(x, engine="onnxruntime")  # leaves its engine in the folder
    model = st.models.load_model(tmp_path)
    edited(model)
    both(model, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("dense", [True, False])
def test_no_single_edit_nor_filters_that_change_places_escape_a_whole_comparison(dtype: Any, dense: bool) -> None:
    values = torch.randn(64, 96, 3, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(values if dense else values.repeat(2, 1, 1, 1)[::2])
    watch, weight = Watch(module), module.weight.data
    assert not watch.changed()
    for place in [(0, 0, 0, 1), (7, 3, 1, 1), (63, 95, 2, 2)]:
        was = weight[place].item()
        weight[place] += 1
        assert watch.changed()
        weight[place] = was
        assert not watch.changed()
    weight[[3, 5]] = weight[[5, 3]]
    assert watch.changed()
    weight[[3, 5]] = weight[[5, 3]]
    assert not watch.changed()


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam", "adamw"])
def test_training_is_seen(x: np.ndarray, y: np.ndarray, optimizer: str) -> None:
    model = net()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    both(model, x)
    model.fit(x, y, verbose=0)
    both(model, x)
    assert model._engine._made
    watch = Watch(model.module)
    model.fit(x, y, verbose=0)
    assert watch.changed()


def test_loading_is_seen(x: np.ndarray, tmp_path: Path) -> None:
    model, other = net(), net()
    other.set_weights([w + 0.1 for w in model.get_weights()])
    other.save_weights(tmp_path / "w.safetensors")
    before = both(model, x)
    model.load_weights(tmp_path / "w.safetensors")
    after = both(model, x)
    assert np.abs(after - before).max() > 1e-4
    close(after, other.predict(x))


def test_another_layer_is_seen(x: np.ndarray) -> None:
    model = net()
    both(model, x)
    model.add(layers.Dense(2))
    assert both(model, x).shape == (50, 2)


def test_an_unchanged_model_keeps_its_engine(x: np.ndarray) -> None:
    model = net()
    both(model, x)
    (engine,) = model._engine._made.values()
    model.predict(x)
    model.get_weights(), model.summary(print_fn=lambda _: None)
    both(model, x)
    assert list(model._engine._made.values()) == [engine]


def test_a_copy_makes_an_engine_of_its_own(x: np.ndarray) -> None:
    model = net()
    expected = both(model, x)
    twin = copy.deepcopy(model._engine)
    assert not twin._made
    close(both(model, x), expected)


# -- which engine ----------------------------------------------------------------------------------------------------
def test_auto_takes_torch_until_an_engine_pays(x: np.ndarray) -> None:
    model = net()
    engines = model._engine
    model.predict(x)
    assert engines.pick(model, "auto", 1, None) is None
    assert engines.pick(model, "auto", MUCH, None) is not None
    assert engines.pick(model, "auto", 1, None) is not None
    assert engines.pick(model, "torch", MUCH, None) is None
    model.set_weights([w * 2 for w in model.get_weights()])
    assert engines.pick(model, "auto", 1, None) is None


def test_work_done_by_torch_adds_up_until_an_engine_pays() -> None:
    model = net()
    share = MUCH // 10
    found = [model._engine.pick(model, "auto", share, None) is not None for _ in range(20)]
    assert found == sorted(found)
    assert found[-1]


def test_auto_leaves_to_torch_what_only_torch_can(x: np.ndarray) -> None:
    hooked = net()
    assert hooked._engine.pick(hooked, "auto", MUCH, None) is not None
    seen = []
    with_hook = hooked.get_layer("conv2d").torch_module.register_forward_hook(lambda *given: seen.append(1))
    assert hooked._engine.pick(hooked, "auto", MUCH, None) is None
    hooked.predict(x)
    assert seen
    with_hook.remove()
    assert hooked._engine.pick(hooked, "auto", 1, None) is not None


def test_engines_are_named(x: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match='"onnx"'):
        net().predict(x, engine="onnx")
    with pytest.raises(ArgumentError, match="call quantize"):
        net().predict(x, engine="int8")
    with pytest.raises(DataError, match="NaN"):
        net().predict(np.full((1, 8, 8, 3), np.nan), engine="onnxruntime")


# -- of a saved model ------------------------------------------------------------------------------------------------
def test_an_engine_of_a_saved_model_follows_its_weights_and_is_kept_nowhere(
    x: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    model = net()
    model.save(tmp_path / "m")
    close(st.models.load_model(tmp_path / "m").predict(x, engine="onnxruntime"), model.predict(x, engine="torch"))
    loaded = st.models.load_model(tmp_path / "m")
    loaded.set_weights([w + 0.1 for w in loaded.get_weights()])
    after = both(loaded, x)
    loaded.save(tmp_path / "m")
    close(both(st.models.load_model(tmp_path / "m"), x), after)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda vector: vector.detach().numpy().__setitem__(1_234, 7.0),  # past torch's counter
        lambda vector: setattr(vector, "data", vector.data + 1),
        lambda vector: setattr(vector, "data", vector.data.double()),
        lambda vector: setattr(vector, "data", vector.data.reshape(2, -1)),
    ],
)
def test_a_short_vector_is_compared_whole(change: Any) -> None:
    module = torch.nn.BatchNorm1d(2000)
    watch = Watch(module)
    assert not watch.changed(0)
    change(module.running_mean)
    assert watch.changed(0)


def test_of_a_twin_and_an_engine_of_the_same_weights_one_watch_looks() -> None:
    model, x = wide(), np.ones((20, 192), np.float32)
    model.predict(x, engine="onnxruntime")
    model.quantize(x)
    engines = model.predictor._engine
    assert engines._int8[1] is engines._watch
    model.predict(x, engine="int8")
    assert engines.still(engines.state, "int8", 1)
