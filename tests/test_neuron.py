"""One number's arithmetic, printed by ``explain`` with a picture, is what the network computes."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from layer_cases import CASES

import striate as st
from striate import layers, look
from striate.cli.main import main
from striate.errors import ArgumentError, DataError
from striate.inference import Neuron

REFUSED = "explain shows one number's arithmetic for"
MULTIPLY = {"Conv2D", "Conv1D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "MaxPooling2D", "Dense"}


def model_of(case) -> st.Model:
    inputs = [layers.Input(shape, dtype=case.dtype) for shape in case.inputs]
    return st.Model(inputs, case.layer()(inputs[0] if len(inputs) == 1 else inputs))


def explained(model: st.Model, name: str, given, at) -> Neuron | None:
    """None where the layer is of a kind that explain says it does not show."""
    try:
        return model.explain(name, picture=given, at=at)
    except ArgumentError as error:
        if not any(words in str(error) for words in (REFUSED, "several outputs")):
            raise
        return None


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_the_arithmetic_of_every_kind_of_layer_gives_its_own_number(kind):
    """All places of small layers: products, sum and bias come to what torch computed before the activation."""
    rng = np.random.default_rng(0)
    numbers = 0
    for case in CASES[kind]:
        st.set_seed(0)
        model = model_of(case)
        if case.dtype != "float32" or len(model.outputs) > 1 or isinstance(model.layers[-1], layers.InputLayer):
            continue
        with torch.no_grad():
            for tensor in [*model.module.parameters(), *model.module.buffers()]:
                if tensor.is_floating_point():
                    tensor.copy_(torch.from_numpy(rng.uniform(0.2, 1, tuple(tensor.shape))))
        xs = [rng.normal(0, 1, (1, *shape)).astype(np.float32) for shape in case.inputs]
        given = xs[0] if len(xs) == 1 else xs
        name = model.layers[-1].name
        out = np.asarray(model(given, training=False).detach())[0]
        for at in [tuple(map(int, np.unravel_index(i, out.shape))) for i in range(0, out.size, 1 + out.size // 9)]:
            said = explained(model, name, given, at)
            if said is None:
                break
            assert isinstance(said, Neuron)
            numbers += 1
            np.testing.assert_allclose(said.value, out[at], atol=1e-5)
            made = said.products
            if made is None:
                continue
            # the products as they stand, without the library's own sum
            inside = made.numbers if made.there is None or made.how == "sum" else made.numbers[made.there]
            if made.how == "sum":
                total = (inside * (1 if made.weights is None else made.weights)).sum() + (made.bias or 0)
                np.testing.assert_allclose(said.sum, total, atol=1e-9)
            plain = not any(word in said for word in ("softmax", "relu", "tanh", "sigmoid", "elu", "gelu")) and (
                getattr(model.layers[-1], "activation", None) in (None, "linear")
            )
            if plain and not re.search(r"\n\w[\w ]{0,10} +\w[\w ]*\(", said):
                np.testing.assert_allclose(said.sum, out[at], rtol=1e-4, atol=1e-4)
            printed = re.findall(r"-?\d[\d.]*(?:e[+-]?\d+)?", said.splitlines()[-1])
            np.testing.assert_allclose(float(printed[-1]), out[at], rtol=1e-4, atol=1e-4)
    assert numbers or kind.__name__ not in MULTIPLY


def edges() -> st.Model:
    """Sobel's filter on 5x5 pixels, then a dense layer within a nested network."""
    inner = st.Sequential([layers.Input((9,)), layers.Dense(2, activation="softmax", name="two")], name="inner")
    x = inputs = layers.Input((5, 5, 1))
    x = layers.Conv2D(1, 3, strides=2, padding=1, activation="relu", name="sobel")(x)
    model = st.Model(inputs, inner(layers.Flatten()(x)))
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    dense = np.stack([np.arange(9), np.zeros(9)], axis=1).astype(np.float32)
    model.set_weights([sobel[:, :, None, None], np.array([0.5], np.float32), dense, np.array([0, 1], np.float32)])
    return model


PICTURE = np.arange(25, dtype=np.float32).reshape(5, 5, 1)


def test_a_window_at_the_border_is_printed_with_its_padding():
    said = edges().explain("sobel", picture=PICTURE, at=(0, 1, 0))
    assert "rows 0 to 1 and columns 1 to 3 of the 5x5x1 input, 3 cells in the padding" in said
    assert said.products.numbers[..., 0].tolist() == [[0, 0, 0], [1, 2, 3], [6, 7, 8]]
    assert said.products.there.tolist() == [[False] * 3, [True] * 3, [True] * 3]
    # 2·(3 - 1) + (8 - 6) = 6, and the bias
    assert (said.products.products.sum(), said.products.bias, said.sum, said.value) == (6, 0.5, 6.5, 6.5)
    assert said.splitlines()[-2:] == ["bias        6 + 0.5 = 6.5", "relu        relu(6.5) = 6.5"]


def test_a_layer_in_a_nested_network_is_explained_and_without_a_place_its_largest_number():
    said = edges().explain("inner/two", picture=PICTURE)
    assert said.at == (0,)
    maps = look.activations(edges(), PICTURE[None], "sobel")["sobel"].reshape(-1)
    np.testing.assert_allclose(said.sum, maps @ np.arange(9), rtol=1e-6)
    np.testing.assert_allclose(said.value, 1, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layer": "sobl", "picture": PICTURE}, ArgumentError, 'unknown layer name "sobl". Did you mean "sobel"?'),
        ({"layer": "sobel", "picture": PICTURE, "at": (3, 0, 0)}, ArgumentError, "from 0,0,0 to 2,2,0, not (3, 0, 0)"),
        ({"layer": "sobel", "picture": PICTURE, "at": (0, 0)}, ArgumentError, "at is 3 whole numbers"),
        ({"layer": "inner", "picture": PICTURE}, ArgumentError, 'such as "inner/two"'),
        ({"layer": "sobel", "at": (0, 0, 0)}, ArgumentError, "give picture= too"),
        ({"layer": "sobel", "picture": np.stack([PICTURE] * 2)}, DataError, "one picture, not for 2"),
    ],
)
def test_what_cannot_be_explained_is_said(arguments, error, words):
    with pytest.raises(error) as raised:
        edges().explain(**arguments)
    assert words in str(raised.value)


def test_the_command_prints_the_arithmetic_for_a_file(tmp_path, capsys):
    st.utils.save_img(tmp_path / "p.png", np.full((5, 5, 3), 7, np.uint8))
    edges().save(tmp_path / "run")
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(tmp_path / "run"), "sobel", "--picture", str(tmp_path / "p.png"), "--at", "1,1,0"])
    out = capsys.readouterr().out
    assert ended.value.code in (0, None)
    assert out.splitlines()[0] == 'Conv2D "sobel", output (1, 1, 0) of 3x3x1'
    with pytest.raises(SystemExit):
        main(["explain", "lenet5", "conv2d", "--at", "1,1,0"])
    assert "go with --picture" in capsys.readouterr().err


def test_the_model_stays_as_it_was():
    model = edges()
    model.module.train()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    model.explain("sobel", picture=PICTURE)
    assert model.module.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    assert [layer.name for layer in model.layers] == [layer.name for layer in edges().layers]
