"""The four tasks, and which of them a network or a data set is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from striate.data import Dataset
from striate.data.box_targets import largest_boxes
from striate.errors import ArgumentError, DataError
from striate.graph import Graph
from striate.intake.decoding import USUAL_LEAST
from striate.layers.boxes import DistanceBoxes, YoloBoxes
from striate.model import Model
from striate.report.marks import boxes_on, enlarged, label_map_on, text_on
from striate.tasks.average_precision import Detections, Truth, average_precision, matched
from striate.tasks.boxes import iou
from striate.tasks.classification import Guess, classify
from striate.tasks.detection import Detection, detect, named
from striate.tasks.detection_metric import MeanAveragePrecision
from striate.tasks.detection_recipe import loss_for
from striate.tasks.detector import detector
from striate.tasks.found import find
from striate.tasks.label_map import LabelMap
from striate.tasks.localizer import BoxIoU, BoxLoss, Localized, localize, localizer
from striate.tasks.segmentation import segment
from striate.tasks.segmenter import uafm
from striate.tasks.task import Judged, Task, check_task, plain
from striate.tasks.yolo_loss import YoloLoss
from striate.train import losses, metrics
from striate.train.losses import SegmentationLoss
from striate.train.metrics import shares
from striate.wording import plural

TOGETHER = 8  # pictures whose scores are in memory at once
TOLD = 3  # boxes of a picture that a line of words has, the surest
MANY = 12  # boxes of a picture beyond which not each has its name

__all__ = ["ClassifyTask", "DetectTask", "LocalizeTask", "SegmentTask", "task_for", "task_named", "task_of"]


class ClassifyTask(Task):
    """One class for each picture or text."""

    name, line, figure = "classify", "what a picture shows", "accuracy"
    epochs, batch = 5, 32

    def check(self, data: Dataset) -> None:
        if data.y is None:
            raise DataError(f"{data.name}: has no class for each {data.noun}, so there is nothing to classify by.")

    def network(self, base: Model, data: Dataset) -> Model:
        raise ArgumentError("a classifier is a whole network; give its name as model.")

    def learning(self, model: Model, data: Dataset, *, learnt: bool = False) -> dict[str, Any]:
        loss = losses.fitting(model.answers, data.y)
        return {"loss": loss, "metrics": [metrics.fitting(model.answers, loss)]}

    def answers(self, model: Model, pictures: Any, *, engine: str = "auto") -> list[list[Guess]]:
        return classify(model, pictures, engine=engine)

    def judge(self, model: Model, data: Dataset, *, engine: str = "auto") -> Judged:
        raise ArgumentError("classifiers are judged by runs.judge_run.")

    def truth(self, data: Dataset, number: int, names: Sequence[str]) -> list[Guess]:
        labels = data.labels
        return [] if labels is None else [Guess(names[labels[number]], 1.0)]

    def drawn(
        self, picture: np.ndarray, answer: list[Guess], names: Sequence[str], *, truth: bool = False, times: int = 1
    ) -> np.ndarray:
        return text_on(enlarged(picture, times), self.told(answer[:1]))

    def facts(self, answer: list[Guess]) -> dict[str, Any]:
        return {"top": [guess._asdict() for guess in answer]}

    def labels(self, answer: list[Guess]) -> list[str]:
        return [guess.label for guess in answer[:1]]

    def told(self, answer: list[Guess], *, truth: bool = False) -> str:
        return ", ".join(guess.label if truth else f"{guess.label} {guess.probability:.1%}" for guess in answer)


class LocalizeTask(Task):
    """One thing in each picture: its class and its box."""

    name, line, figure = "localize", "what one thing is, and where", "box_iou"
    batch = 16

    def check(self, data: Dataset) -> None:
        largest_boxes(data)

    def network(self, base: Model, data: Dataset) -> Model:
        return localizer(base, len(data.classes or ()) or 1)

    def learning(self, model: Model, data: Dataset, *, learnt: bool = False) -> dict[str, Any]:
        if model.answers.classes == 1:  # of one class there is nothing to tell apart
            return {"loss": {"box": BoxLoss("giou")}, "metrics": {"box": BoxIoU()}}
        return {
            "loss": {"label": "sparse_categorical_crossentropy", "box": BoxLoss("giou")},
            "loss_weights": {"label": 0.5, "box": 1.0},
            "metrics": {"label": "accuracy", "box": BoxIoU()},
        }

    def answers(self, model: Model, pictures: Any, *, engine: str = "auto") -> list[Localized]:
        return localize(model, pictures, engine=engine)

    def judge(self, model: Model, data: Dataset, *, engine: str = "auto") -> Judged:
        some, labels, corners = largest_boxes(model.intake.dataset(data))
        said = localize(model, some, engine=engine)
        height, width = some.shape[:2]
        boxes = np.array([one.box for one in said], np.float64) / [width, height, width, height]
        shared = np.asarray(iou(boxes, corners.astype(np.float64)))
        names = model.intake.class_names(len(some.classes or ()) or int(labels.max()) + 1)
        right = np.array([one.label == names[k] for one, k in zip(said, labels, strict=True)])
        figures = {
            "box_iou": float(shared.mean()),
            "label_accuracy": float(right.mean()),
            "found": float((right & (shared >= 0.5)).mean()),
        }
        rows, classes = [], {}
        for k, name in enumerate(names):
            of = labels == k
            if of.any():
                classes[name] = {
                    "pictures": int(of.sum()),
                    "box_iou": float(shared[of].mean()),
                    "right": int(right[of].sum()),
                }
                rows.append((name, f"{of.sum():,}", f"{shared[of].mean():.4f}", f"{right[of].mean():.4f}"))
        heads = ("class", "pictures", "mean IoU", "class right")
        return Judged(plain({**figures, "classes": classes}), said, 1 - shared + ~right, heads, rows, some)

    def truth(self, data: Dataset, number: int, names: Sequence[str]) -> Localized:
        one, labels, corners = largest_boxes(data.subset([number]))
        height, width = one.shape[:2]
        box = corners[0] * [width, height, width, height]
        return Localized(names[labels[0]], 1.0, tuple(map(float, box)))  # type: ignore[arg-type]

    def drawn(
        self, picture: np.ndarray, answer: Localized, names: Sequence[str], *, truth: bool = False, times: int = 1
    ) -> np.ndarray:
        word = answer.label if truth else f"{answer.label} {answer.probability:.0%}"
        return boxes_on(
            enlarged(picture, times), np.array([answer.box]) * times, [word], [_number(names, answer.label)]
        )

    def facts(self, answer: Localized) -> dict[str, Any]:
        return plain(answer._asdict())

    def labels(self, answer: Localized) -> list[str]:
        return [answer.label]

    def told(self, answer: Localized, *, truth: bool = False) -> str:
        return f"{answer.label}{'' if truth else f' {answer.probability:.1%}'} at {_corners(answer.box)}"


class SegmentTask(Task):
    """The class of every pixel."""

    name, line, figure = "segment", "which class each pixel is", "mean_iou"
    epochs = 40

    def check(self, data: Dataset) -> None:
        if not _label_maps(data):
            other = "" if data.boxes is None else " It has boxes, for detection."
            raise DataError(f"{data.name}: has no label maps, and segmentation learns the class of every pixel.{other}")

    def network(self, base: Model, data: Dataset) -> Model:
        return uafm(base, len(data.classes or ()) or int(np.asarray(data.y).max()) + 1)

    def learning(self, model: Model, data: Dataset, *, learnt: bool = False) -> dict[str, Any]:
        logits = model.answers.activation is None
        loss = SegmentationLoss(data.ignored, from_logits=logits)
        return {
            "loss": loss,
            "metrics": [metrics.MeanIoU(ignore_class=data.ignored), metrics.fitting(model.answers, loss)],
        }

    def answers(self, model: Model, pictures: Any, *, engine: str = "auto") -> list[LabelMap]:
        return segment(model, pictures, engine=engine)

    def judge(self, model: Model, data: Dataset, *, engine: str = "auto") -> Judged:
        self.check(data)
        data = model.intake.dataset(data)
        truth = np.asarray(data.y)
        count = model.answers.count
        names = model.intake.class_names(count)
        beyond = (truth < 0) | (truth >= count)
        if data.ignored is not None:
            beyond &= truth != data.ignored
        if beyond.any():
            first = int(truth[beyond][0])
            raise DataError(
                f"{data.name}: its masks have the label {first} on {plural(int((truth == first).sum()), 'pixel')}, and the "
                f"model knows {plural(count, 'class')}, numbered from 0. If that label counts for nothing, say so: "
                f"ignored={first}, --ignored {first}."
            )
        table, said, off = np.zeros((count, count), np.int64), [], []
        for start in range(0, len(data), TOGETHER):
            scores = model.predict(data.x[start : start + TOGETHER], engine=engine)
            for labels, true in zip(scores.argmax(-1), truth[start : start + TOGETHER], strict=True):
                counted = np.ones(true.shape, bool) if data.ignored is None else true != data.ignored
                pairs = true[counted] * count + labels[counted]
                table += np.bincount(pairs, minlength=count * count).reshape(count, count)
                off.append(float((labels[counted] != true[counted]).mean()) if counted.any() else 0.0)
                said.append(LabelMap(labels.astype(np.uint8 if count <= 256 else np.int64), tuple(names)))
        counts = shares.ClassCounts.of_matrix(table)
        each, there = shares.iou(counts), counts.occurs
        classes = {
            name: {"pixels": int(pixels), "iou": float(value) if occurs else None}
            for name, pixels, value, occurs in zip(names, counts.true, each, there, strict=True)
        }
        figures = {
            "mean_iou": float(each[there].mean()) if there.any() else 0.0,
            "pixel_accuracy": float(counts.right.sum() / max(table.sum(), 1)),
            "classes": classes,
        }
        rows = [
            (name, f"{one['pixels']:,}", "-" if one["iou"] is None else f"{one['iou']:.4f}")
            for name, one in classes.items()
        ]
        return Judged(plain(figures), said, np.array(off), ("class", "pixels", "IoU"), rows, data)

    def truth(self, data: Dataset, number: int, names: Sequence[str]) -> LabelMap:
        labels = np.asarray(data.y)[number]
        return LabelMap(labels if data.ignored is None else np.where(labels == data.ignored, -1, labels), tuple(names))

    def drawn(
        self, picture: np.ndarray, answer: LabelMap, names: Sequence[str], *, truth: bool = False, times: int = 1
    ) -> np.ndarray:
        return label_map_on(enlarged(picture, times), enlarged(answer.labels, times), names)

    def facts(self, answer: LabelMap) -> dict[str, Any]:
        return plain({"shares": answer.shares})

    def labels(self, answer: LabelMap) -> list[str]:
        return list(answer.shares)

    def told(self, answer: LabelMap, *, truth: bool = False) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in answer.shares.items()) or "nothing"


class DetectTask(Task):
    """Any number of things in each picture: the class and the box of each."""

    name, line, figure = "detect", "which things are there, and where", "map50"
    epochs = 60

    def check(self, data: Dataset) -> None:
        if data.boxes is None or not sum(map(len, data.boxes)):
            other = " It has label maps, for segmentation." if _label_maps(data) else ""
            raise DataError(f"{data.name}: has no boxes, and detection learns where things are.{other}")

    def network(self, base: Model, data: Dataset) -> Model:
        return detector(base, len(data.classes or ()) or 1)

    def learning(self, model: Model, data: Dataset, *, learnt: bool = False) -> dict[str, Any]:
        layer = _boxes_layer(model)
        loss = YoloLoss(layer) if isinstance(layer, YoloBoxes) else loss_for(layer, learnt)
        return {"loss": loss, "metrics": [MeanAveragePrecision(layer)]}

    def settle(self, model: Model, data: Dataset) -> None:
        model.decoding = replace(model.decoding, least=None)
        confidence = self.judge(model, data).figures["confidence"]
        model.decoding = replace(model.decoding, least=min(max(float(confidence), USUAL_LEAST), 1.0))

    def answers(self, model: Model, pictures: Any, *, engine: str = "auto") -> list[list[Detection]]:
        return detect(model, pictures, engine=engine)

    def judge(self, model: Model, data: Dataset, *, engine: str = "auto") -> Judged:
        self.check(data)
        data = model.intake.dataset(data)
        names = model.intake.class_names(model.answers.classes)
        flags = data.box_ignored or [None] * len(data)
        there = [Truth(*each) for each in zip(data.boxes or (), data.box_labels or (), flags, strict=True)]
        found = find(model, data, replace(model.decoding, least=None), engine=engine)
        # a score that was chosen was chosen on other pictures than these
        made = average_precision(there, found, names, confidence=model.decoding.least)
        least = made.confidence
        off = []
        for truth, all_found in zip(there, found, strict=True):
            sure = type(all_found)(*(part[all_found.scores >= least] for part in all_found))
            which, seen = matched(truth, sure)
            missed = int((~seen & (np.ones(len(seen), bool) if truth.ignored is None else ~truth.ignored)).sum())
            off.append(missed + int((which == -1).sum()))
        classes = {
            name: {"boxes": made.counts[name], "ap50": made.classes[name], "ap": made.classes_mean[name]}
            for name in names
        }
        figures = {
            "map50": made.at50,
            "map": made.mean,
            "confidence": made.confidence,
            "precision": made.precision,
            "recall": made.recall,
            "f1": made.f1,
            "sizes": made.sizes,
            "classes": classes,
        }
        rows = [
            (name, f"{each['boxes']:,}", *(("-" if v is None else f"{v:.4f}") for v in (each["ap50"], each["ap"])))
            for name, each in classes.items()
        ]
        shown = [named(type(each)(*(part[each.scores >= least] for part in each)), names) for each in found]
        heads = ("class", "boxes", "AP at 0.5", "AP over 0.5 to 0.95")
        curves = {name: (each.recall, each.precision) for name, each in made.curves.items()}
        return Judged(plain(figures), shown, np.array(off, np.float64), heads, rows, data, curves)

    def truth(self, data: Dataset, number: int, names: Sequence[str]) -> list[Detection]:
        assert data.boxes is not None
        assert data.box_labels is not None
        boxes, labels = data.boxes[number], data.box_labels[number]
        return named(Detections(boxes, np.ones(len(boxes)), labels), names)

    def drawn(
        self, picture: np.ndarray, answer: list[Detection], names: Sequence[str], *, truth: bool = False, times: int = 1
    ) -> np.ndarray:
        boxes = np.array([one.box for one in answer]).reshape(-1, 4) * times
        # of many the first of each class has its name, and the colour says it of the others
        first = {one.label: i for i, one in reversed(list(enumerate(answer)))}
        named_too = [len(answer) <= MANY or first[one.label] == i for i, one in enumerate(answer)]
        words = [
            " ".join([one.label] * said + ([] if truth else [f"{one.score:.0%}"]))
            for one, said in zip(answer, named_too, strict=True)
        ]
        return boxes_on(enlarged(picture, times), boxes, words, [_number(names, one.label) for one in answer])

    def facts(self, answer: list[Detection]) -> dict[str, Any]:
        return {"boxes": [plain(one._asdict()) for one in answer]}

    def labels(self, answer: list[Detection]) -> list[str]:
        return [one.label for one in answer]

    def told(self, answer: list[Detection], *, truth: bool = False) -> str:
        kinds: dict[str, int] = {}
        for one in answer:
            kinds[one.label] = kinds.get(one.label, 0) + 1
        if not answer:
            return "nothing found"
        surest = sorted(answer, key=lambda one: -one.score)
        each = [f"{one.label}{'' if truth else f' {one.score:.0%}'} at {_corners(one.box)}" for one in surest[:TOLD]]
        each += [f"{len(answer) - TOLD:,} more"] if len(answer) > TOLD else []
        return f"{', '.join(f'{count:,} {label}' for label, count in kinds.items())}: {'; '.join(each)}"


TASKS: dict[str, Task] = {task.name: task for task in (ClassifyTask(), LocalizeTask(), SegmentTask(), DetectTask())}


def task_named(name: str) -> Task:
    """The task of this name.  Raises ArgumentError for none.

    name   classify, localize, segment or detect
    """
    check_task(name)
    return TASKS[name]


def task_of(model: Model) -> Task:
    """What a network is for, read from its graph.

    model   any network
    """
    graph = model.graph.check()
    if sorted(graph.output_names) == ["box", "label"]:
        return TASKS["localize"]
    if model.answers.activation == "boxes":
        return TASKS["detect"]
    if len(graph.outputs) == 1 and len(graph.output_shapes[0]) == 3 and len(graph.input_shapes[0]) == 3:
        return TASKS["segment"]
    return TASKS["classify"]


def task_for(data: Dataset, asked: str | None = None) -> Task:
    """The task that a data set is for: what was asked for, else detection with boxes, segmentation with label maps.

    data    what is to be learnt from
    asked   a task's name, or None: guessed

    Raises DataError where the data have nothing for the task that was asked for, ArgumentError for a task that is none.
    """
    if asked is not None:
        task = task_named(asked)
        task.check(data)
        return task
    if _label_maps(data):
        return TASKS["segment"]
    if data.boxes is not None and data.y is None:
        return TASKS["detect"]
    return TASKS["classify"]


def _label_maps(data: Dataset) -> bool:
    return data.y is not None and data.y.dtype == np.int64 and data.y.ndim == 3


def _boxes_layer(model: Model) -> Any:
    """The layer of boxes that a network ends in; nested networks are looked into."""
    graph: Graph = model.graph.check()
    for node in reversed(graph.flat().nodes):
        if isinstance(node.layer, DistanceBoxes | YoloBoxes):
            return node.layer
    raise ArgumentError("detection needs a network that ends in layers.DistanceBoxes or layers.YoloBoxes.")


def _number(names: Sequence[str], label: str) -> int:
    return list(names).index(label) if label in names else len(names)


def _corners(box: Sequence[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in box)
