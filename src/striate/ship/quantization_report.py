"""What 8 bits cost: answers in 32 and in 8 bits beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from striate.data import Dataset, Examples
from striate.errors import DataError, StriateError
from striate.intake import ends_in_features, outputs_with_boxes
from striate.intake.outputs import deciding_output
from striate.wording import listed, memory, plural

if TYPE_CHECKING:
    from striate.ship.quantization import Quantized

Answered = Callable[[Any, int], Iterator[list[np.ndarray]]]
PREDICTED = 64  # pictures at a time, where both are compared
_NEAR = 0.1  # of their length, within which features count as the same; of their spread, numbers


@dataclass(frozen=True)
class QuantizationReport:
    """What 8 bits cost.

    samples         pictures that the ranges come from
    checked         pictures that the rest was measured on
    accuracy        part of right answers in 32 bits, or None without labels
    accuracy_int8   the same in 8 bits
    agreement       part of pictures (of label maps: of pixels; of boxes: of places where either finds something) with the
                    same answer from both; of a network that ends in features: of pictures whose features are no further
                    apart than a tenth of their length; of one that learnt numbers: where they are no further apart than
                    a tenth of their standard deviation
    difference      the largest difference of any output; of boxes in pixels
    seen            whether the pictures it was measured on include those that the ranges come from
    bytes           of the ONNX model in 32 bits
    bytes_int8      the same in 8 bits
    alike           whether the pictures it was measured on are all the same one, of which nothing follows for others
    silent          of boxes: whether neither finds anything in them
    samples_alike   whether the ranges come from one and the same picture, which others may leave
    """

    samples: int
    checked: int
    accuracy: float | None
    accuracy_int8: float | None
    agreement: float
    difference: float
    seen: bool
    bytes: int
    bytes_int8: int
    alike: bool = False
    silent: bool = False
    samples_alike: bool = False

    def __str__(self) -> str:
        right = "no labels of classes, "
        if self.accuracy is not None and self.accuracy_int8 is not None:
            right = f"accuracy {self.accuracy:.2%} -> {self.accuracy_int8:.2%}, "
        ranges = ", all the same one, whose ranges others may leave" if self.samples_alike else ""
        seen = " (those samples among them)" if self.seen else ""
        return (
            f"int8, calibrated on {plural(self.samples, 'sample')}{ranges}; on {self.checked}{seen}: {right}same answer "
            f"{self.agreement:.2%}, "
            f"largest difference {self.difference:.3g}; {memory(self.bytes)} -> {memory(self.bytes_int8)}"
            f"{says_little(self)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``QuantizationReport(**d)`` gives it back."""
        return asdict(self)


def compared(
    model: Any, twin: Quantized, data: Any, labels: Any, samples: int, size: int, seen: bool
) -> QuantizationReport:
    """What the twin costs.

    model     in 32 bits
    twin      in 8 bits
    data      inputs that both answer; labels: their classes, or None: a Dataset's own
    samples   how many set the ranges
    size      of the ONNX model in 32 bits, in bytes
    seen      whether those samples are among `data`

    Raises DataError for labels that do not fit the answers.
    """
    examples, labels, ignored = judged(model, data, labels)
    pixels = examples.pixels
    engines = (model._engine.pick(model, "onnxruntime", len(examples), pixels), twin.engine(pixels))
    found = beside(model, examples, labels, ignored, [partial(_by_engine, engine) for engine in engines], "quantize")
    return reported(found, samples, seen, size, len(twin.content))


def reported(found: AnswersBeside, samples: int, seen: bool, size: int, size_int8: int) -> QuantizationReport:
    """The report of answers that were compared.

    found      in 32 and in 8 bits
    samples    how many set the ranges
    seen       whether those are among the inputs that were answered
    size       of the ONNX model in 32 bits, in bytes
    size_int8  the same in 8 bits
    """
    right, agreement = found.accuracy, found.agreement
    return QuantizationReport(
        samples,
        found.checked,
        *right,
        agreement,
        found.difference,
        seen=seen,
        bytes=size,
        bytes_int8=size_int8,
        alike=found.alike,
        silent=found.silent,
    )


def _by_engine(engine: Any, examples: Any, count: int) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(examples), count):
        yield engine.predict(examples.arrays(slice(start, start + count)), count)


@dataclass(frozen=True)
class AnswersBeside:
    """Two engines' answers to the same inputs.

    checked      inputs
    accuracy     the part of right answers of each, None without labels
    agreement    the part of equal answers, as in `QuantizationReport`
    difference   the largest difference of any output
    alike        whether the inputs are all the same one
    silent       of boxes: whether neither finds anything in them
    """

    checked: int
    accuracy: tuple[float | None, float | None]
    agreement: float
    difference: float
    alike: bool = False
    silent: bool = False


class Agreement(Protocol):
    """What says how far answers agree.

    alike    whether the pictures are all the same one
    silent   of boxes: whether neither finds anything in them
    """

    @property
    def alike(self) -> bool: ...

    @property
    def silent(self) -> bool: ...


def says_little(found: Agreement) -> str:
    """Why an agreement says little of other pictures, to follow it; "" where nothing is against it.

    found   that has it
    """
    if found.alike:
        return "; all these pictures are the same one, so this says nothing of others"
    return "; nothing was found in any of these pictures, so this says nothing of others" if found.silent else ""


def all_alike(examples: Examples) -> bool:
    """Whether several inputs are all the same one.

    examples   the inputs
    """
    first = examples.arrays(slice(0, 1))
    parts = (examples.arrays(slice(start, start + PREDICTED)) for start in range(0, len(examples), PREDICTED))
    return len(examples) > 1 and all(
        (part == one).all() for arrays in parts for part, one in zip(arrays, first, strict=True)
    )


def judged(model: Any, data: Any, labels: Any) -> tuple[Examples, np.ndarray | None, int | None]:
    """What engines are compared on: (inputs, their classes or None, the label that counts for nothing or None).

    A network that learnt numbers has no classes, whatever the labels.

    model    that answers
    data     whatever ``predict`` takes
    labels   its classes, by number or by name; None: a Dataset's own

    Raises DataError for names that the model has not.
    """
    examples, ignored = model.intake.examples(data), None
    if ends_in_numbers(model):
        return examples, None, None
    if labels is None and isinstance(data, Dataset) and not outputs_with_boxes(model.graph):
        prepared = model.intake.dataset(data)
        labels, ignored = prepared.y, prepared.ignored
    return examples, None if labels is None else _by_number(model, labels), ignored


def _by_number(model: Any, given: Any) -> np.ndarray:
    """Labels as an array, with the numbers of the model's classes in the place of their names."""
    try:
        labels = np.asarray(given)
    except ValueError:
        raise DataError("the labels are no array: their rows have different lengths.") from None
    if labels.dtype.kind not in "UO":
        return labels
    numbers = {name: number for number, name in enumerate(model.labels or ())}
    unknown = [str(name) for name in labels.flat if not isinstance(name, str) or name not in numbers]
    if unknown:
        some = f"begin with {listed(list(numbers)[:5])}" if numbers else "have no names, so give their numbers"
        raise DataError(f"the label {unknown[0]!r} is no class of the model: its classes {some}.")
    return np.array([numbers[name] for name in labels.flat]).reshape(labels.shape)


def ends_in_numbers(model: Any) -> bool:
    """Whether a model's answers are numbers and no classes: it ends in plain ones, and learnt by a loss of values.

    model   of one output, or several
    """
    from striate.train import losses

    if model.answers.activation is not None or model.labels is not None or ends_in_features(model):
        return False
    told = model.facts.get("loss")
    loss = model._plan.losses[0] if model._plan is not None else told if isinstance(told, str) else None
    try:
        return loss is not None and losses.get(loss).targets == "values"
    except StriateError:  # of a user's own
        return False


def beside(
    model: Any,
    examples: Examples,
    truth: np.ndarray | None,
    ignored: int | None,
    both: Sequence[Answered],
    what: str,
) -> AnswersBeside:
    """The answers of two engines of a model beside each other.

    model     whose engines they are
    examples  inputs that both answer
    truth     their classes, or None
    ignored   the label that counts for nothing, or None
    both      of each, the outputs for a batch after the other, from (examples, samples at a time)
    what      is asked, for messages

    Raises DataError for labels that do not fit the answers.
    """
    return replace(_beside(model, examples, truth, ignored, both, what), alike=all_alike(examples))


def _beside(
    model: Any, examples: Examples, truth: Any, ignored: int | None, both: Sequence[Answered], what: str
) -> AnswersBeside:
    """``beside``, without a look at the inputs."""
    if ends_in_features(model):
        return _features_beside(model, examples, both)
    if ends_in_numbers(model):
        return _numbers_beside(model, examples, both)
    boxes = outputs_with_boxes(model.graph)
    answered: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    difference = 0.0
    for given in zip(*(each(examples, PREDICTED) for each in both), strict=True):
        for each, outs in zip(answered, given, strict=True):
            each.append(_answers(model, outs))
        difference = max(difference, _off(model, *given))
    floats, whole = (np.concatenate(each) for each in answered)
    same = floats == whole
    if boxes:  # places where neither finds anything would agree in any case
        same = same[(floats > 0) | (whole > 0)]
    right: list[float | None] = [None, None]
    if truth is not None:
        truth = numbered(truth, floats.shape, what, None if boxes else model.answers.classes, ignored)
        counts = truth != ignored if ignored is not None else np.ones(truth.shape, bool)
        right = [float((each == truth)[counts].mean()) if counts.any() else None for each in (floats, whole)]
    agreement = float(same.mean()) if same.size else 1.0
    return AnswersBeside(len(floats), (right[0], right[1]), agreement, difference, silent=not same.size)


def _features_beside(model: Any, examples: Examples, both: Sequence[Answered]) -> AnswersBeside:
    """The same for a network that ends in features, of which none is an answer: they agree where they are near."""
    near, difference = [], 0.0
    for one, other in zip(*(each(examples, PREDICTED) for each in both), strict=True):
        floats, fewer = (np.asarray(outs[0], np.float64).reshape(len(outs[0]), -1) for outs in (one, other))
        near.append(np.linalg.norm(fewer - floats, axis=1) <= _NEAR * np.linalg.norm(floats, axis=1))
        difference = max(difference, _off(model, one, other))
    same = np.concatenate(near)
    return AnswersBeside(len(same), (None, None), float(same.mean()), difference)


def _numbers_beside(model: Any, examples: Examples, both: Sequence[Answered]) -> AnswersBeside:
    """The same for a network that learnt numbers: they agree where they are near, as their spread goes."""
    answered: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    difference = 0.0
    for given in zip(*(each(examples, PREDICTED) for each in both), strict=True):
        for each, outs in zip(answered, given, strict=True):
            each.append(np.concatenate([np.asarray(out, np.float64).reshape(len(out), -1) for out in outs], axis=1))
        difference = max(difference, _off(model, *given))
    floats, fewer = (np.concatenate(each) for each in answered)
    spread = floats.std(axis=0)
    spread = np.where(spread > 0, spread, np.abs(floats[0]))  # of a single one, or where all are alike, its size
    near = (np.abs(fewer - floats) <= _NEAR * spread).all(axis=1)
    return AnswersBeside(len(near), (None, None), float(near.mean()), difference)


def numbered(
    truth: np.ndarray, shape: tuple[int, ...], what: str, classes: int | None, ignored: int | None = None
) -> np.ndarray:
    """Labels as numbers of classes, one for each answer.

    truth     numbers, or rows with a number for each class
    shape     of the answers
    what      is asked, for messages
    classes   how many there are; None: any number will do
    ignored   the label that counts for nothing, or None

    Raises DataError for another count, and for numbers that no class has.
    """
    truth = truth.argmax(-1) if truth.ndim == len(shape) + 1 and truth.shape[-1] > 1 else truth
    if truth.size != np.prod(shape, dtype=int):
        raise DataError(f"{what}: labels of shape {truth.shape} for answers of shape {shape}.")
    if classes is not None:
        none = (truth < 0) | (truth >= classes) | (truth != np.rint(truth))
        none &= truth != ignored if ignored is not None else True
        if none.any():
            number = truth[none].flat[0]
            raise DataError(
                f"{what}: the label {number} is no class: the network's have the numbers 0 to {classes - 1}."
            )
    return truth.reshape(shape)


def _answers(model: Any, outs: list[np.ndarray]) -> np.ndarray:
    """What outputs say: the likeliest class (N, …); of boxes its number + 1, or 0 where a place says nothing, (N, P)."""
    boxes = outputs_with_boxes(model.graph)
    if boxes:
        scores = outs[boxes[0]][..., 4:]
        return np.where(scores.max(-1) >= model.decoding.threshold, scores.argmax(-1) + 1, 0)  # type: ignore[no-any-return]
    likely = model.answers.probabilities(outs[deciding_output(model.graph)])
    return likely.argmax(-1) if likely.shape[-1] > 1 else likely[..., 0] > 0.5  # type: ignore[no-any-return]


def _off(model: Any, floats: list[np.ndarray], whole: list[np.ndarray]) -> float:
    """The largest difference of any output; of boxes in pixels, where both find something."""
    boxes = outputs_with_boxes(model.graph)
    most = 0.0
    for i, (one, other) in enumerate(zip(floats, whole, strict=True)):
        off = np.abs(one - other)
        if i in boxes:
            least = model.decoding.threshold
            off = off[(one[..., 4:].max(-1) >= least) & (other[..., 4:].max(-1) >= least)]
        most = max(most, float(off.max(initial=0)))
    return most
