"""One page with everything that can be seen in a network and a picture."""

from __future__ import annotations

import html
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate import look
from striate.look.arguments import Progress, drawn, one_picture
from striate.look.explain.attributions import QUICK
from striate.look.pictures import Space, label_of
from striate.look.structure import spread, spread_maps
from striate.pages.sections import attempted
from striate.report.html import Section, write_page

if TYPE_CHECKING:
    from striate.data import Dataset
    from striate.model import Model


# How long a technique takes beside the others, about; 1 where it is not said.
_COST = {"attribution": 12, "inversion": 12, "maximised answers": 4, "lesions": 4}


def write_look(
    path: str | os.PathLike[str],
    model: Model,
    pictures: Any,
    *,
    data: Dataset | None = None,
    title: str | None = None,
    count: int | None = 300,
    seed: int = 0,
    progress: Progress | None = None,
) -> Path:
    """Write one self-contained page with every technique on a picture, and on a data set where one is given.

    path      where to; it is returned
    model     a network of one input (H, W, 1 or 3)
    pictures  one: a file, a PIL image, an array (H, W, C) or (1, H, W, C)
    data      a Dataset with classes, for what looks at a data set; None: that is left out
    title     of the page; None: by the model's name
    count     so many of the data, each class with its share; None: all
    seed      of all that is drawn at random
    progress  called as progress(done, whole), in parts that take about as long

    Settings are chosen so that a MobileNet takes less than a minute on two cores without `data`.  A technique that does not
    apply to the network (paths in a plain net, say) has its reason in its place.  The model stays as it is.  Raises
    DataError for what is not one picture.
    """
    pixels = one_picture(Space.of(model), pictures)
    examples = None if data is None else drawn(data, None, count, seed)[0]
    answers = model.predict(pixels)
    answers = answers[0] if isinstance(answers, list) else answers
    if answers.ndim == 2:
        answers = model.answers.by_class(answers)
    sections, begun = [], time.perf_counter()
    jobs = dict(_jobs(model, pictures, pixels, examples, answers, seed))
    whole, done = 1000 * sum(_COST.get(name, 1) for name in jobs), 0
    for name, job in jobs.items():
        started, share = time.perf_counter(), 1000 * _COST.get(name, 1)
        told = None if progress is None else _within(progress, done, share, whole)
        section = attempted(name, partial(job, told))
        section.note += f" Took {time.perf_counter() - started:.1f} s."
        sections.append(section)
        done += share
        if progress is not None:
            progress(done, whole)
    headline = [("weights", f"{model.size().weights:,}")]
    if answers.ndim == 2:
        best = label_of(model, int(answers[0].argmax())).split(",")[0]
        headline.append(("answer", f"{best}, {answers[0].max():.1%}"))
    headline.append(("made in", f"{time.perf_counter() - begun:.0f} s"))
    sections.append(Section("network", "The network", body=f"<pre>{html.escape(str(model.size()))}</pre>"))
    return write_page(path, title or f"Inside {model.name or 'the network'}", headline, sections)


def _within(progress: Progress, before: int, share: int, whole: int) -> Progress:
    """Progress of one technique, which is `share` of the whole and begins at `before`."""
    return lambda done, of: progress(before + share * done // max(1, of), whole)


def _jobs(
    model: Model, photo: Any, pixels: np.ndarray, data: Dataset | None, answers: np.ndarray, seed: int
) -> Iterator[tuple[str, Callable[[Progress | None], look.Look]]]:
    """What is looked at, in the order of the page."""
    yield "filters", lambda _: look.filters(model)
    yield "activation maps", lambda _: look.maps(model, pixels, spread_maps(model, 9))
    yield (
        "attribution",
        lambda go: look.attributions(model, photo, method=QUICK, steps=16, stages=(0.2, 1.0), seed=seed, progress=go),
    )
    yield "grad-CAM", lambda go: look.gradcam(model, photo, check=True, seed=seed, progress=go)
    if answers.ndim == 2:
        order = [int(i) for i in answers[0].argsort()[::-1]]
        other = order[min(len(order) - 1, 5)]
        yield "maximised answers", lambda go: look.maximise(model, order[:2], steps=64, seed=seed, progress=go)
        yield "adversarial", lambda go: look.adversarial(model, pixels, other, steps=12, seed=seed, progress=go)
    small = max(256, *model.graph.input_shapes[0][:2])
    yield "dream", lambda go: look.dream(model, photo, steps=6, octaves=2, largest=small, seed=seed, progress=go)
    yield "inversion", lambda go: look.invert(model, pixels, spread(model, 4), steps=100, seed=seed, progress=go)
    yield "paths", lambda go: look.paths(model, pixels, samples=2, seed=seed, progress=go)
    if data is None:
        return
    yield "dead maps", lambda go: look.dead(model, data, progress=go)
    yield "neighbours", lambda go: look.neighbours(model, data, queries=pixels, progress=go)
    yield "feature map", lambda go: look.feature_map(model, data, seed=seed, progress=go)
    yield "patches", lambda go: look.patches(model, data, progress=go)
    yield "lesions", lambda go: look.lesions(model, data, draws=1, swaps=3, count=None, seed=seed, progress=go)
    yield "loss along a line", lambda go: look.line(model, data, steps=11, count=None, seed=seed, progress=go)
