"""Optimizers where Keras' rules are not torch's: small gradients, rates that change, matrices, averages, Keras 2's words."""

import functools
import json
from typing import Any

import numpy as np
import pytest
import torch
from test_optimizers import A, T

import striate as st
from striate.errors import ArgumentError, Note, StriateError, TrainingError
from striate.train import optimizers as o
from striate.train.optimizers import Optimizer
from striate.train.schedules import InverseTimeDecay, PiecewiseConstantDecay, deserialize, serialize

# Keras 3.15.1 on torch: 20 times apply(gradients of scale * |A w + c - T|^2, [w, c]) from (0.5, -0.3, 0.8), 0.1.
KERAS = [
    (o.RMSprop(0.01), 0.0001, [0.6154376, -0.1896346, 0.5928396, -0.1048677]),
    (o.RMSprop(0.01), 1e-06, [0.5035024, -0.2971489, 0.7952504, 0.0944934]),
    (o.RMSprop(0.01, momentum=0.5, centered=True), 0.0001, [0.5759449, -0.1563161, 0.4060892, -0.2573343]),
    (
        o.RMSprop(PiecewiseConstantDecay([9], [0.01, 0.002]), momentum=0.9),
        1,
        [0.324005, -0.2470544, -0.05360442, -0.4956638],
    ),
    (o.Adagrad(0.1, initial_accumulator_value=0.0, epsilon=0.01), 0.01, [0.5179418, -0.1259188, 0.3771915, -0.2781644]),
    (o.Adam(0.05), 1e-06, [0.4575037, -0.1675653, 0.1900526, -0.4024891]),
    (o.Adam(0.05, epsilon=0.1), 1, [0.4575037, -0.1675653, 0.1900527, -0.4024892]),
    (o.Adam(0.05, amsgrad=True, epsilon=0.1), 1, [0.4575122, -0.1675644, 0.1901464, -0.4024701]),
    (o.AdamW(0.05, epsilon=0.1, weight_decay=0.1), 1, [0.4160108, -0.1362373, 0.1510558, -0.384387]),
    (o.Adamax(0.05, epsilon=0.1), 1, [0.5255019, -0.1642362, 0.2489412, -0.3313403]),
    (o.Nadam(0.05, epsilon=0.1), 1, [0.4113028, -0.06670801, 0.2384746, -0.3749674]),
    (
        o.SGD(PiecewiseConstantDecay([9], [0.01, 0.001]), momentum=0.9),
        1,
        [-0.5707585, 0.6496776, 0.05152434, -0.2683522],
    ),
    (
        o.SGD(PiecewiseConstantDecay([9], [0.01, 0.001]), momentum=0.9, nesterov=True),
        1,
        [-0.3887116, 0.4952278, -0.08580594, -0.4723603],
    ),
    (o.SGD(PiecewiseConstantDecay([9], [0.01, 0.0]), momentum=0.9), 1, [-0.7858755, 0.5596043, 0.1620074, -0.07688177]),
    (o.Lion(0.02), 1, [0.54, -0.1, 0.4000002, -0.3]),
    (o.Lamb(0.05), 1, [0.684083, -0.217706, 0.1028797, 0.03584859]),
    (o.Ftrl(0.1), 1, [0.3787624, -0.03723957, 0.273495, -0.3239937]),
    (
        o.Ftrl(
            0.1,
            learning_rate_power=-0.7,
            l1_regularization_strength=0.05,
            l2_regularization_strength=0.1,
            l2_shrinkage_regularization_strength=0.02,
            beta=0.3,
        ),
        1,
        [0.6105853, -0.1540927, 0.546845, -0.1092082],
    ),
    (o.Adafactor(0.05), 1, [0.6601691, -0.1499061, 0.3567142, 0.0439633]),
    (
        o.Adafactor(PiecewiseConstantDecay([9], [0.5, 0.1]), relative_step=False, clip_threshold=0.5),
        1,
        [0.3330894, 0.07721578, -0.195154, 0.008751705],
    ),
    (o.Muon(0.05), 1, [0.3412324, -0.09340715, 0.1372505, -0.4127673]),
    (o.SGD(0.01, gradient_accumulation_steps=4), 1, [0.6112925, -0.1872209, 0.5294297, -0.181934]),
    (
        o.Adam(0.05, gradient_accumulation_steps=3, weight_decay=0.1, clipnorm=1.0),
        1,
        [0.6892612, -0.1125858, 0.4794926, -0.1992349],
    ),
    (
        o.SGD(0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4),
        1,
        [0.5697863, -0.1645718, 0.4479493, -0.2412705],
    ),
    (o.SGD(0.01, loss_scale_factor=8.0), 1, [0.5852092, -0.2244304, 0.6448937, -0.06929701]),
]

# The same, 10 times, of the mean of tanh(X w + c)^2 for a matrix w, -1 to 1 in equal steps, and c = 0.1.
X = torch.tensor(
    [
        [0.12573, -0.132105, 0.640423],
        [0.1049, -0.535669, 0.361595],
        [1.304, 0.947081, -0.703735],
        [-1.26542, -0.623274, 0.041326],
        [-2.32503, -0.218792, -1.24591],
        [-0.732267, -0.544259, -0.3163],
        [0.411631, 1.04251, -0.128535],
        [1.36646, -0.665195, 0.35151],
    ]
)
MATRICES = [
    (
        o.Adafactor(0.05),
        [
            -0.734242,
            -0.55186,
            -0.399084,
            -0.227916,
            0.0547107,
            0.155819,
            0.285011,
            0.346382,
            0.477184,
            0.743569,
            0.695111,
            0.404857,
            0.0575472,
            0.0584579,
            0.0666618,
            0.0669082,
        ],
    ),
    (
        o.Muon(0.02),
        [
            -1.00048,
            -0.788312,
            -0.583758,
            -0.440891,
            -0.205166,
            -0.0710969,
            0.0613502,
            0.276048,
            0.458792,
            0.651625,
            0.82541,
            0.930217,
            -0.0965106,
            -0.097577,
            -0.0902135,
            0.0180053,
        ],
    ),
    (
        o.Lamb(0.05),
        [
            -0.676188,
            -0.498051,
            -0.332012,
            -0.213591,
            0.0479519,
            0.225702,
            0.392313,
            0.465816,
            0.357924,
            0.914,
            0.735035,
            0.678147,
            0.0555158,
            0.0544672,
            0.0589744,
            0.087583,
        ],
    ),
    (
        o.Muon(0.02, exclude_layers=["w"], adam_weight_decay=0.1),
        [
            -0.779764,
            -0.602595,
            -0.432386,
            -0.268096,
            -0.0687092,
            0.108072,
            0.280324,
            0.432879,
            0.459375,
            0.821561,
            0.79081,
            0.780302,
            -0.0940105,
            -0.0975389,
            -0.0633999,
            0.0967634,
        ],
    ),
]


def name(value: Any) -> str:
    return repr(value) if isinstance(value, Optimizer) else ""


@pytest.mark.parametrize(("optimizer", "scale", "keras"), KERAS, ids=name)
def test_twenty_steps_lead_where_keras_goes(optimizer: Optimizer, scale: float, keras: list[float]) -> None:
    w, c = torch.nn.Parameter(torch.tensor([0.5, -0.3, 0.8])), torch.nn.Parameter(torch.tensor([0.1]))
    for _ in range(20):
        loss = scale * ((A @ w + c - T) ** 2).sum()
        optimizer.apply(torch.autograd.grad(loss, [w, c]), [w, c])
    assert torch.cat([w.detach(), c.detach()]).tolist() == pytest.approx(keras, abs=2e-5)


@pytest.mark.parametrize(("optimizer", "keras"), MATRICES, ids=name)
def test_ten_steps_of_a_matrix_lead_where_keras_goes(optimizer: Optimizer, keras: list[float]) -> None:
    w = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4).T.contiguous())  # torch's order: out, in
    c = torch.nn.Parameter(torch.full((4,), 0.1))
    optimizer.build([("w", w), ("c", c)])
    for _ in range(10):
        optimizer.apply(torch.autograd.grad((X @ w.T + c).tanh().square().mean(), [w, c]), [w, c])
    assert torch.cat([w.detach().T.flatten(), c.detach()]).tolist() == pytest.approx(keras, abs=2e-4)


@pytest.mark.parametrize(
    "options", [{}, {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 0.1, "warmup_steps": 5, "weight_decay": 0.1}]
)
def test_schedule_free_steps_are_the_papers(options: dict[str, Any]) -> None:
    """By hand.  Keras on torch goes elsewhere: there z has moved before x is read from it (3.15.1)."""
    b1, b2, eps = (options.get(key, value) for key, value in (("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-8)))
    warmup, decay, lr = options.get("warmup_steps", 0), options.get("weight_decay", 0), 0.05
    a, target = A.double().numpy(), T.double().numpy()
    w, c = torch.nn.Parameter(torch.tensor([0.5, -0.3, 0.8])), torch.nn.Parameter(torch.tensor([0.1]))
    optimizer = o.ScheduleFreeAdamW(lr, **options)
    y = np.array([0.5, -0.3, 0.8, 0.1])
    z, x, v = y.copy(), y.copy(), np.zeros(4)
    for t in range(1, 21):
        optimizer.apply(torch.autograd.grad(((A @ w + c - T) ** 2).sum(), [w, c]), [w, c])
        off = a @ y[:3] + y[3] - target
        g = np.array([*(2 * a.T @ off), 2 * off.sum()])
        x = (y * (1 - lr * decay) - (1 - b1) * z) / b1
        v = b2 * v + (1 - b2) * g * g
        z = z - lr * (min(t / warmup, 1) if warmup else 1) * g / (np.sqrt(v / (1 - b2**t)) + eps)
        x = x + (z - x) / t
        y = (1 - b1) * z + b1 * x
    assert torch.cat([w.detach(), c.detach()]).tolist() == pytest.approx(y.tolist(), abs=2e-5)


def test_muon_says_whose_a_weight_is_and_how_long_its_step() -> None:
    matrix, vector = torch.nn.Parameter(torch.eye(2)), torch.nn.Parameter(torch.ones(3))
    optimizer = o.Muon(1.0, weight_decay=0.01, adam_weight_decay=0.1, exclude_layers=["last"])
    assert not optimizer._should_use_adamw(matrix)
    assert optimizer._should_use_adamw(vector)
    assert optimizer._should_use_adamw(matrix, "last/kernel")
    optimizer._apply_weight_decay([matrix, vector])
    assert (matrix[0, 0].item(), vector[0].item()) == pytest.approx((0.99, 0.9))
    assert optimizer.lr_adjust(torch.ones(4, 2))[0, 0].item() == pytest.approx(0.2 * 2)
    singular = np.linalg.svd(optimizer.zeropower_via_newtonschulz5(np.diag([3.0, 2.0]), 5).numpy())[1]
    assert (singular > 0.65).all()
    assert (singular < 1.25).all()
    with pytest.raises(ArgumentError, match="only a matrix"):
        optimizer.zeropower_via_newtonschulz5(np.ones(3), 5)


@pytest.mark.parametrize("optimizer", [o.SGD(), o.Adam(), o.AdamW(), o.Lion(), o.Muon()])
def test_one_weight_can_be_updated_by_itself(optimizer: Optimizer) -> None:
    one, other, alike = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    optimizer.build([one, other])
    twin = optimizer.clone()
    twin.weight_decay = None
    optimizer.update_step(np.array([1.0, -2.0]), one, 0.5)
    twin.build([alike])
    twin.learning_rate = 0.5
    twin.apply([torch.tensor([1.0, -2.0])])
    if not isinstance(optimizer, o.Muon | o.AdamW):  # they decay
        assert one.tolist() == pytest.approx(alike.tolist())
    assert one[1].item() > 1
    assert other.tolist() == [1, 1]
    assert float(optimizer.learning_rate) == pytest.approx(float(type(optimizer)().learning_rate))
    with pytest.raises(ArgumentError, match="does not know this weight"):
        optimizer.update_step(torch.ones(2), alike, 0.5)


ALIKE = [
    *(o.SGD, o.RMSprop, o.Adagrad, o.Adam, o.AdamW, o.Nadam, o.Lion, o.Ftrl, o.Muon, o.Adafactor, o.ScheduleFreeAdamW),
    functools.partial(o.SGD, use_ema=True),
    functools.partial(o.Adam, gradient_accumulation_steps=2, use_ema=True, ema_overwrite_frequency=2),
]


@pytest.mark.parametrize("kind", ALIKE)
def test_an_optimizer_goes_on_where_another_one_is(kind: Any) -> None:
    rng = np.random.default_rng(0)
    one, other = ([torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(2))] for _ in range(2))
    first, second = kind(0.1), kind(0.5)
    with pytest.raises(ArgumentError, match="You are calling set_weights"):
        second.set_weights([])
    for _ in range(2):
        first.apply([torch.from_numpy(rng.normal(size=p.shape)).float() for p in one], one)
    second.build(other)
    second.set_weights(first.variables)
    assert [p.tolist() for p in other] == [torch.ones(3, 2).tolist(), [1, 1]]  # the weights themselves stay
    with torch.no_grad():
        for a, b in zip(one, other, strict=True):
            b.copy_(a)
    for optimizer, weights in ((first, one), (second, other)):
        optimizer.apply([torch.full_like(p, 0.3) for p in weights], weights)
    for a, b in zip(one, other, strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert second.iterations == first.iterations
    assert second._iterations == first._iterations == 3
    with pytest.raises(ArgumentError, match="other ones were given"):
        second.set_weights([*first.variables[:-1], np.ones(7)])


def test_gathered_gradients_can_be_looked_at() -> None:
    v = torch.nn.Parameter(torch.ones(2))
    optimizer = o.SGD(1.0, gradient_accumulation_steps=2)
    seen = []
    for _ in range(3):
        optimizer.apply_gradients([(torch.ones(2), v)])
        seen.append((optimizer._accumulated_gradients[0][0].item(), optimizer._iterations, optimizer.iterations))
    assert seen == [(1, 1, 0), (0, 2, 1), (1, 3, 1)]


# -- a moving average of the weights -----------------------------------------------------------------------------------
def test_the_average_of_the_weights_and_when_it_replaces_them() -> None:
    v = torch.nn.Parameter(torch.tensor([[3.0, 4.0], [5.0, 6.0]]))
    optimizer = o.SGD(1.0, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3)
    seen = []
    for _ in range(3):
        optimizer.apply_gradients([(torch.ones(2, 2), v)])
        seen.append((v[0, 0].item(), optimizer._model_variables_moving_average[0][0, 0].item()))
    # by hand: 2; 0.9 * 2 + 0.1 * 1 = 1.9; 0.9 * 1.9 + 0.1 * 0 = 1.71, which then is the weight
    assert np.allclose(seen, [(2, 2), (1, 1.9), (1.71, 1.71)])


def one_weight(optimizer: Any, **options: Any) -> st.Model:
    """y = w x with w = 1 and the loss the mean of (w x)^2."""
    model = st.Sequential([st.layers.Dense(1, kernel_initializer="ones", use_bias=False, input_shape=(1,))])
    model.compile(optimizer, "mse", **options)
    return model


def weight(model: st.Model) -> float:
    return float(model.module.state_dict()["dense.weight"])


ONE, ZERO = np.ones((1, 1), "float32"), np.zeros((1, 1), "float32")


def test_a_training_ends_with_the_average_of_its_weights() -> None:
    model = one_weight(o.SGD(0.05, use_ema=True, ema_momentum=0.9))
    model.fit(ONE, ZERO, batch_size=1, epochs=2, verbose=0)
    # by hand: w falls by 0.05 * 2 w: 0.9, 0.81; their average 0.9 * 0.9 + 0.1 * 0.81
    assert weight(model) == pytest.approx(0.891, abs=1e-6)


def test_gradients_of_several_batches_make_one_update() -> None:
    x, y = np.array([[1.0], [2.0], [3.0], [4.0]], "float32"), np.zeros((4, 1), "float32")
    model = one_weight(o.SGD(0.01, gradient_accumulation_steps=2))
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    w = 1.0
    for pair in ((1, 4), (9, 16)):
        w -= 0.01 * 2 * w * sum(pair) / 2
    assert weight(model) == pytest.approx(w, rel=1e-6)
    assert int(model.optimizer.iterations) == 2


# -- by hand -----------------------------------------------------------------------------------------------------------
def test_apply_counts_and_leaves_weights_without_a_gradient() -> None:
    v, w = (torch.nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(2))
    optimizer = o.Adam(1.0)
    with pytest.warns(Note, match="no gradient"):
        optimizer.apply_gradients([(torch.ones(2), v), (None, w)])
    assert optimizer.iterations == 1
    assert v.tolist() == pytest.approx([0, 1], abs=1e-4)
    assert w.tolist() == [1, 2]
    assert v.grad is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda v: o.SGD().apply_gradients([(None, v)]), "No gradients"),
        (lambda v: o.SGD().apply([torch.ones(2)]), "no weights yet"),
        (lambda v: o.SGD().apply([torch.ones(2)] * 2, [v]), "2 gradients for 1 weight"),
        (lambda v: o.SGD().apply([torch.ones(3)], [v]), "does not go with"),
        (lambda v: o.AdamW(weight_decay=None), "is Adam"),
    ],
)
def test_apply_says_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises((ArgumentError, TrainingError), match=message):
        make(torch.nn.Parameter(torch.ones(2)))


def test_a_built_optimizer_takes_no_other_weights() -> None:
    optimizer = o.SGD()
    optimizer.build([torch.nn.Parameter(torch.ones(2))])
    with pytest.raises(ArgumentError, match="unknown"):
        optimizer.apply([torch.ones(2)], [torch.nn.Parameter(torch.ones(2))])


def test_the_rate_is_a_number_that_can_be_set() -> None:
    optimizer = o.SGD(0.1)
    optimizer.learning_rate.assign(0.5)
    assert optimizer.learning_rate == 0.5
    assert optimizer.learning_rate.numpy() == np.float32(0.5)
    called = o.SGD(lambda: 0.25)
    assert float(called.learning_rate) == 0.25
    v = torch.nn.Parameter(torch.ones(1))
    called.apply([torch.ones(1)], [v])
    assert v.item() == 0.75


def test_a_schedule_is_read_where_the_training_stands() -> None:
    model = one_weight(o.SGD(PiecewiseConstantDecay([4], [0.1, 0.001])))
    for rate in (0.1, 0.001):
        model.fit(ONE, ZERO, epochs=4, verbose=0)
        assert float(model.optimizer.schedule(model.optimizer.iterations - 1)) == rate
    # by hand: five updates at 0.1, three at 0.001
    assert weight(model) == pytest.approx(0.8**5 * 0.998**3, rel=1e-5)


# -- Keras' words ------------------------------------------------------------------------------------------------------
EVERY = list(o.NAMES.values())


@pytest.mark.parametrize("kind", EVERY)
def test_keras_defaults_are_never_refused_and_a_config_makes_an_equal_one(kind: type[Optimizer]) -> None:
    made = kind(
        learning_rate=0.01,
        weight_decay=0.004 if kind is o.AdamW else None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=kind.__name__.lower(),
    )
    config = made.get_config()
    assert config["learning_rate"] == 0.01
    assert config["name"] == kind.__name__.lower()
    assert repr(kind.from_config(json.loads(json.dumps(config)))) == repr(made)
    assert repr(o.deserialize(o.serialize(made))) == repr(made)
    assert isinstance(o.get({"class_name": kind.__name__.lower(), "config": {"weight_decay": 0.05}}), kind)


def test_a_config_holds_its_schedule() -> None:
    made = o.Adam(PiecewiseConstantDecay([4], [0.1, 0.001]))
    config = json.loads(json.dumps(made.get_config()))
    assert config["learning_rate"]["class_name"] == "PiecewiseConstantDecay"
    again = o.Adam.from_config(config)
    assert again.schedule is not None
    assert [again.schedule(step) for step in (4, 5)] == [0.1, 0.001]
    assert deserialize(serialize(again.schedule))(5) == 0.001


@pytest.mark.parametrize("kind", [o.SGD, o.RMSprop, o.Adagrad, o.Adadelta, o.Adam, o.Adamax, o.Nadam])
def test_keras_2_spellings_work_and_are_said_once(kind: type[Optimizer]) -> None:
    with pytest.warns(Note) as said:
        made, _ = kind(lr=0.5, decay=0.25), kind(lr=0.5, decay=0.0)
    assert sorted(str(note.message).split()[2] for note in said) == ["decay", "lr"]
    assert isinstance(made.schedule, InverseTimeDecay)
    assert [made.rate(t) for t in range(3)] == [0.5, 0.5 / 1.25, 0.5 / 1.5]
    assert said[0].filename == __file__


def test_an_unnamed_rate_decays_too() -> None:
    with pytest.warns(Note, match="InverseTimeDecay"):
        assert o.SGD(1.0, decay=1.0).rate(3) == 0.25


def test_the_epsilon_and_the_momentum_decay_of_keras_2() -> None:
    with pytest.warns(Note, match="epsilon"):
        assert o.Adam(epsilon=None).epsilon == 1e-7
    with pytest.warns(Note, match="momentum_decay"):
        assert o.Nadam(schedule_decay=0.004).momentum_decay == 0.004
    with pytest.warns(Note, match="learning_rate"):
        assert o.Adam(0.5).lr == 0.5


def test_two_rates_are_refused() -> None:
    with pytest.raises(StriateError, match="lr and learning_rate"):
        o.SGD(0.1, lr=0.1)
    with pytest.warns(Note), pytest.raises(StriateError, match="two schedules"):
        o.SGD(PiecewiseConstantDecay([4], [0.1, 0.001]), decay=0.1)
