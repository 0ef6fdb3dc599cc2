"""What the report of a run says of tasks that find things in pictures, or their pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from striate.report import figures, tiles
from striate.report.html import Section, both, image, side_by_side, table
from striate.report.precision_recall import precision_recall
from striate.tasks.kinds import task_of
from striate.wording import plural

if TYPE_CHECKING:
    from striate.data import Dataset
    from striate.model import Model
    from striate.tasks.task import Judged, Task

WORST = 12
SIDE = 360  # dots of a picture's longer side
_GAP = 6  # dots between truth and answer

WORDS = {
    "map50": "mAP at overlap 0.5",
    "map": "mAP over 0.5 to 0.95",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "confidence": "score that counts as found",
    "box_iou": "mean IoU of boxes",
    "label_accuracy": "class right",
    "found": "class right, IoU 0.5",
    "mean_iou": "mean IoU",
    "pixel_accuracy": "pixels right",
}
_MEANINGS = {
    "detect": (
        "A detection is right where it overlaps a box of its class by half or more (IoU 0.5) that no surer one has found. "
        "AP is the mean precision over all recalls; mAP its mean over the classes."
    ),
    "localize": "IoU: the area that answer and truth share, of the area that they cover together.",
    "segment": (
        "IoU of a class: the pixels that are it and are called it, of those that are it or are called it. A class that is "
        "nowhere counts for nothing."
    ),
}


def judged_task(model: Model, test: Dataset) -> tuple[list[tuple[str, str]], list[Section]]:
    """Headline figures and sections of a model of a task other than classification.

    model   of the task
    test    held-out pictures with targets
    """
    task = task_of(model)
    made = task.judge(model, test)
    known = [(words, made.figures[key]) for key, words in WORDS.items() if isinstance(made.figures.get(key), float)]
    headline = [(words, f"{value:.4f}") for words, value in known]
    headline.append(("held-out " + test.kind, f"{len(made.answers):,}"))
    sections = [Section("classes", "Per class", _MEANINGS[task.name], table(made.heads, made.rows))]
    if made.curves:
        drawn = [figures.to_svg(precision_recall(made.curves, dark=dark)) for dark in (False, True)]
        note = (
            f"A point for each detection, the surest at the left. What counts as found has a score of at least "
            f"{made.figures['confidence']:.2f}: precision, recall and F1 are means over the classes from "
            "there on, and so are the answers below drawn."
        )
        picture = both(drawn[0], drawn[1], "precision and recall")
        sections.append(Section("recall", "Precision and recall", note, f"<figure>{picture}</figure>"))
    return headline, [*sections, _worst(task, made, model, test)]


def _worst(task: Task, made: Judged, model: Model, test: Dataset) -> Section:
    """The pictures whose answers are furthest off: what is there beside what was said."""
    section = Section("mistakes", "Worst pictures")
    some = made.judged if made.judged is not None else test
    order = [int(i) for i in np.argsort(-made.off, kind="stable") if made.off[i] > 0][:WORST]
    if not order:
        section.note = "There are none: every held-out answer is right."
        return section
    section.note = f"{plural(len(order), 'picture')}, the worst first: left what is there, right what the network says."
    names, cards = model.intake.class_names(model.answers.classes), []
    for i in order:
        pixels = tiles.as_picture(some.x[i])
        if pixels is None:
            continue
        times = max(1, SIDE // max(pixels.shape[:2]))
        truth = task.drawn(pixels, task.truth(some, i, names), names, truth=True, times=times)
        answer = task.drawn(pixels, made.answers[i], names, times=times)
        gap = np.full((len(truth), _GAP, 3), 255, np.uint8)
        both_of = np.concatenate([truth, gap, answer], axis=1)
        where = Path(some.paths[i]).name if some.paths else f"example {i}"
        shown = image(*tiles.encoded(both_of, 2 * SIDE), f"truth and answer: {where}")
        cards.append((shown, [where, f"off by {made.off[i]:.4g}" if task.name != "detect" else _errors(made.off[i])]))
    section.body = side_by_side(cards, "pairs")
    return section


def _errors(count: float) -> str:
    return f"{plural(int(count), 'mistake')}: missed, or found where nothing is"
