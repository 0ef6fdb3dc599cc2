"""What lies outside a layer's ``value_range``: clipped, or not, and said as it is."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import striate as st
from striate import layers

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 16, 16, 3)).astype(np.float32)
BYTES[:, 0, 0], BYTES[:, 0, 1] = 0, 255
ALWAYS: dict[str, dict[str, Any]] = {
    "AugMix": {"alpha": 0.3},
    "RandomColorJitter": {"brightness_factor": (0.1, 0.2), "contrast_factor": 0.3},
    "RandomElasticTransform": {"factor": (1, 1)},
    "RandomErasing": {"factor": (1, 1)},
    "RandomGaussianBlur": {"factor": (1, 1)},
    "RandomHue": {"factor": (0.4, 0.5)},
    "RandomInvert": {"factor": (1, 1)},
    "RandomPosterization": {"factor": 4},
    "RandomSaturation": {"factor": (0.6, 0.7)},
    "Solarization": {"addition_factor": 0.3, "threshold_factor": 0.5},
}
RANGED = sorted(
    name
    for name in layers.__all__
    if isinstance(kind := getattr(layers, name), type) and "value_range" in inspect.signature(kind).parameters
)


def _made(name: str, value_range: tuple[float, float]) -> Any:
    kind = getattr(layers, name)
    needs = inspect.signature(kind).parameters.get("factor")
    given = ALWAYS.get(name, {"factor": 0.3} if needs is not None and needs.default is needs.empty else {})
    return (
        kind(**given, value_range=value_range, seed=1)
        if hasattr(kind, "change")
        else kind(**given, value_range=value_range)
    )


def _changed(name: str, value_range: tuple[float, float], pixels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Pictures changed in training, and what was said."""
    model = st.Sequential([layers.Input(pixels.shape[1:]), _made(name, value_range)])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        changed = np.asarray(model(pixels, training=True).detach())
    return changed, [str(one.message) for one in said]


@pytest.mark.parametrize("name", RANGED)
def test_bytes_in_a_layer_for_parts_are_clipped_just_where_it_says_so(name: str) -> None:
    changed, said = _changed(name, (0, 1), BYTES)
    within = changed.min() >= 0 and changed.max() <= 1
    clipped = [text for text in said if "to which they are clipped" in text]
    if name != "AutoContrast":  # whose range is that of what comes out
        assert within == bool(clipped), said
    assert all("value_range says (0, 1)" in text and "Give value_range=(0, 255)" in text for text in said)
    if name == "AutoContrast":
        assert not said


@pytest.mark.parametrize("name", RANGED)
def test_what_is_not_clipped_and_of_which_nothing_is_said_is_right_all_the_same(name: str) -> None:
    right, nothing = _changed(name, (0, 255), BYTES)
    wrong, said = _changed(name, (0, 1), BYTES)
    assert nothing == []
    if not said and name != "AutoContrast":
        np.testing.assert_allclose(wrong, right, atol=1e-2)


@pytest.mark.parametrize("name", RANGED)
def test_parts_in_a_layer_for_bytes_are_named_unless_it_does_not_ask_for_white(name: str) -> None:
    _, said = _changed(name, (0, 255), BYTES / 127.5 - 1)
    assert bool(said) == (name != "AutoContrast")
    assert all("pixels go from -1 to 1, and value_range says (0, 255)" in text for text in said)


def test_tiles_are_looked_at_in_prediction_too() -> None:
    tiles = layers.ContrastLimitedAdaptiveHistogramEqualization(value_range=(0, 1))
    with pytest.warns(UserWarning, match="to which they are clipped. Give value_range=\\(0, 255\\)"):
        st.Sequential([layers.Input(BYTES.shape[1:]), tiles]).predict(BYTES)
