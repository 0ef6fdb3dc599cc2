"""Optimizers: the same numbers as torch.optim run by hand, as Keras where the rules agree, decay, clipping, JSON."""

import functools
import json
from typing import Any

import numpy as np
import pytest
import torch

from striate import layers, models
from striate.callbacks import LambdaCallback
from striate.errors import ArgumentError, TrainingError
from striate.train import optimizers as o
from striate.train.optimizers import Optimizer
from striate.train.schedules import CosineDecay, InverseTimeDecay, OneCycle, StepDecay

A = torch.tensor(
    [
        [-1.247, 0.862, 0.494],
        [0.874, 1.879, 1.484],
        [-1.145, -1.689, 0.817],
        [-1.015, -0.012, 0.84],
        [-1.644, -2.11, 0.259],
    ]
)
T = torch.tensor([0.044, -0.246, 0.039, -0.861, -1.513])


@pytest.fixture(autouse=True)
def one_thread():
    """These networks are too small to share, and threads that wait for a busy core are slow."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weights() -> dict[str, torch.nn.Parameter]:
    return {
        "dense.weight": torch.nn.Parameter(torch.tensor([0.5, -0.3, 0.8])),
        "dense.bias": torch.nn.Parameter(torch.tensor([0.1])),
    }


def gradients(params: dict[str, torch.nn.Parameter]) -> None:
    w, c = params.values()
    for p in params.values():
        p.grad = None
    ((A @ w + c - T) ** 2).sum().backward()


def run(optimizer: Optimizer, steps: int = 20) -> list[float]:
    """Where `steps` steps on |A w + c - T|² lead from (0.5, -0.3, 0.8), 0.1."""
    params = weights()
    running = optimizer.build(params.items())
    optimizer.bind(steps)
    for _ in range(steps):
        gradients(params)
        optimizer.set_rate()
        optimizer.before_step()
        optimizer.decay()
        running.step()
        optimizer.iterations += 1
    return torch.cat([p.detach() for p in params.values()]).tolist()


# Keras 3.15.1: 20 times apply(gradients of |A w + c - T|², [w, c]) from the same start.
KERAS = [
    (o.SGD(0.01), [0.4246193, -0.080297, 0.2818703, -0.3465453], 1e-6),
    (o.SGD(0.01, momentum=0.9), [-0.3218715, 0.2104157, -0.1562633, -0.6656521], 1e-6),
    (o.SGD(0.01, momentum=0.9, nesterov=True), [-0.2196053, 0.2994393, -0.0284629, -0.6209794], 1e-6),
    (o.RMSprop(0.01), [0.6176282, -0.1649979, 0.5458705, -0.1385474], 1e-5),
    (o.RMSprop(0.01, momentum=0.5, centered=True), [0.4429546, -0.0731887, 0.2808574, -0.3130701], 1e-5),
    (o.Adagrad(0.1), [0.3943855, -0.0489887, 0.2978136, -0.3274638], 1e-6),
    (o.Adadelta(1.0), [0.5274667, -0.2727737, 0.7710374, 0.0713836], 1e-6),
    (o.Adam(0.05), [0.3427679, -0.0947492, 0.138722, -0.4135078], 1e-5),
    (o.Adam(0.05, amsgrad=True), [0.3427765, -0.0947492, 0.1387552, -0.4135129], 1e-5),
    (o.AdamW(0.05, weight_decay=0.1), [0.3068376, -0.0628929, 0.1039499, -0.3955593], 1e-5),
    (o.Adamax(0.05), [0.5207917, -0.1642206, 0.2452588, -0.3323345], 1e-5),
    (o.Nadam(0.05), [0.3975891, -0.0578421, 0.2317332, -0.3795457], 1e-6),
    (o.SGD(0.01, weight_decay=0.5), [0.3967068, -0.0602267, 0.2447678, -0.3298924], 1e-6),
    (o.RMSprop(0.01, weight_decay=0.5), [0.572372, -0.137224, 0.4862341, -0.1333066], 1e-5),
    (o.SGD(0.05, clipnorm=1.0), [0.1312538, 0.0846418, 0.1945485, -0.5092742], 1e-6),
    (o.SGD(0.05, clipvalue=0.5), [0.3629307, -0.0348526, 0.3000003, -0.4], 1e-6),
    (o.SGD(0.05, global_clipnorm=1.0), [0.2825801, 0.0077451, 0.1937525, -0.3925456], 1e-6),
    (o.Adam(CosineDecay(0.05, 20)), [0.6184089, -0.1758239, 0.334761, -0.316065], 1e-5),
    (o.SGD(InverseTimeDecay(0.01, 1, 0.1)), [0.5413015, -0.1452254, 0.3852998, -0.2881579], 1e-6),
]


@pytest.mark.parametrize(
    ("optimizer", "keras", "apart"), KERAS, ids=lambda v: repr(v) if isinstance(v, Optimizer) else ""
)
def test_twenty_steps_lead_where_keras_goes(optimizer: Optimizer, keras: list[float], apart: float) -> None:
    assert run(optimizer) == pytest.approx(keras, abs=apart)


BY_HAND: list[tuple[Optimizer, Any]] = [
    (o.SGD(0.01, momentum=0.9, nesterov=True), lambda p: torch.optim.SGD(p, 0.01, 0.9, nesterov=True)),
    (
        o.RMSprop(0.01, momentum=0.5, rule="torch"),
        lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, eps=1e-7, momentum=0.5),
    ),
    (o.Adagrad(0.1, rule="torch"), lambda p: torch.optim.Adagrad(p, 0.1, initial_accumulator_value=0.1, eps=1e-7)),
    (o.Adadelta(0.5), lambda p: torch.optim.Adadelta(p, 0.5, rho=0.95, eps=1e-7)),
    (o.Adam(0.01, rule="torch"), lambda p: torch.optim.Adam(p, 0.01, eps=1e-7)),
    (o.AdamW(0.01, rule="torch"), lambda p: torch.optim.AdamW(p, 0.01, eps=1e-7, weight_decay=0.004)),
    (o.Adam(0.01, weight_decay=0.3, rule="torch"), lambda p: torch.optim.AdamW(p, 0.01, eps=1e-7, weight_decay=0.3)),
    (o.Adamax(0.01, rule="torch"), lambda p: torch.optim.Adamax(p, 0.01, eps=1e-7)),
    (o.Nadam(0.01), lambda p: torch.optim.NAdam(p, 0.01, eps=1e-7, momentum_decay=1.0)),
]


@pytest.mark.parametrize(("optimizer", "by_hand"), BY_HAND, ids=lambda v: repr(v) if isinstance(v, Optimizer) else "")
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_a_small_network_ends_where_torch_ends_by_hand(optimizer: Optimizer, by_hand: Any, memory: Any) -> None:
    def network() -> torch.nn.Module:
        torch.manual_seed(3)
        layers = (torch.nn.Conv2d(3, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(64, 2))
        return torch.nn.Sequential(*layers).to(memory_format=memory)

    ours, theirs = network(), network()
    x = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(1)).contiguous(memory_format=memory)
    running, reference = optimizer.build(ours.named_parameters()), by_hand(theirs.parameters())
    for _ in range(20):
        for net, engine in ((ours, running), (theirs, reference)):
            engine.zero_grad()
            (net(x) - 1).square().mean().backward()
            if engine is running:
                optimizer.set_rate()
                optimizer.before_step()
                optimizer.decay()
                optimizer.iterations += 1
            engine.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


# -- weight decay ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [o.SGD, o.RMSprop, o.Adagrad, o.Adadelta, o.Adam, o.AdamW, o.Adamax, o.Nadam])
def test_decay_shrinks_weights_and_leaves_the_gradient_alone(kind: type[Optimizer]) -> None:
    params = weights()
    optimizer = kind(0.1, weight_decay=0.5)
    running = optimizer.build(params.items())
    for p in params.values():
        p.grad = torch.zeros_like(p)  # nothing to learn: what moves is decay
    optimizer.before_step()
    optimizer.decay()
    running.step()
    torch.testing.assert_close(params["dense.weight"].detach(), torch.tensor([0.5, -0.3, 0.8]) * (1 - 0.1 * 0.5))
    assert float(params["dense.bias"].grad) == 0


@pytest.mark.parametrize("exclude", [("bias",), "bias", ("^dense[.]b",)])
@pytest.mark.parametrize("kind", [o.SGD, o.AdamW])
def test_excluded_names_do_not_decay(kind: type[Optimizer], exclude: Any) -> None:
    params = weights()
    optimizer = kind(0.1, weight_decay=0.5, decay_exclude=exclude)
    running = optimizer.build(params.items())
    for p in params.values():
        p.grad = torch.zeros_like(p)
    optimizer.decay()
    running.step()
    assert params["dense.bias"].item() == pytest.approx(0.1)
    assert params["dense.weight"][0].item() == pytest.approx(0.475)


def test_1d_excludes_biases_and_norms() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    running = o.AdamW(decay_exclude="1d").build(net.named_parameters())
    assert [(len(g["params"]), g["weight_decay"]) for g in running.param_groups] == [(1, 0.004), (3, 0.0)]


def test_keras_way_to_exclude() -> None:
    optimizer = o.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert optimizer.decay_exclude == ("bias",)
    optimizer.build(weights().items())
    with pytest.raises(ArgumentError, match="before the training"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


# -- clipping ----------------------------------------------------------------------------------------------------------
def test_clipping_bounds_what_it_says() -> None:
    big, small = torch.tensor([3.0, 4.0]), torch.tensor([0.3])

    def clipped(**options: float) -> list[list[float]]:
        params = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
        for p, g in zip(params, (big, small), strict=True):
            p.grad = g.clone()
        optimizer = o.SGD(1.0, **options)
        optimizer.build(params)
        optimizer.before_step()
        return [p.grad.tolist() for p in params]

    assert clipped() == [[3, 4], pytest.approx([0.3])]
    assert clipped(clipvalue=3.5) == [[3, 3.5], pytest.approx([0.3])]
    assert clipped(clipnorm=2.5) == [pytest.approx([1.5, 2.0]), pytest.approx([0.3])]
    norm = (25 + 0.09) ** 0.5
    assert clipped(global_clipnorm=1.0) == [pytest.approx([3 / norm, 4 / norm]), pytest.approx([0.3 / norm])]
    assert clipped(global_clipnorm=100.0) == [[3, 4], pytest.approx([0.3])]


def test_weights_without_a_gradient_are_left_alone() -> None:
    used, unused = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    optimizer = o.SGD(1.0, weight_decay=0.5, clipnorm=1.0)
    running = optimizer.build([used, unused])
    used.grad = torch.zeros(1)
    optimizer.before_step()
    optimizer.decay()
    running.step()
    assert (used.item(), unused.item()) == (0.5, 1.0)


# -- the learning rate -------------------------------------------------------------------------------------------------
def test_the_learning_rate_can_be_set_while_training() -> None:
    params = weights()
    optimizer = o.SGD(0.1)
    running = optimizer.build(params.items())
    optimizer.learning_rate = optimizer.learning_rate / 10
    assert running.param_groups[0]["lr"] == optimizer.learning_rate == optimizer.rate(5) == pytest.approx(0.01)
    before = params["dense.bias"].item()
    params["dense.bias"].grad = torch.ones(1)
    running.step()
    assert params["dense.bias"].item() == pytest.approx(before - 0.01)


def test_a_schedule_sets_the_rate_of_each_step_and_cannot_be_set_over() -> None:
    optimizer = o.SGD(StepDecay(0.1, 2))
    assert optimizer.learning_rate == 0.1
    running = optimizer.build(weights().items())
    seen = []
    for _ in range(5):
        optimizer.set_rate()
        optimizer.iterations += 1
        seen.append(running.param_groups[0]["lr"])
    assert seen == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert optimizer.learning_rate == pytest.approx(0.001)
    with pytest.raises(ArgumentError, match=r"follows StepDecay.*cannot be set to 0.5"):
        optimizer.learning_rate = 0.5


def test_bind_fills_in_the_length_for_each_training_anew() -> None:
    optimizer = o.SGD(OneCycle(0.1, div=10))
    optimizer.build(weights().items())
    optimizer.bind(100)
    assert optimizer.rate(29) == pytest.approx(0.1)
    optimizer.bind(10)
    assert optimizer.rate(2) == pytest.approx(0.1)
    assert optimizer.learning_rate == pytest.approx(0.01)
    assert optimizer.to_dict()["learning_rate"].get("total_steps") is None


def test_an_open_schedule_that_nobody_bound_says_so() -> None:
    optimizer = o.SGD(OneCycle(0.1))
    optimizer.build(weights().items())
    with pytest.raises(ArgumentError, match="give total_steps"):
        optimizer.set_rate()


def test_the_state_keeps_a_rate_that_was_changed() -> None:
    optimizer = o.SGD(0.1)
    optimizer.build(weights().items())
    optimizer.learning_rate = 0.001
    again = o.SGD(0.1)
    running = again.build(weights().items())
    again.load_state_dict(json.loads(json.dumps(optimizer.state_dict())))
    assert running.param_groups[0]["lr"] == again.rate(0) == 0.001


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_callback_reads_the_rate_of_the_latest_update_and_a_schedule_goes_on_from_fit_to_fit(accumulate) -> None:
    """With accumulation an epoch's last group may be smaller; each group is one update, one step of the schedule."""
    net = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    net.compile(o.SGD(InverseTimeDecay(1.0, 1, 1.0)), "mse", accumulate=accumulate)
    seen: list[float] = []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(float(net.optimizer.learning_rate)))
    for _ in range(2):
        net.fit(np.zeros((3, 1)), np.zeros((3, 1)), batch_size=1, epochs=2, verbose=0, callbacks=[note])
    updates = 2 if accumulate == 2 else 3
    assert seen == pytest.approx([1 / (updates * epoch) for epoch in (1, 2, 3, 4)])


# -- torch's own -------------------------------------------------------------------------------------------------------
def test_any_torch_optimizer_class_or_partial() -> None:
    params = weights()
    assert type(o.get(torch.optim.RAdam).build(params.items())) is torch.optim.RAdam
    optimizer = o.get(functools.partial(torch.optim.SGD, lr=0.25, momentum=0.5))
    assert optimizer.learning_rate == 0.25
    running = optimizer.build(params.items())
    assert (running.param_groups[0]["lr"], running.param_groups[0]["momentum"]) == (0.25, 0.5)
    optimizer.learning_rate = 0.125
    assert running.param_groups[0]["lr"] == optimizer.rate(3) == 0.125
    made = o.get(lambda p: torch.optim.SGD(p, lr=0.5))
    assert made.build(params.items()).param_groups[0]["lr"] == made.learning_rate == 0.5


def test_an_existing_torch_optimizer_keeps_its_groups_in_proportion() -> None:
    params = weights()
    w, c = params.values()
    theirs = torch.optim.SGD([{"params": [w], "lr": 0.1}, {"params": [c], "lr": 0.01}], lr=1.0)
    optimizer = o.get(theirs)
    assert optimizer.build(params.items()) is theirs
    assert optimizer.learning_rate == 0.1
    optimizer.learning_rate = 0.05
    assert [g["lr"] for g in theirs.param_groups] == pytest.approx([0.05, 0.005])


def test_a_torch_optimizer_of_another_model_is_refused() -> None:
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(ArgumentError, match=r"holds none of this model's trainable weights"):
        o.get(theirs).build(weights().items())


def test_torch_optimizers_as_json() -> None:
    partial = o.get(functools.partial(torch.optim.SGD, lr=0.25, momentum=0.5))
    existing = o.get(torch.optim.AdamW(weights().values(), lr=0.5))
    for optimizer, kind in ((partial, torch.optim.SGD), (existing, torch.optim.AdamW)):
        again = o.get(json.loads(json.dumps(optimizer.to_dict())))
        running = again.build(weights().items())
        assert type(running) is kind
        assert running.param_groups[0]["lr"] == optimizer.learning_rate
    with pytest.raises(ArgumentError, match=r"not in torch\.optim"):
        o.get(o.get(lambda p: torch.optim.SGD(p, lr=0.5)).to_dict())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (torch.optim.LBFGS, "LBFGS evaluates"),
        (lambda p: 3, "gave int, not a torch.optim optimizer"),
        (functools.partial(torch.optim.SGD, learning_rate=1), "cannot be made.*learning_rate"),
        (torch.nn.Linear, "cannot be made"),
    ],
)
def test_what_makes_no_optimizer_is_named(spec: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        o.get(spec).build(weights().items())


# -- names, arguments, JSON --------------------------------------------------------------------------------------------
# Keras 3.15.1's signatures: the arguments that striate has, in order, with their defaults.
DEFAULTS: dict[str, dict[str, Any]] = {
    "SGD": {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False, "weight_decay": None},
    "RMSprop": {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
    "Adagrad": {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "Adadelta": {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
    "Adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False},
    "AdamW": {"learning_rate": 0.001, "weight_decay": 0.004, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Adamax": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Nadam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_and_their_order_are_keras(name: str) -> None:
    kind = getattr(o, name)
    assert {key: getattr(kind(), key) for key in DEFAULTS[name]} == DEFAULTS[name]
    positional = [key for key in DEFAULTS[name] if key != "weight_decay" or name == "AdamW"]
    values = [True if isinstance(DEFAULTS[name][key], bool) else 0.5 for key in positional]
    assert [getattr(kind(*values), key) for key in positional] == values
    assert type(o.get(name.lower())) is kind
    assert type(o.get(kind)) is kind


@pytest.mark.parametrize("optimizer", [optimizer for optimizer, *_ in KERAS], ids=repr)
def test_json_gives_the_same_optimizer_back(optimizer: Optimizer) -> None:
    again = o.get(json.loads(json.dumps(optimizer.to_dict())))
    assert repr(again) == repr(optimizer)
    assert run(again) == run(optimizer.clone())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: o.Adam(jit_compile=True), "jit_compile"),
        (lambda: o.Adam(use_ema=True, ema_momentum=2), "ema_momentum=2 must be between 0 and 1"),
        (lambda: o.Adam(rule="jax"), 'unknown rule of Adam "jax"'),
        (lambda: o.SGD(momentun=0.9), 'Did you mean "momentum"'),
        (lambda: o.SGD("fast"), "learning_rate is a number, not 'fast'"),
        (lambda: o.SGD(-1), "at least 0"),
        (lambda: o.SGD(float("nan")), "at least 0"),
        (lambda: o.SGD(lambda step: 0.1), "schedule"),
        (lambda: o.SGD(momentum=1.5), "momentum=1.5 must be between 0 and 1"),
        (lambda: o.SGD(clipnorm=1, clipvalue=1), "one of clipnorm and clipvalue"),
        (lambda: o.SGD(decay_exclude="("), "not a regular expression"),
        (lambda: o.get("adan"), 'Did you mean "adam"'),
        (lambda: o.get("MultiOptimizer"), "Keras has it"),
        (lambda: o.get(3), "an optimizer is a name"),
        (lambda: o.SGD().before_step() or o.SGD(clipnorm=1).build([]), "every weight is frozen"),
    ],
)
def test_a_mistake_is_one_clear_line(make: Any, message: str) -> None:
    with pytest.raises((ArgumentError, TrainingError), match=message):
        make()


def test_frozen_weights_are_left_out() -> None:
    params = weights()
    params["dense.bias"].requires_grad_(False)
    assert len(o.SGD().build(params.items()).param_groups[0]["params"]) == 1
    params["dense.weight"].requires_grad_(False)
    with pytest.raises(TrainingError, match="nothing to train"):
        o.SGD().build(params.items())
