"""Maps of any picture in a browser: prepared, answered and computed as in Python, cell by cell with its reason."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from browser import Opened
from page_nets import HOSTILE, network, png
from PIL import Image

from striate.data import Preprocessing
from striate.size import receptive


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


BYTES = """async ([numbers, recipe]) => {
    const {prepared} = await import("striate/pixels");
    return Array.from((await prepared(new Blob([Uint8Array.from(numbers)]), recipe)).data);
}"""


def same_bytes(page, content: bytes, recipe: Preprocessing) -> None:
    told = {key: value for key, value in recipe.to_dict().items() if key != "vocabulary"}
    found = page.evaluate(BYTES, [list(content), told])
    np.testing.assert_array_equal(np.array(found, np.uint8).reshape(*recipe.image_size, -1), recipe.pixels(content))


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
def test_a_picture_becomes_the_same_bytes(asked, recipe):
    for size in ((31, 45), (50, 22), (20, 18)):
        same_bytes(asked.page, png(*size), recipe)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(5000, 10), (10, 5000), (2900, 7), (24, 4000)])
def test_so_does_a_sliver_of_which_little_is_kept(asked, size, interpolation):
    recipe = Preprocessing.pictures((64, 48), 3, resize="crop", shorter_side=256, interpolation=interpolation)
    same_bytes(asked.page, png(*size), recipe)


@pytest.mark.parametrize("turn", range(1, 10))
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_so_does_a_picture_that_its_file_asks_to_turn(asked, kind, turn):
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x010F], exif[0x0112] = "a maker's name", turn
    Image.open(io.BytesIO(png(23, 14))).save(file, kind, exif=exif, lossless=True)
    same_bytes(asked.page, file.getvalue(), Preprocessing.pictures((23, 14), 3, resize="pad"))


def test_a_broken_note_of_a_turn_turns_nothing(asked):
    file = io.BytesIO()
    Image.open(io.BytesIO(png(23, 14))).save(file, "WEBP", exif=b"MM\0*\xff\xff\xff\xff", lossless=True)
    same_bytes(asked.page, file.getvalue(), Preprocessing.pictures((23, 14), 3, resize="pad"))


def test_the_arithmetic_of_every_layer_comes_to_the_maps_number(asked, small):
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
    found = asked.page.evaluate(script)
    assert {name for name, *_ in found} == {call.name for call in small.graph.flat().nodes}
    for name, reason, value, begun, first, last in found:
        assert not reason, name
        assert begun == pytest.approx(first, abs=1e-4), name
        assert last == pytest.approx(value, abs=1e-4), name


def test_a_cell_lights_up_what_size_says_it_sees(asked, small):
    fields = receptive(small.graph)
    script = """async ([name, at]) => {
        const {seen} = await import("striate/fields");
        const page = globalThis.striate, layer = page.told.layers.find(each => each.name === name);
        return seen(page.told, layer.output, at).get(page.told.inputs[0].tensor) ?? null;
    }"""
    for call in small.graph.flat().nodes:
        for turn in range(4):
            at = [(5 * turn + axis) % size for axis, size in enumerate(call.shape)]
            found = asked.page.evaluate(script, [call.name, at])
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


def test_a_number_that_is_taken_over_is_said_to_be_its_layers(opened):
    page = opened.page
    for name, giver in (("re_lu", "batch_normalization's number at ("), ("add", "depthwise_conv2d, re_lu")):
        page.evaluate("name => striate.choose(striate.told.layers.findIndex(each => each.name === name))", arg=name)
        page.locator("#layer h2", has_text=name).wait_for()
        page.locator(".large canvas").first.focus()
        page.keyboard.press("Enter")
        page.locator("#story", has_text=giver).wait_for()


def test_what_is_cut_off_a_photo_is_said_and_drawn(browser, tmp_path):
    model = network()
    model.preprocessing = Preprocessing.pictures((20, 18), 3, resize="crop")
    opened = Opened(browser, model.page(tmp_path / "a.html", editable=False, timed=False, attributions=False))
    opened.drop("wide.png", png(20, 36))
    opened.page.wait_for_function("() => document.getElementById('state').textContent.includes('50 % are cut off')")
    blank = io.BytesIO()
    Image.new("RGB", (36, 20), "white").save(blank, "PNG")
    opened.drop("blank.png", blank.getvalue())
    row = opened.page.locator("#state canvas").evaluate("""canvas => {
        const {data} = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 1);
        return Array.from({length: canvas.width}, (_, x) => data[4 * x]);
    }""")
    bright = [x / len(row) for x, value in enumerate(row) if value > 250]
    assert max(row[: len(row) // 5] + row[-len(row) // 5 :]) < 150
    assert (min(bright), max(bright)) == pytest.approx((0.25, 0.75), abs=0.03)
    opened.drop("same.png", png(20, 18))
    assert "cut" not in opened.page.locator("#state").text_content()
    assert opened.page.locator("#state canvas").count() == 0
    opened.context.close()
    assert opened.faults == []


def test_a_broken_file_among_several_is_named_and_the_last_picture_is_in_sight(opened):
    page = opened.page
    script = """async (files) => {
        const list = files.map(([name, numbers]) => new File([Uint8Array.from(numbers)], name));
        await globalThis.striate.pictures.take(list.map((file) => [file, file.name]));
    }"""
    good, text = list(png(20, 18)), list(b"no picture")
    page.evaluate(script, [["plain.png", good], ["text.png", text], ["grey.png", good]])
    said = page.locator("#state").inner_text()
    assert said.startswith("grey.png: 20 × 18")
    assert said.count("is no picture that the browser can read") == said.count("text.png") == 1
    assert page.locator("#strip button").count() == 5
    page.evaluate(script, [["a.png", text], ["b.png", text]])
    assert page.locator("#state").inner_text().count("no picture") == 2
    page.evaluate(script, [[f"{number}.png", good] for number in range(14)])
    assert "no picture" not in page.locator("#state").inner_text()
    for chosen in ("last", "first"):
        page.evaluate(f"document.querySelector('#strip button:{chosen}-child').click()")
        page.wait_for_function(f"() => document.querySelector('#strip button:{chosen}-child[aria-pressed=true]')")
        strip, one = (page.locator(each).bounding_box() for each in ("#strip", "#strip [aria-pressed=true]"))
        assert strip["y"] <= one["y"]
        assert one["y"] + one["height"] <= strip["y"] + strip["height"]


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


def test_the_same_map_stands_beside_that_of_the_other_pictures(opened):
    opened.drop("other.png", png(20, 18, seed=4))
    opened.page.locator("summary", has_text="The same map").click()
    row = opened.page.locator(".others figure")
    opened.page.wait_for_function("() => document.querySelectorAll('.others figure').length === 3")
    assert all("%" in text for text in row.all_text_contents())
