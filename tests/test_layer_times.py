"""The time of each layer: every one has one, what fails is named, and the page shows it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Opened
from small_nets import small_net

import striate as st
from striate import layers, zoo
from striate.errors import ArgumentError
from striate.inference import time_layers
from striate.size import opened_rows


def nested() -> st.Model:
    """A network with another in it, twice, and a layer that does nothing."""
    inner = st.Sequential(
        [layers.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same"), layers.ReLU(), layers.Activation("linear")],
        name="inner",
    )
    x = layers.Input((8, 8, 4))
    return st.Model(x, layers.Dense(3)(layers.Flatten()(inner(inner(x)))))


def text() -> st.Model:
    return st.Sequential(
        [layers.Input((12,), dtype="int64"), layers.Embedding(50, 8), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    )


def failing() -> st.Model:
    """A network whose first layer takes batches of two alone."""

    class Fails(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) == 1:
                raise RuntimeError("no company")
            return x

    return st.Sequential([layers.Input((6, 6, 1)), layers.TorchModuleWrapper(Fails(), name="moody"), layers.Flatten()])


@pytest.mark.parametrize("made", [nested, text, *(lambda n=n: zoo.create(n) for n in ("lenet5", "cifar_resnet20"))])
def test_every_layer_has_a_time_and_the_network_stays_as_it_is(made):
    model = made()
    model.module.train()
    before = {name: array.clone() for name, array in model.module.state_dict().items()}
    times = model.time_layers(rounds=2)
    assert [(row.name, row.kind) for row in times.rows] == [(row.name, row.kind) for row in opened_rows(model.graph)]
    assert all(row.seconds >= 0 for row in times.rows)
    assert times.rounds == 2
    assert times.total == pytest.approx(sum(row.seconds for row in times.rows))
    assert all(row.seconds > 0 for row in times.rows if row.kind in ("Conv2D", "Dense", "Embedding"))
    assert all(row.seconds == 0 for row in times.rows if row.kind == "Activation")
    assert model.module.training
    assert all(torch.equal(array, before[name]) for name, array in model.module.state_dict().items())


def test_rounds_are_at_least_one_and_as_many_as_there_is_time_for():
    model = zoo.create("lenet5")
    assert 3 <= model.time_layers().rounds <= 15
    for rounds in (0, -1, 1.5):
        with pytest.raises(ArgumentError, match="rounds"):
            model.time_layers(rounds=rounds)
    with pytest.raises(ArgumentError):
        time_layers(7)


def test_a_layer_that_fails_is_named():
    with pytest.raises(ArgumentError, match='"moody" cannot be timed, since it fails: no company'):
        failing().time_layers(rounds=1)


def test_the_command_prints_what_the_method_gives(run, tmp_path):
    code, out, _ = run("bench", "lenet5", "--layers", "--rounds", 2, "--json")
    told = json.loads(out)
    assert code == 0
    assert [row["name"] for row in told["rows"]] == [row.name for row in opened_rows(zoo.create("lenet5").graph)]
    assert told["rounds"] == 2
    assert told["total"] == pytest.approx(sum(row["seconds"] for row in told["rows"]))
    small_net().save(tmp_path / "net")
    lines = run("bench", tmp_path / "net", "--layers")[1].splitlines()
    assert lines[0].split() == ["layer", "kind", "ms", "share"]
    assert lines[-2].split()[0] == "all"
    assert told["processor"] in lines[-1]
    for more, said in {
        ("digits",): "no data",
        ("--points", 3): "no --points",
        ("--agreement", 0.9, "--no-keep"): "no --agreement or --no-keep",
        ("--engines", ""): "no --engines",
        ("--shift", 0, "--label-column", "a"): "no --label-column or --shift",
    }.items():
        code, _, err = run("bench", "lenet5", *more, "--layers")
        assert (code, err.count("\n")) == (2, 1)
        assert f"it takes {said}." in err


# -- in the page ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def model() -> st.Model:
    return zoo.create("lenet5")


@pytest.fixture(scope="module")
def written(model, tmp_path_factory) -> Path:
    return model.page(tmp_path_factory.mktemp("page") / "page.html", editable=False)


def test_the_page_colours_by_time_and_a_layer_says_its_own(opened, model):
    page = opened.page
    told = page.evaluate("globalThis.striate.told")
    seconds = [layer["time"] for layer in told["layers"]]
    assert all(each >= 0 for each in seconds)
    assert told["timed"]["seconds"] == pytest.approx(sum(seconds), rel=0.01)
    page.select_option("#colouring", "measured time")
    most = told["layers"][int(np.argmax(seconds))]["name"]
    assert page.locator("#legend button").text_content() == f"most: {most}"
    assert told["timed"]["note"] in page.locator("#legend").text_content()
    page.keyboard.press("m")
    page.locator("#layer h2", has_text=most).wait_for()
    page.locator("#layer summary", has_text="Takes").click()
    page.locator("#layer details[open]", has_text=told["timed"]["note"]).wait_for()


def test_a_page_may_leave_the_times_out_and_is_the_same_each_time_then(browser, model, tmp_path):
    first, second = (model.page(tmp_path / f"{i}.html", editable=False, timed=False) for i in range(2))
    assert first.read_bytes() == second.read_bytes()
    opened = Opened(browser, first, at="#colour=measured+time")
    assert opened.page.locator("#colouring").input_value() == "kind"
    assert "measured time" not in opened.page.locator("#colouring").text_content()
    assert opened.page.locator("#layer summary", has_text="Takes").count() == 0
    opened.context.close()
    assert opened.faults == []


def test_where_a_layer_fails_the_page_says_why_it_has_no_times(browser, tmp_path):
    opened = Opened(browser, failing().page(tmp_path / "a.html", editable=False))
    assert '"moody" cannot be timed' in opened.page.locator("#fixed").text_content()
    assert opened.page.evaluate("globalThis.striate.told.timed") is None
    opened.context.close()
    assert opened.faults == []
