"""How good detections are: average precision over recall, as COCO counts it, and the confidence to cut at.

Lin et al., "Microsoft COCO" (2014), and the evaluation code that goes with it; faster-coco-eval does the counting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from striate.described import whole
from striate.errors import DataError
from striate.extras import extra
from striate.tasks.boxes import area
from striate.tasks.matching import Detections, Truth, checked_pairs, class_matches, flags_of, matched

__all__ = ["AveragePrecision", "PrecisionRecall", "Detections", "Truth", "average_precision", "matched"]

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))  # COCO's ten overlaps
RECALLS = np.linspace(0, 1, 101)
_HUGE = math.inf  # COCO ends at 1e10 square pixels, beyond which a box would be there and count for nothing
SIZES = {"all": (0.0, _HUGE), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, _HUGE)}


class PrecisionRecall(NamedTuple):
    """Precision and recall of a class at overlap 0.5, one point for each detection, the surest first.

    scores      (n,) of the detections
    precision   (n,) right ones among those down to this score
    recall      (n,) found ones among all there are
    """

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


@dataclass(frozen=True)
class AveragePrecision:
    """Figures of detections over pictures; a class without a box that counts is None and counts for nothing.

    at50        mean over the classes of the average precision at overlap 0.5: mAP@.5
    mean        the same over the overlaps 0.5, 0.55 … 0.95: mAP@[.5:.95], COCO's figure
    classes     of each class by name its average precision at 0.5, or None
    classes_mean   of each class over the ten overlaps, or None
    sizes       mean over classes and overlaps of boxes below 32 x 32 pixels, up to 96 x 96, and larger; None where there
                are none
    counts      how many boxes each class has that count
    curves      of each class with boxes
    confidence  the score from which f1, precision and recall count: the one that was asked for, else where f1 is highest
    f1          the mean over the classes of each one's F1 at that score
    precision, recall   the means over the classes at that score
    """

    at50: float | None
    mean: float | None
    classes: dict[str, float | None]
    classes_mean: dict[str, float | None]
    sizes: dict[str, float | None]
    counts: dict[str, int]
    curves: dict[str, PrecisionRecall]
    confidence: float
    f1: float
    precision: float
    recall: float

    def __str__(self) -> str:
        width = max([5, *map(len, self.classes)])
        lines = [f"{'class':{width}}  boxes  AP@.5  AP@[.5:.95]"]
        for name, value in self.classes.items():
            both = (value, self.classes_mean[name])
            lines.append(f"{name:{width}}  {self.counts[name]:5}  {_shown(both[0]):>5}  {_shown(both[1]):>11}")
        total = sum(self.counts.values())
        lines.append(f"{'mean':{width}}  {total:5}  {_shown(self.at50):>5}  {_shown(self.mean):>11}")
        return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def average_precision(
    truth: Sequence[Truth],
    found: Sequence[Detections],
    names: Sequence[str],
    *,
    most: int = 100,
    confidence: float | None = None,
) -> AveragePrecision:
    """Average precision of what was found in pictures.

    truth   of each picture
    found   in each picture, in the same order
    names   of the classes
    most    how many detections of a picture and class count, the surest first; COCO's 100
    confidence   the score from which detections count for f1, precision and recall; None: where f1 is highest

    Overlaps do not change when a picture is stretched, so boxes may be in pixels of the photo or of what the network sees;
    "sizes" go by the pixels that are given.  A detection that lies by half in a box that is ignored counts for nothing.
    Raises DataError where the two do not go together, a class number has no name, or two classes have one; ArgumentError
    for `most` below 1.
    """
    names = [str(name) for name in names]
    if len(set(names)) < len(names):
        raise DataError(f"average_precision: classes have a name each; two of {', '.join(names)} are the same.")
    most = whole("average_precision", "most", most)
    checked = checked_pairs(truth, found, len(names))
    precision = _coco(checked, len(names), most)
    counts = np.zeros(len(names), int)
    for there, _ in checked:
        counts += np.bincount(there.classes[~flags_of(there)], minlength=len(names))
    curves = {names[k]: _curve(checked, k, int(counts[k]), most) for k in range(len(names)) if counts[k]}
    at50 = [_mean(precision[0, :, k, 0]) for k in range(len(names))]
    spread = [_mean(precision[:, :, k, 0]) for k in range(len(names))]
    confidence, figures = _best(list(curves.values()), confidence)
    return AveragePrecision(
        at50=_mean(precision[0, :, :, 0]),
        mean=_mean(precision[:, :, :, 0]),
        classes=dict(zip(names, at50, strict=True)),
        classes_mean=dict(zip(names, spread, strict=True)),
        sizes={name: _mean(precision[:, :, :, i]) for i, name in enumerate(SIZES) if i},
        counts=dict(zip(names, counts.tolist(), strict=True)),
        curves=curves,
        confidence=confidence,
        f1=figures[0],
        precision=figures[1],
        recall=figures[2],
    )


def _coco(pairs: Sequence[tuple[Truth, Detections]], classes: int, most: int) -> np.ndarray:
    """Precision (overlaps, 101 recalls, classes, sizes), -1 where a class has no box that counts.

    Numbers of boxes begin at 1, since the code takes 0 for "found nothing"; each says whether it is a crowd.
    """
    library = extra("faster_coco_eval", "detect", "average precision")
    there: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []
    for picture, (truth, found) in enumerate(pairs, start=1):
        rows = zip(truth.boxes, truth.classes, flags_of(truth), area(truth.boxes), strict=True)
        for box, label, crowd, size in rows:
            there.append(_entry(len(there) + 1, picture, box, label, size) | {"iscrowd": int(crowd)})
        for box, score, label, size in zip(*found, area(found.boxes), strict=True):
            seen.append(_entry(len(seen) + 1, picture, box, label, size) | {"score": float(score)})
    pictures = [{"id": i} for i in range(1, len(pairs) + 1)]
    categories = [{"id": k, "name": str(k)} for k in range(1, classes + 1)]
    if not there or not seen:
        have = np.full(classes, -1.0)
        for entry in there:
            have[entry["category_id"] - 1] = max(have[entry["category_id"] - 1], -entry["iscrowd"])
        return np.broadcast_to(have[None, None, :, None], (len(THRESHOLDS), len(RECALLS), classes, len(SIZES)))
    truth_set = library.COCO({"images": pictures, "categories": categories, "annotations": there})
    found_set = truth_set.loadRes(seen)
    judge = library.COCOeval_faster(truth_set, found_set, iouType="bbox", print_function=lambda *_: None)
    judge.params.maxDets, judge.params.iouThrs = [most], np.array(THRESHOLDS)
    judge.params.areaRng, judge.params.areaRngLbl = [list(span) for span in SIZES.values()], list(SIZES)
    judge.evaluate()
    judge.accumulate()
    return np.asarray(judge.eval["precision"])[..., 0]


def _entry(number: int, picture: int, box: np.ndarray, label: Any, size: Any) -> dict[str, Any]:
    left, top, right, bottom = box.tolist()
    where = [left, top, right - left, bottom - top]
    return {"id": number, "image_id": picture, "category_id": int(label) + 1, "bbox": where, "area": float(size)}


def _mean(values: np.ndarray) -> float | None:
    counted = values[values > -1]
    return float(counted.mean()) if counted.size else None


def _curve(pairs: Sequence[tuple[Truth, Detections]], label: int, count: int, most: int) -> PrecisionRecall:
    """The points of a class over all pictures."""
    every, hits, _ = class_matches(pairs, label, most)
    order = np.argsort(-every, kind="stable")
    every, hits = every[order], hits[order]
    found_so_far = np.cumsum(hits)
    return PrecisionRecall(every, found_so_far / np.arange(1, len(hits) + 1), found_so_far / count)


def _best(
    curves: Sequence[PrecisionRecall], confidence: float | None = None
) -> tuple[float, tuple[float, float, float]]:
    """The score with the highest mean F1, the lowest of equals, or the one asked for; that F1, precision and recall."""
    asked = [] if confidence is None else [confidence]
    scores = np.unique(np.concatenate([np.zeros(0), *(curve.scores for curve in curves if not asked), np.array(asked)]))
    if not len(scores):
        return 0.0, (0.0, 0.0, 0.0)
    precision, recall = np.zeros((2, len(curves), len(scores)))
    for k, curve in enumerate(curves):
        down_to = np.searchsorted(-curve.scores, -scores, side="right")  # how many detections are at least so sure
        some = down_to > 0
        precision[k, some] = curve.precision[down_to[some] - 1]
        recall[k, some] = curve.recall[down_to[some] - 1]
    together = precision + recall
    f1 = np.where(together > 0, 2 * precision * recall / np.where(together > 0, together, 1), 0).mean(0)
    best = int(f1.argmax())
    return float(scores[best]), (float(f1[best]), float(precision[:, best].mean()), float(recall[:, best].mean()))
