"""What an optimizer has gathered goes on: when a network is compiled again with it, when some is frozen, from a file."""

import copy
import inspect
import json
import pickle
from functools import partial
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import BundleError

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


# What an optimizer keeps, by class: each way to keep something otherwise.
_KEPT = dict(
    zip(
        ("averages", "averages in place", "gathered", "all"),
        (
            {"use_ema": True, "ema_momentum": 0.7},
            {"use_ema": True, "ema_overwrite_frequency": 2},
            {"gradient_accumulation_steps": 3},
            {
                "use_ema": True,
                "gradient_accumulation_steps": 2,
                "weight_decay": 0.1,
                "clipnorm": 0.5,
                "loss_scale_factor": 8.0,
            },
        ),
        strict=True,
    )
)
_OF_ITS_OWN: dict[str, list[dict[str, Any]]] = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "rmsprop": [{}, {"momentum": 0.9}, {"centered": True}],
    "adam": [{}, {"amsgrad": True}],
    "adamw": [{}, {"amsgrad": True, "decay_exclude": ["bias"]}],
    "nadam": [{"momentum_decay": 0.004}],
    "muon": [{}, {"exclude_layers": ["dense"]}],
    "schedulefreeadamw": [{"warmup_steps": 3}],
}
_TORCHS = ("SGD", "AdamW", "RMSprop", "Rprop", "ASGD", "RAdam", "NAdam", "Adadelta", "Adafactor")


def _every_kind(name: str) -> list[Any]:
    if name == "torch":
        return [st.optimizers.get(partial(getattr(torch.optim, kind), lr=0.05)) for kind in _TORCHS]
    kind, schedules = st.optimizers.NAMES[name], st.optimizers.schedules
    ways = [
        *_OF_ITS_OWN.get(name, [{}]),
        *([{"rule": "torch"}] if "rule" in inspect.signature(kind).parameters else []),
        *_KEPT.values(),
    ]
    rates = [schedules.ExponentialDecay(0.05, 2, 0.5), schedules.CosineDecay(0.05)] if name == "sgd" else []
    return [*(kind(0.05, **way) for way in ways), *(kind(rate, gradient_accumulation_steps=2) for rate in rates)]


@pytest.mark.parametrize("name", [*st.optimizers.NAMES, "torch"])
def test_a_training_through_files_is_an_unbroken_one(tmp_path: Any, name: str) -> None:
    """Two batches, a file of each kind in turn, two more: the weights of four batches; gradients that wait wait on."""
    endings = (".keras", ".h5", "")
    for i, optimizer in enumerate(_every_kind(name)):
        st.set_seed(0)
        model = st.Sequential([layers.Input((2,)), layers.BatchNormalization(), layers.Dense(2), layers.Dense(1)])
        model.compile(optimizer, "mse")
        for _ in range(2):
            model.train_on_batch(X, Y)
        model.save(tmp_path / f"{i}{endings[i % 3]}")
        again = st.models.load_model(tmp_path / f"{i}{endings[i % 3]}")
        for one in (model, again):
            for _ in range(2):
                one.train_on_batch(X, Y)
            one.fit(X, Y, batch_size=1, shuffle=False, verbose=0)
        for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-6, err_msg=f"{optimizer} {endings[i % 3]}")
        assert again.optimizer._iterations == model.optimizer._iterations


class Slow(torch.optim.SGD):
    """An optimizer of one's own."""


@pytest.mark.parametrize("ending", [".keras", ".h5", ""])
@pytest.mark.parametrize(
    "make",
    [
        lambda weights: torch.optim.SGD(weights, 0.01, momentum=0.9),
        lambda weights: Slow(weights, 0.01, momentum=0.9),
        lambda weights: partial(Slow, lr=0.01, momentum=0.9),
        lambda weights: lambda params: Slow(params, 0.01, momentum=0.9),
    ],
    ids=["torch's", "made", "partial", "function"],
)
def test_an_optimizer_of_torch_goes_on_from_a_file_however_it_was_given(tmp_path: Any, make: Any, ending: str) -> None:
    model = _line()
    model.compile(make([*model.module.parameters()]), "mse")
    model.train_on_batch(X, Y)
    model.save(tmp_path / f"m{ending}")
    function = partial(Slow, lr=0.5)  # what was saved of its groups counts
    again = st.models.load_model(tmp_path / f"m{ending}", custom_objects={"Slow": Slow, "<lambda>": function})
    for one in (model, again):
        one.train_on_batch(X, Y)
    np.testing.assert_allclose(again.get_weights()[0], model.get_weights()[0], rtol=1e-6)


def test_a_state_that_cannot_go_on_is_said(tmp_path: Any) -> None:
    model = st.Sequential([layers.Input((2,)), layers.Dense(2), layers.Dense(1)])
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    for ending in (".keras", ""):
        model.save(tmp_path / f"m{ending}")
        again = st.models.load_model(tmp_path / f"m{ending}")
        again.layers[0].trainable = False
        again.compile(again.optimizer, "mse")
        st.errors._SAID.clear()
        with pytest.warns(st.errors.Note, match="The optimizer begins anew"):
            again.train_on_batch(X, Y)


def test_a_state_in_a_file_that_is_not_whole_is_said(tmp_path: Any) -> None:
    model = _line()
    model.compile(st.optimizers.Adafactor(), "mse")
    model.train_on_batch(X, Y)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        del file["striate_optimizer"]
    with pytest.raises(BundleError, match="state of its optimizer is damaged"):
        st.models.load_model(tmp_path / "m.h5")


@pytest.mark.parametrize("fused", [True, False])
def test_tensors_of_another_shape_never_reach_a_kernel_that_looks_at_none(tmp_path: Any, fused: bool) -> None:
    model = _line()
    model.compile(st.optimizers.get(partial(torch.optim.Adam, lr=0.1)), "mse")
    model.train_on_batch(X, Y)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        held = json.loads(file.attrs["striate"])
        held["striate_optimizer"]["groups"][0]["fused"] = fused
        file.attrs["striate"] = json.dumps(held)
        del file["striate_optimizer/0.exp_avg"]
        file["striate_optimizer/0.exp_avg"] = np.zeros((1, 1), "float32")
    again = st.models.load_model(tmp_path / "m.h5")
    st.errors._SAID.clear()
    with pytest.warns(st.errors.Note, match="begins anew") if fused else pytest.raises(st.StriateError):
        again.train_on_batch(X, Y)


@pytest.mark.parametrize("kind", [st.optimizers.SGD, st.optimizers.AdamW, st.optimizers.Muon])
def test_weights_that_do_not_decay_are_known_in_files_and_copies(tmp_path: Any, kind: Any) -> None:
    model, optimizer = _line(), kind(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[-1].kernel])
    model.compile(optimizer, "mse")
    model.train_on_batch(X, Y)
    several = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for ending in (".keras", ".h5", ""):
        model.save(tmp_path / f"m{ending}")
        several.append(st.models.load_model(tmp_path / f"m{ending}"))
    for one in (model, *several):
        one.train_on_batch(X, Y)
        np.testing.assert_allclose(one.get_weights()[0], model.get_weights()[0], rtol=1e-6)


# -- batches that are gathered --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("door", ["fit", "train_on_batch", "apply"])
def test_a_schedule_counts_what_keras_counts(door: str) -> None:
    """Keras 3.15: the rate of an update is that of its last batch, `_iterations` in BaseOptimizer.apply."""
    schedule = st.optimizers.schedules.PiecewiseConstantDecay([0, 1, 2, 3, 4, 5], [float(i) for i in range(7)])
    optimizer, model = st.optimizers.SGD(schedule, gradient_accumulation_steps=2), _line()
    model.compile(optimizer, lambda y_true, y_pred: 0 * (y_pred - y_true))  # no step, however large the rate
    weight, seen = torch.nn.Parameter(torch.zeros(1)), []
    if door == "apply":
        for _ in range(6):
            optimizer.apply([torch.ones(1)], [weight])
            seen.append(round(weight.item()))
        assert seen == [0, -1, -1, -4, -4, -9]
        return
    told = st.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(float(optimizer.learning_rate))
    )
    x, y = np.ones((6, 2), "float32"), np.ones((6, 1), "float32")
    if door == "fit":
        model.fit(x, y, batch_size=1, epochs=1, verbose=0, callbacks=[told])
        assert seen == [0, 1, 2, 3, 4, 5]
    else:
        for _ in range(6):
            model.train_on_batch(x, y)
            seen.append(float(optimizer._running.param_groups[0]["lr"]))
        assert seen[1::2] == [1, 3, 5]
    assert (optimizer.iterations, optimizer._iterations) == (3, 6)


def test_averages_are_taken_after_each_batch_that_keras_takes_them_after() -> None:
    """Keras 3.15 averages outside of the update, and in all batches of the first one begins anew."""
    weight = torch.nn.Parameter(torch.tensor([10.0]))
    optimizer = st.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5, gradient_accumulation_steps=2)
    seen = []
    for _ in range(6):
        optimizer.apply([torch.ones(1)], [weight])
        seen.append((weight.item(), optimizer._model_variables_moving_average[0].item()))
    assert seen == [(10, 10), (9, 9), (9, 9), (8, 8.5), (8, 8.25), (7, 7.625)]


def test_gradients_that_wait_go_on_from_one_call_to_another_and_not_past_a_loss_that_is_none() -> None:
    def trained(*doors: str) -> np.ndarray:
        model = _line()
        model.compile(st.optimizers.SGD(0.01, gradient_accumulation_steps=2), "mse")
        for door in doors:
            if door == "again":
                model.compile(model.optimizer, "mse")
            elif door == "fit":
                model.fit(X, Y, batch_size=2, shuffle=False, verbose=0)
            elif door == "nan":
                with pytest.raises(st.StriateError, match="became inf"):
                    model.fit(X * np.float32(1e30), Y, batch_size=2, verbose=0)
            else:
                model.train_on_batch(X, Y)
        return model.get_weights()[0]

    one = trained("batch", "batch")
    for doors in (("batch", "fit"), ("batch", "again", "batch"), ("batch", "nan", "batch", "batch")):
        np.testing.assert_allclose(trained(*doors), one, rtol=1e-6, err_msg=str(doors))


class OwnStep(st.Model):
    """A model with a step of its own."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def test_a_step_of_ones_own_gathers_on_from_epoch_to_epoch_and_in_a_copy() -> None:
    """As in Keras: three batches make an update, wherever an epoch ends; nothing is applied before."""
    start = st.Input((2,))
    model = OwnStep(start, layers.Dense(1, kernel_initializer="ones")(start))
    model.compile(st.optimizers.SGD(0.01, use_ema=True, gradient_accumulation_steps=3), "mse")
    seen = []
    for _ in range(3):
        model.fit(X, Y, batch_size=1, shuffle=False, verbose=0)
        seen.append((model.optimizer.iterations, model.optimizer.waiting))
    assert seen == [(0, 2), (1, 1), (2, 0)]
    model.fit(X, Y, batch_size=1, shuffle=False, verbose=0)
    again = copy.deepcopy(model)
    for one in (model, again):
        one.fit(X, Y, batch_size=1, shuffle=False, verbose=0)
        assert (one.optimizer.iterations, one.optimizer.waiting) == (3, 1)
    np.testing.assert_allclose(again.get_weights()[0], model.get_weights()[0], rtol=1e-6)


def test_the_rate_of_an_optimizer_of_torch_is_the_whole_one_where_some_layers_learn_slower(tmp_path: Any) -> None:
    model = st.Sequential([layers.Input((2,)), layers.Dense(2, name="a"), layers.Dense(1)])
    model.compile(st.optimizers.get(partial(torch.optim.SGD, lr=0.01)), "mse", rates={"a": 0.1})
    model.train_on_batch(X, Y)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    model.save(tmp_path / "m")
    again = st.models.load_model(tmp_path / "m")
    for one in (model, again):
        one.train_on_batch(X, Y)
        assert [group["lr"] for group in one.optimizer._running.param_groups] == pytest.approx([0.001, 0.01])
    np.testing.assert_allclose(again.get_weights()[0], model.get_weights()[0], rtol=1e-6)
