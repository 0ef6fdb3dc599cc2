"""Adversarial pictures stay within their budget and still fool when they were saved; paths and lesions by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import data, layers, look, zoo
from striate.data import Dataset
from striate.errors import ArgumentError, DataError
from striate.look.landscape.paths import blocks, routed
from striate.look.pictures import Space


@pytest.fixture(scope="module")
def digits() -> tuple[st.Model, Dataset]:
    splits = data.load("digits")
    x = (splits.train.x.astype(int) * 255 // 16).astype(np.uint8)  # 0..255, as photos are
    test = (splits.test.x.astype(int) * 255 // 16).astype(np.uint8)
    st.set_seed(0)
    model = st.Sequential(
        [
            layers.Conv2D(16, 3, padding="same", activation="relu", input_shape=(8, 8, 1)),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile(st.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    how = data.Preprocessing(image_size=(8, 8), channels=1, scale=1 / 255)
    model.fit(Dataset(x, splits.train.labels, splits.train.classes, preprocessing=how), epochs=12, seed=0, verbose=0)
    return model, Dataset(test, splits.test.labels, splits.test.classes, preprocessing=how)


@pytest.mark.parametrize("method", ["fgsm", "pgd"])
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 12.0), ("l2", 80.0)])
def test_pictures_are_whole_numbers_within_the_budget(digits, method, norm, epsilon):
    model, test = digits
    some = test.subset(range(30))
    found = look.adversarial(model, some, method=method, norm=norm, epsilon=epsilon, steps=8)
    assert found.pictures.dtype == np.uint8
    change = (found.pictures.astype(float) - some.x).reshape(30, -1)
    size = np.abs(change).max(axis=1) if norm == "linf" else np.linalg.norm(change, axis=1)
    assert size.max() <= epsilon + 1e-9
    assert size.max() > 0.6 * epsilon
    assert (model.predict(found.pictures).argmax(1) == found.after).all()
    assert (found.after != some.labels).sum() > (found.before != some.labels).sum()


def test_a_saved_picture_still_fools_through_predict(digits, tmp_path):
    model, test = digits
    found = look.adversarial(model, test.x[:10], target=3, epsilon=90, steps=30)
    fooled = np.flatnonzero(found.after == 3)
    assert len(fooled) >= 9
    for i in fooled:
        Image.fromarray(found.pictures[i, ..., 0]).save(tmp_path / f"{i}.png")
        pixels = model.preprocessing.pixels(tmp_path / f"{i}.png")
        assert model.predict(pixels[None]).argmax() == 3


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"resize": "crop"},
        {"resize": "crop", "shorter_side": 37},
        {"resize": "crop", "shorter_side": 40},
        {"resize": "pad"},
    ],
)
@pytest.mark.parametrize("size", [(32, 32), (32, 24)])
def test_a_framed_picture_is_read_back_as_just_its_pixels(how, size, tmp_path):
    model = st.Sequential([layers.Conv2D(1, 3, input_shape=(*size, 3))])
    model.preprocessing = data.Preprocessing(image_size=size, channels=3, **how)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(Space.of(model).framed(pixels)).save(tmp_path / "p.png")
    np.testing.assert_array_equal(model.preprocessing.pixels(tmp_path / "p.png"), pixels)


def test_fgsm_is_one_step_along_the_sign_of_the_gradient(digits):
    model, _ = digits
    space = Space.of(model)
    pixels = np.full((1, 8, 8, 1), 120, np.uint8)  # far from black and white
    with look.tapped(model, logits=True) as tap:
        x = space.inputs(pixels).requires_grad_()
        out = tap(x)
        wrong = torch.nn.functional.cross_entropy(out, out.argmax(1))
        (slope,) = torch.autograd.grad(wrong, x)
    found = look.adversarial(model, pixels, method="fgsm", epsilon=7)
    clear = slope[0, 0].abs() > 1e-5 * slope.abs().max()  # of the others rounding may turn the sign
    expected = 120 + 7 * np.sign(slope[0, 0].numpy())
    assert clear.float().mean() > 0.9
    np.testing.assert_array_equal(found.pictures[0, ..., 0][clear.numpy()], expected[clear.numpy()])


def test_accuracy_under_attack_falls_with_the_budget_and_noise_hardly_hurts(digits):
    model, test = digits
    found = look.robustness(model, test.subset(range(100)), epsilon=[16, 64], steps=10)
    rows = [[float(str(cell).rstrip("%")) for cell in row] for row in found.rows()[1]]
    clean, small, large = rows
    assert clean[1] == clean[2] == clean[3]
    assert large[3] <= small[3] <= clean[3]
    assert large[3] < 30
    assert large[1] > large[3]


def test_wrong_attacks_are_one_line(digits):
    model, test = digits
    for call, error, says in (
        (lambda: look.adversarial(model, test.x[:2], method="pdg"), ArgumentError, "pgd"),
        (lambda: look.adversarial(model, test.x[:2], target=[1, 2, 3]), DataError, "3 targets for 2"),
        (lambda: look.adversarial(model, test.x[:2], target=11), ArgumentError, "classes 0 to 9"),
        (lambda: look.robustness(model, test.x[:2]), DataError, "labels"),
    ):
        with pytest.raises(error, match=says) as caught:
            call()
        assert "\n" not in str(caught.value)


# -- paths -----------------------------------------------------------------------------------------------------------
def residual(count: int = 3) -> st.Model:
    st.set_seed(0)
    x = inputs = layers.Input((6, 6, 2))
    for i in range(count):
        y = layers.Conv2D(3, 3, padding="same", activation="tanh")(x)
        y = layers.Conv2D(4, 3, padding="same")(y)
        short = layers.Conv2D(4, 1)(x) if i == 0 else x
        x = layers.Activation("relu")(layers.Add()([short, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return st.Model(inputs, layers.Dense(3)(x))


def test_the_gradients_of_all_paths_add_up_to_the_full_gradient():
    model = residual(4)
    model.module.double()
    found = blocks(model)
    assert len(found) == 4
    x = torch.randn(2, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with look.tapped(model) as tap:
        (full,) = torch.autograd.grad(tap(x)[:, 1].sum(), x)
        total, lengths = torch.zeros_like(full), {}
        for through in itertools.product([False, True], repeat=4):
            out = routed(tap, found, through, x)
            torch.testing.assert_close(out, tap(x), rtol=1e-12, atol=1e-12)
            (slope,) = torch.autograd.grad(out[:, 1].sum(), x, allow_unused=True)
            total += 0 if slope is None else slope
            lengths[sum(through)] = lengths.get(sum(through), 0) + 1
    torch.testing.assert_close(total, full, rtol=1e-10, atol=1e-12)
    assert lengths == {k: math.comb(4, k) for k in range(5)}


def test_counts_are_binomial_and_a_drawn_norm_is_that_of_the_route():
    model = residual(3)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 6, 6, 1), dtype=np.uint8).repeat(2, axis=-1)
    with pytest.raises(ArgumentError, match="1 or 3"):
        look.paths(model, pixels)
    model = zoo.create("cifar_resnet20")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    found = look.paths(model, pixels, target=2, samples=1)
    assert found.counts == [math.comb(9, k) for k in range(10)]
    with look.tapped(model, logits=True) as tap:
        x = Space.of(model).inputs(pixels).requires_grad_()
        (slope,) = torch.autograd.grad(routed(tap, blocks(model), [True] * 9, x)[0, 2], x)
    assert found.gradients[9] == pytest.approx(float(slope.norm()), rel=1e-4)
    assert found.shares.sum() == pytest.approx(1)
    assert "(from 1 path drawn of each length that has more" in found.note()


def multiplied(count: int, factor: float) -> st.Model:
    """Blocks x + factor * x, one number in and through."""
    x = inputs = layers.Input((1, 1, 1))
    for i in range(count):
        x = layers.Add()([x, layers.Conv2D(1, 1, use_bias=False, name=f"branch{i}")(x)])
    model = st.Model(inputs, layers.Dense(2, use_bias=False)(layers.Flatten()(x)))
    for layer in model.layers:
        if layer.name.startswith("branch"):
            layer.set_weights([np.full((1, 1, 1, 1), factor, np.float32)])
    return model


def test_in_a_linear_network_of_54_blocks_the_gradient_shares_are_binomial_too():
    """Each branch times 1/4: a path of k branches carries (1/4)^k, so the shares are those of 54 throws at 1 in 5."""
    found = look.paths(multiplied(54, 0.25), np.full((1, 1, 1, 1), 9, np.uint8), target=0, samples=1)
    assert found.counts == [math.comb(54, k) for k in range(55)]
    expected = [math.comb(54, k) * 0.2**k * 0.8 ** (54 - k) for k in range(55)]
    np.testing.assert_allclose(found.shares, expected, rtol=1e-3)
    assert "54 blocks make 2^54 = 18,014,398,509,481,984 paths" in found.note()
    assert "paths of 5 to 17 branches, 10.8 on average" in found.note()


def test_a_gradient_whose_square_float32_cannot_hold_is_not_0():
    short, long = look.paths(multiplied(1, 1e-25), np.full((1, 1, 1, 1), 9, np.uint8), target=0).gradients
    assert long / short == pytest.approx(1e-25, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "count"),
    [("cifar_resnet20", 9), ("resnet18", 8), ("resnet50", 16), ("mobilenet_v2", 10), ("cifar_resnet56", 27)],
)
def test_the_blocks_of_known_networks_are_found(name, count):
    found = blocks(zoo.create(name))
    assert len(found) == count
    assert all(block.layers for block in found)


def test_a_plain_network_has_no_blocks():
    with pytest.raises(ArgumentError, match="no residual blocks"):
        look.paths(zoo.create("cifar_plain20"), np.zeros((1, 32, 32, 3), np.uint8))


def test_deleting_a_block_that_adds_nothing_changes_nothing():
    st.set_seed(0)
    x = inputs = layers.Input((6, 6, 3))
    for i in range(2):
        y = layers.Conv2D(3, 3, padding="same", name=f"branch{i}")(x)
        x = layers.Add()([x, y])
    model = st.Model(inputs, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(x)))
    with torch.no_grad():
        for p in model.module.get_submodule("branch1").parameters():
            p.zero_()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3), dtype=np.uint8)
    answers = model.predict(pixels).argmax(1)
    assert "drawn of each length" not in look.paths(model, pixels[:1], samples=2).note()  # 1, 2 and 1: all of them
    found = look.lesions(model, Dataset(pixels, answers, classes=("a", "b")), draws=2, swaps=2)
    assert found.whole == 0
    assert found.single[1] == 0
    assert [row[:2] for row in found.rows()[1]] == [(1, "add"), (2, "add_1")]
    assert found.several[0].max() == 0
    assert found.shuffled.shape == (3, 2)
    assert found.shuffled[0].max() == 0
