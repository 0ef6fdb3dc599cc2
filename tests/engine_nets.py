"""A small network with pictures, and what stands in the place of measuring, for the tests of engines."""

import numpy as np
import pytest

import striate as st
from striate import layers
from striate.data import Preprocessing
from striate.inference import trials

X = np.random.default_rng(0).integers(0, 256, (40, 12, 10, 3), dtype=np.uint8)


def net():
    st.set_seed(0)
    model = st.Sequential(
        [
            layers.Input((12, 10, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.preprocessing = Preprocessing.pictures((12, 10), 3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
    model.labels = ["a", "b", "c", "d"]
    return model


@pytest.fixture(autouse=True)
def units(monkeypatch):
    """Every machine measures 16 bits here, with units for them or without, and for a moment: no test asks how fast."""
    monkeypatch.setattr(trials, "bfloat16_units", lambda: True)
    monkeypatch.setattr(trials, "_BURST", 0.01)


def measured(monkeypatch, **rates):
    """As if the children had measured these rates."""
    found = {name: {"rates": [rate, rate], "parts": 4, "start": 0.1, "bytes": 1} for name, rate in rates.items()}
    monkeypatch.setattr(
        trials, "_measured", lambda folder, given, rounds, progress: {n: found.get(n, "not asked") for n in given}
    )
