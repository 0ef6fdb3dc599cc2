"""Layers of a user's own whose constructors take no name: saved, loaded and cloned with the name that the model gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate as st
from striate import layers
from striate.errors import StriateError


class Times(layers.Layer):
    """The example of Keras' guides: only its own argument, in the constructor and in ``get_config``."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale * self.factor

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor}


class TimesWithAll(Times):
    def get_config(self) -> dict[str, Any]:
        return {**super(Times, self).get_config(), "factor": self.factor}


class TimesUnsaid(layers.Layer):
    """Its arguments are those that it was made with."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    build, call = Times.build, Times.call


class TimesFromConfig(Times):
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TimesFromConfig:
        return cls(**config)


class TimesPopping(TimesWithAll):
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TimesPopping:
        config = dict(config)
        config.pop("name"), config.pop("trainable", None)
        return cls(**config)


KINDS: list[Any] = [Times, TimesWithAll, TimesUnsaid, TimesFromConfig, TimesPopping]


def model_of(kind: Any, chain: bool) -> st.Model:
    if chain:
        return st.Sequential([st.Input((3,)), kind(2.0), layers.Dense(2), kind(3.0)])
    inputs = st.Input((3,))
    return st.Model(inputs, kind(3.0)(layers.Dense(2)(kind(2.0)(inputs))))


@pytest.mark.parametrize("chain", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_file_gives_it_back(kind: Any, chain: bool, tmp_path: Path) -> None:
    model = model_of(kind, chain)
    first, last = [layer for layer in model.layers if isinstance(layer, kind)]
    first.set_weights([np.array([1.0, -2.0, 0.5])])
    first.trainable = False
    known = {kind.__name__: kind}
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for path in ("m.keras", "m.h5", "folder"):
        model.save(tmp_path / path)
        again = st.models.load_model(tmp_path / path, custom_objects=known)
        np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-5, err_msg=path)
        same = [layer for layer in again.layers if isinstance(layer, kind)]
        assert [one.name for one in same] == [first.name, last.name], path
        assert [(one.factor, one.trainable) for one in same] == [(2.0, False), (3.0, True)], path
    for other in (
        st.models.model_from_json(model.to_json(), custom_objects=known),
        type(model).from_config(model.get_config(), custom_objects=known),
        st.models.from_json(json.loads(json.dumps(model.description()))),
        st.models.clone_model(model),
    ):
        other.set_weights(model.get_weights())
        np.testing.assert_allclose(other.predict(x), model.predict(x), rtol=1e-5)
        assert [one.name for one in other.layers if isinstance(one, kind)] == [first.name, last.name]


def test_what_the_constructor_does_not_take_is_not_among_the_arguments_that_a_file_holds() -> None:
    entries = json.loads(model_of(Times, chain=False).to_json())["config"]["layers"]
    assert [one["config"] for one in entries if one["class_name"] == "Times"] == [{"factor": 2.0}, {"factor": 3.0}]


def test_from_config_takes_the_name_beside_the_arguments() -> None:
    layer = Times.from_config({"factor": 2.0, "name": "twice", "trainable": False})
    assert (layer.name, layer.trainable, layer.factor) == ("twice", False, 2.0)
    with pytest.raises(StriateError, match="cannot be a layer's name"):
        Times.from_config({"factor": 2.0, "name": "no name"})
