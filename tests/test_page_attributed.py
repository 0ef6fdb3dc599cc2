"""What other methods than the page's own say of an answer: maps and verdicts of look, for the pictures that have some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser import Opened
from page_nets import network

import striate as st
from striate import layers, look, pages, zoo
from striate.data import Dataset, Preprocessing
from striate.look.explain.attributions import QUICK, Attributions
from striate.look.explain.explanation import levels
from striate.page.samples import samples

CARRIED = ["saliency", "deconvnet", "guided backprop", "integrated gradients"]


@pytest.fixture(scope="module")
def model() -> st.Model:
    return network()


@pytest.fixture(scope="module")
def written(model, tmp_path_factory) -> Path:
    return model.page(tmp_path_factory.mktemp("page") / "page.html", editable=False, timed=False)


@pytest.fixture(scope="module")
def truth(model) -> Attributions:
    """What look says of the pictures that travel with the page."""
    pixels = [model.intake.recipe.pixels(file) for _, _, file in samples(model.intake.shape)]
    return look.attributions(model, np.stack(pixels), method=QUICK, score=False, stages=(0.5,))


def asked(page, method: str) -> list[float]:
    """The map that a method shows."""
    page.evaluate("method => globalThis.striate.why.turn(method)", method)
    return page.evaluate("Array.from(globalThis.striate.why.found.values)")


def test_the_maps_and_verdicts_are_those_of_look(opened, truth):
    page = opened.page
    assert page.locator("#computed button").evaluate_all("all => all.map(each => each.dataset.method)") == CARRIED
    for number in range(3):
        page.evaluate("i => globalThis.striate.pictures.show(globalThis.striate.pictures.all[i])", number)
        for method in CARRIED:
            made = truth.explanations[method]
            assert int(page.locator("#asked").input_value()) == made.targets[number]
            np.testing.assert_array_equal(
                np.rint(127 * np.array(asked(page, method))).astype(np.int8), levels(made.map)[number].ravel()
            )
            said = page.locator("#because").text_content()
            assert f"{truth.sanity.verdict(method)} It was made on 3 pictures." in said
            assert ("⚠" in said) == (not truth.sanity.passes(method))
            page.evaluate("globalThis.striate.why.turn(null)")
    for method, name in (("gradcam", "Grad-CAM"), ("occlusion", "occlusion")):
        asked(page, method)
        assert truth.sanity.verdict(name) in page.locator("#because").text_content()


def test_a_key_goes_through_them_and_the_address_holds_the_one_that_is_shown(browser, written):
    page = Opened(browser, written, at="#why=guided+backprop")
    assert page.page.locator("[data-method='guided backprop']").get_attribute("aria-pressed") == "true"
    for method in (CARRIED[3], CARRIED[0]):
        page.page.keyboard.press("V")
        assert page.page.locator("#computed [aria-pressed=true]").get_attribute("data-method") == method
    assert "why=saliency" in page.page.url
    page.page.keyboard.press("x")
    assert page.page.locator("#computed [aria-pressed=true]").count() == 0
    assert page.page.locator("#gradcam").get_attribute("aria-pressed") == "true"
    page.context.close()
    assert page.faults == []


def test_for_another_class_or_picture_the_way_to_those_that_were_asked_about_is_shown(opened):
    page = opened.page
    page.keyboard.press("V")
    answer = page.locator("#asked").input_value()
    page.keyboard.press("k")
    page.locator("#because", has_text="computed beforehand for the answer").wait_for()
    assert page.evaluate("document.getElementById('reasons').width") == 1
    page.locator("#because button").click()
    page.locator("#because", has_text="Bright pixels").wait_for()
    assert page.locator("#asked").input_value() == answer
    opened.drop("own.png", samples((20, 18, 3))[2][2])
    page.locator("#because", has_text="computed beforehand for ").wait_for()
    names = [name for name, _, _ in samples((20, 18, 3))]
    assert page.locator("#because button").all_text_contents() == names
    page.locator("#because button").nth(1).click()
    page.locator("#because", has_text="Bright pixels").wait_for()
    assert "picture=sample-1" in page.url


def test_a_page_may_leave_them_out_and_does_where_there_is_no_answer_to_explain(browser, model, tmp_path):
    left = model.page(tmp_path / "a.html", editable=False, timed=False, attributions=False)
    segments = st.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(2, 3, padding="same", activation="softmax")])
    other = segments.page(tmp_path / "b.html", editable=False, timed=False)
    for file in (left, other):
        page = Opened(browser, file, at="#why=saliency")
        assert page.page.locator("#computed").is_hidden()
        assert page.page.evaluate("globalThis.striate.told.live.attributed") is None
        page.context.close()
        assert page.faults == []


def test_a_network_without_maps_has_no_grad_cam_and_all_else():
    model = zoo.create("linear")
    pixels = np.random.default_rng(0).integers(0, 256, (2, *model.intake.shape), dtype=np.uint8)
    made = pages.attributed.attributed(model, pixels, ["sample-0", "sample-1"])
    assert list(made.maps) == CARRIED
    assert {*made.verdicts} == {*QUICK} - {"Grad-CAM"}


def test_large_networks_are_explained_on_fewer_pictures_and_by_fewer_methods(monkeypatch):
    model = zoo.create("lenet5")
    pixels = np.random.default_rng(0).integers(0, 256, (9, 28, 28, 1), dtype=np.uint8)
    places = [f"held-out-{i}" for i in range(9)]
    told = []
    made = pages.attributed.attributed(model, pixels, places, lambda *seen: told.append(seen))
    assert told == sorted(told)
    assert told[-1] == (1000, 1000)
    assert list(made.places) == places[:8]
    assert list(made.maps) == CARRIED
    assert {*made.verdicts} == {*QUICK}
    monkeypatch.setattr(pages.attributed, "_BUDGET", 700 * model.mults())
    assert len(pages.attributed.attributed(model, pixels, places).places) == 2
    monkeypatch.setattr(pages.attributed, "_BUDGET", 100 * model.mults())
    made = pages.attributed.attributed(model, pixels, places)
    assert len(made.places) == 2
    assert list(made.maps) == CARRIED[:3]
    assert {*made.verdicts} == {*CARRIED[:3], "Grad-CAM"}
    monkeypatch.setattr(pages.attributed, "_BUDGET", 1)
    assert len(pages.attributed.attributed(model, pixels, places).places) == 1


def test_of_a_run_the_first_of_its_held_out_pictures_are_explained(browser, model, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 20, 18, 3), dtype=np.uint8)
    recipe = Preprocessing.pictures((20, 18), 3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2))
    test = Dataset(pixels, np.arange(40) % 4, classes=tuple(model.labels), preprocessing=recipe, name="noise")
    file = pages.write_run_page(tmp_path / "a.html", model, test, history={}, editable=False, timed=False)
    opened = Opened(browser, file, at="#picture=held-out-2&why=saliency")
    page = opened.page
    page.locator("#because", has_text="It was made on 8 pictures.").wait_for()
    told = page.evaluate("globalThis.striate.told")
    number = int(told["held_out"]["examples"][2][0].split()[-1])
    found = np.rint(127 * np.array(page.evaluate("Array.from(globalThis.striate.why.found.values)")))
    np.testing.assert_array_equal(found, levels(look.saliency(model, pixels[number : number + 1]).map)[0].ravel())
    assert len(told["live"]["attributed"]["pictures"]) == 8
    page.evaluate("globalThis.striate.pictures.show(globalThis.striate.pictures.all[0])")
    names = [name for name, *_ in told["held_out"]["examples"][:8]]
    assert page.locator("#because button").all_text_contents() == names
    opened.context.close()
    assert opened.faults == []


@pytest.mark.parametrize("attributions", [True, False])
def test_a_runs_page_begins_with_a_picture_of_its_own(browser, model, tmp_path, attributions):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 20, 18, 3), dtype=np.uint8)
    test = Dataset(
        pixels, np.arange(8) % 4, classes=tuple(model.labels), preprocessing=model.preprocessing, name="noise"
    )
    left = {"editable": False, "timed": False, "attributions": attributions}
    opened = Opened(browser, pages.write_run_page(tmp_path / "a.html", model, test, history={}, **left))
    assert opened.page.evaluate("striate.pictures.current.address") == "held-out-0"
    if attributions:
        opened.page.keyboard.press("V")
        opened.page.locator("#because", has_text="Bright pixels").wait_for()
    opened.context.close()
    assert opened.faults == []
    other = Opened(browser, tmp_path / "a.html", at="#picture=sample-1")
    assert other.page.evaluate("striate.pictures.current.address") == "sample-1"
    other.context.close()
