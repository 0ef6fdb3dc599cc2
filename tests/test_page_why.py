"""Why an answer, in a browser: Grad-CAM and occlusion are those of look, and the slopes behind them torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from browser import Opened
from page_nets import drawn_weights, png

import striate as st
from striate import layers
from striate.data import Preprocessing
from striate.primitives.functions import FUNCTIONS

ACTIVATIONS = list(FUNCTIONS)[: list(FUNCTIONS).index("exponential") + 1]


ENDS = {
    "pooled": lambda x: layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)),
    "flat": lambda x: layers.Dense(3)(layers.Dense(5, activation="gelu")(layers.Flatten()(x))),
    "largest": lambda x: layers.Dense(1, activation="sigmoid")(layers.GlobalMaxPooling2D()(x)),
    "convolved": lambda x: layers.Flatten()(layers.Conv2D(4, x.shape[1:3], activation="silu", groups=2)(x)),
    "layer normed": lambda x: layers.Dense(3)(layers.LayerNormalization()(layers.GlobalAveragePooling2D()(x))),
    "distances": lambda x: layers.EuclideanRBF(3)(
        layers.Dense(6, activation="scaled_tanh")(layers.Rescaling(0.5, 0.1)(layers.Flatten()(x)))
    ),
    "normed": lambda x: layers.Dense(3, activation="softmax")(
        layers.BatchNormalization()(layers.Multiply()([(y := layers.GlobalAveragePooling2D()(x)), layers.Softmax()(y)]))
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_grad_cam_and_occlusion_are_those_of_look(browser, end, tmp_path):
    x = inputs = layers.Input((21, 24, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    model = st.Model(inputs, ENDS[end](x))
    model.preprocessing = Preprocessing.pictures((21, 24), 3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2))
    drawn_weights(model, 2)
    (tmp_path / "x.png").write_bytes(png(21, 24))
    page = Opened(browser, model.page(tmp_path / "page.html", editable=False, timed=False, attributions=False))
    page.drop("x.png", (tmp_path / "x.png").read_bytes())
    page.page.evaluate("document.getElementById('window').value = 4; document.getElementById('step').value = 3")
    for number in range(model.answers.classes):
        page.page.evaluate("number => globalThis.striate.why.ask(number)", number)
        for method, made in (
            ("gradcam", st.look.gradcam(model, tmp_path / "x.png", number)),
            ("occlusion", st.look.occlusion(model, tmp_path / "x.png", number, window=4, stride=3)),
        ):
            page.page.evaluate("method => globalThis.striate.why.turn(method)", method)
            found = page.page.evaluate("Array.from(globalThis.striate.why.found.values)")
            np.testing.assert_allclose(found, made.values.ravel(), atol=1e-4)
            page.page.evaluate("globalThis.striate.why.turn(null)")
    page.context.close()
    assert page.faults == []


def test_slopes_of_activations_are_those_of_torch(asked):
    names = asked.page.evaluate("async () => Object.keys((await import('striate/slopes')).FUNCTIONS)")
    points = np.array([-7.5, -3.2, -1.3, -0.4, -0.01, 0.02, 0.7, 2.6, 4.4, 6.5], np.float32)
    for name in set(names) & set(ACTIVATIONS):
        model = st.Sequential([layers.Input((len(points),)), layers.Activation(name)])
        x = torch.tensor(points[None], requires_grad=True)
        y = model.module.eval()(x)
        y.sum().backward()
        parameters = model.graph.flat().nodes[0].lowering.steps[0].primitive.parameters
        script = """async ([name, xs, ys, parameters]) => {
            const {FUNCTIONS} = await import("striate/slopes");
            return xs.map((x, i) => FUNCTIONS[name](x, ys[i], ...parameters));
        }"""
        found = asked.page.evaluate(script, [name, points.tolist(), y[0].tolist(), list(parameters)])
        np.testing.assert_allclose(found, x.grad[0], atol=1e-5, err_msg=name)
    assert len(set(names) & set(ACTIVATIONS)) == 16


def test_occlusion_stops_when_it_is_asked_to_and_the_address_holds_the_question(browser, written):
    page = Opened(browser, written, at="#why=occlusion&class=2")
    page.page.wait_for_function("() => (({found}) => found && found.done === found.whole)(globalThis.striate.why)")
    assert page.page.locator("#asked").input_value() == "2"
    found = page.page.evaluate("""async () => {
        const {why} = globalThis.striate;
        why.found = null;
        const asked = why.ask(1);
        why.turn("occlusion");
        await asked;
        return why.found;
    }""")
    assert found is None
    assert page.page.locator("#occlusion").get_attribute("aria-pressed") == "false"
    assert "why=" not in page.page.evaluate("location.hash")
    page.context.close()
    assert page.faults == []
