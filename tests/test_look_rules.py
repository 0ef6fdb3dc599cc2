"""The three ReLU rules and the switches of max pooling, by hand on 4x4 pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.look.tap import tapped

X = np.array([[1, -2, 3, 0], [-1, 5, -6, 2], [4, -3, 2, -7], [0, 1, -1, 8]], np.float32)
# what the rectifier's output is multiplied by, so that its gradient has both signs
V = np.array([[2, 1, -1, 3], [1, -4, 2, -2], [-3, 1, 5, 1], [1, -1, 1, 0.5]], np.float32)


def weighted(activation: str) -> st.Model:
    """sum(V * relu(x)): a rectifier, then a dense layer whose weights are V."""
    inputs = layers.Input((4, 4, 1))
    x = layers.Conv2D(1, 1, use_bias=False, activation="relu")(inputs) if activation == "fused" else inputs
    if activation != "fused":
        x = (layers.ReLU() if activation == "layer" else layers.Activation("relu"))(x)
    x = layers.Flatten()(x)
    model = st.Model(inputs, layers.Dense(1, use_bias=False)(x))
    with torch.no_grad():
        model.module.get_submodule("dense").weight.copy_(torch.from_numpy(V.reshape(1, -1)))
        if activation == "fused":
            model.module.get_submodule("conv2d").weight.fill_(1.0)
    return model


EXPECTED = {
    "backprop": [[2, 0, -1, 0], [0, -4, 0, -2], [-3, 0, 5, 0], [0, -1, 0, 0.5]],  # V where X > 0
    "deconvnet": [[2, 1, 0, 3], [1, 0, 2, 0], [0, 1, 5, 1], [1, 0, 1, 0.5]],  # V where V > 0
    "guided": [[2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0.5]],  # V where both
}


@pytest.mark.parametrize("activation", ["fused", "layer", "function"])
@pytest.mark.parametrize("rule", EXPECTED)
def test_a_gradient_passes_a_rectifier_by_its_rule(rule, activation):
    x = torch.from_numpy(X)[None, None].requires_grad_()
    with tapped(weighted(activation), rule=rule) as tap:
        (slope,) = torch.autograd.grad(tap(x).sum(), x)
    np.testing.assert_array_equal(slope[0, 0].numpy(), np.array(EXPECTED[rule], np.float32))


def test_relu6_passes_nothing_above_its_bound_by_backprop_and_guided():
    inputs = layers.Input((4, 4, 1))
    flat = layers.Flatten()(layers.Activation("relu6")(inputs))
    model = st.Model(inputs, layers.Dense(1, use_bias=False)(flat))
    with torch.no_grad():
        model.module.get_submodule("dense").weight.fill_(1.0)
    x = torch.from_numpy(X)[None, None].requires_grad_()
    for rule, top in (("backprop", 0), ("guided", 0), ("deconvnet", 1)):
        with tapped(model, rule=rule) as tap:
            (slope,) = torch.autograd.grad(tap(x).sum(), x)
        assert slope[0, 0, 3, 3] == top  # 8 is above 6
        assert slope[0, 0, 2, 0] == 1  # 4 is not


def test_switches_say_where_each_maximum_was_and_the_gradient_goes_just_there():
    model = st.Sequential([layers.MaxPooling2D(2, name="pool", input_shape=(4, 4, 1))])
    x = torch.from_numpy(X)[None, None].requires_grad_()
    with tapped(model) as tap:
        run = tap.run(x, switches=["pool"])
        (slope,) = torch.autograd.grad((run.output * torch.tensor([[1.0, 2], [3, 4]])).sum(), x)
    assert run.output[0, 0].tolist() == [[5, 3], [4, 8]]
    assert run.switches["pool"][0, 0].tolist() == [[5, 2], [8, 15]]  # row * 4 + column
    expected = np.zeros(16, np.float32)
    expected[[5, 2, 8, 15]] = [1, 2, 3, 4]
    assert slope.flatten().tolist() == expected.tolist()


def test_switches_of_a_padded_pooling_count_in_the_map_without_padding():
    model = st.Sequential([layers.MaxPooling2D(3, strides=2, padding="same", name="pool", input_shape=(5, 5, 1))])
    values = np.random.default_rng(0).permutation(25).reshape(5, 5).astype(np.float32) - 30  # all below zero
    with tapped(model) as tap:
        run = tap.run(torch.from_numpy(values)[None, None], switches=["pool"])
    where = run.switches["pool"][0, 0].numpy()
    np.testing.assert_array_equal(values.reshape(-1)[where], run.output[0, 0].detach().numpy())
