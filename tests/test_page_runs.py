"""The network that a page carries runs, whatever its layers are; where it cannot run in a browser, the page says so."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import layer_cases as every
import numpy as np
import onnxruntime
import pytest
from browser import Opened

import striate as st
from striate import layers
from striate.errors import ArgumentError
from striate.page.samples import samples
from striate.page.weights import Carried, carried
from striate.ship.every_value import value_name
from striate.tasks.detector import detector
from striate.tasks.segmenter import uafm

pytestmark = pytest.mark.usefixtures("one_thread")


def started(network: Carried, folder: Path) -> onnxruntime.InferenceSession:
    """The network as the page starts it: the model, and its arrays in a file beside it, in 32 bits."""
    numbers, begin = [], 0
    for size, bits, _ in network.told["arrays"]:
        end = begin + size * bits // 8
        numbers.append(np.frombuffer(network.arrays[begin:end], f"<f{bits // 8}").astype("<f4"))
        begin = end
    (folder / "weights").write_bytes(b"".join(part.tobytes() for part in numbers))
    (folder / "net.onnx").write_bytes(network.model)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / "net.onnx", options)


@pytest.mark.parametrize("one", [case for case in every.labelled() if len(case.values[0].inputs) == 1])
def test_the_network_of_every_layer_starts_as_the_page_carries_it(one: every.Case, tmp_path: Path) -> None:
    tried = every.tried(one)
    if one.dtype != "float32":
        with pytest.raises(ArgumentError, match="whole numbers"):
            carried(tried.graph, tried.xs[0])
        return
    network, output = carried(tried.graph, tried.xs[0]), tried.graph.flat().outputs[0]
    session = started(network, tmp_path)
    name = value_name(output)
    (found,) = session.run([name], {session.get_inputs()[0].name: tried.xs[0]})
    truth = tried.run(tried.module)
    if network.told["lies"][output] == "first" and found.ndim > 2:
        found = np.moveaxis(found, 1, -1)
    np.testing.assert_allclose(found, truth, rtol=2e-3, atol=2e-3)


def base(side: int) -> st.Model:
    """A network of pictures, with maps at strides of 2 to 32."""
    start = x = layers.Input((side, side, 3))
    for filters in (4, 6, 8, 8, 8):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return st.Model(start, x)


@pytest.mark.parametrize("made", [uafm, detector])
def test_the_page_of_a_network_of_places_computes_every_layer(browser, made, tmp_path):
    model = made(base(64), 3, width=8)
    opened = Opened(browser, model.page(tmp_path / "a.html", editable=False, timed=False, attributions=False))
    pixels = model.intake.recipe.pixels(samples((64, 64, 3))[0][2])
    truth = model.predict(pixels[None], engine="torch")[0]
    script = "() => Array.from(striate.pictures.current.values.get(striate.told.outputs[0]).data)"
    found = np.array(opened.page.evaluate(script))
    lies = opened.page.evaluate("striate.told.live.weights.lies[striate.told.outputs[0]]")
    if lies == "first":
        found = np.moveaxis(found.reshape(truth.shape[-1], *truth.shape[:-1]), 0, -1)
    np.testing.assert_allclose(found.reshape(truth.shape), truth, rtol=1e-3, atol=2e-3)
    assert opened.page.evaluate(
        "striate.told.operations.every(({output}) => striate.pictures.current.values.has(output))"
    )
    opened.context.close()
    assert opened.faults == []


def test_a_page_that_cannot_compute_says_so_wherever_one_acts(browser, written, tmp_path):
    text = written.read_text()
    begin = text.index('id="part-network">') + len('id="part-network">')
    broken = gzip.compress(b"no network")
    file = tmp_path / "broken.html"
    file.write_text(text[:begin] + base64.b64encode(broken).decode() + text[text.index("</script>", begin) :])
    page = Opened(browser, file).page
    reason = page.locator("#state", has_text="The network cannot run here: ")
    reason.wait_for()
    assert page.locator("#layer", has_text="The network cannot run here: ").count() == 1
    for key in "owc":
        page.evaluate("document.getElementById('state').textContent = ''")
        page.keyboard.press(key)
        reason.wait_for()
        assert page.locator("dialog[open]").count() == 0
    page.evaluate("document.getElementById('state').textContent = ''")
    page.evaluate("striate.pictures.add(new Blob([]), 'x.png')")
    reason.wait_for()
    for key in "xvk":
        page.evaluate("document.getElementById('because').textContent = ''")
        page.keyboard.press(key)
        page.locator("#because", has_text="The network cannot run here: ").wait_for()
    page.context.close()
