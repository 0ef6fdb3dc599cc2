"""Targets and outputs that a loss or a metric is not made for: a number by its formula, or one error that names it."""

from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate.errors import TrainingError
from striate.train import losses


# -- targets and outputs that a loss is not made for ------------------------------------------------------------------------
def _asked(kind: Any, door: str, y: Any, p: Any, **options: Any) -> float:
    """The figure of a loss or of a metric, called, as the loss of a training or beside another loss."""
    if door == "call":
        return float(kind(**options)(y, p))
    net = st.Sequential([st.layers.Input((3,)), st.layers.Activation("linear")])
    net.compile("sgd", lambda y_true, y_pred: (y_pred * 0).sum(-1), metrics=[kind(**options)])
    return float(net.evaluate(p, y, verbose=0)[1])


P = np.float32([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
YES = {"too large": [[0, 2, 0], [0, 0, 1]], "too small": [[0, -1, 0], [0, 0, 1]], "NaN": [[0, np.nan, 0], [0, 0, 1]]}


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("y", YES.values(), ids=YES)
def test_a_yes_or_no_is_0_to_1_at_every_door(y: Any, logits: bool) -> None:
    y = np.float32(y)
    doors = [(losses.BinaryCrossentropy, "call"), (losses.BinaryFocalCrossentropy, "call")]
    doors += [(st.metrics.BinaryCrossentropy, "call"), (st.metrics.BinaryCrossentropy, "evaluate")]
    for kind, door in doors:
        if door == "evaluate" and np.isnan(y).any():
            continue  # no training or evaluation takes such targets
        with pytest.raises(
            TrainingError, match=r"binary_(focal_)?crossentropy: targets run from .*, they must lie in 0 to 1"
        ):
            _asked(kind, door, y, P, from_logits=logits)


OF_NUMBERS = (
    losses.SparseCategoricalCrossentropy,
    losses.SparseDice,
    losses.SegmentationLoss,
    losses.CategoricalGeneralizedCrossEntropy,
    st.metrics.SparseCategoricalCrossentropy,
    st.metrics.CategoricalCrossentropy,  # which takes class numbers too
)


@pytest.mark.parametrize("kind", OF_NUMBERS)
def test_a_class_that_no_output_stands_for_is_an_error(kind: Any) -> None:
    for wrong in (-1, 3, 10**9):
        with pytest.raises(TrainingError, match=r"labels from .* do not go with 3 outputs, which are classes 0 to 2"):
            kind()(np.array([1, wrong]), P)
    with pytest.raises(TrainingError, match="a class number is no number"):
        kind()(np.float32([1, np.nan]), P)
    assert np.isfinite(float(kind()(np.array([1, 2]), P)))


def test_a_sequence_of_labels_that_no_output_stands_for_is_an_error() -> None:
    """Torch reads past its memory for these."""
    logits = np.zeros((1, 6, 4), "float32")
    for wrong in ([7, 0], [-1, 2], [10**9, 0]):
        with pytest.raises(TrainingError, match=r"ctc: labels from .* do not go with 4 outputs"):
            losses.CTC()(np.array([wrong]), logits)
    for loss, y in ((losses.CTC(), [[1, np.nan]]), (losses.Circle(), [np.nan])):
        with pytest.raises(TrainingError, match="a class number is no number"):
            loss(np.float32(y), logits if np.ndim(y) == 2 else logits[0, :1])


@pytest.mark.parametrize("name", ["accuracy", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"])
def test_no_answer_is_right_where_no_output_stands_for_the_class(name: str) -> None:
    metric = st.metrics.get(name) if name != "accuracy" else st.metrics.CategoricalAccuracy()
    metric.update_state(np.array([1, 3, -1, 10**9]), np.eye(3, dtype="float32")[[1, 2, 2, 0]])
    assert float(metric.result()) == 0.25


@pytest.mark.parametrize("name", sorted(losses.NAMES))
def test_an_output_that_is_nan_gives_nan(name: str) -> None:
    """So that a training ends with the step and the remedies, and not in a kernel."""
    loss = losses.get(name)
    if name in ("ctc", "circle"):
        return
    y = np.array([1, 2]) if loss.targets == "ids" else np.float32([[0, 1, 0], [0, 0, 1]])
    assert not np.isfinite(float(loss(y, np.full((2, 3), np.nan, "float32"))))


@pytest.mark.parametrize("module", [torch.nn.CrossEntropyLoss(), torch.nn.BCELoss(), torch.nn.NLLLoss()])
def test_a_loss_of_torch_says_what_it_got(module: Any) -> None:
    y = np.float32([[0, 2, 0], [0, 0, 1]]) if isinstance(module, torch.nn.BCELoss) else np.array([1, 7])
    with pytest.raises(TrainingError, match=r"takes no targets of shape \(2.*\) from .* for outputs of shape \(2, 3\)"):
        losses.get(module)(y, P)


# -- labels that a loss of torch leaves out ---------------------------------------------------------------------------------
@pytest.mark.parametrize("table", [None, [1.0, 2.0, 3.0]])
@pytest.mark.parametrize("kind", [torch.nn.CrossEntropyLoss, torch.nn.NLLLoss])
def test_a_label_that_torch_ignores_counts_nowhere(kind: Any, table: Any) -> None:
    def net(loss: Any) -> st.Sequential:
        model = st.Sequential([st.layers.Input((2,)), st.layers.Dense(3, kernel_initializer="ones")])
        model.compile(st.optimizers.SGD(0.1), loss)
        return model

    weight = None if table is None else torch.tensor(table)
    x, y = np.float32([[1, 2], [3, 4], [5, 6], [2, 2], [0, 1]]), np.array([0, 255, 1, 255, 255])
    model = net(kind(weight=weight, ignore_index=255))
    out = torch.from_numpy(model.predict(x))
    whole = float(kind(weight=weight, ignore_index=255)(out, torch.from_numpy(y)))
    for size in (1, 2, 3, 5):  # also batches of nothing that counts
        assert model.evaluate(x, y, batch_size=size, verbose=0) == pytest.approx(whole, rel=1e-5)
    before = model.get_weights()
    assert model.train_on_batch(x[3:], y[3:]) == 0
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()
    with pytest.raises(TrainingError, match="every label is the ignored class 255"):
        model.fit(x[3:], y[3:], verbose=0)


def test_a_label_that_torch_ignores_is_ours() -> None:
    x, y = np.float32([[1, 2], [3, 4], [5, 6], [2, 2]]), np.array([0, 9, 1, 2])
    ends = []
    for loss in (torch.nn.CrossEntropyLoss(ignore_index=9), losses.SparseCategoricalCrossentropy(True, 9)):
        for weights in (None, np.float32([1, 2, 3, 0])):
            st.set_seed(0)
            model = st.Sequential([st.layers.Input((2,)), st.layers.Dense(3)])
            model.compile(st.optimizers.SGD(0.1), loss)
            history = model.fit(x, y, batch_size=2, epochs=2, sample_weight=weights, shuffle=False, verbose=0).history
            ends.append([*history["loss"], *model.get_weights()[0].ravel()])
    np.testing.assert_allclose(ends[:2], ends[2:], rtol=1e-5)
