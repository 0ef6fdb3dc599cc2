"""Schedules: numbers against Keras and torch, lengths that are filled in later, JSON."""

import itertools
import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from striate.errors import ArgumentError
from striate.train import schedules as s
from striate.train.schedules import Schedule

STEPS = [0, 1, 4, 10, 25, 49, 50, 99, 100, 150]

# Keras 3.15.1: [float(schedule(step)) for step in STEPS], in 32 bits.
KERAS = [
    (
        s.ExponentialDecay(0.1, 20, 0.5),
        "0.1 0.096593633 0.087055057 0.070710681 0.042044822 0.018301072 0.01767767 0.003235203 0.003125 0.000552427",
    ),
    (
        s.ExponentialDecay(0.1, 20, 0.5, staircase=True),
        "0.1 0.1 0.1 0.1 0.05 0.025 0.025 0.00625 0.003125 0.00078125",
    ),
    (
        s.InverseTimeDecay(0.1, 1, 0.01),
        "0.1 0.099009901 0.096153848 0.090909094 0.08 0.067114092 0.06666667 0.050251257 0.05 0.04",
    ),
    (
        s.InverseTimeDecay(0.1, 20, 0.5, True),
        "0.1 0.1 0.1 0.1 0.06666667 0.05 0.05 0.033333335 0.028571429 0.022222223",
    ),
    (s.PiecewiseConstantDecay([10, 50], [0.1, 0.01, 0.001]), "0.1 0.1 0.1 0.1 0.01 0.01 0.01 0.001 0.001 0.001"),
    (
        s.PolynomialDecay(0.1, 50, 0.001, 2.0),
        "0.1 0.096079603 0.084793605 0.064360008 0.02575 0.0010396 0.001 0.001 0.001 0.001",
    ),
    (
        s.PolynomialDecay(0.1, 30, 0.001, 1.0, True),
        "0.1 0.0967 0.0868 0.067 0.0175 0.01915 0.0175 0.018325 0.0175 0.001",
    ),
    (
        s.CosineDecay(0.1, 50, 0.1),
        "0.1 0.099911205 0.098586239 0.091405764 0.055 0.010088798 0.01 0.01 0.01 0.01",
    ),
    (
        s.CosineDecay(0.01, 50, 0.1, warmup_target=0.2, warmup_steps=10),
        "0.01 0.029 0.086 0.2 0.162900671 0.040653802 0.037188467 0.02 0.02 0.02",
    ),
    (
        s.CosineDecayRestarts(0.1, 15, 2.0, 0.8, 0.05),
        "0.1 0.098962016 0.084283702 0.02875 0.062 0.065135695 0.064764157 0.006487883 0.006035856 0.038626865",
    ),
    (
        s.CosineDecayRestarts(0.1, 15, 1.0, 0.5),
        "0.1 0.098907381 0.083456531 0.025 0.0125 0.010432066 0.009375 0.000539831 0.000390625 0.000097656",
    ),
]


@pytest.mark.parametrize(
    ("schedule", "keras"), KERAS, ids=lambda v: type(v).__name__ if isinstance(v, Schedule) else ""
)
def test_the_numbers_are_keras(schedule: Schedule, keras: str) -> None:
    values = [schedule(step) for step in STEPS]
    assert values == pytest.approx([float(v) for v in keras.split()], rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("total", [7, 100])
@pytest.mark.parametrize("anneal", ["cos", "linear"])
def test_one_cycle_is_torchs(total: int, anneal: str) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    options = {"max_lr": 0.4, "total_steps": total, "pct_start": 0.25}
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, **options, anneal_strategy=anneal, div_factor=10, final_div_factor=100
    )
    theirs = [optimizer.param_groups[0]["lr"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer itself makes no steps
        for _ in range(total - 1):
            scheduler.step()
            theirs.append(optimizer.param_groups[0]["lr"])
    ours = s.OneCycle(**options, div=10, final_div=100, anneal=anneal)
    assert [ours(step) for step in range(total)] == pytest.approx(theirs)


@pytest.mark.parametrize("total", [1, 2, 3, 10])
@pytest.mark.parametrize("pct_start", [0.0, 0.3, 1.0])
def test_one_cycle_of_any_length_stays_between_its_ends(total: int, pct_start: float) -> None:
    schedule = s.OneCycle(0.4, total, pct_start=pct_start, div=10, final_div=100)
    values = [schedule(step) for step in range(total + 5)]
    assert max(values) == pytest.approx(0.4)
    assert min(values) >= 0.4 / 1000 - 1e-12


def test_step_decay_divides_by_ten_every_n_steps() -> None:
    schedule = s.StepDecay(0.1, 30)
    assert [schedule(step) for step in (0, 29, 30, 59, 60, 90)] == pytest.approx([0.1, 0.1, 0.01, 0.01, 1e-3, 1e-4])


@given(st.integers(1, 50), st.floats(0.01, 1), st.floats(0, 0.005))
def test_warmup_rises_evenly_to_where_the_schedule_begins(steps: int, peak: float, start: float) -> None:
    schedule = s.Warmup(s.StepDecay(peak, 10), steps, start)
    values = [schedule(step) for step in range(steps + 1)]
    rises = [after - before for before, after in itertools.pairwise(values)]
    assert values[0] > start
    assert values[-1] == peak
    assert rises == pytest.approx([(peak - start) / (steps + 1)] * steps)
    assert schedule(steps + 10) == pytest.approx(peak / 10)


def test_warmup_to_a_constant() -> None:
    assert [s.Warmup(0.5, 4)(step) for step in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])


@pytest.mark.parametrize(
    "schedule", [s.CosineDecay(0.1), s.OneCycle(0.1), s.PolynomialDecay(0.1), s.Warmup(s.OneCycle(0.1), 5)]
)
def test_a_length_left_open_is_filled_in_by_a_copy(schedule: Schedule) -> None:
    assert schedule.is_open
    with pytest.raises(ArgumentError, match=r"does not know its length: give (decay_steps|total_steps)"):
        schedule(6)
    bound = schedule.for_steps(100)
    assert schedule.is_open
    assert not bound.is_open
    assert bound.for_steps(7) is bound
    assert bound(99) < 0.02 * bound(40)


def test_a_warmup_takes_its_steps_from_the_whole() -> None:
    assert s.Warmup(s.OneCycle(0.1), 20).for_steps(100).schedule.total_steps == 80
    assert s.CosineDecay(0.0, warmup_target=0.1, warmup_steps=20).for_steps(100).decay_steps == 80
    assert s.CosineDecay(0.1).for_steps(100).decay_steps == 100


@pytest.mark.parametrize(
    "schedule",
    [schedule for schedule, _ in KERAS]
    + [s.OneCycle(0.1), s.StepDecay(0.1, 5, 2), s.Warmup(s.CosineDecay(0.1, 50), 3)],
    ids=lambda v: type(v).__name__,
)
def test_json_gives_the_same_schedule_back(schedule: Schedule) -> None:
    again = Schedule.from_dict(json.loads(json.dumps(schedule.to_dict())))
    assert repr(again) == repr(schedule)
    if not schedule.is_open:
        assert [again(step) for step in STEPS] == [schedule(step) for step in STEPS]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.ExponentialDecay(0.1, 0, 0.5), "decay_steps=0 must be more than 0"),
        (lambda: s.ExponentialDecay(-0.1, 1, 0.5), "initial_learning_rate=-0.1 must be at least 0"),
        (lambda: s.ExponentialDecay(0.1, 10), "decay_rate"),
        (lambda: s.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "2 boundaries need 3 values, 2 were given"),
        (lambda: s.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]), "must rise"),
        (lambda: s.OneCycle(0.1, anneal="exp"), "unknown OneCycle anneal"),
        (lambda: s.OneCycle(0.1, pct_start=2), "between 0 and 1"),
        (lambda: s.OneCycle(0.1, total_steps=2.5), "whole number"),
        (lambda: s.Warmup("fast", 3), "is a number, not 'fast'"),
        (lambda: s.StepDecay(0.1, every=3), 'no argument "every"'),
        (lambda: Schedule.from_dict({"class": "CosineDecai"}), 'Did you mean "CosineDecay"'),
    ],
)
def test_a_wrong_argument_is_one_clear_line(make, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("step", [3, 3.0, np.int64(3), np.float32(3), np.array(3), torch.tensor(3), torch.tensor(3.0)])
def test_a_step_is_a_number_of_any_kind(step):
    """As code of Keras has it, whose ``optimizer.iterations`` is a variable."""
    kinds = [
        s.ExponentialDecay(0.1, 2, 0.5),
        s.InverseTimeDecay(0.1, 2, 0.5, staircase=True),
        s.PolynomialDecay(0.1, 9),
    ]
    kinds += [s.PiecewiseConstantDecay([2], [0.1, 0.01]), s.CosineDecay(0.1, 9), s.CosineDecayRestarts(0.1, 2)]
    for kind in kinds:
        assert float(kind(step)) == pytest.approx(kind(3))
