"""Anybody can use the page: axe finds nothing serious in any of its views, and what is focused can be seen."""

from __future__ import annotations

import itertools
import re
from importlib import resources

import numpy as np
import pytest
from browser import Opened

import striate as st
from striate import layers
from striate.data import Dataset, Preprocessing
from striate.pages import write_run_page

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

SERIOUS = ("serious", "critical")
VIEWS = {
    "a layer": "#layer=conv2d",
    "a cell": "#layer=conv2d_1&map=1&cell=2%2C3&colour=weights&why=gradcam",
    "a method of look": "#layer=conv2d&why=guided+backprop",
    "numbers": "#layer=dense",
    "the data": "#view=data",
    "filtered data": "#view=data&wrong=1&truth=1&says=0",
}
EDITS = {
    "a changed network": {"do": "set", "layer": "dense", "argument": "units", "value": 5},
    "a misfit": {"do": "set", "layer": "conv2d", "argument": "filters", "value": 9},
}
DIALOGS = {"keys": "?", "drawing": "w", "arguments of a layer": "a", "a layer to insert": "I", "JSON": "J"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    st.set_seed(1)
    x = inputs = layers.Input((12, 12, 3))
    x = skip = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    x = layers.Add()([layers.Conv2D(6, 3, padding="same", strides=1)(x), skip])
    x = layers.Flatten()(layers.MaxPooling2D(5)(x))
    model = st.Model(inputs, layers.Dense(3, activation="softmax")(x), name="small")
    names, recipe = ["cat", "dog", "cow"], Preprocessing.pictures((12, 12), 3)
    model.labels, model.preprocessing = names, recipe
    pixels = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
    test = Dataset(pixels, np.arange(40) % 3, classes=tuple(names), preprocessing=recipe, name="noise")
    return write_run_page(tmp_path_factory.mktemp("page") / "run.html", model, test, history={"loss": [2.0, 1.0]})


def serious(page) -> list[str]:
    """What axe finds that keeps people out: rule and elements."""
    found = axe.Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']][:3]}" for one in found if one["impact"] in SERIOUS]


def serious_anywhere(page) -> dict[tuple[int, str], list[str]]:
    """The same in wide and narrow windows, light and dark; what has nothing is left out."""
    found = {}
    for width, colours in itertools.product((1280, 400), ("light", "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("theme => document.documentElement.dataset.theme = theme", colours)
        found[width, colours] = serious(page)
    return {where: faults for where, faults in found.items() if faults}


@pytest.fixture(scope="module")
def kept(browser, written):
    """The page, opened once for all that is done in it: what changes the network starts Python, which takes seconds."""
    opened = Opened(browser, written)
    yield opened.page
    opened.context.close()


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(browser, written, view):
    opened = Opened(browser, written, at=VIEWS[view])
    found = serious_anywhere(opened.page)
    opened.context.close()
    assert found == {}


@pytest.mark.parametrize("edit", EDITS)
def test_axe_finds_nothing_serious_in_a_changed_network(kept, edit):
    kept.evaluate("edit => globalThis.striate.whatif.edit(edit)", EDITS[edit])
    fault = kept.evaluate("globalThis.striate.fault")
    assert fault == ("add" if edit == "a misfit" else None)
    kept.evaluate(
        "name => striate.choose(striate.shown.layers.findIndex((layer) => layer.name === name))", fault or "dense"
    )
    assert kept.locator("#difference > *").count()
    assert serious_anywhere(kept) == {}
    kept.evaluate("globalThis.striate.whatif.turnBack(() => 0)")


@pytest.mark.parametrize("dialog", DIALOGS)
def test_axe_finds_nothing_serious_in_a_dialog(kept, dialog):
    kept.evaluate("globalThis.striate.choose(0)")
    kept.keyboard.press(DIALOGS[dialog])
    kept.locator("#layer [data-argument]" if dialog == "arguments of a layer" else "dialog[open]").first.wait_for()
    assert serious_anywhere(kept) == {}
    kept.keyboard.press("Escape")


def luminance(colour: np.ndarray) -> float:
    """WCAG's relative luminance of RGB, 0 to 255."""
    share = colour / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_what_is_written_on_boxes_of_every_colour_can_be_read():
    folder = resources.files("striate.page").joinpath("web")
    most = float(re.search(r"const TINT = ([\d.]+);", folder.joinpath("colourings.js").read_text()).group(1))
    themes = re.findall(r":root[^{]*\{(.*?)\}", folder.joinpath("page.css").read_text(), re.DOTALL)
    assert len(themes) == 2
    for theme in themes:
        found = re.findall(r"--([\w-]+): #(\w{6})", theme)
        colours = {name: np.array(list(bytes.fromhex(text)), float) for name, text in found}
        grounds = [name for name in colours if f"{name}-edge" in colours]
        assert len(grounds) == 8
        for name in [*grounds, "panel", "block", "heat", "heat-wrong"]:
            assert contrast(colours["ink"], colours[name]) >= 4.5, name
        for name in [*grounds, "panel", "block", "ground"]:
            assert contrast(colours["muted"], colours[name]) >= 4.5, name
        for name in grounds:
            assert contrast(colours["ink"], most * colours["tint"] + (1 - most) * colours[name]) >= 4.5, name


def test_what_is_focused_has_a_frame_around_it(browser, written):
    opened = Opened(browser, written)
    script = """() => {
        const look = getComputedStyle(document.activeElement);
        const inner = document.activeElement.querySelector?.(":scope > .fill, :scope > .ground");
        const wide = inner ? parseFloat(getComputedStyle(inner).strokeWidth) : 0;
        const outline = look.outlineStyle === "none" ? wide : parseFloat(look.outlineWidth);
        return [document.activeElement.outerHTML.slice(0, 80), outline];
    }"""
    seen = []
    for _ in range(40):
        opened.page.keyboard.press("Tab")
        text, wide = opened.page.evaluate(script)
        if text.startswith("<body"):
            break
        seen.append(text)
        assert wide >= 2, text
    assert len(seen) > 12
    opened.context.close()
