"""The page as a file: what it is told is what size says, what runs in it gives what the layers give, and what it carries."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from importlib import resources

import numpy as np
import pytest
from page_nets import network

import striate as st
from docs.vendored import SUMS
from striate import layers, zoo
from striate.page.blocks import parts_of
from striate.page.explorer import MODULES, write_explorer
from striate.page.told import told_of
from striate.page.weights import CLOSE, carried
from striate.ship.every_value import every_value_of, value_name
from striate.size import explain, measure, opened_rows

SHOWN = ["lenet5", "cifar_resnet20", "googlenet", "mobilenet", "cifar_densenet", "nasnet_mobile", "convnext_tiny"]


# -- what the page is told --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*SHOWN, *(pytest.param(n, marks=pytest.mark.slow) for n in zoo.names() if n not in SHOWN)]
)
def test_every_number_is_that_of_size_and_every_layer_has_one_place(name):
    graph = zoo.create(name).graph
    told, size = told_of(graph), measure(graph)
    rows = {row.name: row for row in size.rows}
    for layer in told["layers"]:
        row = rows[layer["name"]]
        assert tuple(layer["shape"]) == row.output_shape
        assert (layer["weights"], layer["buffers"], layer["mults"]) == (row.weights, row.buffers, row.mults)
        assert layer["field"] == (None if row.receptive_field is None else list(row.receptive_field))
        assert layer["misfit"] == row.misfit
    assert all(
        told["layers"][i]["explain"] == explain(graph, told["layers"][i]["name"])
        for i in (0, len(told["layers"]) // 2, -1)
    )
    assert told["totals"]["weights"] == size.weights
    assert told["totals"]["training_bytes"] == size.training_bytes
    calls = [call for part in parts_of(graph.flat()) for call in part.calls]
    assert calls == list(range(len(told["layers"])))


def test_rows_of_a_network_with_others_in_it_add_up():
    inner = st.Sequential(
        [layers.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()], name="inner"
    )
    x = layers.Input((8, 8, 4))
    model = st.Model(x, layers.Dense(3)(layers.Flatten()(inner(inner(x)))))
    rows, size = opened_rows(model.graph), measure(model.graph)
    assert [row.name for row in rows][:2] == ["inner/conv2d", "inner/batch_normalization"]
    for what in ("weights", "trainable", "buffers", "mults"):
        assert sum(getattr(row, what) for row in rows) == getattr(size, what)
    assert rows[-1].receptive_field == size.rows[-1].receptive_field


def test_no_box_of_a_block_lies_on_another():
    for name in SHOWN:
        told = told_of(zoo.create(name).graph)
        wide, high = told["box"]
        stack = list(told["parts"])
        while stack:
            part = stack.pop()
            stack += part.get("parts", [])
            for way, (across, along) in (("place", (wide, high)), ("turned", (high, wide))):
                boxes = part.get(way, {}).get("boxes", [])
                for i, (x, y) in enumerate(boxes):
                    assert all(abs(x - a) >= across or abs(y - b) >= along for a, b in boxes[:i])


def test_every_value_on_the_way_is_what_the_layers_give():
    model = network()
    made = every_value_of(model.graph)
    flat = model.graph.flat()
    x = np.random.default_rng(1).normal(size=(2, 20, 18, 3)).astype("float32")
    engine = st.ship.Engine(made.model.SerializeToString())
    values = dict(zip(engine.outputs, engine.predict([x]), strict=True))
    names = [call.name for call in flat.nodes]
    for call, truth in zip(flat.nodes, model.extract(x, names, engine="torch"), strict=True):
        value = values[value_name(call.outputs[0])]
        first = made.layouts[call.outputs[0]] == "first" and value.ndim > 2
        np.testing.assert_allclose(np.moveaxis(value, 1, -1) if first else value, truth, atol=1e-5)


def test_arrays_are_halved_only_where_the_answers_stay():
    model = zoo.create("lenet5")
    pictures = np.random.default_rng(0).uniform(0, 1, (3, 28, 28, 1)).astype("float32")
    close = carried(model.graph, pictures)
    assert {bits for _, bits, _ in close.told["arrays"]} == {16, 32}
    assert len(close.arrays) == sum(size * bits // 8 for size, bits, _ in close.told["arrays"])
    model.set_weights([1e5 * np.ones_like(w) if w.ndim == 2 else w for w in model.get_weights()])  # beyond 16 bits
    assert {bits for _, bits, _ in carried(model.graph, pictures).told["arrays"]} == {32}
    assert CLOSE == 1e-3


# -- the file ---------------------------------------------------------------------------------------------------------


def test_the_files_of_others_are_those_whose_sums_are_written_down():
    folder = resources.files("striate.page").joinpath("web", "vendored")
    for name, total in SUMS.items():
        packed = folder.joinpath(f"{name}.gz")
        content = gzip.decompress(packed.read_bytes()) if packed.is_file() else folder.joinpath(name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == total
    assert "MIT License" in folder.joinpath("LICENSE").read_text()
    assert "Mozilla Public License" in folder.joinpath("LICENSE-pyodide").read_text()
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in folder.joinpath("LICENSE-python").read_text()


def test_modules_are_all_in_the_page_and_import_nothing_else():
    folder = resources.files("striate.page").joinpath("web")
    assert {f"{name}.js" for name in MODULES} == {each.name for each in folder.iterdir() if each.name.endswith(".js")}
    for name in [*(f"{name}.js" for name in MODULES), "worker.mjs"]:
        text = folder.joinpath(name).read_text()
        assert set(re.findall(r'from "(.*?)"', text)) <= {f"striate/{each}" for each in MODULES}
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|https?://(?!www\.w3\.org)", text
        )


@pytest.mark.parametrize("what", ["text", "yes"])
def test_a_network_without_pictures_has_its_structure_and_the_reason(what, tmp_path):
    words = [
        layers.Input((12,), dtype="int64"),
        layers.Embedding(50, 8),
        layers.GlobalAveragePooling1D(),
        layers.Dense(2),
    ]
    model = st.Sequential(words if what == "text" else [layers.Input((5,)), layers.Dense(2)])
    text = model.page(tmp_path / "a.html", editable=False).read_text()
    assert 'id="part-network"' not in text
    assert len(text) < 400_000  # modules of the page alone; an engine has 5 MB


def test_the_command_writes_what_the_method_does(run, tmp_path):
    done = json.loads(run("page", "lenet5", "-o", str(tmp_path / "a.html"), "--json")[1])
    write_explorer(tmp_path / "b.html", zoo.create("lenet5").graph, "lenet5")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert done == {"file": str(tmp_path / "a.html"), "bytes": (tmp_path / "a.html").stat().st_size, "live": False}
    network().save(tmp_path / "net")
    assert json.loads(run("page", str(tmp_path / "net"), "-o", str(tmp_path / "c.html"), "--json")[1])["live"]
