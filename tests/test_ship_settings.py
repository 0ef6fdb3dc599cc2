"""What a torch module computes by beside its arrays: an engine never answers by what it was before."""

import copy

import numpy as np
import pytest
import torch
from engine_nets import X, net

import striate as st
from striate import layers
from striate.errors import ArgumentError, Note
from striate.ship.watch import Watch

x = np.random.default_rng(0).normal(size=(4, 12, 12, 3)).astype(np.float32)


def built(*between):
    st.set_seed(0)
    start = [layers.Input((12, 12, 3)), layers.Conv2D(4, 3, padding="same")]
    end = [layers.LeakyReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    return st.Sequential([*start, *between, *end])


def part(model, name):
    return model.module.get_submodule(name)


def with_another_stride(model):
    part(model, "conv2d").stride = (2, 2)


def with_another_forward(model):
    dense = part(model, "dense")
    dense.forward = lambda x: torch.nn.Linear.forward(dense, x) + 1


def with_another_slope(model):
    (node,) = (node for node in model.module.graph.nodes if "leaky" in node.name)
    node.kwargs = {**node.kwargs, "negative_slope": 3.0}
    model.module.recompile()


EDITS = {
    "slope": ([], with_another_slope),
    "stride": ([], with_another_stride),
    "padding": ([], lambda model: setattr(part(model, "conv2d"), "padding", (2, 2))),
    "dilation": ([], lambda model: setattr(part(model, "conv2d"), "dilation", (2, 2))),
    "padding_mode": ([], lambda model: setattr(part(model, "conv2d"), "padding_mode", "circular")),
    "forward": ([], with_another_forward),
    "eps": (
        [layers.BatchNormalization()],
        lambda model: setattr(part(model, "batch_normalization"), "eps", 5.0),
    ),
    "eps of layers": (
        [layers.LayerNormalization()],
        lambda model: setattr(part(model, "layer_normalization"), "eps", 5.0),
    ),
}


@pytest.mark.parametrize("which", EDITS)
def test_a_setting_that_is_edited_is_what_answers_and_engines_say_that_they_have_it_not(which, tmp_path):
    between, edit = EDITS[which]
    model = built(*copy.deepcopy(between))
    old = model.predict(x, engine="onnxruntime")
    model.predict(x)
    edit(model)
    right = model.predict(x, engine="torch")
    assert np.abs(right - old).max() > 1e-3
    np.testing.assert_allclose(model.predict(x), right, atol=1e-6)
    for asked in (
        lambda: model.predict(x, engine="onnxruntime"),
        lambda: model.export_onnx(tmp_path / "never.onnx"),
        lambda: model.quantize(x),
    ):
        with pytest.raises(ArgumentError, match=r"was changed|another forward"):
            asked()


@pytest.mark.parametrize("name", ["folder", "a.keras", "a.h5"])
def test_saving_says_that_a_setting_past_its_layer_is_not_kept(name, tmp_path):
    model = built(layers.BatchNormalization())
    part(model, "batch_normalization").eps = 2.0
    with pytest.warns(
        Note, match=r'eps of the module "batch_normalization" was changed from 0\.001 to 2\.0, and what is'
    ):
        model.save(tmp_path / name)


def test_a_copy_has_the_setting_and_knows_that_it_is_edited():
    model = built(layers.BatchNormalization())
    part(model, "batch_normalization").eps = 2.0
    twin = copy.deepcopy(model)
    np.testing.assert_allclose(twin.predict(x), model.predict(x, engine="torch"), atol=1e-6)
    with pytest.raises(ArgumentError, match="was changed from"):
        twin.predict(x, engine="onnxruntime")


def test_every_setting_is_seen_within_a_few_calls_and_at_once_where_the_work_pays_for_all():
    model = st.applications.MobileNet(weights=None, input_shape=(32, 32, 3))
    watch = Watch(model.module)
    parts = [each for each in model.module.modules() if hasattr(each, "eps") or hasattr(each, "stride")]
    assert len(parts) > 50
    for each in parts:
        name = "eps" if hasattr(each, "eps") else "stride"
        was = getattr(each, name)
        setattr(each, name, 0.5 if name == "eps" else (3, 3))
        assert any(watch.changed(0) for _ in range(5))
        assert watch.changed(0), "the next call sees it too"
        setattr(each, name, was)
        assert not any(watch.changed(0) for _ in range(5))
    parts[-1].eps = 0.5
    assert watch.changed(1e6)


def test_a_call_like_the_one_before_sees_a_setting_at_once_in_a_small_network():
    model = net()
    name = next(name for name, each in model.module.named_modules() if hasattr(each, "eps"))
    for engine in ("onnxruntime", "auto"):
        model.predict(X[:1], engine=engine)
        model.predict(X[:1], engine=engine)
    part(model, name).eps = 2.0
    right = model.predict(X[:1], engine="torch")
    np.testing.assert_allclose(model.predict(X[:1]), right, atol=1e-6)
    with pytest.raises(
        ArgumentError, match=f'eps of the module "{name}" was changed from 0.001 to 2.0, which torch alone'
    ):
        model.predict(X[:1], engine="onnxruntime")
    part(model, name).eps = 0.001
    back = model.predict(X[:1], engine="torch")
    np.testing.assert_allclose(model.predict(X[:1], engine="onnxruntime"), back, atol=1e-5)


def test_what_only_training_asks_for_leaves_the_engine_as_it_is():
    model = built(layers.BatchNormalization(), layers.Dropout(0.5))
    model.predict(x, engine="onnxruntime")
    (engine,) = model._engine._made.values()
    part(model, "dropout").p = 0.1
    part(model, "batch_normalization").momentum = 0.5
    model.predict(x, engine="onnxruntime")
    assert list(model._engine._made.values()) == [engine]


def test_what_somebody_writes_beside_the_settings_changes_nothing():
    model = built(layers.BatchNormalization())
    model.quantize(x)
    answers = [model.predict(x, engine=engine) for engine in ("onnxruntime", "int8")]
    part(model, "conv2d").note = "the first"
    for engine, was in zip(("onnxruntime", "int8"), answers, strict=True):
        np.testing.assert_array_equal(model.predict(x, engine=engine), was)


@pytest.mark.parametrize("which", EDITS)
def test_a_setting_that_is_edited_makes_the_twin_another_networks_until_it_is_turned_back(which):
    between, edit = EDITS[which]
    model = built(*copy.deepcopy(between))
    model.quantize(x)
    was = model.predict(x, engine="int8")
    kept = {path: dict(each.__dict__) for path, each in model.module.named_modules() if path}
    code = [(node, node.kwargs) for node in model.module.graph.nodes]
    edit(model)
    with pytest.raises(ArgumentError, match=r"(was changed|another forward).* since the int8 engine was made"):
        model.predict(x, engine="int8")
    for path, each in model.module.named_modules():
        if path:
            each.__dict__.clear()
            each.__dict__.update(kept[path])
    for node, kwargs in code:
        node.kwargs = kwargs
    model.module.recompile()
    np.testing.assert_array_equal(model.predict(x, engine="int8"), was)
