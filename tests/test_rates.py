"""compile(rates=…): layers that learn at a part of the rate, in every optimizer, through schedules, files and resume."""

import copy

import numpy as np
import pytest
import torch

from striate import Input, Model, Sequential, layers
from striate import seed as seed_
from striate.callbacks import LambdaCallback
from striate.errors import ArgumentError
from striate.models import load_model
from striate.train import optimizers as o
from striate.train.schedules import CosineDecay

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(24, 3)).astype("float32"), RNG.normal(size=(24, 2)).astype("float32")


def parts() -> tuple[Model, Model]:
    """A base of two layers, and a network in which its layers stand beside a head."""
    seed_.set_seed(4)
    start = Input((3,))
    base = Model(start, layers.Dense(5, name="low")(layers.Dense(4, name="lowest")(start)), name="base")
    return base, Model(base.inputs, layers.Dense(2, name="head")(base.outputs[0]))


def steps(model: Model, optimizer, rates, epochs: int = 2) -> dict[str, np.ndarray]:
    model.compile(optimizer, "mse", rates=rates)
    model.fit(X, Y, epochs=epochs, batch_size=8, shuffle=False, verbose=0)
    return {name: weight.detach().numpy().copy() for name, weight in model.module.named_parameters()}


KINDS = [
    lambda rate: o.SGD(rate),
    lambda rate: o.SGD(rate, momentum=0.9, nesterov=True),
    lambda rate: o.Adam(rate),
    lambda rate: o.AdamW(rate, weight_decay=0.1, decay_exclude="bias"),
    lambda rate: o.Adam(rate, weight_decay=0.1),
    lambda rate: o.RMSprop(rate, momentum=0.5),
    lambda rate: o.Lion(rate),
    lambda rate: o.Muon(rate),
    lambda rate: o.TorchOptimizer("Adam", {"lr": 0.1}, rate),
]


@pytest.mark.parametrize("make", KINDS, ids=lambda make: type(make(0.1)).__name__)
def test_a_layer_moves_as_it_does_at_that_rate_alone(make) -> None:
    """The first update of each layer, and its decay, is that of a training whose rate is that layer's."""
    found = {}
    for name, rate, rates in (("both", 0.02, {"lowest": 0.25}), ("slow", 0.005, None), ("full", 0.02, None)):
        _, model = parts()
        model.compile(make(rate), "mse", rates=rates)
        model.fit(X, Y, epochs=1, batch_size=24, shuffle=False, verbose=0)
        found[name] = {key: weight.detach().clone() for key, weight in model.module.named_parameters()}
    for key, weight in found["both"].items():
        expected = found["slow" if key.startswith("lowest") else "full"][key]
        torch.testing.assert_close(weight, expected, rtol=1e-6, atol=1e-7)


def test_a_network_stands_for_its_layers_spread_in_another_or_within_it() -> None:
    base, flat = parts()
    flat.compile("sgd", "mse", rates={base: 0.1, "low": 0.5})
    assert flat._compiled().rates == {"lowest": 0.1, "low": 0.5}
    start = Input((3,))
    around = Model(start, layers.Dense(2)(base(start)))
    around.compile(o.SGD(0.1), "mse", rates={base: 0.1})
    assert around._compiled().rates == {"base": 0.1}
    around.fit(X, Y, epochs=1, verbose=0)
    held = {id(p): group["lr"] for group in around.optimizer._running.param_groups for p in group["params"]}
    slow = {id(p) for p in base.module.parameters()}
    assert {round(held[one], 9) for one in slow} == {0.01}
    assert {rate for one, rate in held.items() if one not in slow} == {0.1}


def test_a_schedule_and_a_rate_set_in_training_keep_the_parts_and_callbacks_see_the_whole_rate() -> None:
    base, model = parts()
    rate = CosineDecay(0.2, 6)
    model.compile(o.SGD(rate), "mse", rates={base: 0.25})
    seen = []

    def look(batch, logs=None) -> None:
        seen.append((float(model.optimizer.learning_rate), [g["lr"] for g in model.optimizer._running.param_groups]))

    model.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=[LambdaCallback(on_train_batch_begin=look)])
    for step, (whole, groups) in enumerate(seen):
        assert whole == pytest.approx(rate(step))
        assert groups == pytest.approx([whole / 4, whole])
    model.compile(o.SGD(0.2), "mse", rates={base: 0.25})
    model.fit(X, Y, epochs=1, verbose=0)
    model.optimizer.learning_rate = 0.04
    assert [g["lr"] for g in model.optimizer._running.param_groups] == pytest.approx([0.01, 0.04])


@pytest.mark.parametrize(
    "make", [lambda: o.SGD(0.05, momentum=0.9), lambda: o.AdamW(0.01, decay_exclude="1d")], ids=["sgd", "adamw"]
)
@pytest.mark.parametrize("suffix", ["", ".keras"])
def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(make, suffix, tmp_path) -> None:
    base, model = parts()
    steps(model, make(), {base: 0.25})
    model.save(tmp_path / f"m{suffix}")
    again = load_model(tmp_path / f"m{suffix}")
    if not suffix:  # Keras has no such argument, so its file says nothing of it
        assert again._compiled().rates == {"lowest": 0.25, "low": 0.25}
        for one in (model, again):
            one.fit(X, Y, epochs=1, batch_size=8, shuffle=False, verbose=0)
    for (name, weight), other in zip(model.module.named_parameters(), again.module.parameters(), strict=True):
        torch.testing.assert_close(other, weight, rtol=1e-6, atol=1e-7, msg=name)


def test_resume_ends_at_the_weights_of_an_unbroken_training_and_refuses_other_rates(tmp_path) -> None:
    base, whole = parts()
    steps(whole, o.AdamW(0.01), {base: 0.25}, epochs=4)
    for epochs in (2, 4):
        base, model = parts()
        model.compile(o.AdamW(0.01), "mse", rates={base: 0.25})
        model.fit(X, Y, epochs=epochs, batch_size=8, shuffle=False, verbose=0, resume=tmp_path)
    for one, other in zip(whole.module.parameters(), model.module.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    base, model = parts()
    model.compile(o.AdamW(0.01), "mse", rates={base: 0.5})
    with pytest.raises(ArgumentError, match="rates"):
        model.fit(X, Y, epochs=4, batch_size=8, shuffle=False, verbose=0, resume=tmp_path)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        (0.1, "rates is a dict"),
        ({"loewst": 0.1}, 'Did you mean "lowest"'),
        ({"lowest": 0}, "trainable = False"),
        ({"lowest": -1}, "at least 0"),
        ({"lowest": "slow"}, "is a number"),
        ({3: 0.1}, "not 3"),
    ],
)
def test_what_says_nothing_is_refused(rates, said) -> None:
    with pytest.raises(ArgumentError, match=said):
        parts()[1].compile("sgd", "mse", rates=rates)
    with pytest.raises(ArgumentError, match="is no layer of this network"):
        parts()[1].compile("sgd", "mse", rates={Sequential([layers.Dense(2, input_shape=(3,))]): 0.1})


def test_a_layer_that_is_used_twice_learns_at_its_part_once() -> None:
    start = Input((3,))
    shared = layers.Dense(3, name="shared")
    model = Model(start, layers.Dense(2)(shared(shared(start))))
    before = copy.deepcopy(model.get_weights())
    steps(model, o.SGD(1e-3), {shared: 0.5}, epochs=1)
    assert len(model.optimizer._running.param_groups) == 2
    assert not np.array_equal(before[0], model.get_weights()[0])
