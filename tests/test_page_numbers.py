"""Numbers of the page as they are said: none that cannot be, none that says another thing than one beside it."""

from __future__ import annotations

import pytest
from browser import Opened
from page_nets import network, png

import striate as st
from striate import layers, zoo
from striate.data import Preprocessing
from striate.page.explorer import write_explorer
from striate.wording import memory


def said(asked, function: str, *given: object) -> str:
    """What a function of the page's words says."""
    script = "async ([name, given]) => (await import('striate/words'))[name](...given)"
    return asked.page.evaluate(script, [function, list(given)])


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (1e-9, "< 0.01 %"),
        (0.0004, "0.04 %"),
        (0.5, "50.0 %"),
        (0.9994, "99.9 %"),
        (0.9998, "99.98 %"),
        (0.99998, "> 99.99 %"),
        (1, "100.0 %"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(asked, share, text):
    assert said(asked, "percent", share) == text


@pytest.mark.parametrize("count", [0, 4, 999, 1023, 1024, 4096, 1_048_575, 5_000_000, 3 << 30, 1 << 45])
def test_bytes_are_said_as_size_says_them(asked, count):
    assert said(asked, "memory", count) == memory(count)


def test_the_only_layer_takes_all_of_the_time_and_few_bytes_are_counted(browser, tmp_path):
    model = st.Sequential([layers.Dense(1, input_shape=(4,))])
    opened = Opened(browser, model.page(tmp_path / "a.html", editable=False))
    opened.page.evaluate("striate.choose(0)")
    opened.page.locator("#layer summary", has_text="(100.0 % of all)").wait_for()
    opened.page.locator("#layer dd", has_text="4 bytes").wait_for()
    assert "bytes to predict" in opened.page.locator("#totals").text_content()
    opened.context.close()
    assert opened.faults == []


def test_of_a_picture_that_is_nearly_all_cut_off_something_is_left(browser, tmp_path):
    model = network()
    model.preprocessing = Preprocessing.pictures((20, 18), 3, resize="crop")
    opened = Opened(browser, model.page(tmp_path / "a.html", editable=False, timed=False, attributions=False))
    opened.drop("wide.png", png(10, 5000))
    opened.page.locator("#state", has_text="99.8 % are cut off").wait_for()
    opened.context.close()
    assert opened.faults == []


def test_a_layer_sees_no_more_than_the_input_is(browser, tmp_path):
    graph = zoo.create("cifar_resnet20").graph
    opened = Opened(browser, write_explorer(tmp_path / "a.html", graph, "net", editable=False))
    page = opened.page
    page.evaluate("striate.choose(striate.told.layers.findLastIndex(({family}) => family === 'conv'))")
    fields = page.evaluate("striate.told.layers[striate.chosen].field")
    assert min(fields) > 32
    whole = "×".join(map(str, fields))
    page.locator("#layer dd", has_text=f"32×32 of the input (a receptive field of {whole})").wait_for()
    page.evaluate("striate.choose(0)")
    page.locator("#layer dd", has_text="3×3 of the input").wait_for()
    assert page.locator("#layer dd", has_text="(a receptive field").count() == 0
    opened.context.close()
    assert opened.faults == []
