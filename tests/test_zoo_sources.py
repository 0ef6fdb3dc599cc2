"""The zoo computes what the networks of Keras, torchvision and timm compute; their answers are stored in oracles/."""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles import rule, stored
from safetensors.torch import save_file

from striate import zoo
from striate.backend.builder import logits_module
from striate.data import Preprocessing
from striate.errors import BundleError
from striate.model import Model
from striate.weights.contents import FileLayer, WeightsFile
from striate.weights.load import apply
from striate.weights.match import match
from striate.weights.report import MatchReport
from striate.weights.tensorflow_files import by_layer

TOLERANCE = 1e-4  # of the largest stored number
# here float32 differs from float64 by 1.5e-4 of it, in striate and in TensorFlow alike
TOLERANCES = {"mobilenet_v1": 6e-4}

QUICK = {
    "keras_MobileNetV2_0.35",
    "keras_MobileNet_0.25",
    "keras_EfficientNetB0",
    "timm_mobilenetv2_100",
    "torchvision_efficientnet_b0",
    "slim_inception_v1",
    "slim_mobilenet_v1",
    "torchvision_googlenet",
    "torchvision_resnet18",
    "torchvision_squeezenet1_1",
}


def at_home(name: str) -> tuple[str, dict[str, Any]]:
    """The zoo's name and variant of a stored network."""
    description = stored.read(name)
    library, model, alpha = description["library"], description["model"], description["arguments"].get("alpha", 1.0)
    for card in map(zoo.card, zoo.names()):
        for source in card.sources:
            same = (source.library, source.model.partition(".")[0]) == (library, model)
            if same and source.variant.get("alpha", 1.0) == alpha:
                return card.name, dict(source.variant)
    pytest.fail(f"no network of the zoo names {library}'s {model} as its source")


def checkpoint(description: dict[str, Any]) -> WeightsFile:
    """A stored network's checkpoint, as reading its file gives it."""
    where = f"{description['library']} {description['model']}"
    if description["library"] == "slim":
        held = {key: torch.from_numpy(array) for key, array in stored.state_dict(description).items()}
        return by_layer(where, "memory", held, [])
    if description["library"] != "keras":
        arrays = {key: torch.from_numpy(array) for key, array in stored.state_dict(description).items()}
        floats = {key: array for key, array in arrays.items() if array.is_floating_point()}
        return WeightsFile(where, "memory", "torch", floats, skipped=[key for key in arrays if key not in floats])
    found: dict[str, FileLayer] = {}
    for layer, _, arrays in stored.keras_layers(description):
        for name, array in arrays.items():
            inner, _, slot = name.rpartition("/")
            path = f"{layer}/{inner}" if inner else layer
            found.setdefault(path, FileLayer(path, None)).arrays[slot] = torch.from_numpy(array)
    return WeightsFile(where, "memory", "keras", layers=list(found.values()))


@pytest.fixture(autouse=True)
def unfilled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number is read from a file here, so none is drawn first; one left out stays 0 and shows in the answers."""
    monkeypatch.setattr(sys.modules["striate.backend.builder"], "fill", lambda tensor, *none: tensor.detach().zero_())


def fill(model: Model, weights: WeightsFile, source: str) -> MatchReport:
    graph = model.graph.check()
    return apply(match(graph, model.origin, weights, source), graph, model.origin, model._state(), weights)


def logits(model: Model, pictures: np.ndarray) -> np.ndarray:
    """(N, classes) before the softmax, or the last map (N, H, W, C)."""
    module, _ = logits_module(model.predictor.module, ["softmax"])
    with torch.inference_mode():
        out = module.eval()(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    return (out if out.ndim == 2 else out.permute(0, 2, 3, 1)).numpy()


def pictures_for(description: dict[str, Any], answer: dict[str, Any]) -> np.ndarray:
    pictures, front = rule.pictures(2, answer["height"], answer["width"]), description.get("front")
    if front is None:
        return pictures
    return (pictures * front["factor"] + front["offset"]).astype(np.float32)


def assert_same(model: Model, description: dict[str, Any], answer: dict[str, Any]) -> None:
    ours = stored.sample(logits(model, pictures_for(description, answer)))
    assert ours["shape"] == answer["shape"]
    for what in ("chosen", "mean", "norm"):
        theirs = np.array(answer[what])
        largest = np.abs(answer["norm"] if what == "norm" else answer["chosen"]).max()
        tolerance = TOLERANCES.get(description["model"], TOLERANCE)
        assert np.abs(ours[what] - theirs).max() <= tolerance * largest, what


def create(home: tuple[str, dict[str, Any]], answer: dict[str, Any], **others: Any) -> Model:
    name, variant = home
    shape = (answer["height"], answer["width"], 3)
    if answer["top"]:
        others = {"classes": answer["shape"][0]} | others
    return zoo.create(name, input_shape=shape, include_top=answer["top"], **(variant | others))


SLOW_KERAS = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in (
        "keras_ResNet50",
        "keras_InceptionResNetV2",
        "keras_NASNetMobile",
        "keras_Xception",
        "keras_DenseNet121",
    )
]
CASES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow, id=name) for name in stored.names()]


@pytest.mark.parametrize("name", CASES)
def test_the_same_function_as_its_source_at_two_sizes(name: str) -> None:
    """At the usual size for one network of each kind, and for all where tests may take long; at an odd one for all."""
    home, description = at_home(name), stored.read(name)
    weights = checkpoint(description)
    answers = description["answers"]
    both = name in QUICK or "STRIATE_LONG" in os.environ or not all(answer["top"] for answer in answers)
    for answer in answers if both else answers[-1:]:
        model = create(home, answer)
        fill(model, weights, description["library"])
        assert_same(model, description, answer)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("torchvision_squeezenet1_1", "net.pth"),
        ("timm_mobilenetv2_100", "model.safetensors"),
        ("keras_MobileNet_0.25", "mobilenet_tf.h5"),
        ("keras_MobileNetV2_0.35", "net.weights.h5"),
    ],
)
def test_files_on_disk_give_the_same_function(name: str, file: str, tmp_path: Path) -> None:
    home, description = at_home(name), stored.read(name)
    path, answer = tmp_path / file, description["answers"][1]
    write(path, description)
    model = create(home, answer)
    model.load_weights(path)
    assert_same(model, description, answer)


def write(path: Path, description: dict[str, Any]) -> None:
    """The library's own kind of file."""
    if path.name.endswith(".weights.h5"):
        stored.write_weights_h5(path, description)
    elif path.suffix == ".h5":
        stored.write_legacy_h5(path, description)
    else:
        arrays = {key: torch.from_numpy(array) for key, array in stored.state_dict(description).items()}
        save_file(arrays, path) if path.suffix == ".safetensors" else torch.save(arrays, path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keras_InceptionV3", "keras_InceptionResNetV2", "keras_Xception"])
def test_unnamed_layers_of_keras_are_matched_whatever_number_the_session_began_with(name: str) -> None:
    """Keras counts unnamed layers on through a session; the published InceptionV3 begins with conv2d_1 or later."""
    home, description = at_home(name), stored.read(name)
    answer, weights = description["answers"][1], checkpoint(description)
    for layer in weights.layers:
        assert layer.path is not None
        stem, _, number = layer.path.rpartition("_")
        unnamed = {"conv2d", "batch_normalization", "separable_conv2d"}
        if layer.path in unnamed or (stem in unnamed and number.isdigit()):
            layer.path = f"{layer.path}_94" if layer.path in unnamed else f"{stem}_{int(number) + 94}"
    model = create(home, answer)
    fill(model, weights, "keras")
    assert_same(model, description, answer)


@pytest.mark.parametrize("name", [pytest.param("keras_MobileNetV2_0.35"), *SLOW_KERAS])
def test_a_keras_file_without_names_of_layers_gives_the_same_arrays(name: str) -> None:
    """``.weights.h5`` before Keras 3.4 numbers the layers of a class and does not name them."""
    (found, variant), description = at_home(name), stored.read(name)
    named = checkpoint(description)
    model = zoo.create(found, **variant)
    graph = model.graph.check()
    expected = match(graph, model.origin, named, "keras")
    unnamed = match(graph, model.origin, without_names(description), "keras")
    assert expected.report.fits, expected.report
    assert unnamed.report.fits, unnamed.report
    assert expected.arrays.keys() == unnamed.arrays.keys()
    assert all(torch.equal(array, unnamed.arrays[key]) for key, array in expected.arrays.items())


def without_names(description: dict[str, Any]) -> WeightsFile:
    """As reading a ``.weights.h5`` without names gives it: layers by class and number, arrays by number."""
    found, seen = checkpoint(description), Counter[str]()
    layers = []
    for _, kind, arrays in stored.keras_layers(description):
        group = stored.snake_case(kind)
        number = seen[group]
        seen[group] += 1
        if arrays:
            tensors = {str(i): torch.from_numpy(array) for i, array in enumerate(arrays.values())}
            layers.append(FileLayer(None, f"{group}_{number}" if number else group, tensors))
    found.layers = layers
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchvision_googlenet", "torchvision_inception_v3"])
def test_auxiliary_classifiers_are_loaded_and_change_no_prediction(name: str) -> None:
    home, description = at_home(name), stored.read(name)
    answer, weights = description["answers"][0], checkpoint(description)
    model = zoo.create(home[0], **(home[1] | {"aux": True}))  # at 224 Inception-v3's auxiliary classifier has no room
    report = fill(model, weights, "torchvision")
    assert not [entry for entry in report.unused if entry.there not in weights.skipped]
    assert_same(model, description, answer)


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("torchvision_resnet34", ("resnet18", {})),
        ("keras_MobileNet_0.5", ("mobilenet", {"alpha": 1.0})),
        ("keras_ResNet50", ("resnet50", {"variant": "v1.5"})),
        pytest.param("torchvision_resnet101", ("resnet50", {}), marks=pytest.mark.slow),
    ],
)
def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(name: str, home: Any, tmp_path: Path) -> None:
    description = stored.read(name)
    path = tmp_path / ("other.h5" if description["library"] == "keras" else "other.pth")
    write(path, description)
    model = zoo.create(home[0], **home[1])
    before = {key: tensor.clone() for key, tensor in model._state().items()}
    with pytest.raises(BundleError, match=r"are not this network's.* Nothing was changed\.$") as caught:
        model.load_weights(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert all(torch.equal(tensor, before[key]) for key, tensor in model._state().items())


DATA = Path(os.environ.get("STRIATE_DATA", "nowhere"))
REAL = [
    ("MobileNet", "mobilenet", {}, "mobilenet_1_0_224_imagenet1001_keras_legacy.h5", 432),
    ("MobileNetV2", "mobilenet_v2", {"variant": "keras"}, "mobilenetv2_1_0_224_imagenet1001.weights.h5", 446),
]


@pytest.mark.skipif(
    not ((DATA / "imagenet-samples").is_dir() and (DATA / "weights").is_dir()),
    reason="imagenet-samples or weights is not in the folder that STRIATE_DATA names",
)
@pytest.mark.parametrize(("there", "name", "variant", "file", "right"), REAL)
@pytest.mark.parametrize("number", [24, pytest.param(500, marks=pytest.mark.slow)])
def test_published_weights_see_in_photos_what_keras_sees(
    there: str, name: str, variant: dict[str, Any], file: str, right: int, number: int
) -> None:
    folder = DATA / "imagenet-samples"
    with (folder / "labels.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))[:number]
    prepare = Preprocessing(
        image_size=(224, 224), channels=3, resize="crop", shorter_side=256, scale=1 / 127.5, mean=(1.0,)
    )
    model = zoo.create(name, classes=1001, **variant)
    model.load_weights(DATA / "weights" / file)
    photos = [prepare.normalise(prepare.pixels(folder / row["file"])) for row in rows]
    ours = np.concatenate([model.predict(np.stack(photos[i : i + 50])) for i in range(0, number, 50)])

    with np.load(stored.FOLDER / f"real_{there}.npz") as theirs:
        top5, probability = theirs["top5"][:number], theirs["probability"][:number].astype(np.float32)
    assert np.array_equal(ours.argmax(1), top5[:, 0])
    assert np.array_equal(np.sort(np.argsort(-ours, 1)[:, :5]), np.sort(top5))
    np.testing.assert_allclose(ours.max(1), probability, rtol=1e-3)  # float16 keeps 5e-4
    if number == 500:
        assert (ours.argmax(1) == [int(row["class_index"]) + 1 for row in rows]).sum() == right
