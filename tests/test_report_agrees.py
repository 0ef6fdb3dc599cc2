"""The run report and ``striate.look`` show the same: dead maps are counted alike, and every drawing has one owner."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

import striate as st
from striate import data, layers, look, zoo
from striate.data import Dataset, Preprocessing
from striate.pages import write_report
from striate.report import figures
from striate.report.html import both

SMALL = ["cifar_net", "cifar_net_gmp", "fashion_net", "lenet5", "cifar_resnet20", "cifar_densenet", "linear", "dense"]
WITH_MAPS = [name for name in SMALL if name not in ("linear", "dense")]
HISTORY = {"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]}


def trained() -> tuple[st.Model, Dataset]:
    """Digits learnt too fast, so that some maps are dead, with a dropped, a pooled and a normalised layer."""
    st.set_seed(0)
    digits = data.load("digits")
    model = st.Sequential(
        [
            layers.Conv2D(24, 3, activation="relu", input_shape=(8, 8, 1)),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 2),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile(st.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    model.fit(digits.train, epochs=1, seed=0, verbose=0)
    assert digits.test is not None
    return model, digits.test


def case(name: str) -> tuple[st.Model, Dataset]:
    if name == "trained":
        return trained()
    st.set_seed(0)
    model = zoo.create(name)
    shape = model.graph.input_shapes[0]
    x = np.random.default_rng(0).integers(0, 256, (12, *shape)).astype(np.uint8)
    classes = model.graph.output_shapes[0][-1]
    test = Dataset(x, np.arange(12) % classes, preprocessing=Preprocessing.pictures(shape[:2], shape[2]))
    model.preprocessing = test.preprocessing
    return model, test


@pytest.mark.parametrize("name", [*SMALL, "trained"])
def test_the_report_shows_what_look_shows(name, tmp_path):
    model, test = case(name)
    page = write_report(tmp_path / "report.html", model, test, history=HISTORY).read_text()
    try:
        section = look.filters(model).section()
    except st.StriateError:
        section = None  # no convolution
    assert section is None or (section.body in page and section.pictures[0][1] in page)
    if not any(len(node.shape) == 3 for node in model.graph.flat().nodes):
        return
    maps = look.maps(model, test.subset([0]))
    section = maps.section()
    assert section.body in page
    for _, drawn in section.pictures:
        assert drawn in page
    assert maps.note() in html.unescape(page)


@pytest.mark.parametrize("name", [*WITH_MAPS, "trained"])
def test_dead_maps_are_counted_alike_in_the_report_and_in_look(name, tmp_path):
    model, test = case(name)
    maps = look.maps(model, test.subset([0]))
    if not maps.rectified:
        return
    dead = look.dead(model, test.subset([0]), list(maps.rectified))
    assert maps.dead == dead.maps
    page = write_report(tmp_path / "report.html", model, test, history=HISTORY).read_text()
    told = re.search(r"everywhere: (\d+) of ([\d,]+) maps after rectifiers are", page)
    assert told is not None
    assert int(told[1]) == sum(map(len, dead.maps.values()))
    assert int(told[2].replace(",", "")) == sum(map(len, dead.share.values()))
    by_hand = {}
    for layer, values in look.activations(model, test.subset([0]), list(maps.rectified)).items():
        numbers = [k for k in range(values.shape[-1]) if not values[0, ..., k].any()]
        by_hand |= {layer: numbers} if numbers else {}
    assert dead.maps == by_hand
    if name == "trained":
        assert by_hand  # there are some to count


def test_the_confusion_and_the_curves_of_the_report_are_those_of_the_figures(tmp_path):
    model, test = trained()
    page = write_report(tmp_path / "report.html", model, test, history=HISTORY).read_text()
    answers = model.predict(test).argmax(1)
    matrix = np.zeros((10, 10), np.int64)
    np.add.at(matrix, (test.labels, answers), 1)
    names = list(test.classes or ())
    drawings = {"confusion matrix": [figures.confusion(matrix, names, dark=dark) for dark in (False, True)]}
    for name in dict.fromkeys(key.removeprefix("val_") for key in HISTORY):
        own = {key: values for key, values in HISTORY.items() if key in (name, f"val_{name}")}
        drawings[f"learning curve: {name}"] = [figures.curves(own, dark=dark, width=3.3) for dark in (False, True)]
    for about, drawn in drawings.items():
        light, dark = (figures.to_svg(each) for each in drawn)
        assert both(light, dark, about) in page
