"""What augmentation keeps for the backward pass behind a layer that learns, against what autograd really keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kept import really_kept
from layer_cases import CASES

import striate as st
from striate import layers
from striate.graph import Graph, Input
from striate.layers.augment import AugmentationLayer
from striate.size.memory import kept_bytes

DRAWN = (layers.RandAugment, layers.AugMix)
CHAINS: dict[str, Callable[[], layers.Layer]] = {
    "moves in one": lambda: layers.Augmentation(
        [layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    ),
    "moves and colours": lambda: layers.Augmentation(
        [layers.RandomCrop(5, 6), layers.RandomHue(0.1), layers.RandomShear(0.1)]
    ),
    "noise": lambda: layers.RandomErasing((1, 1)),
    "one value": lambda: layers.RandomErasing((1, 1), fill_value=3.0),
    "nothing": lambda: layers.RandomElasticTransform(scale=0),
}


def after_a_layer_that_learns(layer: layers.Layer, batch: int) -> tuple[int, int]:
    inputs = Input((8, 7, 2))
    x = layer(layers.Conv2D(3, 3, padding="same")(inputs))
    graph = Graph([inputs], [layers.Dense(2)(layers.Flatten()(layers.Conv2D(2, 3)(x)))])
    return kept_bytes(graph, batch), really_kept(graph, batch)


@pytest.mark.filterwarnings("ignore:.*value_range")
@pytest.mark.parametrize("kind", [kind for kind in CASES if issubclass(kind, AugmentationLayer) and kind not in DRAWN])
def test_each_augmentation_keeps_what_is_predicted(kind: type[layers.Layer]) -> None:
    for one in CASES[kind]:
        if one.inputs[0][-1] == 3 and "data_format" not in one.fields:
            for batch in (2, 5):
                predicted, real = after_a_layer_that_learns(one.layer(), batch)
                assert predicted == real, one.fields


@pytest.mark.filterwarnings("ignore:.*value_range")
@pytest.mark.parametrize("name", CHAINS)
def test_chains_of_augmentation_keep_what_is_predicted(name: str) -> None:
    for batch in (1, 4):
        predicted, real = after_a_layer_that_learns(CHAINS[name](), batch)
        assert predicted == real


@pytest.mark.filterwarnings("ignore:.*value_range")
@pytest.mark.parametrize("kind", DRAWN)
def test_changes_that_are_drawn_keep_at_most_what_is_predicted(kind: type[layers.Layer]) -> None:
    reals = []
    for seed in range(30):
        st.set_seed(seed)
        predicted, real = after_a_layer_that_learns(kind(value_range=(0, 1)), 2)
        reals.append(real)
    assert 0.5 * predicted < max(reals) <= predicted
