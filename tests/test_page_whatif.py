"""What if a layer were another: numbers after edits are size's, misfits stand on their layer, everything is undone."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from browser import Opened
from page_edits import after, assert_is_graphs, assert_is_sizes, edit, executed
from page_nets import HOSTILE

import striate as st
from striate import layers, zoo
from striate.graph import from_json, to_json
from striate.page.explorer import write_explorer
from striate.page.workshop import edited
from striate.size import measure

LARGE = 150  # layers from which on a network is edited less often, so that the whole zoo takes half as long


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "a < b.html"
    write_explorer(path, zoo.create("lenet5").graph, HOSTILE[0])
    return path


@pytest.fixture(scope="module")
def kept(browser, written):
    """The page, opened once: what changes the network starts Python in it, which takes seconds."""
    page = Opened(browser, written)
    yield page
    page.context.close()


@pytest.fixture
def opened(kept):
    """The page as it was opened, but for Python, which may have started; nothing goes wrong in it, nothing is asked for."""
    kept.page.evaluate(ANEW)
    yield kept
    assert kept.faults == []
    assert kept.asked == []


ANEW = """async () => {
    const page = globalThis.striate, {whatif, diagram} = page;
    document.querySelectorAll("dialog[open]").forEach((box) => box.close());
    delete whatif.python.ask;
    await whatif.turnBack(() => 0);
    whatif.steps.length = 1;
    whatif.open = false;
    whatif.strip();
    document.getElementById("search").value = "";
    diagram.opened([]);
    diagram.draw();
    await page.choose(0);
    document.activeElement?.blur();
}"""


def edits_done(page: Any, count: int) -> None:
    """Wait until so many edits are shown."""
    page.wait_for_function(
        "([count, said]) => globalThis.striate.whatif.at === count"
        " && document.getElementById('edit-state').textContent.startsWith(said)",
        arg=[count, f"{count} edit" if count else ""],
    )


def told_there(page: Any) -> dict[str, Any]:
    return page.evaluate("globalThis.striate.shown")


def test_by_keyboard_alone_a_misfit_stands_on_its_layer_and_is_undone(opened):
    page = opened.page
    original = told_there(page)
    page.keyboard.press("/")
    page.keyboard.type("max_pooling2d_1")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.dataset.argument") == "pool_size"
    page.keyboard.press("Control+a")
    page.keyboard.type("11")
    page.keyboard.press("Enter")
    edits_done(page, 1)
    graph = from_json(
        edited(
            to_json(zoo.create("lenet5").graph),
            {"do": "set", "layer": "max_pooling2d_1", "argument": "pool_size", "value": 11},
        )
    )
    assert page.locator("#layer .warn").text_content() == f"⚠ {graph.fault.error}"
    assert "max_pooling2d_1" in page.locator("#difference [role=alert]").text_content()
    assert page.locator("[data-path='3'] .misfit").text_content() == "⚠"
    assert page.locator("#as-python").is_disabled()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    edits_done(page, 0)
    assert told_there(page) == original
    page.keyboard.press("U")
    edits_done(page, 1)
    assert page.locator("#layer .warn").count() == 1
    page.keyboard.press("z")
    edits_done(page, 0)
    assert page.locator("#difference").text_content() == ""


def test_what_is_changed_inserted_and_taken_out_is_copied_as_python_and_json(opened):
    page = opened.page
    page.keyboard.press("S")
    page.keyboard.press("Control+a")
    page.keyboard.type("32, 32, 3")
    page.keyboard.press("Enter")
    edits_done(page, 1)
    page.keyboard.press("Escape")
    page.keyboard.press("I")
    assert page.locator("#changes select").first.input_value() == "Conv2D"
    page.locator("#changes [data-argument=filters]").fill("9")
    page.locator("#changes [data-argument=kernel_size]").fill("(3, 2)")
    page.locator("#changes [data-argument=padding]").fill("same")
    page.keyboard.press("Enter")
    edits_done(page, 2)
    page.locator("[data-path='2']").click()
    page.keyboard.press("g")
    page.keyboard.press("X")
    edits_done(page, 3)
    told = told_there(page)
    assert [layer["name"] for layer in told["layers"]][:3] == ["conv2d", "new_conv2d", "conv2d_1"]
    page.keyboard.press("g")
    page.keyboard.press("J")
    description = json.loads(page.locator("#changes textarea").input_value())
    assert_is_sizes(told, description)
    page.keyboard.press("Escape")
    page.keyboard.press("P")
    page.locator("#changes textarea[aria-label$=Python]").wait_for()
    made = executed(page.locator("#changes textarea").input_value())
    assert_is_sizes(told, to_json(made.graph))
    page.keyboard.press("Escape")
    totals = " ".join(page.locator("#difference .totals li").all_text_contents())
    size = measure(made.graph)
    assert f"weights 61,706 → {size.weights:,}" in totals
    page.locator("#difference summary").click()
    rows = page.locator("#difference tbody tr").all_text_contents()
    assert any("new_conv2d" in row for row in rows)
    assert any("max_pooling2d" in row and "removed" in row for row in rows)
    row = next(row for row in size.rows if row.name == "conv2d_1")
    page.locator("#difference button", has_text="conv2d_1").click()
    facts = page.locator("#layer .facts").text_content()
    assert f"{row.weights:,}" in facts
    assert f"{row.mults:,}" in facts
    assert "was 10×10×16" in facts


def test_what_is_undone_while_it_is_sized_stays_undone(opened):
    page = opened.page
    original = told_there(page)
    page.evaluate("void globalThis.striate.whatif.edit({do: 'set', layer: 'conv2d', argument: 'filters', value: 7})")
    page.keyboard.press("u")
    page.wait_for_function("() => !document.getElementById('redo').disabled")
    assert told_there(page) == original
    page.keyboard.press("U")
    edits_done(page, 1)
    assert told_there(page)["layers"][0]["shape"] == [28, 28, 7]


def test_texts_of_an_edit_do_nothing_but_appear(opened):
    page = opened.page
    page.keyboard.press("a")
    for i, text in enumerate(HOSTILE, 1):
        page.locator("#layer [data-argument=padding]").fill(text)
        page.keyboard.press("Enter")
        edits_done(page, i)
        shown = page.locator("#layer .warn").text_content()
        assert "padding" in shown
        assert "\u202e" not in shown
        assert "\u202e" not in page.locator("#layer").inner_text()
    assert page.title() == HOSTILE[0]
    assert page.locator("#layer img, #difference img, #layer script").count() == 0


def test_the_address_holds_what_was_done(opened, browser, written):
    page = opened.page
    page.keyboard.press("a")
    page.locator("#layer [data-argument=filters]").fill("8")
    page.keyboard.press("Enter")
    edits_done(page, 1)
    page.keyboard.press("Escape")
    page.keyboard.press("I")
    page.locator("#changes select").first.select_option("Dropout")
    page.locator("#changes [data-argument=rate]").fill("0.5")
    page.keyboard.press("Enter")
    page.locator("#layer h2", has_text="new_dropout").wait_for()
    edits_done(page, 2)
    again = Opened(browser, written, at=page.url[page.url.index("#") :])
    edits_done(again.page, 2)
    again.page.locator("#layer h2", has_text="new_dropout").wait_for()
    assert told_there(again.page) == told_there(page)
    again.context.close()
    assert again.faults == []


def test_what_is_done_last_holds_also_while_an_edit_is_computed(opened):
    page = opened.page
    page.keyboard.press("a")
    page.locator("#layer [data-argument=filters]").fill("8")
    page.keyboard.press("Enter")
    edits_done(page, 1)
    page.locator("#layer [data-argument=filters]").fill("9")
    hold = """() => {
        const {python} = globalThis.striate.whatif, ask = python.ask.bind(python);
        python.ask = async (...given) => {
            const answer = await ask(...given);
            await new Promise((done) => { globalThis.letGo = done; });
            return answer;
        };
    }"""
    page.evaluate(hold)
    page.keyboard.press("Enter")
    page.wait_for_function("() => globalThis.letGo")
    assert page.locator("#layer [data-argument=filters]").get_attribute("aria-busy") == "true"
    assert page.locator("#edit-state").text_content() == "Sizing …"
    page.keyboard.press("Escape")
    page.evaluate("globalThis.striate.choose(globalThis.striate.chosen, true)")
    assert page.locator("#layer [data-argument=filters]").input_value() == "9"
    page.locator("#original").click()
    page.evaluate("async () => { globalThis.letGo(); await globalThis.striate.whatif.queue; }")
    edits_done(page, 0)
    assert page.locator("#layer [data-argument=filters]").input_value() == "6"
    assert "edits=" not in page.url


def test_edits_also_those_that_fail_keep_what_is_open_and_whoever_leaves_is_asked(browser, tmp_path):
    write_explorer(tmp_path / "a.html", zoo.create("cifar_resnet20").graph, "net")
    opened = Opened(browser, tmp_path / "a.html")
    page = opened.page
    page.keyboard.press("e")
    assert page.locator("#unfold").text_content() == "Fold all"
    count = page.locator(".box.layer").count()
    page.keyboard.press("a")
    page.locator("#layer [data-argument=kernel_size]").fill("77")
    page.locator("#layer [data-argument=padding]").fill("valid")
    page.keyboard.press("Enter")
    edits_done(page, 2)
    assert page.locator("#unfold").text_content() == "Fold all"
    page.locator("#undo").click()
    page.locator("#undo").click()
    edits_done(page, 0)
    assert page.locator("#unfold").text_content() == "Fold all"
    assert page.locator(".box.layer").count() == count
    page.locator("#redo").click()
    edits_done(page, 1)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert asked == ["beforeunload"]
    assert page.locator("#unfold").text_content() == "Fold all"
    opened.context.close()
    assert opened.faults == []


@pytest.mark.parametrize("size", ["foo", "32, 32", "32, 0, 3", "1.5, 2, 3"])
def test_what_is_no_size_of_an_input_is_refused_in_plain_words(opened, size):
    page = opened.page
    page.keyboard.press("S")
    page.keyboard.press("Control+a")
    page.keyboard.type(size)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('edit-state').classList.contains('warn')")
    said = page.locator("#edit-state").text_content()
    assert said == f'"{size}" is no size of an input: write whole numbers above 0, or None for any, such as 28, 28, 1.'


def resized(page: Any, size: str) -> None:
    """Write a size of the input, and press Enter."""
    page.keyboard.press("S")
    page.keyboard.press("Control+a")
    page.keyboard.type(size)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")


def test_an_input_that_is_left_open_says_what_its_numbers_are_counted_at(opened):
    page = opened.page
    resized(page, "None, None, 1")
    edits_done(page, 1)
    said = "counted at 224×224×1, since the input is left open"
    assert said in page.locator("#totals").text_content()
    assert said in page.locator("#layer").text_content()
    assert page.locator("#inputs input").input_value() == "None, None, 1"
    resized(page, "foo")
    page.wait_for_function("() => document.getElementById('edit-state').classList.contains('warn')")
    assert page.locator("#edit-state").text_content().endswith("or None for any, such as 224, 224, 1.")
    page.keyboard.press("z")
    edits_done(page, 0)
    assert "counted at" not in page.locator("body").inner_text()


def test_sizes_are_written_in_any_usual_way(opened):
    script = 'async (texts) => { const {sizesOf} = await import("striate/arguments"); return texts.map(sizesOf); }'
    same = ["28, 28, 1", "(28, 28, 1)", "[28,28,1]", "28x28x1", "28×28×1", "28 X 28 x 1", "28 28 1", " 28 * 28*1 "]
    assert opened.page.evaluate(script, same) == [[28, 28, 1]] * len(same)
    assert opened.page.evaluate(script, ["4", "4,", "(4,)"]) == [[4]] * 3
    assert opened.page.evaluate(script, ["None x None x 3", "?, ?, 3"]) == [[None, None, 3]] * 2
    none = ["", "x", "28x", "a, b", "28, -1, 1", "1e3, 2, 3", "28,, 1", "0", "1.5 2 3", "null, 3"]
    assert opened.page.evaluate(script, none) == [None] * len(none)


def test_large_numbers_and_misfits_are_said_shortly(opened):
    script = """async () => {
        const {large, memory} = await import("striate/words");
        const {change} = await import("striate/difference");
        return [large(999999), large(3.96e14), memory(1.92e12), change(String, 1, 12), change(large, 41, 976546987)];
    }"""
    assert opened.page.evaluate(script) == ["1.00 M", "396 T", "1.7 TiB", "1 → 12 (× 12.0)", "41 → 977 M (× 23.8 M)"]
    opened.page.keyboard.press("a")
    offered = "field => [...field.list.options].map(({value}) => value)"
    assert opened.page.locator("#layer [data-argument=padding]").evaluate(offered) == ["valid", "same"]
    assert "relu" in opened.page.locator("#layer [data-argument=activation]").evaluate(offered)
    opened.page.locator("#layer [data-argument=filters]").fill("0")
    opened.page.keyboard.press("Enter")
    edits_done(opened.page, 1)
    said = opened.page.locator("#difference [role=alert]").text_content()
    assert said.startswith("⚠ It breaks off at conv2d: filters ")
    assert opened.page.locator("#totals").text_content().startswith("up to conv2d: 0 of 8 layers · 0 weights · ")
    assert "fit" not in opened.page.locator("#totals").text_content()


def test_more_edits_than_an_address_has_room_for_are_not_in_it(opened):
    page = opened.page
    page.keyboard.press("a")
    page.locator("#layer [data-argument=padding]").fill("x" * 4000)
    page.keyboard.press("Enter")
    edits_done(page, 1)
    assert "does not hold them" in page.locator("#edit-state").text_content()
    assert "edits=" not in page.url


def test_a_long_name_at_which_it_breaks_off_fits_and_what_went_is_said(opened):
    page = opened.page
    left, right = layers.Input((8, 8, 3), name="left"), layers.Input((8, 8, 3), name="right")
    joined = layers.Concatenate(name="c" * 300)([left, layers.Conv2D(2, 3, padding="same", name="b" * 300)(right)])
    graph = st.Model([left, right], layers.ReLU()(joined)).graph
    answer = "answer => { globalThis.striate.whatif.python.ask = async () => answer; }"
    broken = after(graph, edit("set", layer="left", argument="shape", value=[20, 20, 3]))
    page.evaluate(answer, json.dumps(broken))
    page.evaluate("globalThis.striate.whatif.edit({do: 'remove', layer: 'conv2d'})")
    edits_done(page, 1)
    assert page.locator("#totals").text_content().startswith(f"up to {'c' * 300}: 1 of 3 layers")
    said = after(graph, edit("remove", layer="c" * 300))
    page.evaluate(answer, json.dumps(said))
    page.evaluate("globalThis.striate.whatif.edit({do: 'remove', layer: 'conv2d'})")
    edits_done(page, 2)
    assert page.locator("#difference p").first.text_content() == said["lost"]
    assert page.locator("#inputs").inner_text().strip() == "Input"
    for at in (2, 1):
        page.evaluate("at => globalThis.striate.whatif.turnBack(() => at)", at)
        edits_done(page, at)
        for width in (400, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_maps_and_answers_stay_those_of_the_original_and_the_page_says_so(browser, tmp_path):
    model = zoo.create("lenet5")
    write_explorer(tmp_path / "a.html", model.graph, "lenet5", model)
    opened = Opened(browser, tmp_path / "a.html")
    page = opened.page
    answers = page.locator("#best").text_content()
    page.keyboard.press("a")
    page.locator("#layer [data-argument=filters]").fill("9")
    page.keyboard.press("Enter")
    edits_done(page, 1)
    assert "of the original network" in page.locator("#edit-state").text_content()
    assert page.locator("[data-map]").count() == 6
    assert "was 28×28×6" in page.locator("#layer .facts").text_content()
    page.keyboard.press("Escape")
    page.keyboard.press("I")
    page.locator("#changes select").first.select_option("ReLU")
    page.locator("#changes button.strong").click()
    page.get_by_text("It is not in the original network, so it has no maps.").wait_for()
    assert page.locator("#best").text_content() == answers
    opened.context.close()
    assert opened.faults == []


def test_where_no_worker_starts_the_page_says_so_and_stays_as_it_is(browser, written, tmp_path):
    text = written.read_text()
    (tmp_path / "a.html").write_text(text.replace("form-action 'none'", "worker-src 'none'; form-action 'none'", 1))
    page = Opened(browser, tmp_path / "a.html")
    original = told_there(page.page)
    page.page.keyboard.press("X")
    page.page.locator("#edit-state", has_text="Python cannot run here").wait_for()
    assert told_there(page.page) == original
    page.context.close()
    assert all("worker-src" in fault for fault in page.faults)


@pytest.mark.parametrize("edits", ["[", "7", '[{"do":"format"}]', '[{"do":"set","layer":3,"argument":"x"}]', "[null]"])
def test_an_address_that_says_no_edits_does_nothing(browser, written, edits):
    page = Opened(browser, written, at=f"#edits={edits}")
    assert page.page.evaluate("globalThis.striate.whatif.python.started") is None
    page.context.close()
    assert page.faults == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_an_edited_network_fits_into_a_narrow_window(opened, colours):
    page = opened.page
    page.set_viewport_size({"width": 400, "height": 900})
    page.evaluate("theme => document.documentElement.dataset.theme = theme", colours)
    page.keyboard.press("a")
    page.locator("#layer [data-argument=strides]").fill("2")
    page.keyboard.press("Enter")
    edits_done(page, 1)
    page.locator("#difference summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.set_viewport_size({"width": 1280, "height": 900})


# -- every number, over the zoo ---------------------------------------------------------------------------------------
def random_edit(description: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """An edit of a network: some fit, some do not."""
    entries = [entry for entry in description["layers"] if "class" in entry]
    inputs = [entry for entry in entries if entry["class"] == "Input"]
    others = [entry for entry in entries if entry["class"] != "Input"]
    kind = draw.choice(["set", "set", "set", "size", "insert", "insert", "remove"])
    if kind == "size":
        shape = [size if size is None else max(1, size + draw.randint(-9, 30)) for size in inputs[0]["shape"][:-1]]
        return {"do": "set", "layer": inputs[0]["name"], "argument": "shape", "value": [*shape, inputs[0]["shape"][-1]]}
    entry = draw.choice(others)
    if kind == "remove":
        return {"do": "remove", "layer": entry["name"]}
    if kind == "insert":
        new, arguments = draw.choice(
            [
                ("Conv2D", {"filters": draw.randint(1, 40), "kernel_size": draw.randint(1, 5), "padding": "same"}),
                ("MaxPooling2D", {"pool_size": draw.randint(1, 3)}),
                ("BatchNormalization", {}),
                ("UpSampling2D", {"size": 2}),
                ("SeparableConv2D", {"filters": 8, "kernel_size": 3, "strides": draw.randint(1, 2)}),
            ]
        )
        return {"do": "insert", "after": entry["name"], "class": new, "arguments": arguments}
    numbers = {
        key: value
        for key, value in entry.items()
        if key in ("filters", "units", "kernel_size", "strides", "padding", "pool_size", "groups")
    }
    argument = draw.choice(sorted(numbers) or ["trainable"])
    values = {"padding": draw.choice(["same", "valid", draw.randint(0, 2)]), "trainable": False}
    return {
        "do": "set",
        "layer": entry["name"],
        "argument": argument,
        "value": values.get(argument, draw.randint(1, 7)),
    }


#: What the test below looks at of an answer; the rest, most of it texts, stays in the page.
ANSWERED = """async ([description, edit]) => {
    const {python} = globalThis.striate.whatif;
    const {refused, description: after, told, fault} = JSON.parse(await python.ask("changed", description, edit));
    if (refused) return {refused};
    const facts = ["name", "shape", "weights", "buffers", "mults", "field", "misfit"];
    const layers = told.layers.map((layer) => Object.fromEntries(facts.map((fact) => [fact, layer[fact]])));
    return {description: JSON.stringify(after), told: JSON.stringify({totals: told.totals, layers}), fault};
}"""


@pytest.mark.slow
def test_every_number_is_that_of_size_after_random_edits_of_the_whole_zoo(opened):
    draw = random.Random(20)
    fitting = misfits = edits = 0
    for name in zoo.names():
        description = to_json(zoo.create(name).graph)
        first = description["layers"][0]
        same = {"do": "set", "layer": first["name"], "argument": "shape", "value": first["shape"]}
        for turn in range(3 if len(description["layers"]) > LARGE else 7):
            change = random_edit(description, draw) if turn else same
            answer = opened.page.evaluate(ANSWERED, [json.dumps(description), json.dumps(change)])
            edits += turn > 0
            if "refused" in answer:
                with pytest.raises(st.errors.StriateError, match=re.escape(answer["refused"])):
                    from_json(edited(description, change))
                continue
            told, there = json.loads(answer["told"]), edited(description, change)
            graph = from_json(there)
            if graph.fault is None:
                fitting += turn > 0
                assert answer["fault"] is None
                assert_is_graphs(told, graph)
                description = json.loads(answer["description"])
                assert description == to_json(graph)
            else:
                misfits += 1
                assert answer["fault"] == graph.fault.name
                faulty = next(layer for layer in told["layers"] if layer["misfit"] == str(graph.fault.error))
                assert faulty["name"].split("#")[0] == graph.fault.name
    assert edits >= 200
    assert fitting > 60
    assert misfits > 30
