"""The picture of the network in a browser: what opens, is found and coloured, to scale, both ways, kept as a file."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from browser import Opened
from PIL import Image

import striate as st
from striate import layers
from striate.draw.volumes import sides
from striate.graph import to_json
from striate.page.explorer import write_explorer
from striate.page.workshop import changed
from striate.size import opened_rows


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


def test_search_finds_what_stands_on_boxes_and_lines(opened):
    page = opened.page
    for text, key in (("Conv2D 3x3", "says"), ("SeparableConv2D", "kind"), ("10x9x6", "shape"), ("10×9×6", "shape")):
        page.fill("#search", text)
        script = f"""wanted => globalThis.striate.told.layers.filter(({{{key}}}) =>
            (Array.isArray({key}) ? {key}.join("x") : {key}).includes(wanted)).length"""
        count = page.evaluate(script, text.replace("×", "x") if key == "shape" else text)
        assert count
        assert page.locator("#hits").text_content() == f"{count} found"
    page.evaluate("document.getElementById('hits').textContent = '8,808 found'")
    field, hits = (page.locator(each).bounding_box() for each in ("#search", "#hits"))
    assert hits["x"] >= field["x"] + field["width"] - 84
    page.fill("#search", "")


def test_numbers_are_said_alike(opened):
    script = """async () => {
        const {short, several} = await import("striate/words");
        return [...[-0.5, -1.5e-7, -Infinity, NaN, 12].map(short), several(1, "layer"), several(1204, "layer")];
    }"""
    said = ["−0.5", "−1.50e−7", "−Infinity", "NaN", "12", "1 layer", "1,204 layers"]
    assert opened.page.evaluate(script) == said


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


def test_bar_boxes_and_minimap_have_one_scale(opened):
    page = opened.page
    page.select_option("#colouring", "weights")
    script = """async () => {
        const {strength, tinted} = await import("striate/colourings");
        const {diagram} = globalThis.striate;
        const stops = document.querySelector("#legend .ramp").style.background.match(/[\\d.]+(?=%)/g).map(Number);
        const opacity = (group) => Number(group.querySelector(".tint").getAttribute("fill-opacity"));
        const boxes = diagram.boxes.filter(({part}) => !diagram.open.has(part.path)).map(({part, group}) =>
            [diagram.scene.boxes.figure(part) / diagram.largest, opacity(group)]);
        const map = document.createElement("i");
        const fills = new Set(boxes.map(([share]) => (map.style.fill = tinted(share), map.style.fill)));
        const drawn = [...document.querySelectorAll("#minimap path")].map((path) => path.style.fill);
        return [stops, boxes, [...fills].sort(), drawn.sort()];
    }"""
    stops, boxes, fills, drawn = page.evaluate(script)
    assert len(boxes) > 3
    assert max(share for share, _ in boxes) == 1
    for share, opacity in boxes:
        at = share * (len(stops) - 1)
        assert opacity == pytest.approx(0.45 * share**0.5, abs=1e-3)
        if at == int(at):
            assert stops[int(at)] / 100 == pytest.approx(opacity, abs=1e-3)
    assert [stop / 45 for stop in stops] == pytest.approx([(i / 16) ** 0.5 for i in range(17)], abs=2e-3)
    assert drawn == fills
    page.select_option("#colouring", "kind")
    assert page.locator("#minimap path").evaluate_all("all => all.every(({style}) => style.fill.includes('-edge'))")


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
        "(parts => parts.foldable.map(part => parts.title(part)))(globalThis.striate.diagram.parts)"
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


def test_the_picture_is_kept_as_svg(opened):
    with opened.page.expect_download() as waiting:
        opened.page.click("#svg")
    root = ET.parse(waiting.value.path()).getroot()
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("conv2d" in (text or "") for text in texts)
    assert "var(" not in ET.tostring(root, "unicode")


def test_every_input_has_its_shape_and_one_that_nothing_reads_is_not_told(browser, tmp_path):
    left, right = layers.Input((16, 16, 3), name="left"), layers.Input((16, 16, 1), name="right")
    both = layers.Concatenate()([layers.Conv2D(4, 3)(left), layers.Conv2D(4, 3)(right)])
    graph = st.Model([left, right], layers.Dense(3)(layers.Flatten()(both))).graph
    opened = Opened(browser, write_explorer(tmp_path / "a.html", graph, "two", editable=False))
    page = opened.page
    assert page.locator("#diagram .box.plain").text_content() == "left, right"
    page.locator("#diagram .shape", has_text="16×16×3 and 16×16×1").wait_for()
    page.evaluate("striate.diagram.opened(null); striate.diagram.draw()")
    page.keyboard.press("y")
    assert page.locator("#diagram .shape").all_text_contents()[:2] == ["16×16×3", "16×16×1"]
    page.keyboard.press("y")
    edit = {"do": "remove", "layer": "concatenate"}
    told = json.loads(changed(json.dumps(to_json(graph)), json.dumps(edit)))["told"]
    page.evaluate("told => striate.show(told, null)", told)
    assert page.locator("#diagram .box.plain").text_content() == "left"
    assert "16×16×3" in page.locator("#diagram .shape").all_text_contents()
    assert page.locator("#diagram .shape", has_text="16×16×1").count() == 0
    opened.context.close()
    assert opened.faults == []
