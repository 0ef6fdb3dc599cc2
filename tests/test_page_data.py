"""The page's data view: held-out pictures by truth and answer, the map of the features, curves, the way to their maps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from browser import Opened

import striate as st
from striate import data, layers
from striate.data import Dataset, Preprocessing
from striate.doors.arrays import safetensors_bytes
from striate.errors import ArgumentError, BundleError, DataError
from striate.models import load_model
from striate.page.held_out import FilterHistory
from striate.pages import Answered, explorer, write_run_page
from striate.runs import first_filters, page_of_run, train_run
from striate.runs.first_filters import filters_in
from striate.train.callbacks import Callback
from striate.train.callbacks.logs import history_in
from striate.train.metrics import confusion_matrix

NAMES = ["<script>a</script>", '"b" & <img src=x>', "\u202ec", "d"]
HISTORY = {"loss": [2.0, float("nan"), 0.5], "val_loss": [2.1, 1.4, 0.9], "accuracy": [0.2, 0.4, 0.8]}


@pytest.fixture(scope="module")
def model():
    st.set_seed(1)
    body = [layers.Conv2D(5, 3, activation="relu"), layers.Flatten(), layers.Dense(4, activation="softmax")]
    model = st.Sequential([layers.Input((9, 8, 3)), *body], name="small")
    model.labels, model.preprocessing = NAMES, Preprocessing.pictures((9, 8), 3)
    return model


@pytest.fixture(scope="module")
def test():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 9, 8, 3), dtype=np.uint8)
    paths = [f"folder/{i} <b>.png" for i in range(60)]
    recipe = Preprocessing.pictures((9, 8), 3)
    return Dataset(x, np.arange(60) % 4, classes=tuple(NAMES), preprocessing=recipe, name="noise", paths=paths)


@pytest.fixture(scope="module")
def answered(model, test):
    return Answered.of(model, test)


@pytest.fixture(scope="module")
def written(model, test, answered, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "run.html"
    kernel, bias = model.get_layer("conv2d").get_weights()
    kernel = kernel.transpose(3, 2, 0, 1)
    kept = FilterHistory("conv2d", [0, 3], np.float16([-kernel, kernel]), np.float16([bias, bias]))
    return write_run_page(path, model, test, history=HISTORY, answered=answered, filters=kept)


@pytest.fixture
def opened(browser, written):
    page = Opened(browser, written, at="#view=data")
    yield page.page
    page.context.close()
    assert page.faults == []
    assert page.asked == []


def numbers(page):
    """Numbers of the pictures that are shown."""
    return page.eval_on_selector_all("#gallery [data-number]", "all => all.map(each => Number(each.dataset.number))")


# -- what travels along ------------------------------------------------------------------------------------------------
def test_wrong_and_right_answers_travel_in_turn_these_of_each_class_after_the_other(test, answered, monkeypatch):
    wrong = int((~answered.right).sum())
    assert 10 < wrong < 50
    chosen, files = explorer._carried(test, answered)
    assert sorted(chosen) == list(range(60))
    assert [i for i in chosen if not answered.right[i]] == answered.worst
    assert [bool(answered.right[i]) for i in chosen[:8]] == [False, True] * 4
    classes = set(answered.labels[answered.right])
    assert {answered.labels[i] for i in chosen[1 : 2 * len(classes) : 2]} == classes
    monkeypatch.setattr(explorer, "BYTES", sum(len(file) for file, _ in files[:5]))
    assert explorer._carried(test, answered)[0] == chosen[:5]
    monkeypatch.setattr(explorer, "PICTURES", 3)
    assert explorer._carried(test, answered)[0] == chosen[:3]


def test_a_run_has_its_page_and_its_report_leads_there(run, tmp_path):
    done = train_run("digits", folder=tmp_path / "run", epochs=1, verbose=0, page=True)
    assert done.page == tmp_path / "run" / "page.html"
    assert 'href="page.html"' in done.report.read_text()
    again = json.loads(
        run("page", str(tmp_path / "run"), "-o", str(tmp_path / "again.html"), "--no-timed", "--json")[1]
    )
    assert again == {"file": str(tmp_path / "again.html"), "bytes": done.page.stat().st_size, "live": True}
    assert (tmp_path / "again.html").read_bytes() == done.page.read_bytes()
    history = history_in(tmp_path / "run" / "metrics.csv")
    assert {name: history[name] for name in done.history} == done.history
    file, why = page_of_run(tmp_path / "run", features="tsne")
    assert (file, why) == (done.page, "")
    with pytest.raises(ArgumentError, match="tsne"):
        page_of_run(tmp_path / "run", features="umap")
    train_run("digits", folder=tmp_path / "run", epochs=1, verbose=0)
    assert not done.page.exists()
    assert 'href="page.html"' not in done.report.read_text()


def test_first_filters_are_kept_through_a_training_also_one_that_goes_on(tmp_path, monkeypatch):
    def kept(folder):
        return filters_in(tmp_path / folder / "filters.safetensors", load_model(tmp_path / folder))

    class Stop(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    whole = train_run("digits", folder=tmp_path / "whole", epochs=5, verbose=0, report=False)
    with pytest.raises(KeyboardInterrupt):
        train_run("digits", folder=tmp_path / "broken", epochs=5, verbose=0, report=False, callbacks=[Stop()])
    train_run("digits", folder=tmp_path / "broken", epochs=5, verbose=0, report=False, resume=True)
    first, second = kept("whole"), kept("broken")
    assert first.epochs == second.epochs == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(first.kernels, second.kernels)
    (kernel,) = whole.model.get_layer("conv2d").get_weights()
    np.testing.assert_array_equal(first.kernels[-1], kernel.transpose(3, 2, 0, 1).astype(np.float16))
    assert first.biases is None
    assert (first.kernels[0] != first.kernels[1]).any()
    monkeypatch.setattr(first_filters, "MOST", 4)
    train_run("digits", folder=tmp_path / "few", epochs=6, verbose=0, report=False)
    assert kept("few").epochs == [0, 2, 4, 6]
    other = st.Sequential([layers.Conv2D(3, 3, input_shape=(8, 8, 1)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(BundleError, match="not the filters of this network"):
        filters_in(tmp_path / "few" / "filters.safetensors", other)
    foreign = {"kernel": torch.zeros(1, 3, 3, 1, 3), "bias": torch.zeros(1, 3), "epochs": torch.tensor([float("nan")])}
    (tmp_path / "foreign").write_bytes(safetensors_bytes(foreign))
    with pytest.raises(BundleError, match="not the filters of this network"):
        filters_in(tmp_path / "foreign", other)


def test_without_its_data_a_run_has_a_page_and_the_reason(model, tmp_path):
    model.save(tmp_path / "net")
    file, why = page_of_run(tmp_path / "net")
    assert file == tmp_path / "net" / "page.html"
    assert "does not say what it was trained on" in why
    unlabelled = Dataset(data.load("digits").test.x, name="digits")
    with pytest.raises(DataError, match="no labels"):
        Answered.of(model, unlabelled)


# -- in a browser -------------------------------------------------------------------------------------------------------
def test_a_cell_of_the_matrix_has_its_pictures_and_a_picture_its_answer(opened, test, answered):
    matrix = confusion_matrix(answered.labels, answered.answers, 4)
    script = "rows => rows.map(row => [...row.querySelectorAll('td')].map(td => Number(td.textContent)))"
    np.testing.assert_array_equal(opened.eval_on_selector_all(".confusion tbody tr", script), matrix)
    truth, says = max(((r, c) for r in range(4) for c in range(4) if r != c), key=lambda at: matrix[at])
    opened.locator(".confusion tbody tr").nth(truth).locator("td").nth(says).locator("button").click()
    there = numbers(opened)
    assert len(there) == matrix[truth, says]
    carried = explorer._carried(test, answered)[0]
    assert {(answered.labels[carried[i]], answered.answers[carried[i]]) for i in there} == {(truth, says)}
    assert f"truth={truth}&says={says}" in opened.evaluate("location.hash")
    opened.locator("#gallery button").first.click()
    number = carried[there[0]]
    said = "name => document.getElementById('state').textContent.startsWith(name)"
    opened.wait_for_function(said, arg=f"{number} <b>.png")
    shares = opened.eval_on_selector_all("#best li", "all => all.map(li => Number(li.dataset.share))")
    np.testing.assert_allclose(shares, np.sort(answered.probabilities[number])[::-1], atol=1e-5)
    opened.keyboard.press("t")
    assert opened.locator("#diagram").is_visible()
    assert opened.locator(".grid-of-maps [data-map]").count() == 5


def test_filters_and_the_map_are_linked(opened, test, answered):
    carried = explorer._carried(test, answered)[0]
    opened.keyboard.press("j")
    assert len(numbers(opened)) == (~answered.right).sum()
    opened.keyboard.press("h")
    opened.fill("#from", "40")
    opened.locator("#from").press("Enter")
    sure = [i for i, number in enumerate(carried) if answered.probabilities[number].max() >= 0.4]
    assert sorted(numbers(opened)) == sure
    opened.locator("#clear").click()
    assert len(numbers(opened)) == 60
    canvas = opened.locator(".scatter canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    opened.mouse.move(box["x"] + 2, box["y"] + 2)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2)
    opened.mouse.up()
    points = np.array(opened.evaluate("globalThis.striate.told.held_out.points"))
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    assert sorted(numbers(opened)) == [i for i in range(60) if points[i, 0] <= middle]
    opened.keyboard.press("h")
    canvas.focus()
    opened.keyboard.press("ArrowRight")
    assert opened.locator("#gallery .at").get_attribute("data-number") == str(numbers(opened)[0])
    opened.locator("#gallery button").nth(3).hover()
    assert opened.evaluate("globalThis.striate.data.scatter.at.number") == numbers(opened)[3]
    canvas.focus()
    opened.keyboard.press("Enter")
    opened.wait_for_function("() => globalThis.striate.pictures.all.length > 3")


def test_a_range_the_wrong_way_round_is_turned_and_what_is_no_number_is_said(opened):
    opened.fill("#to", "40")
    opened.locator("#to").press("Enter")
    few = numbers(opened)
    opened.fill("#from", "90")
    opened.locator("#from").press("Enter")
    assert [opened.locator(each).input_value() for each in ("#from", "#to")] == ["40", "90"]
    opened.locator("#from").press("Control+a")
    opened.keyboard.type("-e5")
    opened.keyboard.press("Enter")
    assert opened.locator("#from").input_value() == "40"
    assert opened.locator("#chosen .warn").text_content() == "Sure is a number from 0 to 100. "
    opened.fill("#from", "0")
    opened.locator("#from").press("Enter")
    assert len(numbers(opened)) > len(few)
    assert opened.locator("#chosen .warn").count() == 0


def test_maps_of_the_last_filters_are_those_of_the_network(opened, model):
    opened.wait_for_function("() => document.querySelectorAll('.through figure').length === 5")
    script = """() => {
        const {data: {filters}, pictures} = globalThis.striate;
        const [source] = filters.operation.inputs, {values} = pictures.current;
        const own = [0, 4].map(number => [...filters.map(values.get(source), ...filters.filter(1, number))]);
        return [own, [0, 4].map(number => [...values.get(filters.operation.output).map(number)])];
    }"""
    own, told = opened.evaluate(script)
    np.testing.assert_allclose(own, told, atol=2e-3)
    slider = opened.locator("#curves input")
    slider.focus()
    slider.press("Home")
    assert opened.locator("#curves [role=status]").text_content() == "Before the first epoch."
    opened.wait_for_function("() => document.querySelector('.through h2').textContent.includes('after 0 epochs')")


def test_curves_say_what_each_epoch_had_and_names_do_nothing_but_appear(opened):
    assert opened.locator(".curves figure").count() == 2
    slider = opened.locator("#curves input")
    slider.focus()
    slider.press("ArrowLeft")
    assert opened.locator("#curves [role=status]").text_content() == "Epoch 2 of 3: val_loss 1.4, accuracy 0.4"
    assert opened.locator("#truth option").nth(1).text_content() == NAMES[0]
    assert opened.locator("#truth option").nth(3).text_content() == r"\u202ec"
    assert opened.locator("img").count() == 60


def test_long_names_stay_in_their_places(browser, tmp_path):
    long = ["c" * 300, "a b " * 60, "d" * 240, "e"]
    body = [layers.Conv2D(2, 3, name=long[0]), layers.Flatten(), layers.Dense(4, activation="softmax")]
    model = st.Sequential([layers.Input((9, 8, 3)), *body], name="n" * 300)
    model.labels, model.preprocessing = long, Preprocessing.pictures((9, 8), 3)
    x = np.random.default_rng(0).integers(0, 256, (12, 9, 8, 3), dtype=np.uint8)
    paths = [f"{'p' * 240}{i}.png" for i in range(12)]
    test = Dataset(x, np.arange(12) % 4, classes=tuple(long), name="s" * 300, paths=paths)
    file = write_run_page(tmp_path / "a.html", model, test, history=HISTORY, editable=False, timed=False)
    opened = Opened(browser, file, at="#why=saliency")
    page = opened.page
    page.evaluate("globalThis.striate.pictures.show(globalThis.striate.pictures.all.at(-1))")
    page.evaluate("globalThis.striate.why.ask((globalThis.striate.why.asked + 1) % 4)")
    outside = """() => [...document.querySelectorAll("html, header, section:not([hidden]), #because, #chosen, #judged")]
        .filter((each) => each.scrollWidth > each.clientWidth + 1).map(({tagName, id}) => tagName + id)"""
    for width in (1280, 800, 400):
        page.set_viewport_size({"width": width, "height": 900})
        for view in ("false", "true"):
            page.evaluate(f"globalThis.striate.data.turn({view})")
            assert page.evaluate(outside) == [], (width, view)
        heights = page.eval_on_selector_all("#gallery [data-number]", "all => all.map(each => each.offsetHeight)")
        assert max(heights) < 200
    opened.context.close()
    assert opened.faults == []


def test_a_box_that_is_ticked_and_a_slider_that_is_moved_keep_no_key(opened):
    opened.locator("#wrong").click()
    assert opened.locator("#wrong").is_checked()
    opened.keyboard.press("j")
    assert not opened.locator("#wrong").is_checked()
    opened.locator("#curves input").focus()
    opened.keyboard.press("t")
    assert opened.locator("#data").is_hidden()


def test_the_address_chooses_classes_that_there_are_and_a_range_that_there_is(browser, written):
    page = Opened(browser, written, at="#view=data&truth=9&says=1&from=80&to=20")
    filter = page.page.evaluate("globalThis.striate.data.examples.filter")
    assert filter == {"truth": None, "says": 1, "wrong": False, "from": 20, "to": 80, "region": None}
    page.context.close()
    assert page.faults == []


@pytest.mark.parametrize("width", [1280, 400])
def test_the_data_view_is_no_wider_than_the_window(browser, written, width):
    page = Opened(browser, written, width=width, at="#view=data&wrong=1")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.page.locator("#wrong").is_checked()
    page.context.close()
    assert page.faults == []
