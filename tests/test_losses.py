"""Losses: values against NumPy and against Keras, the shapes they take, and the mistakes they name."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import sigmoid, softmax, wave

from striate.errors import ArgumentError, DataError, Note, TrainingError
from striate.train import losses
from striate.train.losses import Loss

ids = np.array([0, 3, 1, 1, 2, 0])
onehot = np.eye(4, dtype=np.float32)[ids]
logits = wave(6, 4) + 0.8 * onehot
raw = softmax(logits) * (1 + 0.3 * wave(6, 1, scale=1.0))  # does not add up to 1
raw[0], raw[1] = [1, 0, 0, 0], [1, 0, 0, 0]  # certain: right, and wrong
bits = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
sig = wave(6, 3, step=0.9, scale=4.0)
prob = sigmoid(sig)
prob[0] = [0, 1, 0.5]
a, b = wave(6, 3, step=2.3), wave(6, 3, step=0.7)
soft = softmax(wave(6, 4, step=3.1))
maps = wave(2, 3, 3, 4, step=1.1)  # channels-last
mids = np.arange(18).reshape(2, 3, 3) % 4
mids[0, 0] = 255
regions, region_p = (wave(2, 3, 3, 4, step=2.9) > 0).astype(np.float32), sigmoid(maps)

# (loss, targets, outputs, Keras' value).  Keras 3.15.1 on TensorFlow: float(keras.losses.<class>(...)(y_true, y_pred))
# of the arrays above, channels-last.
L = losses
KERAS = [
    (L.CategoricalCrossentropy(), onehot, raw, 4.4109874),
    (L.CategoricalCrossentropy(label_smoothing=0.1), onehot, raw, 4.5142002),
    (L.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), onehot, logits, 1.8629513),
    (L.SparseCategoricalCrossentropy(), ids, raw, 4.4109874),
    (L.SparseCategoricalCrossentropy(from_logits=True), ids, logits, 1.817729),
    (L.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255), mids, maps, 2.3445158),
    (L.SparseCategoricalCrossentropy(ignore_class=255), mids, softmax(maps), 2.3445158),
    (L.BinaryCrossentropy(), bits, prob, 2.7834549),
    (L.BinaryCrossentropy(label_smoothing=0.2), bits, prob, 2.6444101),
    (L.BinaryCrossentropy(from_logits=True), bits, sig, 1.1929475),
    (L.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=1.5), bits, prob, 1.3262594),
    (L.BinaryFocalCrossentropy(from_logits=True, label_smoothing=0.1), bits, sig, 0.8597662),
    (L.CategoricalFocalCrossentropy(), onehot, raw, 1.0628282),
    (
        L.CategoricalFocalCrossentropy(alpha=[0.1, 0.2, 0.3, 0.4], from_logits=True, label_smoothing=0.1),
        onehot,
        logits,
        0.2824902,
    ),
    (L.MeanSquaredError(), a, b, 4.1253333),
    (L.MeanAbsoluteError(), a, b, 1.6450834),
    (L.MeanAbsolutePercentageError(), a, b, 210.0866241),
    (L.MeanSquaredLogarithmicError(), a, b, 0.3932157),
    (L.LogCosh(), a, b, 1.1061909),
    (L.CosineSimilarity(), a, b, 0.0267997),
    (L.Huber(delta=0.7), a, b, 0.9270086),
    (L.Poisson(), np.abs(a), np.abs(b), 1.5141515),
    (L.KLDivergence(), soft, raw, 3.9522417),
    (L.Hinge(), bits, a, 0.8436152),
    (L.SquaredHinge(), bits * 2 - 1, a, 1.7541281),
    (L.CategoricalHinge(), onehot, logits, 2.0156181),
    (L.Dice(), regions, region_p, 0.4741321),
    (L.Dice(axis=(1, 2, 3)), regions, region_p, 0.4741503),
    (L.Dice(axis=(1, 2)), regions, region_p, 0.4819387),
    (
        L.Tversky(alpha=0.7, beta=0.3),
        regions,
        region_p,
        0.4669409,
    ),  # that release has alpha and beta the other way round
    (L.MeanSquaredError(), regions, region_p, 0.3299451),
    (L.CosineSimilarity(), regions, maps, -0.0292304),
]


def test_tversky_weighs_false_alarms_with_alpha_as_in_the_paper() -> None:
    """2 of 3 are there, 1 is missed, 2 are false alarms."""
    truth, p = torch.tensor([[1.0, 1, 1, 0, 0]]), torch.tensor([[1.0, 1, 0, 1, 1]])
    assert float(L.Tversky(alpha=0.2, beta=0.8)(truth, p)) == pytest.approx(1 - 2 / (2 + 0.2 * 2 + 0.8 * 1))


@pytest.mark.parametrize("from_logits", [False, True])
def test_the_focal_loss_cuts_probabilities_at_its_epsilon_from_logits_too(from_logits: bool) -> None:
    """A probability of e^-40 counts as 1e-7: 0.25 * -log(1e-7)."""
    logits, truth = torch.tensor([[40.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    loss = L.CategoricalFocalCrossentropy(from_logits=from_logits)
    assert float(loss(truth, logits if from_logits else logits.softmax(1))) == pytest.approx(4.0295, abs=1e-3)


def test_the_binary_focal_loss_of_large_logits_is_what_keras_gives() -> None:
    """Keras 3.15 on TensorFlow, gamma 2 and 0.5, a truth of 1."""
    logits = torch.tensor([[-1e4], [-100.0], [-20.0], [-3.0], [3.0], [100.0], [1e4]])
    keras = {2.0: [10000, 100, 20, 2.766281, 0.000109, 0, 0], 0.5: [10000, 100, 20, 2.975418, 0.010581, 0, 0]}
    for gamma, values in keras.items():
        loss = L.BinaryFocalCrossentropy(from_logits=True, gamma=gamma, reduction=None)
        assert loss(torch.ones(7, 1), logits).tolist() == pytest.approx(values, abs=2e-6)
        assert loss(torch.zeros(7, 1), -logits).tolist() == pytest.approx(values, abs=2e-6)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("kind", [L.BinaryFocalCrossentropy, L.CategoricalFocalCrossentropy])
def test_a_focal_loss_and_its_slope_are_numbers_wherever_outputs_are(
    kind: type[L.Loss], gamma: float, from_logits: bool
) -> None:
    far = [-1e30, -1e4, -200.0, 0.0, 200.0, 1e4, 1e30] if from_logits else [0.0, 1e-8, 0.5, 1 - 1e-7, 1.0]
    pairs = torch.cartesian_prod(torch.tensor(far), torch.tensor(far))
    pairs = (pairs if from_logits else pairs[pairs.sum(1) > 0]).requires_grad_()  # all zeros are no probabilities
    for truth in (0.0, 0.5, 1.0):
        value = kind(from_logits=from_logits, gamma=gamma)(torch.tensor([[truth, 1 - truth]]).expand_as(pairs), pairs)
        (slope,) = torch.autograd.grad(value, pairs)
        assert torch.isfinite(value)
        assert torch.isfinite(slope).all()


@pytest.mark.parametrize("size", [1, 2])
def test_what_a_batch_weighs_makes_the_mean_over_batches_that_over_the_labels_that_count(size: int) -> None:
    loss = L.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    logits, truth = torch.from_numpy(maps).movedim(-1, 1), torch.from_numpy(mids)
    parts = [slice(i, i + size) for i in range(0, 2, size)]
    weights = [float(loss.weight(truth[part])) for part in parts]
    values = [float(loss.of_batch(truth[part], logits[part])) for part in parts]
    logs = np.log(softmax(maps))
    valid = mids != 255
    expected = -np.take_along_axis(logs, np.where(valid, mids, 0)[..., None], -1)[..., 0][valid].mean()
    assert np.average(values, weights=weights) == pytest.approx(expected, rel=1e-5)


def tensors(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Both as the training loop holds them: channels first."""
    pred = torch.from_numpy(y_pred).movedim(-1, 1)
    true = torch.from_numpy(y_true)
    return (true.movedim(-1, 1) if true.ndim == pred.ndim else true), pred


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "keras"), KERAS, ids=lambda v: v.name if hasattr(v, "name") else ""
)
def test_the_mean_equals_keras(loss: Loss, y_true: np.ndarray, y_pred: np.ndarray, keras: float) -> None:
    assert float(loss.of_batch(*tensors(y_true, y_pred))) == pytest.approx(keras, rel=2e-6)
    assert float(loss(y_true, y_pred)) == pytest.approx(keras, rel=2e-6)  # arrays, channels-last


@pytest.mark.parametrize(("loss", "y_true", "y_pred", "_"), KERAS, ids=lambda v: v.name if hasattr(v, "name") else "")
def test_the_mean_over_samples_is_the_mean(loss: Loss, y_true: np.ndarray, y_pred: np.ndarray, _: float) -> None:
    true, pred = tensors(y_true, y_pred)
    if loss.name in ("dice", "tversky") and loss.axis is None:
        with pytest.raises(ArgumentError, match="whole batch"):
            loss.per_sample(true, pred)
        return
    each = loss.per_sample(true, pred)
    assert each.shape == (len(pred),)
    torch.testing.assert_close(each.mean(), loss.of_batch(true, pred), rtol=1e-5, atol=1e-6)
    # samples do not influence each other, but for the weight that ignored pixels leave to the others
    if getattr(loss, "ignore_class", None) is None:
        alone = torch.cat([loss.per_sample(true[i : i + 1], pred[i : i + 1]) for i in range(len(pred))])
        torch.testing.assert_close(each, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "y_true", "activation"),
    [
        (L.CategoricalCrossentropy(), onehot, "softmax"),
        (L.CategoricalCrossentropy(label_smoothing=0.2), soft, "softmax"),
        (L.SparseCategoricalCrossentropy(), ids, "softmax"),
        (L.CategoricalFocalCrossentropy(alpha=[0.4, 0.1, 0.2, 0.9]), onehot, "softmax"),
        (L.BinaryCrossentropy(label_smoothing=0.2), onehot, "sigmoid"),
        (L.BinaryFocalCrossentropy(apply_class_balancing=True), onehot, "sigmoid"),
    ],
    ids=lambda v: v.name if hasattr(v, "name") else "",
)
def test_taking_over_the_activation_changes_neither_value_nor_gradient(
    loss: Loss, y_true: np.ndarray, activation: str
) -> None:
    x = torch.from_numpy(logits).double().requires_grad_()
    y = torch.from_numpy(y_true)
    assert loss.activation == activation
    p = x.softmax(1) if activation == "softmax" else x.sigmoid()
    on_logits = loss.with_logits()
    assert on_logits.from_logits
    assert not loss.from_logits
    grads = [torch.autograd.grad(value, x)[0] for value in (loss(y, p), on_logits(y, x))]
    torch.testing.assert_close(loss(y, p), on_logits(y, x), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-7)


def test_logits_stay_finite_where_probabilities_are_clipped() -> None:
    x, y = torch.tensor([[200.0, 0.0]]), torch.tensor([1])
    loss = losses.get("sparse_categorical_crossentropy")
    assert float(loss.with_logits()(y, x)) == 200
    assert float(loss(y, x.softmax(1))) == pytest.approx(-np.log(1e-7), rel=1e-5)


@given(st.integers(1, 5), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_half_sum_of_squares_sums_outputs_and_averages_samples(n: int, outputs: int) -> None:
    y, p = wave(n, outputs, step=2.3), wave(n, outputs, step=0.7)
    expected = sum(0.5 * ((y[i] - p[i]) ** 2).sum() for i in range(n)) / n
    assert float(losses.get("half_sum_of_squares")(*tensors(y, p))) == pytest.approx(expected, rel=1e-5)


def test_flat_targets_go_with_one_output_and_never_broadcast() -> None:
    y, p = torch.tensor([1.0, 0.0, 1.0]), torch.tensor([[0.9], [0.2], [0.6]])
    expected = -np.log([0.9, 0.8, 0.6]).mean()
    assert float(losses.get("binary_crossentropy")(y, p)) == pytest.approx(expected, rel=1e-6)
    assert float(losses.get("mse")(y, p)) == pytest.approx((0.01 + 0.04 + 0.16) / 3, rel=1e-5)
    with pytest.raises(TrainingError, match=r"\(3,\) do not go with outputs of shape \(3, 2\)"):
        losses.get("mse")(y, torch.zeros(3, 2))


def test_half_precision_outputs_are_summed_in_32_bits() -> None:
    true, pred = tensors(ids, logits)
    loss = losses.get("sparse_categorical_crossentropy").with_logits()
    value = loss.of_batch(true, pred.bfloat16())
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(float(loss(true, pred)), rel=1e-2)


def test_class_numbers_of_any_integer_type_and_with_a_last_axis() -> None:
    loss = losses.get("sparse_categorical_crossentropy")
    true, pred = tensors(ids, softmax(logits))
    expected = loss(true, pred)
    assert loss(true.to(torch.uint8), pred) == expected
    assert loss(true[:, None], pred) == expected
    assert loss(true.float(), pred) == expected


def test_labels_that_are_all_ignored_give_no_loss_and_no_nan() -> None:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    assert float(loss(torch.full((2, 3, 3), 255), torch.from_numpy(maps))) == 0


def test_a_label_beyond_the_outputs_names_both() -> None:
    with pytest.raises(TrainingError, match="labels from 0 to 4 do not go with 4 outputs"):
        losses.get("sparse_categorical_crossentropy")(torch.tensor([0, 4]), torch.full((2, 4), 0.25))


# -- what get() takes ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("categorical_crossentropy", "CategoricalCrossentropy"),
        ("CategoricalCrossentropy", "CategoricalCrossentropy"),
        ("mse", "MeanSquaredError"),
        ("MSE", "MeanSquaredError"),
        ("mae", "MeanAbsoluteError"),
        ("kld", "KLDivergence"),
        ("bce", "BinaryCrossentropy"),
    ],
)
def test_keras_names(name: str, kind: str) -> None:
    assert type(losses.get(name)).__name__ == kind


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(
        ArgumentError, match=r'unknown loss "catgorical_crossentropy"\. Did you mean "categorical_cross'
    ):
        losses.get("catgorical_crossentropy")
    with pytest.raises(ArgumentError, match="a loss is a name"):
        losses.get(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.CategoricalCrossentropy(reduction="average"), "reduction='average'; use one of 'sum_over"),
        (lambda: L.CategoricalCrossentropy(dtype="int8"), "dtype='int8'; use one of float16"),
        (lambda: L.CategoricalCrossentropy(axis=5)(onehot, raw), r"axis=5 does not exist in outputs of shape \(6, 4\)"),
        (lambda: L.CategoricalCrossentropy(label_smoothing=2), "between 0 and 1"),
        (lambda: L.Huber(delt=1), 'Did you mean "delta"'),
        (lambda: L.Huber(delta=0), "more than 0"),
        (
            lambda: L.Huber(1.0, "sum", "huber", None, 3),
            r"Huber takes 4 unnamed arguments \(delta, reduction, name, dtype\)",
        ),
    ],
)
def test_a_wrong_argument_is_one_clear_line(make, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("name", sorted(losses.NAMES))
def test_json_gives_the_same_loss_back(name: str) -> None:
    loss = losses.get(name)
    again = losses.get(json.loads(json.dumps(loss.to_dict())))
    assert type(again) is type(loss)
    assert again.config() == loss.config()


def test_a_function_may_return_one_number_or_one_per_sample() -> None:
    true, pred = tensors(a, b)
    whole = losses.get(lambda y, p: (y - p).abs().mean())
    each = losses.get(lambda y, p: (y - p).abs())
    assert float(whole(true, pred)) == pytest.approx(1.6450834)
    torch.testing.assert_close(each(true, pred), whole(true, pred))
    torch.testing.assert_close(each.per_sample(true, pred), (true - pred).abs().mean(1))
    with pytest.raises(ArgumentError, match="one number for the whole batch"):
        whole.per_sample(true, pred)
    with pytest.raises(ArgumentError, match="for 6 samples"):
        losses.get(lambda y, p: p[:2, 0])(true, pred)
    with pytest.raises(ArgumentError, match="returned float"):
        losses.get(lambda y, p: 1.0)(true, pred)


def test_a_function_loss_is_named_and_refuses_to_come_back_from_json() -> None:
    def my_loss(y_true, y_pred):
        return (y_true - y_pred).square().mean()

    loss = losses.get(my_loss)
    assert loss.name == "my_loss"
    with pytest.raises(ArgumentError, match='"my_loss" was a function of your own'):
        losses.get(loss.to_dict())


def test_torch_losses_are_called_torchs_way_round() -> None:
    true, pred = tensors(ids, logits)
    loss = losses.get(torch.nn.CrossEntropyLoss())
    assert loss.from_logits
    assert float(loss(true, pred)) == pytest.approx(1.817729, rel=1e-6)
    torch.testing.assert_close(loss.per_sample(true.int(), pred).mean(), loss(true, pred))
    l1 = losses.get(torch.nn.L1Loss())
    assert float(l1(torch.tensor([1, 2]), torch.tensor([[0.5], [0.5]]))) == 1.0
    assert l1.name == "l1_loss"


def test_a_loss_of_ones_own() -> None:
    class Cubed(Loss):
        """|p - y|³."""

        def call(self, y_true, y_pred):
            return (y_pred - y_true).abs() ** 3

    true, pred = tensors(a, b)
    assert Cubed().name == "cubed"
    assert float(losses.get(Cubed)(true, pred)) == pytest.approx(float((np.abs(a - b) ** 3).mean()), rel=1e-5)


# -- labels looked at before training --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "y", "shape", "message"),
    [
        (
            "sparse_categorical_crossentropy",
            onehot,
            (4,),
            r"class numbers.*\(N, 4\), look one-hot: use categorical_cross",
        ),
        ("sparse_categorical_crossentropy", ids + 1, (4,), r"from 1 to 4.*4 outputs, classes 0 to 3\. They start at 1"),
        ("sparse_categorical_crossentropy", ids + 5, (4,), "from 5 to 8.*one unit per class"),
        ("sparse_categorical_crossentropy", ids - 1, (4,), "ignore_class"),
        ("sparse_categorical_crossentropy", mids, (3, 3, 4), "ignore_class=255"),
        ("sparse_categorical_crossentropy", ids[:, None] + np.zeros(2), (4,), r"\(N, 2\) do not go with .*\(N, 4\)"),
        ("sparse_categorical_crossentropy", ids, (1,), "use binary_crossentropy"),
        ("sparse_categorical_crossentropy", ids + 0.5, (4,), "0.5 is not one"),
        ("sparse_categorical_crossentropy", ["cat", "dog"], (2,), "cat"),
        ("categorical_crossentropy", ids, (4,), "use sparse_categorical_crossentropy"),
        ("categorical_crossentropy", onehot, (5,), "5 units for 4 classes"),
        ("categorical_crossentropy", onehot - 1, (4,), "one-hot targets are 0 or 1"),
        ("categorical_crossentropy", np.ones((3, 1)), (1,), "use binary_crossentropy"),
        ("binary_crossentropy", np.array([-1, 1]), (1,), "from -1 to 1.*hinge"),
        ("binary_crossentropy", np.array([0, 2]), (1,), "from 0 to 2"),
        ("binary_crossentropy", ids, (4,), "use sparse_categorical_crossentropy"),
        ("mse", ids, (4,), r"np.eye\(4\)\[y\]"),
        ("mse", np.zeros((3, 2)), (3,), r"\(N, 2\) do not go with outputs of shape \(N, 3\)"),
        ("mse", [], (1,), "no targets"),
        ("mse", [[1, 2], [3]], (2,), "different lengths"),
    ],
)
def test_labels_that_do_not_match_are_named_with_what_to_do(name, y, shape, message) -> None:
    with pytest.raises(TrainingError, match=message):
        losses.get(name).check(y, shape)


def test_several_classes_at_once_under_a_softmax_are_taken_with_a_note() -> None:
    with pytest.warns(Note, match="add up to 2.*binary_crossentropy"):
        losses.get("categorical_crossentropy").check(onehot * 2, (4,))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_that_are_not_finite_are_counted(bad: float) -> None:
    y = np.zeros((5, 2))
    y[3, 1] = bad
    with pytest.raises(DataError, match=r"1 of 10 targets.*sample 3"):
        losses.get("mse").check(y, (2,))


@pytest.mark.parametrize(
    ("loss", "y", "shape"),
    [
        ("sparse_categorical_crossentropy", ids, (4,)),
        ("sparse_categorical_crossentropy", ids[:, None], (4,)),
        ("sparse_categorical_crossentropy", torch.from_numpy(ids), (4,)),
        ("sparse_categorical_crossentropy", ids.astype(np.float32), (4,)),
        (L.SparseCategoricalCrossentropy(ignore_class=255), mids, (3, 3, 4)),
        ("categorical_crossentropy", onehot, (4,)),
        ("categorical_crossentropy", soft, (4,)),
        ("binary_crossentropy", np.array([0, 1, 1]), (1,)),
        ("binary_crossentropy", np.array([True, False]), (1,)),
        ("binary_crossentropy", bits, (3,)),
        ("hinge", np.array([-1, 1]), (1,)),
        ("mse", a, (3,)),
        ("dice", regions, (3, 3, 4)),
        (torch.nn.CrossEntropyLoss(), ids, (4,)),
    ],
)
def test_labels_that_match_pass(loss, y, shape) -> None:
    losses.get(loss).check(y, shape)


def test_a_function_learns_from_the_targets_whether_they_are_class_numbers() -> None:
    loss = losses.get(torch.nn.CrossEntropyLoss())
    loss.check(mids % 4, (3, 3, 4))
    assert loss.sparse
    loss.check(softmax(maps), (3, 3, 4))
    assert not loss.sparse


def test_importing_the_room_loads_no_torch() -> None:
    code = (
        "import sys; from striate.train import losses, metrics, optimizers, schedules, callbacks;"
        "optimizers.Adam(1e-3); losses.get('mse'); metrics.get('accuracy'); callbacks.EarlyStopping();"
        "sys.exit('torch' in sys.modules or 'torchmetrics' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- sequences ---------------------------------------------------------------------------------------------------------
def test_ctc_sums_the_probabilities_of_all_placements() -> None:
    scores = wave(2, 4, 3)
    y = np.array([[1, 2, 0], [1, 1, 0]])
    p = softmax(scores)
    expected = []
    for row, labels in zip(p, ([1, 2], [1, 1]), strict=True):
        total = 0.0
        for path in itertools.product(range(3), repeat=4):
            if [k for k, _ in itertools.groupby(path) if k] == labels:
                total += np.prod([row[t, k] for t, k in enumerate(path)])
        expected.append(-np.log(total))
    np.testing.assert_allclose(losses.ctc(y, scores).numpy(), expected, rtol=1e-5)
    assert float(losses.CTC()(y, scores)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_one_class_alone_is_said_as_keras_says_it() -> None:
    with pytest.warns(SyntaxWarning, match=r"expected y_pred.shape to be \(batch_size, num_classes\)"):
        losses.categorical_crossentropy([[1.0]], [[0.5]])
