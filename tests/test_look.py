"""Every technique leaves the model as it was, also when it breaks off half way; what the tap sees and changes."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.decomposition  # noqa: F401  its first import draws from Python's random numbers
import torch
import torch.nn.functional as F

import striate as st
from striate import layers, look, zoo
from striate.data import Dataset
from striate.errors import ArgumentError
from striate.look import tap as tap_
from striate.look.pictures import target_of
from striate.look.tap import tapped


def network() -> st.Model:
    """A small residual network with batch norms, fused and separate activations, dropout, a frozen layer."""
    st.set_seed(0)
    x = inputs = layers.Input((16, 16, 3))
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    for _ in range(2):
        y = layers.Conv2D(6, 3, padding="same", use_bias=False)(x)
        y = layers.BatchNormalization()(y)
        y = layers.ReLU()(y)
        y = layers.Conv2D(6, 3, padding="same")(y)
        x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(8, 3, activation="relu", name="last")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.5)(x)
    model = st.Model(inputs, layers.Dense(3, "softmax")(x))
    model.labels = ["a", "b", "c"]
    rng = np.random.default_rng(0)
    with torch.no_grad():  # averages that matter
        for _, buffer in model.module.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, tuple(buffer.shape))))
    model.graph.layer("last").trainable = False
    model.module.train()
    model.module.get_submodule("batch_normalization").eval()  # as a frozen one is while training
    return model


LINEAR = st.Sequential([layers.Input((16, 16, 3)), layers.Flatten(), layers.Dense(3, "softmax")])
LINEAR.set_weights([np.ones((768, 3), np.float32), np.zeros(3, np.float32)])


def examples(count: int = 12) -> Dataset:
    rng = np.random.default_rng(1)
    return Dataset(
        rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8), np.arange(count) % 3, classes=("a", "b", "c")
    )


TECHNIQUES: dict[str, Callable[[Any, Dataset], Any]] = {
    "activations": lambda model, data: look.activations(model, data),
    "adversarial": lambda model, data: look.adversarial(model, data, target=1, steps=2),
    "attributions": lambda model, data: look.attributions(model, data.x[:1], steps=4, stages=(0.5,)),
    "codec": lambda model, data: look.codec(model, data.x[0], ["last"], steps=3),
    "dead": lambda model, data: look.dead(model, data),
    "decode": lambda model, data: look.decode(model, look.encode(model, data.x[0], "last"), steps=3),
    "dream": lambda model, data: look.dream(model, data.x[0], octaves=2, steps=2),
    "encode": lambda model, data: look.encode(model, data.x[0], "last"),
    "feature_map": lambda model, data: look.feature_map(model, data, method="pca"),
    "filters": lambda model, data: look.filters(model),
    "fixed_filters": lambda model, data: look.fixed_filters(data.x[0], filter="sobel x"),
    "gradcam": lambda model, data: look.gradcam(model, data.x[:2], check=True),
    "integrated": lambda model, data: look.integrated(model, data.x[:2], steps=4, check=True),
    "invert": lambda model, data: look.invert(model, data.x[0], ["conv2d", "last"], steps=3),
    "lesions": lambda model, data: look.lesions(model, data, draws=1, swaps=2),
    "line": lambda model, data: look.line(model, data, steps=3),
    "maps": lambda model, data: look.maps(model, data.x[:1]),
    "maximise": lambda model, data: look.maximise(model, ["a", ("last", 2), ("conv2d", 1, 3, 3)], steps=3),
    "neighbours": lambda model, data: look.neighbours(model, data, k=2),
    "occlusion": lambda model, data: look.occlusion(model, data.x[:1], window=8, check=True),
    "patches": lambda model, data: look.patches(model, data, "last", k=2),
    "paths": lambda model, data: look.paths(model, data.x[:2], samples=2),
    "robustness": lambda model, data: look.robustness(model, data, epsilon=4, steps=2),
    "saliency": lambda model, data: look.saliency(model, data.x[:2], rule="guided", check=True),
    "sanity": lambda model, data: look.sanity(model, data.x[:1], method={"saliency": look.saliency}, stages=(0.5,)),
    "scores": lambda model, data: look.scores(
        model, data.x[:1], maps={"saliency": look.saliency(model, data.x[:1])}, steps=4
    ),
    "surface": lambda model, data: look.surface(model, data, steps=3, count=8),
    "templates": lambda model, data: look.templates(LINEAR),
    "why": lambda model, data: look.why(model, data.x[0]),
}
WITHOUT_A_WALK = {
    "filters",
    "feature_map",
    "fixed_filters",
    "line",
    "neighbours",
    "surface",
    "templates",
}  # these never run the model's own modules node by node


def everything(model: st.Model) -> dict[str, Any]:
    """All that a technique could leave behind."""
    module = model.module
    hooks = [name for name in vars(torch.nn.Module()) if "hooks" in name]
    return {
        "weights": {key: value.clone() for key, value in module.state_dict().items()},
        "where": {key: (value.data_ptr(), value.device) for key, value in module.state_dict().items()},
        "modes": {name: part.training for name, part in module.named_modules()},
        "learning": {name: p.requires_grad for name, p in module.named_parameters()},
        "gradients": {name: p.grad is None for name, p in module.named_parameters()},
        "hooks": {name: [len(getattr(part, h)) for h in hooks] for name, part in module.named_modules()},
        "nodes": [str(node.format_node()) for node in module.graph.nodes],
        "random": (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()),
        "settings": (torch.is_grad_enabled(), torch.get_num_threads(), torch.is_inference_mode_enabled()),
        "attributes": (
            model.labels,
            model.preprocessing,
            dict(model.facts),
            [vars(layer).copy() for layer in model.layers],
        ),
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, torch.Tensor | np.ndarray):
        return bool((a == b).all())
    return a is b or a == b


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_the_model_is_left_as_it_was(technique):
    model, data = network(), examples()
    before = everything(model)
    result = TECHNIQUES[technique](model, data)
    after = everything(model)
    for what in before:
        assert same(before[what], after[what]), what
    if isinstance(result, look.Look):
        assert result.section().pictures
        assert result.note()
        assert result.facts() is not None


class HalfWayError(Exception):
    pass


@pytest.mark.parametrize("technique", [name for name in TECHNIQUES if name not in WITHOUT_A_WALK])
def test_the_model_is_left_as_it_was_by_an_error_half_way(technique, monkeypatch):
    model, data = network(), examples()
    before, count = everything(model), [0]
    whole = tap_._Walk.run_node

    def breaks(self: Any, n: Any) -> Any:
        count[0] += 1
        if count[0] == 12:
            raise HalfWayError
        return whole(self, n)

    monkeypatch.setattr(tap_._Walk, "run_node", breaks)
    with pytest.raises(HalfWayError):
        TECHNIQUES[technique](model, data)
    for what, was in before.items():
        assert same(was, everything(model)[what]), what


@pytest.mark.parametrize("technique", ["feature_map", "line", "neighbours", "surface"])
def test_the_model_is_left_as_it_was_by_an_error_between_two_batches(technique):
    model, data = network(), examples()
    before = everything(model)

    def breaks(done: int, whole: int) -> None:
        raise HalfWayError

    with pytest.raises(HalfWayError):
        getattr(look, technique)(model, data, progress=breaks)
    for what, was in before.items():
        assert same(was, everything(model)[what]), what


def test_every_technique_is_in_these_tests():
    functions = {name for name in look.__all__ if inspect.isfunction(getattr(look, name))}
    assert functions - set(TECHNIQUES) - {"tapped"} == set()


# -- the tap --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["vgg11", "googlenet", "mobilenet_v2", "cifar_resnet20", "densenet121", "nasnet_mobile"]
)
def test_a_pass_gives_the_models_own_answers(name):
    side = {"cifar_resnet20": 32, "nasnet_mobile": 64}.get(name, 64)
    model = zoo.create(name, classes=5, input_shape=(side, side, 3))
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype(np.float32)
    with tapped(model) as tap:
        got = [out.detach().numpy() for out in tap.run(tap.tensor(x)).outputs]
    wanted = model.predict(x, engine="torch")
    for one, other in zip(got, wanted if isinstance(wanted, list) else [wanted], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * np.abs(other).max())


def test_a_class_is_named_by_its_number_its_label_or_one_of_its_names():
    model = network()
    model.labels = ["goldfish, Carassius auratus", "crane", "crane, whooping crane"]
    logits = np.zeros(3)
    for target, number in (
        ("Goldfish", 0),
        ("carassius auratus", 0),
        ("whooping crane", 2),
        ("2", 2),
        (1, 1),
        ("crane", 1),
    ):
        assert target_of(model, target, logits) == number
    model.labels = ["heron, crane", "lift, crane", "c"]
    with pytest.raises(ArgumentError, match="classes 0 and 1"):
        target_of(model, "crane", logits)
    with pytest.raises(ArgumentError, match="unknown class"):
        target_of(model, "goose", logits)


def test_logits_are_what_the_last_softmax_is_given():
    model, data = network(), examples(4)
    x = model_inputs(model, data)
    with tapped(model, logits=True) as tap:
        logits = tap(x)
    with tapped(model) as tap:
        np.testing.assert_allclose(F.softmax(logits, 1).detach(), tap(x).detach(), rtol=1e-6)


def model_inputs(model: st.Model, data: Dataset) -> torch.Tensor:
    return torch.from_numpy(data.x).permute(0, 3, 1, 2).float() / 255


def test_an_edit_replaces_a_layers_output_and_what_follows_sees_it():
    model, x = network(), model_inputs(network(), examples(4))
    with tapped(model, logits=True) as tap:
        run = tap.run(x, keep=["last"], edit={"last": torch.zeros_like})
        assert not run.at["last"].any()
        bias = model.module.get_submodule("dense").bias
        torch.testing.assert_close(run.output, bias.expand(4, 3))


def test_a_pass_can_stop_when_everything_asked_for_is_there(monkeypatch):
    model, x = network(), model_inputs(network(), examples(2))
    with tapped(model) as tap:
        run = tap.run(x, keep=["conv2d"], stop=True)
        assert run.outputs == []
        assert list(run.at) == ["conv2d"]


def test_unknown_names_and_rules_are_one_line():
    model, x = network(), model_inputs(network(), examples(2))
    with tapped(model) as tap:
        with pytest.raises(ArgumentError, match='Did you mean "conv2d'):
            tap.run(x, keep=["conv2"])
        with pytest.raises(ArgumentError, match="no max pooling"):
            tap.run(x, switches=["conv2d"])
    with pytest.raises(ArgumentError, match='Did you mean "guided"'), tapped(model, rule="guide"):
        pass


@pytest.mark.parametrize("name", [name for name in TECHNIQUES if name not in ("activations", "decode", "encode")])
def test_a_result_prints_its_note_and_table_not_its_arrays(name):
    found = TECHNIQUES[name](network(), examples())
    assert found.note() in repr(found)
    assert "array(" not in repr(found)
    assert str(found).startswith(found.note())
    assert len(str(found).splitlines()) < 50
    shown = found._repr_html_()
    assert shown.count("<img") >= 1
    assert found.title in shown
