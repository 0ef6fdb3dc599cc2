"""How the page is used: by keyboard alone, by its address and the browser's way back, in windows of any width."""

from __future__ import annotations

import pytest
from browser import Opened


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


def test_keys_do_what_they_say_after_a_field_was_used_and_with_caps_lock(opened):
    page = opened.page
    page.locator("#colouring").focus()
    page.select_option("#colouring", "weights")
    page.keyboard.press("m")
    page.wait_for_function("() => striate.chosen === striate.diagram.most()")
    assert page.locator("#colouring").input_value() == "weights"
    page.keyboard.press("Escape")
    script = """([key, shiftKey]) => document.body.dispatchEvent(
        new KeyboardEvent("keydown", {key, shiftKey, modifierCapsLock: true, bubbles: true}))"""
    page.evaluate(script, ["X", False])
    assert page.locator("#gradcam").get_attribute("aria-pressed") == "true"
    page.evaluate(script, ["x", True])
    assert page.locator("#gradcam").get_attribute("aria-pressed") == "true"
    page.keyboard.press("/")
    page.keyboard.type("xd?")
    assert page.locator("#search").input_value() == "xd?"
    assert page.locator("#gradcam").get_attribute("aria-pressed") == "true"


def test_the_focus_stays_where_a_key_is_pressed(opened):
    page = opened.page
    page.evaluate("striate.choose(striate.told.layers.findIndex(({name}) => name === 'conv2d'))")
    page.locator("[data-map]").first.wait_for()
    at = "() => document.activeElement === striate.panel.large?.canvas"
    page.keyboard.press("l")
    page.wait_for_function(at)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    for key in "npr":
        before = page.evaluate_handle("striate.panel.large.canvas")
        page.keyboard.press(key)
        page.wait_for_function("before => striate.panel.large && striate.panel.large.canvas !== before", arg=before)
        page.wait_for_function(at)
    range_of = page.get_by_label("What the colours are relative to")
    range_of.focus()
    before = range_of.element_handle()
    range_of.select_option("map")
    page.wait_for_function("before => striate.panel.select !== before", arg=before)
    page.wait_for_function("() => document.activeElement === striate.panel.select")
    page.locator("#strip button").nth(1).press("Enter")
    page.wait_for_function("() => striate.pictures.current.address === 'sample-1'")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"


def test_what_of_the_address_does_not_exist_is_left_out(browser, written):
    opened = Opened(browser, written, at="#layer=conv2d&map=-1&cell=1%2C-1&class=-1&why=gradcam&picture=sample-9")
    page = opened.page
    liveliest = "() => striate.channel === striate.panel.liveliest()"
    page.wait_for_function(liveliest)
    assert page.locator("#layer").inner_text().count("Why ") == 0
    best = page.evaluate("String(striate.pictures.current.best[0][2])")
    assert page.locator("#asked").input_value() == best
    state = page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")
    assert state == {
        "layer": "conv2d",
        "map": page.evaluate("String(striate.channel)"),
        "picture": "sample-0",
        "why": "gradcam",
        "class": best,
        "open": state["open"],
    }
    script = """async (address) => {
        const {wanted} = await import("striate/address");
        history.replaceState(null, "", `#${address}`);
        const {channel, asked, cell, filter} = wanted();
        return [channel, asked, cell, filter];
    }"""
    for number in ("-1", "1.5", "a", "", "1e2", " 1", "NaN", "0x1"):
        address = f"map={number}&class={number}&cell={number},2&truth={number}&says={number}&wrong={number}"
        assert page.evaluate(script, f"{address}&from=-1&to=101") == [None, None, None, {}]
    said = {"truth": 0, "says": 12, "wrong": True, "from": 2.5, "to": 100}
    good = "map=0&class=3&cell=0,4&truth=0&says=12&wrong=1&from=2.5&to=100"
    assert page.evaluate(script, good) == [0, 3, [0, 4], said]
    opened.context.close()
    again = Opened(browser, written, at="#layer=conv2d&map=6&class=4&why=gradcam")
    again.page.wait_for_function(liveliest)
    assert again.page.locator("#asked").input_value() == best
    again.context.close()
    assert opened.faults + again.faults == []


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


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_is_wider_than_the_window(browser, written, width, colours):
    page = Opened(browser, written, width=width, colours=colours)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.page.evaluate("document.documentElement.dataset.theme") == colours
    page.context.close()
    assert page.faults == []


def test_it_follows_the_systems_colours_until_a_reader_chooses(opened):
    page = opened.page
    theme = "document.documentElement.dataset.theme"
    for colours in ("dark", "light"):
        page.emulate_media(color_scheme=colours)
        page.wait_for_function(f"colours => {theme} === colours", arg=colours)
    page.keyboard.press("d")
    assert page.evaluate(theme) == "dark"
    page.emulate_media(color_scheme="dark")
    page.emulate_media(color_scheme="light")
    assert page.evaluate("matchMedia('(prefers-color-scheme: light)').matches")
    assert page.evaluate(theme) == "dark"


def test_in_a_narrow_window_the_picture_goes_along_and_a_click_or_key_leads_back(browser, written):
    opened = Opened(browser, written, width=400, at="#layer=conv2d_1&map=1&cell=2%2C3")
    page = opened.page
    picture, along = page.locator("#shown"), "() => document.querySelector('#shown.along')"
    away = "() => !document.querySelector('#shown.along')"
    assert picture.bounding_box()["width"] > 150
    for lead in (lambda: page.locator("#shown").click(), lambda: page.keyboard.press("q")):
        page.locator("#one").evaluate("element => element.scrollIntoView()")
        page.wait_for_function(along)
        box = picture.bounding_box()
        assert box["x"] >= 0
        assert 0 <= box["y"] <= 900 - box["height"]
        assert "%" in page.locator("#brief").inner_text()
        lead()
        page.wait_for_function(away)
        assert picture.bounding_box()["y"] >= 0
        assert page.evaluate("document.activeElement.id") == "drop"
    page.locator("#stage").evaluate("element => element.scrollIntoView()")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function(away)
    assert page.locator("#brief").is_hidden()
    opened.context.close()
    assert opened.faults == []
