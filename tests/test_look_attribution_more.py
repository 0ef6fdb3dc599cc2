"""What the oracle's answers leave open: overlapping windows, the blurred start, the order of the cascade, likeness."""

from functools import partial

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.data import Preprocessing
from striate.errors import ArgumentError
from striate.look.explain.gradcam import gradcam
from striate.look.explain.integrated import integrated
from striate.look.explain.occlusion import occlusion
from striate.look.explain.saliency import saliency
from striate.look.explain.sanity import sanity, spearman, ssim, weighted
from striate.look.explain.scores import blurred, scores
from striate.look.model_copy import independent_copy


def linear(shape=(4, 4, 1), classes=2, seed=0, order="rgb"):
    """Logits are weights times input; the input is the pixel over 255, in that order of channels."""
    st.set_seed(seed)
    net = st.Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(classes, use_bias=False)])
    net.preprocessing = Preprocessing.pictures(shape[:2], shape[2], order=order)
    kernel = np.random.default_rng(seed).normal(size=(classes, int(np.prod(shape)))).astype(np.float32)
    net.set_weights([kernel.T])
    return net, kernel


def picture(shape=(4, 4, 1), seed=1):
    return np.random.default_rng(seed).integers(1, 256, (1, *shape)).astype(np.uint8)


def test_a_pixel_under_several_windows_gets_the_mean_of_their_falls():
    """Of a linear network a window's fall is the sum of weight times input in it, here counted by hand."""
    net, kernel = linear()
    x = picture()
    found = occlusion(net, x, 1, window=2, stride=1, fill="black")
    parts = (kernel[1].reshape(4, 4) * x[0, ..., 0] / 255).astype(np.float64)
    falls = np.array([[parts[i : i + 2, j : j + 2].sum() for j in range(3)] for i in range(3)])
    np.testing.assert_allclose(found.drops[0], falls, atol=1e-5)
    np.testing.assert_allclose(found.values[0, 0, 0], falls[0, 0], atol=1e-5)
    np.testing.assert_allclose(found.values[0, 1, 0, 0], (falls[0, 0] + falls[1, 0]) / 2, atol=1e-5)
    np.testing.assert_allclose(found.values[0, 2, 1, 0], falls[1:, :2].mean(), atol=1e-5)


def test_a_window_over_the_edge_is_cut_there():
    net, kernel = linear((5, 5, 1))
    x = picture((5, 5, 1))
    parts = kernel[0].reshape(5, 5) * x[0, ..., 0] / 255
    found = occlusion(net, x, 0, window=2, stride=2, fill="black")
    assert found.drops.shape == (1, 3, 3)
    np.testing.assert_allclose(found.drops[0, 2, 2], parts[4, 4], atol=1e-5)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_saliency_is_in_rgb_and_its_map_the_largest_absolute_value(order):
    shape = (4, 4, 3)
    net, kernel = linear(shape, order=order)
    found = saliency(net, picture(shape), 1)
    weights = kernel[1].reshape(shape)[..., :: 1 if order == "rgb" else -1]
    np.testing.assert_allclose(found.values[0], weights, atol=1e-6)
    np.testing.assert_allclose(found.map[0], np.abs(weights).max(-1), atol=1e-6)


def test_deletion_ends_at_the_baseline_and_insertion_starts_from_the_blurred_picture():
    net, kernel = linear((8, 8, 1))
    x = picture((8, 8, 1))
    found = scores(net, x, 0, maps={"any": np.ones((1, 8, 8))}, steps=4, baseline="white", blur=1.5)

    def chance(inputs):
        logits = kernel.astype(np.float64) @ np.asarray(inputs, np.float64).reshape(-1)
        return 1 / (1 + np.exp(logits[1] - logits[0]))

    tensor = torch.from_numpy(x.astype(np.float64) / 255).movedim(-1, 1)
    whole, soft = chance(tensor), chance(blurred(tensor, 1.5))
    assert abs(soft - whole) > 0.01
    for name in found.deletion:
        assert found.deletion[name][0, [0, -1]] == pytest.approx([whole, chance(np.ones(64))], abs=1e-5)
        assert found.insertion[name][0, [0, -1]] == pytest.approx([soft, whole], abs=1e-5)


def test_the_blur_keeps_the_mean_of_a_point_and_has_its_deviation():
    x = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    x[..., 20, 20] = 1
    row = blurred(x, 3.0)[0, 0].sum(0).numpy()
    steps = np.arange(41) - 20
    assert row.sum() == pytest.approx(1)
    assert np.sqrt((row * steps**2).sum()) == pytest.approx(3, abs=0.06)


def test_layers_are_randomised_from_the_last_to_the_first_in_a_copy():
    st.set_seed(0)
    sizes = [layers.Dense(5, activation="relu", name=f"dense{i}") for i in range(3)]
    head = layers.Dense(2, name="head")
    net = st.Sequential([layers.Input((4, 4, 1)), layers.Flatten(), *sizes, head])
    net.preprocessing = Preprocessing.pictures((4, 4), 1)
    before = [w.copy() for w in net.get_weights()]
    assert [name for name, _ in weighted(independent_copy(net))] == ["head", "dense2", "dense1", "dense0"]
    seen = []

    def watch(model, pictures, target):
        seen.append([np.abs(a - b).max() > 0 for a, b in zip(model.get_weights(), before, strict=True)][::2])
        return saliency(model, pictures, target)

    found = sanity(net, picture(), 0, method={"watched": watch}, stages=(0, 0.5, 1))
    assert found.names == ["head", "dense2", "dense0"]
    assert seen == [[False] * 4, [False, False, False, True], [False, False, True, True], [True] * 4]
    assert all((a == b).all() for a, b in zip(net.get_weights(), before, strict=True))


def test_rank_correlation_shares_ranks_between_equals():
    """Ranks 1.5 1.5 3 4 against 2 1 3 4: Pearson's correlation of these, 4.5 / sqrt(4.5 * 5)."""
    a, b = np.array([[0.0, 0.0], [2.0, 3.0]]), np.array([[5.0, 1.0], [6.0, 9.0]])
    assert spearman(a, b) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert spearman(a, -a) == pytest.approx(-1)
    assert spearman(a, np.ones((2, 2))) == 0


def test_ssim_is_the_formula_of_its_paper():
    """Wang et al. 2004, equation 13, on one window, with NumPy's covariance."""
    rng = np.random.default_rng(0)
    a, b = rng.random((7, 7)), rng.random((7, 7))
    x, y = ((v - v.min()) / (v.max() - v.min()) for v in (a, b))
    cov = np.cov(x.ravel(), y.ravel(), ddof=0)
    light = (2 * x.mean() * y.mean() + 1e-4) / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
    form = (2 * cov[0, 1] + 9e-4) / (cov[0, 0] + cov[1, 1] + 9e-4)
    assert ssim(a, b) == pytest.approx(light * form)
    assert ssim(a, 3 * a + 1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("method", "again"),
    [
        (saliency, saliency),
        (partial(saliency, rule="guided"), partial(saliency, rule="guided")),
        (partial(gradcam, layer="low"), partial(gradcam, layer="low")),
        (partial(integrated, steps=20, baseline=9), partial(integrated, steps=16, baseline=9)),
        (partial(occlusion, window=4, stride=1), partial(occlusion, window=4, stride=4)),
    ],
)
def test_a_method_asked_for_it_says_whether_it_passes_the_sanity_check(method, again):
    st.set_seed(0)
    net = st.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", name="low", input_shape=(8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    x = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 1), dtype=np.uint8)
    asked = [i % 3 for i in range(10)]
    found = method(net, x, asked, check=True)
    told = sanity(net, x[:8], asked[:8], method={found.title: again}, stages=(0.5,))
    assert told.layers == [2]
    assert found.verdict == told.verdict(found.title)
    assert found.title in found.verdict
    assert found.note().endswith(found.verdict)
    assert found.facts()["sanity"] == found.verdict
    assert "sanity" not in method(net, x, asked).facts()


def test_a_baseline_for_each_picture_goes_into_the_check_too():
    net, _ = linear()
    x, black = picture(), np.zeros((10, 4, 4, 1), np.uint8)
    found = integrated(net, np.concatenate([x] * 10), 0, steps=2, baseline=black, check=True)
    assert found.verdict == integrated(net, np.concatenate([x] * 10), 0, steps=2, check=True).verdict


def test_the_check_is_not_for_a_layer():
    net, _ = linear()
    with pytest.raises(ArgumentError, match="not about a layer"):
        saliency(net, picture(), 0, layer="dense", check=True)


def test_the_last_maps_are_the_last_in_the_networks_order_also_with_networks_in_it():
    inner = st.Sequential([layers.Input((8, 8, 4)), layers.Conv2D(4, 3)], name="inner")
    x = inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(5, 3, name="last")(inner(layers.Conv2D(4, 3, padding="same")(x)))
    model = st.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    assert gradcam(model, picture).layer == "last"


def test_the_softmax_of_a_network_that_ends_in_another_is_left_off_too():
    x = inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="last")(x)
    head = [layers.Input((6, 6, 4)), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    nested = st.Model(inputs, st.Sequential(head)(x))
    flat = st.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    flat.set_weights(nested.get_weights())
    picture = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    one, other = gradcam(nested, picture, 1), gradcam(flat, picture, 1)
    np.testing.assert_allclose(one.values, other.values, atol=1e-6)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
    yes = [layers.Input((6, 6, 4)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    nested = st.Model(inputs, st.Sequential(yes)(x))
    assert abs(gradcam(nested, picture, 1).scores[0] + gradcam(nested, picture, 0).scores[0]) < 1e-6
