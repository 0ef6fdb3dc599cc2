"""The page: what it is told is what size says, and in a browser it answers, explains and draws as the package does."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Opened
from PIL import Image

import striate as st
from docs.vendored import SUMS
from striate import layers, zoo
from striate.data import Preprocessing
from striate.draw.volumes import sides
from striate.page.blocks import parts_of
from striate.page.explorer import MODULES, write_explorer
from striate.page.told import told_of
from striate.page.weights import CLOSE, carried
from striate.primitives.functions import FUNCTIONS
from striate.ship.every_value import every_value_of, value_name
from striate.size import explain, measure, opened_rows, receptive

SHOWN = ["lenet5", "cifar_resnet20", "googlenet", "mobilenet", "cifar_densenet", "nasnet_mobile", "convnext_tiny"]
HOSTILE = ['<script>document.title="taken"</script>', '"><img src=x onerror=alert(1)>', "\u202eesrever", "it's & <b>"]


def network() -> st.Model:
    """Small, with something of everything that the page explains."""
    x = inputs = layers.Input((20, 18, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = skip = layers.ReLU()(x)
    x = layers.Conv2D(6, 3, padding="same", groups=2, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Add()([x, skip])
    x = layers.SeparableConv2D(8, 3, activation="relu")(x)
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    x = layers.Conv2DTranspose(5, 3, strides=2)(x)
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.5)(x))
    x = layers.Dense(7, activation="tanh")(layers.Rescaling(0.5, 0.1)(layers.LayerNormalization()(x)))
    model = st.Model(inputs, layers.Dense(4, activation="softmax")(x), name="small")
    model.preprocessing = Preprocessing.pictures((20, 18), 3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2))
    model.labels = HOSTILE
    rng = np.random.default_rng(0)
    model.set_weights(
        [rng.uniform(0.2, 1.2, w.shape) if w.ndim == 1 else rng.normal(0, 0.4, w.shape) for w in model.get_weights()]
    )
    return model


def png(height: int, width: int, seed: int = 0) -> bytes:
    """A picture with edges and gradients, as a file."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 6, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


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
    assert len(text) < 300_000


def test_the_command_writes_what_the_method_does(run, tmp_path):
    done = json.loads(run("page", "lenet5", "-o", str(tmp_path / "a.html"), "--json")[1])
    write_explorer(tmp_path / "b.html", zoo.create("lenet5").graph, "lenet5")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert done == {"file": str(tmp_path / "a.html"), "bytes": (tmp_path / "a.html").stat().st_size, "live": False}
    network().save(tmp_path / "net")
    assert json.loads(run("page", str(tmp_path / "net"), "-o", str(tmp_path / "c.html"), "--json")[1])["live"]


# -- in a browser -----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def small():
    return network()


@pytest.fixture(scope="module")
def written(small, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "a < b.html"
    write_explorer(path, small.graph, HOSTILE[0], small)
    return path


def test_it_answers_as_predict_does_and_names_do_nothing_but_appear(opened, small, tmp_path):
    content = png(31, 45)
    (tmp_path / "x.png").write_bytes(content)
    opened.drop("\u202e<b>photo.png", content)
    lines = opened.page.eval_on_selector_all(
        "#best li", "all => all.map(li => [li.querySelector('.label').textContent, Number(li.dataset.share)])"
    )
    shares = small.predict(str(tmp_path / "x.png"))[0]
    order = np.argsort(-shares, kind="stable")
    told = [name.replace("\u202e", r"\u202e") for name in HOSTILE]
    assert [name for name, _ in lines] == [told[i] for i in order]
    np.testing.assert_allclose([share for _, share in lines], shares[order], atol=1e-3)
    assert opened.page.title() == HOSTILE[0]
    assert opened.page.locator("#title").text_content() == HOSTILE[0]
    assert opened.page.locator("img").count() == 0


@pytest.mark.parametrize(
    "recipe",
    [
        Preprocessing.pictures((20, 18), 3),
        Preprocessing.pictures((24, 24), 3, resize="crop"),
        Preprocessing.pictures((24, 16), 3, resize="crop", shorter_side=29, interpolation="bicubic"),
        Preprocessing.pictures((17, 33), 1, resize="pad"),
        Preprocessing.pictures((64, 70), 3, interpolation="bicubic"),
    ],
    ids=str,
)
def test_a_picture_becomes_the_same_bytes(opened, recipe):
    script = """async ([numbers, recipe]) => {
        const {prepared} = await import("striate/pixels");
        return Array.from((await prepared(new Blob([Uint8Array.from(numbers)]), recipe)).data);
    }"""
    for size in ((31, 45), (50, 22), (20, 18)):
        content = png(*size)
        told = {key: value for key, value in recipe.to_dict().items() if key != "vocabulary"}
        found = opened.page.evaluate(script, [list(content), told])
        np.testing.assert_array_equal(np.array(found, np.uint8).reshape(*recipe.image_size, -1), recipe.pixels(content))


def test_the_arithmetic_of_every_layer_comes_to_the_maps_number(opened, small):
    script = """async () => {
        const {arithmetic} = await import("striate/cell");
        const page = globalThis.striate, {engine, current} = page.pictures, found = [];
        const look = {told: page.told, values: current.values, array: (i, name) => engine.array(i, name)};
        page.told.layers.forEach((layer, call) => {
            for (let i = 0; i < 40; i++) {
                const at = layer.shape.map((size, axis) => (7 * i + 3 * axis * i) % size);
                const {value, after, products, source, reason} = arithmetic(look, layer.output, at, call);
                const begun = source ? look.values.get(source.tensor).at(source.at) : products?.total;
                const steps = after.map(step => step.from);
                found.push([layer.name, reason, value, begun ?? null, steps[0] ?? value, after.at(-1)?.to ?? begun]);
            }
        });
        return found;
    }"""
    found = opened.page.evaluate(script)
    assert {name for name, *_ in found} == {call.name for call in small.graph.flat().nodes}
    for name, reason, value, begun, first, last in found:
        assert not reason, name
        assert begun == pytest.approx(first, abs=1e-4), name
        assert last == pytest.approx(value, abs=1e-4), name


def test_a_cell_lights_up_what_size_says_it_sees(opened, small):
    fields = receptive(small.graph)
    script = """async ([name, at]) => {
        const {seen} = await import("striate/fields");
        const page = globalThis.striate, layer = page.told.layers.find(each => each.name === name);
        return seen(page.told, layer.output, at).get(page.told.inputs[0].tensor) ?? null;
    }"""
    for call in small.graph.flat().nodes:
        for turn in range(4):
            at = [(5 * turn + axis) % size for axis, size in enumerate(call.shape)]
            found = opened.page.evaluate(script, [call.name, at])
            told = tuple((low, high + 1) for low, high in found[:2]) if found else ((0, 0), (0, 0))
            assert told == fields.crop(call.name, tuple(at)), call.name


def test_hovering_and_clicking_a_cell_says_where_it_looks_and_why(opened, small):
    page = opened.page
    page.evaluate(
        "globalThis.striate.choose(globalThis.striate.told.layers.findIndex(each => each.name === 'conv2d_1'))"
    )
    canvas = page.locator(".large canvas").first
    canvas.wait_for()
    box = canvas.bounding_box()
    rows, columns = (int(canvas.get_attribute(f"data-{each}")) for each in ("rows", "columns"))
    assert (rows, columns) == small.graph.node("conv2d_1").shape[:2]
    page.mouse.move(box["x"] + 4.5 * box["width"] / columns, box["y"] + 2.5 * box["height"] / rows)
    field = json.loads(page.locator("#said").get_attribute("data-field"))
    assert tuple((a, b + 1) for a, b in field[:2]) == receptive(small.graph).crop("conv2d_1", (2, 4))
    page.mouse.down()
    page.mouse.up()
    said = page.locator(".story .agrees")
    said.wait_for()
    assert float(said.get_attribute("data-computed")) == pytest.approx(
        float(said.get_attribute("data-value")), abs=1e-4
    )


ACTIVATIONS = list(FUNCTIONS)[: list(FUNCTIONS).index("exponential") + 1]
ENDS = {
    "pooled": lambda x: layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)),
    "flat": lambda x: layers.Dense(3)(layers.Dense(5, activation="gelu")(layers.Flatten()(x))),
    "largest": lambda x: layers.Dense(1, activation="sigmoid")(layers.GlobalMaxPooling2D()(x)),
    "convolved": lambda x: layers.Flatten()(layers.Conv2D(4, x.shape[1:3], activation="silu", groups=2)(x)),
    "layer normed": lambda x: layers.Dense(3)(layers.LayerNormalization()(layers.GlobalAveragePooling2D()(x))),
    "distances": lambda x: layers.EuclideanRBF(3)(
        layers.Dense(6, activation="scaled_tanh")(layers.Rescaling(0.5, 0.1)(layers.Flatten()(x)))
    ),
    "normed": lambda x: layers.Dense(3, activation="softmax")(
        layers.BatchNormalization()(layers.Multiply()([(y := layers.GlobalAveragePooling2D()(x)), layers.Softmax()(y)]))
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_grad_cam_and_occlusion_are_those_of_look(browser, end, tmp_path):
    x = inputs = layers.Input((21, 24, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    model = st.Model(inputs, ENDS[end](x))
    model.preprocessing = Preprocessing.pictures((21, 24), 3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2))
    rng = np.random.default_rng(2)
    model.set_weights(
        [rng.uniform(0.2, 1.2, w.shape) if w.ndim == 1 else rng.normal(0, 0.4, w.shape) for w in model.get_weights()]
    )
    (tmp_path / "x.png").write_bytes(png(21, 24))
    page = Opened(browser, model.page(tmp_path / "page.html"))
    page.drop("x.png", (tmp_path / "x.png").read_bytes())
    page.page.evaluate("document.getElementById('window').value = 4; document.getElementById('step').value = 3")
    for number in range(model.answers.classes):
        page.page.evaluate("number => globalThis.striate.why.ask(number)", number)
        for method, made in (
            ("gradcam", st.look.gradcam(model, tmp_path / "x.png", number)),
            ("occlusion", st.look.occlusion(model, tmp_path / "x.png", number, window=4, stride=3)),
        ):
            page.page.evaluate("method => globalThis.striate.why.turn(method)", method)
            found = page.page.evaluate("Array.from(globalThis.striate.why.found.values)")
            np.testing.assert_allclose(found, made.values.ravel(), atol=1e-4)
            page.page.evaluate("globalThis.striate.why.turn(null)")
    page.context.close()
    assert page.faults == []


def test_slopes_of_activations_are_those_of_torch(opened):
    names = opened.page.evaluate("async () => Object.keys((await import('striate/slopes')).FUNCTIONS)")
    points = np.array([-7.5, -3.2, -1.3, -0.4, -0.01, 0.02, 0.7, 2.6, 4.4, 6.5], np.float32)
    for name in set(names) & set(ACTIVATIONS):
        model = st.Sequential([layers.Input((len(points),)), layers.Activation(name)])
        x = torch.tensor(points[None], requires_grad=True)
        y = model.module.eval()(x)
        y.sum().backward()
        parameters = model.graph.flat().nodes[0].lowering.steps[0].primitive.parameters
        script = """async ([name, xs, ys, parameters]) => {
            const {FUNCTIONS} = await import("striate/slopes");
            return xs.map((x, i) => FUNCTIONS[name](x, ys[i], ...parameters));
        }"""
        found = opened.page.evaluate(script, [name, points.tolist(), y[0].tolist(), list(parameters)])
        np.testing.assert_allclose(found, x.grad[0], atol=1e-5, err_msg=name)
    assert len(set(names) & set(ACTIVATIONS)) == 16


def test_occlusion_stops_when_it_is_asked_to_and_the_address_holds_the_question(browser, written):
    page = Opened(browser, written, at="#why=occlusion&class=2")
    page.page.wait_for_function("() => (({found}) => found && found.done === found.whole)(globalThis.striate.why)")
    assert page.page.locator("#asked").input_value() == "2"
    found = page.page.evaluate("""async () => {
        const {why} = globalThis.striate;
        why.found = null;
        const asked = why.ask(1);
        why.turn("occlusion");
        await asked;
        return why.found;
    }""")
    assert found is None
    assert page.page.locator("#occlusion").get_attribute("aria-pressed") == "false"
    assert "why=" not in page.page.evaluate("location.hash")
    page.context.close()
    assert page.faults == []


def test_it_is_used_by_keyboard_alone(opened):
    page = opened.page
    page.keyboard.press("g")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "treeitem"
    before = page.locator("[aria-expanded=true]").count()
    while page.evaluate("document.activeElement.getAttribute('aria-expanded')") != "false":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("[aria-expanded=true]").count() == before + 1
    page.keyboard.press("ArrowLeft")
    assert page.locator("[aria-expanded=true]").count() == before
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("l")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator("#story h3").wait_for()
    page.keyboard.press("d")
    assert "theme=dark" in page.url
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()


def test_the_address_holds_what_is_chosen(browser, written):
    page = Opened(browser, written, at="#layer=conv2d_1&map=2&cell=3%2C4&range=network&colour=weights")
    assert page.page.locator("#layer h2").text_content() == "conv2d_1"
    assert page.page.locator("[data-map='2']").get_attribute("aria-pressed") == "true"
    page.page.locator("#story h3").wait_for()
    assert page.page.locator("#colouring").input_value() == "weights"
    page.context.close()
    assert page.faults == []


def test_search_finds_the_exact_name_first_and_escape_ends_it(opened):
    page = opened.page
    page.keyboard.press("/")
    page.keyboard.type("conv2d_1")
    assert page.locator("#hits").text_content() == "1 found"
    page.keyboard.press("Control+a")
    page.keyboard.type("conv2d")
    names = "globalThis.striate.diagram.found('conv2d').map(call => globalThis.striate.told.layers[call].name)"
    assert page.evaluate(names) == ["conv2d", "conv2d_1", "conv2d_transpose", "depthwise_conv2d", "separable_conv2d"]
    marked = page.locator(".box.hit").count()
    assert marked > 2
    page.locator(".box.part").first.evaluate("box => box.dispatchEvent(new MouseEvent('click'))")
    assert page.locator(".box.hit").count() >= marked
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == page.locator("#hits").text_content() == ""
    assert page.locator(".box.hit").count() == 0


@pytest.mark.parametrize("colouring", ["weights", "multiplications", "size of maps", "receptive field"])
def test_colours_have_a_scale_and_the_most_is_gone_to(opened, small, colouring):
    page = opened.page
    page.select_option("#colouring", colouring)
    page.locator("#colouring").evaluate("field => field.blur()")
    most = {
        "weights": lambda row: row.weights,
        "multiplications": lambda row: row.mults,
        "size of maps": lambda row: np.prod(row.output_shape),
        "receptive field": lambda row: max(row.receptive_field or [0]),
    }[colouring]
    rows = opened_rows(small.graph)
    name = max(rows, key=most).name
    assert page.locator("#legend button").text_content() == f"most: {name}"
    assert page.locator(".fill.conv, .fill.norm").count() == 0
    page.keyboard.press("m")
    page.locator("#layer h2", has_text=name).wait_for()
    page.select_option("#colouring", "kind")
    assert page.locator("#legend button").count() == 0


def test_layers_that_do_not_fit_are_counted_and_gone_to_one_after_the_other(opened, small):
    page = opened.page
    names = [row.name for row in opened_rows(small.graph) if row.misfit]
    assert len(names) == 2
    button = page.locator("#totals button")
    assert button.text_content() == "⚠ 2 do not fit"
    button.click()
    page.locator("#layer h2").get_by_text(names[0], exact=True).wait_for()
    page.locator("#layer").press("f")
    page.locator("#layer h2").get_by_text(names[1], exact=True).wait_for()


def test_what_is_cut_off_a_photo_is_said(browser, tmp_path):
    model = network()
    model.preprocessing = Preprocessing.pictures((20, 18), 3, resize="crop")
    opened = Opened(browser, model.page(tmp_path / "a.html", editable=False))
    opened.drop("wide.png", png(20, 36))
    opened.page.wait_for_function("() => document.getElementById('state').textContent.includes('50 % are cut off')")
    opened.drop("same.png", png(20, 18))
    assert "cut" not in opened.page.locator("#state").text_content()
    opened.context.close()
    assert opened.faults == []


def test_what_is_unfolded_stays_so_at_the_next_layer_and_more_to_scroll_to_fades_out(opened):
    page = opened.page
    page.locator("summary", has_text="The filter of map").click()
    page.locator("details[open]", has_text="The filter of map").wait_for()
    page.evaluate("striate.choose(striate.told.layers.findIndex(({name}) => name === 'conv2d_1'))")
    page.locator("#layer h2", has_text="conv2d_1").wait_for()
    filters = page.locator("details[open]", has_text="The filter of map").locator(".between")
    assert filters.count() == 1
    filters.evaluate("row => { row.style.width = '90px'; }")
    page.evaluate("dispatchEvent(new Event('resize'))")
    page.wait_for_function("() => document.querySelector('details[open] .between').classList.contains('more-right')")
    filters.evaluate("row => { row.scrollLeft = row.scrollWidth; }")
    page.wait_for_function("() => !document.querySelector('details[open] .between').classList.contains('more-right')")


def test_the_way_back_leads_through_what_was_chosen(browser, written):
    opened = Opened(browser, written, at="#layer=conv2d&map=1")
    page = opened.page
    chosen = "([name, map]) => striate.shown.layers[striate.chosen].name === name && striate.channel === map"
    begun = page.evaluate("history.length")
    page.locator("[data-map='2']").click()
    page.evaluate("striate.choose(striate.told.layers.findIndex(({name}) => name === 'conv2d_1'))")
    page.wait_for_function("() => location.hash.includes('conv2d_1')")
    page.locator("[data-map='3']").click()
    page.locator("#strip button").nth(1).click()
    page.wait_for_function("() => location.hash.includes('picture=sample-1')")
    page.go_back()
    page.wait_for_function(
        "() => striate.pictures.current.address === 'sample-0' && location.hash.includes('sample-0')"
    )
    page.go_back()
    page.wait_for_function("() => striate.shown.layers[striate.chosen].name === 'conv2d_1' && striate.channel !== 3")
    page.go_back()
    page.wait_for_function(chosen, arg=["conv2d", 2])
    page.go_back()
    page.wait_for_function(chosen, arg=["conv2d", 1])
    page.go_forward()
    page.wait_for_function(chosen, arg=["conv2d", 2])
    assert page.locator("[data-map='2']").get_attribute("aria-pressed") == "true"
    assert page.evaluate("history.length") == begun + 4
    address = page.evaluate("location.hash").replace("sample-0", "sample-1")
    opened.context.close()
    again = Opened(browser, written, at=address)
    assert again.page.locator("#strip button").nth(1).get_attribute("aria-pressed") == "true"
    again.context.close()
    assert opened.faults + again.faults == []


def test_the_address_holds_the_open_blocks(browser, written):
    page = Opened(browser, written)
    opened = page.page.locator("[aria-expanded=true]").count()
    folded = page.page.locator("[aria-expanded=false]")
    folded.first.click()
    address = page.page.evaluate("location.hash")
    page.context.close()
    again = Opened(browser, written, at=address)
    assert again.page.locator("[aria-expanded=true]").count() == opened + 1
    again.page.keyboard.press("e")
    again.page.keyboard.press("e")
    assert "open=" not in again.page.evaluate("location.hash")
    again.context.close()
    assert page.faults + again.faults == []


def test_a_block_is_not_called_as_the_layer_in_it_is(opened):
    told = opened.page.evaluate(
        "globalThis.striate.diagram.foldable.map(part => globalThis.striate.diagram.title(part))"
    )
    names = opened.page.evaluate("globalThis.striate.told.layers.map(layer => layer.name)")
    assert told[0] == "conv2d to re_lu"
    assert not set(told) & set(names)


def test_volumes_are_drawn_to_the_scale_of_the_feature_map(browser, written, small):
    page = Opened(browser, written, at="#volumes=1&open=0,1,3,4")
    blocks = page.page.locator(".box.layer .volume")
    assert blocks.count() == len(small.graph.flat().nodes)
    drawn = {}
    for (
        layer,
        path,
    ) in page.page.evaluate("""() => [...document.querySelectorAll('.box.layer:has(.volume)')].map(box => [
        box.querySelector('title').textContent.split(':')[0], box.querySelector('.volume path').getAttribute('d')])"""):
        drawn[layer] = [abs(float(side)) for side in re.findall(r"[vh](-?[\d.]+)", path)[:2]]
    shapes = {call.name: call.shape for call in small.graph.flat().nodes}
    true = dict(zip(shapes, sides(list(shapes.values())), strict=True))
    (one, (height, _, thick)), *rest = ((drawn[name], true[name]) for name in shapes)
    for other, (high, _, deep) in rest:
        assert other[0] / one[0] == pytest.approx(high / height, rel=0.05)
        assert other[1] / one[1] == pytest.approx(deep / thick, rel=0.05)
    page.page.keyboard.press("b")
    assert blocks.count() == 0
    page.context.close()
    assert page.faults == []


def test_it_runs_to_the_right_too(browser, written):
    page = Opened(browser, written)
    page.page.keyboard.press("y")
    page.page.keyboard.press("e")
    script = "globalThis.striate.diagram.boxes.map(({part, x, y, w, h}) => [part.calls.length, x, y, x + w, y + h])"
    boxes = [box for count, *box in page.page.evaluate(script) if count == 1]
    assert len(boxes) == len(page.page.evaluate("globalThis.striate.told.layers"))
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert all(left >= c or right <= a or top >= d or bottom <= b for a, b, c, d in boxes[:i])
    assert boxes[-1][0] > boxes[0][0] + 10 * 188
    address = page.page.evaluate("location.hash")
    page.context.close()
    again = Opened(browser, written, at=address)
    width, height = again.page.evaluate("[globalThis.striate.diagram.size.w, globalThis.striate.diagram.size.h]")
    assert width > 3 * height
    again.page.keyboard.press("g")
    again.page.keyboard.press("ArrowDown")
    again.page.keyboard.press("ArrowDown")
    assert again.page.evaluate("document.activeElement.getAttribute('role')") == "treeitem"
    again.context.close()
    assert page.faults + again.faults == []


def test_the_picture_is_kept_as_png(opened):
    size = opened.page.evaluate("[globalThis.striate.diagram.size.w, globalThis.striate.diagram.size.h]")
    with opened.page.expect_download() as waiting:
        opened.page.keyboard.press("i")
    with Image.open(waiting.value.path()) as picture:
        assert picture.size == pytest.approx([2 * (side + 40) for side in size], abs=3)
        colours = picture.convert("RGB").getcolors(1 << 20)
    assert colours is None or len(colours) > 50


def test_the_same_map_stands_beside_that_of_the_other_pictures(opened):
    opened.drop("other.png", png(20, 18, seed=4))
    opened.page.locator("summary", has_text="The same map").click()
    row = opened.page.locator(".others figure")
    opened.page.wait_for_function("() => document.querySelectorAll('.others figure').length === 3")
    assert all("%" in text for text in row.all_text_contents())


def test_the_picture_is_kept_as_svg(opened):
    with opened.page.expect_download() as waiting:
        opened.page.click("#svg")
    root = ET.parse(waiting.value.path()).getroot()
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("conv2d" in (text or "") for text in texts)
    assert "var(" not in ET.tostring(root, "unicode")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_is_wider_than_the_window(browser, written, width, colours):
    page = Opened(browser, written, width=width, colours=colours)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.page.evaluate("document.documentElement.dataset.theme") == colours
    page.context.close()
    assert page.faults == []
