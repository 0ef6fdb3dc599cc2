"""What an optimizer has gathered goes on: when a network is compiled again with it, when some is frozen, from a file."""

import copy
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers

X, Y = np.float32([[1, 2], [3, 4]]), np.float32([[0], [1]])


def _line() -> st.Sequential:
    return st.Sequential([layers.Input((2,)), layers.Dense(1, kernel_initializer="ones")])


def _trained(optimizer: Any, again: Any = None) -> list[np.ndarray]:
    """The weights after a batch, a pass and a batch, between which `again` compiles the network."""
    model = _line()
    model.compile(optimizer, "mse")
    for train in (
        model.train_on_batch,
        partial(model.fit, batch_size=1, shuffle=False, verbose=0),
        model.train_on_batch,
    ):
        train(X, Y)
        if again is not None:
            again(model)
    return model.get_weights()


SCHEDULE = st.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.001])
AGAIN = {
    "schedule": lambda: st.optimizers.SGD(SCHEDULE),
    "momentum": lambda: st.optimizers.SGD(0.01, 0.9),
    "nesterov": lambda: st.optimizers.SGD(SCHEDULE, 0.9, nesterov=True),
    "adam": lambda: st.optimizers.Adam(0.1),
    "rmsprop": lambda: st.optimizers.RMSprop(0.1, momentum=0.5, centered=True),
    "averages": lambda: st.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5),
    "torch": lambda: st.optimizers.get(partial(torch.optim.SGD, lr=0.01, momentum=0.9)),
}


@pytest.mark.parametrize("make", AGAIN.values(), ids=AGAIN)
def test_an_optimizer_that_is_compiled_again_goes_on_and_another_begins(make: Any) -> None:
    unbroken = _trained(make())
    one = make()
    for optimizer, again in (
        (one, lambda model: model.compile(one, "mse", metrics=["mae"])),
        (make(), lambda model: model.compile(model.optimizer, "mse")),
    ):
        np.testing.assert_allclose(_trained(optimizer, again)[0], unbroken[0], rtol=1e-6)
    assert one.iterations == 4
    other = _trained(make(), lambda model: model.compile(make(), "mse"))
    assert not np.allclose(other[0], unbroken[0], rtol=1e-4)
    np.testing.assert_allclose(_trained(one)[0], unbroken[0], rtol=1e-6)  # of another network nothing is known


def test_a_schedule_goes_on_where_it_was() -> None:
    optimizer, model = st.optimizers.SGD(SCHEDULE), _line()
    for metrics in (None, ["mae"]):
        model.compile(optimizer, "mse", metrics=metrics)
        model.fit(X, Y, batch_size=1, shuffle=False, verbose=0)
    assert optimizer.iterations == 4
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel[:, 0], [0.6666, -0.1485], atol=1e-4)
    np.testing.assert_allclose(bias, [-0.8151], atol=1e-4)


def test_arrays_that_are_still_trained_go_on_when_others_are_frozen() -> None:
    def heads(freeze: bool) -> list[list[np.ndarray]]:
        start = st.Input((2,))
        a, b = (layers.Dense(1, kernel_initializer="ones", name=name)(start) for name in "ab")
        model, optimizer = st.Model(start, [a, b]), st.optimizers.SGD(0.01, 0.9)
        for trained in (True, not freeze, True):
            model.get_layer("a").trainable = trained
            model.compile(optimizer, "mse")
            model.train_on_batch(X, [Y, Y])
        return [model.get_layer(name).get_weights() for name in "ab"]

    (frozen, kept), (unbroken, same) = heads(True), heads(False)
    np.testing.assert_allclose(kept[0], same[0], rtol=1e-6)
    assert not np.allclose(frozen[0], unbroken[0], rtol=1e-4)


# -- from a file ----------------------------------------------------------------------------------------------------------
FROM_FILES = {
    "schedule": lambda: st.optimizers.SGD(SCHEDULE, 0.9),
    "number": lambda: st.optimizers.Adam(0.1),
    "momentum": lambda: st.optimizers.SGD(0.01, 0.9),
    "open": lambda: st.optimizers.SGD(st.optimizers.schedules.CosineDecay(0.1), 0.9),
}


@pytest.mark.parametrize("endings", [("",), (".keras",), (".h5",), (".h5", ""), ("", ".keras"), (".keras", "", ".h5")])
@pytest.mark.parametrize("make", FROM_FILES.values(), ids=FROM_FILES)
def test_a_file_keeps_where_an_optimizer_stands(tmp_path: Any, make: Any, endings: tuple[str, ...]) -> None:
    """Also a file of a model that came from another kind of file and was not trained since."""
    model = _line()
    model.compile(make(), "mse")
    model.fit(X, Y, batch_size=1, epochs=2, shuffle=False, verbose=0)
    if model.optimizer.schedule is None:
        model.optimizer.learning_rate = 0.02  # what was gathered at another rate stays what it is
    again = model
    for i, ending in enumerate(endings):
        again.save(tmp_path / f"net{i}{ending}")
        again = st.models.load_model(tmp_path / f"net{i}{ending}")
        assert again.optimizer.iterations == 4
        if model.optimizer.schedule is None or not model.optimizer.schedule.is_open:
            assert float(again.optimizer.rate(3)) == pytest.approx(float(model.optimizer.rate(3)))
            assert float(again.optimizer.learning_rate) == pytest.approx(float(model.optimizer.rate(3)))
            assert float(copy.deepcopy(again.optimizer).learning_rate) == float(again.optimizer.learning_rate)
        assert copy.deepcopy(again.optimizer).iterations == 4
    for one in (model, again):
        one.fit(X, Y, batch_size=1, shuffle=False, verbose=0)
        assert one.optimizer.iterations == 6
    np.testing.assert_allclose(again.get_weights()[0], model.get_weights()[0], rtol=1e-5)
