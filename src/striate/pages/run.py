"""report.html: one self-contained page about a run."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate import look
from striate.errors import DataError
from striate.look.structure import convolution
from striate.pages.answered import Answered
from striate.pages.sections import attempted
from striate.pages.tasks import judged_task
from striate.report import figures, tiles
from striate.report.html import Section, both, image, side_by_side, table, write_page
from striate.tasks.kinds import task_of
from striate.train.metrics import interval, per_class_report
from striate.weights.card import told
from striate.wording import inner, plural, some

if TYPE_CHECKING:
    from striate.data import Dataset
    from striate.model import Model
    from striate.size import Size

MISTAKES = 24
NOTES = 40  # lines about the data
PANEL = 3.3  # inches of a curve: read on a telephone, and two in a row on a page
DOTS, READ = 96, 0.75  # a browser's dots an inch; how far a drawing may shrink until its letters are too small to read
SIDE = 300  # dots of a mistake's longer side, shown on half as many

MEANINGS = (
    "Precision: of the answers that name the class, how many are right. Recall: of the examples of the class, how many are "
    "found. F1: 2 · precision · recall / (precision + recall), high only where both are. Support: examples of the class. "
    "Means: macro counts each class alike, weighted each by its support, micro each answer alike; with one answer an "
    "example, micro is the share of right ones."
)


def write_report(
    path: str | os.PathLike[str],
    model: Model,
    test: Dataset | None,
    *,
    history: Mapping[str, Sequence[float]],
    title: str | None = None,
    seconds: float | None = None,
    facts: Mapping[str, Any] | None = None,
    skipped: Sequence[Any] = (),
    notes: Sequence[str] = (),
    stages: Sequence[tuple[str, int]] = (),
    answered: Answered | None = None,
    page: str | None = None,
) -> Path:
    """Write the page to `path` and return it.

    test     the held-out examples that the model is judged on; None leaves those parts out
    history  ``History.history``
    facts    what to list about the training
    skipped  files that could not be read, (path, reason), besides those of `test`
    notes    what was mended or left out when the data were read, besides those of `test`
    stages   parts of the training, (name, epochs) each, that the curves show apart
    answered what the model says on `test`, where that is known already
    page     the name of the explorer's file beside this one, where there is one

    Everything that depends on the answers is computed from one prediction over `test`.  The page loads nothing: it can be
    mailed, printed and read without a network.
    """
    name = title or model.name or "model"
    sections = [_curves(history, stages)]
    headline: list[tuple[str, str]] = []
    if test is not None:
        test = model.intake.dataset(test)  # as the model sees it, its classes in the order of the outputs
        judged, judged_sections = _judged(model, test, answered)
        headline += judged
        sections += judged_sections
    sections += _inside(model, test)
    sections.append(_look_into(page))
    size = model.size(batch_size=int((facts or {}).get("batch_size", 1) or 1))
    headline += [("weights", f"{size.weights:,}"), ("multiplications", f"{size.mults:,}")]
    if seconds is not None:
        headline.append(("trained in", f"{seconds:.1f} s"))
    if facts:
        sections.append(Section("training", "Training", body=table(["setting", "value"], told(facts))))
    lost = list(dict.fromkeys((*skipped, *(test.skipped if test is not None else ()))))
    if lost:
        note = f"{plural(len(lost), 'file')} could not be read and had no part in the run."
        rows = [(str(file), str(reason)) for file, reason in lost]
        sections.append(Section("skipped", "Skipped files", note, table(["file", "why"], rows)))
    said = list(dict.fromkeys((*notes, *(test.notes if test is not None else ()))))
    if said:
        lines = [(line,) for line in said[:NOTES]] + (
            [(f"… and {len(said) - NOTES} more",)] if len(said) > NOTES else []
        )
        body = table(["what was mended or left out"], lines)
        sections.append(Section("notes", "Notes on the data", "`striate data check` lists all of it.", body))
    sections.append(Section("network", "The network", body=f'<div class="diagram">{model.draw(title="")}</div>'))
    sections.append(_size(size))
    return write_page(path, name, headline, sections)


def _size(size: Size) -> Section:
    """The totals, and the table of the layers, which is folded as long as nobody asks."""
    section = Section("size", "Size", "Every number is computed from the description; see `striate explain`.")
    layers = plural(len(size.rows), "layer")
    section.body = f"<pre>{html.escape(size.totals())}</pre>"
    section.body += (
        f"<details><summary>The table of its {layers}</summary><pre>{html.escape(str(size))}</pre></details>"
    )
    return section


# -- parts ------------------------------------------------------------------------------------------------------------
def _look_into(page: str | None) -> Section:
    """The way to the explorer."""
    section = Section("page", "Look into it")
    if page is None:
        section.note = (
            "`striate page` with the name of this folder writes the network as one file to look into: its picture and "
            "sizes, and of a classifier every map for any picture, why it answers so, and the held-out pictures."
        )
    else:
        section.note = "Every map for any picture, why the network answers so, and the held-out pictures:"
        section.body = f'<p><a href="{html.escape(page)}">{html.escape(page)}</a></p>'
    return section


def _curves(history: Mapping[str, Sequence[float]], stages: Sequence[tuple[str, int]]) -> Section:
    section = Section("curves", "Learning curves")
    panels = figures.paired(history)
    if not panels:
        section.note = "No epoch was trained, so there is nothing to draw."
        return section
    epochs = max(len(values) for values in history.values())
    section.note = f"{plural(epochs, 'epoch')}; blue is training, orange is held out."
    if sum(1 for _, each in stages if each) > 1:
        section.note += " A dashed line stands where one stage ends and the next begins."
    drawn = []
    for name in list(panels)[: figures.PANELS]:  # a drawing each, so that none is made smaller than it is read
        own = {key: values for key, values in history.items() if key.removeprefix("val_") == name}
        light, dark = (figures.to_svg(figures.curves(own, dark=d, stages=stages, width=PANEL)) for d in (False, True))
        drawn.append(f"<figure>{both(light, dark, f'learning curve: {name}')}</figure>")
    section.body = f'<div class="curves">{"".join(drawn)}</div>'
    return section


def _judged(model: Model, test: Dataset, answered: Answered | None) -> tuple[list[tuple[str, str]], list[Section]]:
    """Headline figures and sections that come from the answers on `test`."""
    if task_of(model).name != "classify":
        return judged_task(model, test)
    try:
        answered = Answered.of(model, test) if answered is None else answered
    except DataError as error:
        why = f"Confusion, scores and mistakes are left out: {inner(error)}."
        return [], [Section("judged", "Answers", why)]
    names, labels, answers, losses = answered.names, answered.labels, answered.answers, answered.losses
    right, count = answered.right, len(answered.names)
    told = per_class_report(labels, answers, count, names)
    low, high = interval(int(right.sum()), len(labels))
    headline = [
        ("right", f"{right.mean():.2%}"),
        ("95 % interval", f"{100 * low:.1f} to {100 * high:.1f} %"),
        ("held-out " + test.kind, f"{len(labels):,}"),
        ("loss", f"{losses.mean():.4f}"),
        ("F1, macro", f"{told.macro[2]:.4f}"),
    ]
    drawn = [figures.confusion(told.matrix, names, dark=d) for d in (False, True)]
    light, dark = map(figures.to_svg, drawn)
    least = round(READ * DOTS * drawn[0].get_size_inches()[0])
    confusion = Section("confusion", "Confusion", "Rows are the true classes, columns the answers.")
    picture = both(light, dark, "confusion matrix")
    confusion.body = f'<div class="wide"><div style="min-width: {least}px">{picture}</div></div>'
    rows: list[tuple[str, ...]] = [
        (name, f"{p:.4f}", f"{r:.4f}", f"{f:.4f}", f"{n:,}")
        for name, p, r, f, n in zip(told.names, told.precision, told.recall, told.f1, told.support, strict=True)
    ]
    total = f"{int(told.support.sum()):,}"
    for kind in ("macro", "micro", "weighted"):
        rows.append((f"{kind} mean", *(f"{v:.4f}" for v in getattr(told, kind)), total))
    per_class = Section(
        "classes", "Per class", MEANINGS, table(["class", "precision", "recall", "F1", "support"], rows)
    )
    return headline, [confusion, per_class, _mistakes(test, answered)]


def _mistakes(test: Dataset, answered: Answered) -> Section:
    section = Section("mistakes", "Worst mistakes")
    worst = answered.worst[:MISTAKES]
    names, labels, probabilities = answered.names, answered.labels, answered.probabilities
    if not worst:
        section.note = "There are none: every held-out answer is right."
        return section
    told = some(len(worst), int((~answered.right).sum()), "wrong answer")
    section.note = f"{told[0].upper()}{told[1:]}, furthest off first." if len(worst) > 1 else f"{told}."
    pictures = [tiles.as_picture(test.x[i]) for i in worst]
    where = [str(test.paths[i]) if test.paths else f"example {i}" for i in range(len(labels))]
    lines = [
        (f"is {names[labels[i]]}", f"says {names[probabilities[i].argmax()]}, {probabilities[i].max():.1%}")
        for i in worst
    ]
    if found := [picture for picture in pictures if picture is not None]:
        cards = []
        for i, picture, said in zip(worst, found, lines, strict=True):
            shown = image(*tiles.encoded(picture, SIDE), f"mistake: {where[i]}")
            cards.append((shown, [*said, Path(where[i]).name]))
        section.body = side_by_side(cards, "mistakes")
    else:
        section.body = table(
            ["example", "truth", "answer"], [(where[i], *s) for i, s in zip(worst, lines, strict=True)]
        )
    return section


def _inside(model: Model, test: Dataset | None) -> list[Section]:
    """The first filters, and the maps that one held-out example gives, as ``striate.look`` shows them."""
    sections = []
    if any(convolution(node) for node in model.graph.flat().nodes):
        sections.append(attempted("filters", lambda: look.filters(model)))
    if test is not None and model.intake.takes_pictures:
        maps = attempted("maps", lambda: look.maps(model, test.subset([0])))
        maps.note = f"One held-out example, and how each layer answers it. {maps.note}"
        sections.append(maps)
    return sections
