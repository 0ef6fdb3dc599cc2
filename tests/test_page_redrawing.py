"""What the page draws of a large network: a click makes what it opens, and the rest is kept; names stand clear of lines."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from browser import Opened

from striate import zoo
from striate.page.explorer import write_explorer

OF_A_LAYER = 12  # elements of its box, at most, and of a line to it
AROUND = 40  # elements of a frame, and of lines that come anew around it, at most

CLICK = """async path => {
    const boxes = () => new Map(striate.diagram.boxes.map(({part, group}) =>
        [`${part.path} ${group.getAttribute('aria-expanded')}`, group]));
    const before = boxes();
    const made = new Set();
    const count = node => node.nodeType === 1 && [node, ...node.querySelectorAll('*')].forEach(each => made.add(each));
    const watching = new MutationObserver(changes => changes.forEach(({addedNodes}) => addedNodes.forEach(count)));
    watching.observe(document.getElementById('diagram'), {childList: true, subtree: true});
    before.get(`${path} false`)?.dispatchEvent(new MouseEvent('click'));
    before.get(`${path} true`)?.dispatchEvent(new MouseEvent('click'));
    await new Promise(requestAnimationFrame);
    watching.disconnect();
    const after = boxes();
    const stays = [...after.keys()].filter(key => before.has(key));
    return [made.size, stays.length, stays.filter(key => after.get(key) === before.get(key)).length,
        document.getElementById('minimap').childElementCount];
}"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "nasnet.html"
    write_explorer(path, zoo.create("nasnet_mobile").graph, "nasnet_mobile", editable=False)
    return path


def test_a_click_makes_what_a_block_holds_and_keeps_everything_else(opened):
    page = opened.page
    foldable = page.evaluate("striate.diagram.parts.foldable.map(({path, parts}) => [path, parts.length])")
    families = page.evaluate("new Set(striate.told.layers.map(({family}) => family)).size")
    assert len(foldable) > 30
    shut = [each for each in foldable if page.evaluate("path => !striate.diagram.open.has(path)", each[0])]
    for path, parts in shut:
        made, stays, same, small = page.evaluate(CLICK, path)
        assert made <= OF_A_LAYER * parts + AROUND, path
        assert stays == same > 0
        assert small <= families + 1
    assert page.evaluate("striate.diagram.allOpen")
    for path, _ in reversed(foldable):
        made, stays, same, _ = page.evaluate(CLICK, path)
        assert made <= AROUND, path
        assert stays == same
    assert page.evaluate("striate.diagram.open.size") == 0


def test_what_is_opened_one_by_one_stands_where_it_does_when_all_is_opened_at_once(opened):
    page = opened.page
    places = "striate.diagram.boxes.map(({part, x, y, w, h}) => [part.path, x, y, w, h])"
    drawn = "[...document.querySelectorAll('#diagram .wire')].map(wire => wire.getAttribute('d')).sort()"
    for path in page.evaluate("striate.diagram.parts.foldable.map(({path}) => path)"):
        page.evaluate("path => striate.diagram.open.has(path) || striate.diagram.fold(path, true)", path)
    found = page.evaluate(places), page.evaluate(drawn)
    page.evaluate("striate.tools.turn(); striate.tools.turn()")  # which draws it anew
    assert (page.evaluate(places), page.evaluate(drawn)) == found
    off = page.evaluate("""(() => {
        const whole = document.querySelector('#diagram > g').getScreenCTM();
        return Math.max(...striate.diagram.boxes.map(({group, x, y}) => {
            const own = group.getScreenCTM();
            return Math.hypot((own.e - whole.e) / whole.a - x, (own.f - whole.f) / whole.a - y);
        }));
    })()""")
    assert off < 0.1


def test_texts_that_cannot_be_read_are_not_laid_out_and_are_in_the_file(opened):
    page = opened.page
    shown = """[...document.querySelectorAll('#diagram text')]
        .filter(text => getComputedStyle(text).display !== 'none').length"""
    page.keyboard.press("e")
    texts = page.locator("#diagram text").count()
    assert texts > 2000
    assert 0 < page.evaluate(shown) < texts / 10
    assert page.evaluate("""() => {
        const {view: {piece}, boxes} = striate.diagram;
        const inSight = box => box.x < piece.x + piece.w && box.x + box.w > piece.x
            && box.y < piece.y + piece.h && box.y + box.h > piece.y;
        return boxes.filter(({group}) => getComputedStyle(group.querySelector('text')).display !== 'none').every(inSight);
    }""")
    page.keyboard.press("0")
    assert page.evaluate(shown) == 0
    with page.expect_download() as waiting:
        page.keyboard.press("s")
    root = ET.parse(waiting.value.path()).getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}text"))) == texts
    assert ".far" not in ET.tostring(root, "unicode")


@pytest.mark.parametrize("turned", [0, 1])
def test_no_line_crosses_a_name(browser, written, turned):
    opened = Opened(browser, written, at=f"#open=all&turned={turned}")
    crossed = opened.page.evaluate("""() => {
        const {view, boxes} = striate.diagram, found = [];
        const heads = boxes.filter(({group}) => group.classList.contains('frame'));
        const {a: scale, e, f} = document.querySelector('#diagram > g').getScreenCTM();
        const bars = heads.map(({part, x, y, w}) => ({path: part.path, x, y, w, h: 22}));
        for (const wire of document.querySelectorAll('#diagram .wire')) {
            const own = wire.getScreenCTM(), [right, down] = [(own.e - e) / scale, (own.f - f) / scale];
            const {x: left, y: top, width, height} = wire.getBBox();
            const near = bars.filter(bar => left + right < bar.x + bar.w && left + width + right > bar.x
                && top + down < bar.y + bar.h && top + height + down > bar.y);
            for (let at = 0; near.length && at <= wire.getTotalLength(); at += 4) {
                const point = wire.getPointAtLength(at), [x, y] = [point.x + right, point.y + down];
                const in_it = bar => x > bar.x + 1 && x < bar.x + bar.w - 1 && y > bar.y + 1 && y < bar.y + bar.h - 1;
                found.push(...near.filter(in_it).map(({path}) => path));
            }
        }
        return [heads.length, found];
    }""")
    opened.context.close()
    assert crossed[0] > 30
    assert crossed[1] == []
    assert opened.faults == []


def test_long_names_keep_both_their_ends(opened):
    page = opened.page
    folded = page.evaluate("striate.diagram.parts.foldable.map(part => striate.diagram.parts.brief(part))")
    assert "stem_conv1 to re_lu" in folded
    page.keyboard.press("e")
    names = page.evaluate("""striate.diagram.boxes.filter(({part}) => part.call !== undefined).map(({part, group}) =>
        [striate.told.layers[part.call].name, group.querySelector('.name').textContent])""")
    short = [(name, written) for name, written in names if written != name]
    assert len(short) > 100
    for name, written in short:
        begin, end = written.split("…")
        assert name.startswith(begin)
        assert name.endswith(end)
        assert min(len(begin), len(end)) >= 8


def test_of_names_that_begin_alike_the_second_is_said_without_that(asked):
    script = """async ([first, last]) => {
        const {Parts} = await import("striate/parts");
        const layer = name => ({name, inputs: [0], output: 1, family: "conv"});
        const told = {layers: [first, last].map(layer), outputs: [1], parts: [{name: first, parts: [{call: 0}, {call: 1}]}]};
        return new Parts(told).brief(told.parts[0]);
    }"""
    for first, last, said in (
        ("conv_dw_1", "conv_dw_1_relu", "conv_dw_1 to …_relu"),
        ("layer2_0_conv1", "layer2_0_relu2", "layer2_0_conv1 to …_relu2"),
        ("conv1", "conv10", "conv1 to conv10"),
        ("conv2d", "re_lu", "conv2d to re_lu"),
    ):
        assert asked.page.evaluate(script, [first, last]) == said


def test_the_minimap_stands_there_where_not_all_is_in_sight(opened):
    page = opened.page
    page.keyboard.press("0")
    assert page.locator("#minimap").is_hidden()
    for _ in range(8):
        page.keyboard.press("+")
    assert page.locator("#minimap").is_visible()
    box = page.locator("#minimap").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3)
    last = "(({piece}, {x, y, w, h}) => y + h > piece.y && y < piece.y + piece.h)"
    assert page.evaluate(f"{last}(striate.diagram.view, striate.diagram.boxes.at(-1))")


@pytest.mark.parametrize("turned", [0, 1])
def test_a_layer_of_the_address_is_in_sight_and_one_that_is_in_sight_stays_where_it_is(browser, written, turned):
    opened = Opened(browser, written, at=f"#layer=normal_add_1_3&turned={turned}")
    page = opened.page
    chosen = "striate.diagram.boxes.find(({part}) => part.call === striate.diagram.selected)"
    in_sight = "(({x, y, w, h}, box) => box.x >= x && box.y >= y && box.x + box.w <= x + w && box.y + box.h <= y + h)"
    assert page.evaluate(f"{chosen}.group.querySelector('title').textContent").startswith("normal_add_1_3:")
    assert page.evaluate(f"{in_sight}(striate.diagram.view.piece, {chosen})")
    at = page.evaluate(f"{chosen}.group.getBoundingClientRect().toJSON()")
    page.evaluate(f"{chosen}.group.dispatchEvent(new MouseEvent('click'))")
    assert page.evaluate(f"{chosen}.group.getBoundingClientRect().toJSON()") == at
    page.locator("#search").fill("normal_conv_1_9")
    page.keyboard.press("Enter")
    page.locator("#layer h2", has_text="normal_conv_1_9").wait_for()
    assert page.evaluate(f"{in_sight}(striate.diagram.view.piece, {chosen})")
    opened.context.close()
    assert opened.faults == []
