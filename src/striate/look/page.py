"""One page with everything that can be seen in a network and a picture."""

from __future__ import annotations

import html
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.errors import StriateError
from striate.look.attacks.adversarial import adversarial
from striate.look.explain.attributions import QUICK, attributions
from striate.look.explain.gradcam import gradcam
from striate.look.features.feature_map import feature_map
from striate.look.features.filters import filters
from striate.look.features.maps import dead, maps
from striate.look.features.neighbours import neighbours
from striate.look.features.patches import patches
from striate.look.landscape.lesions import lesions
from striate.look.landscape.paths import paths
from striate.look.landscape.surface import line
from striate.look.paint.dream import dream
from striate.look.paint.invert import invert, spread
from striate.look.paint.maximise import maximise
from striate.look.pictures import Space, label_of
from striate.look.result import Look
from striate.report.html import Section, write_page

if TYPE_CHECKING:
    from striate.data import Dataset
    from striate.model import Model

Progress = Callable[[int, int], None]


def everything(
    model: Model,
    picture: Any,
    path: str | os.PathLike[str],
    *,
    data: Dataset | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write one self-contained page: every technique on one picture, and with `data` (labelled, some hundred pictures are
    enough) those that look at a data set.

    Settings are chosen so that a MobileNet takes less than a minute on two cores without `data`.  A technique that does not
    apply to the network (paths in a plain net, say) has its reason in its place.  The model stays as it is.
    """
    space = Space.of(model)
    pixels = space.pixels(picture)[:1]
    answers = model.predict(pixels)
    answers = answers[0] if isinstance(answers, list) else answers
    names = [label_of(model, int(i)) for i in answers[0].argsort()[::-1][:5]] if answers.ndim == 2 else []
    jobs = dict(_jobs(model, picture, pixels, data, answers))
    sections, begun = [], time.perf_counter()
    for done, (name, job) in enumerate(jobs.items(), 1):
        started = time.perf_counter()
        try:
            section = job().section()
        except StriateError as error:
            section = Section(name.replace(" ", "-"), name.capitalize(), f"Left out: {error}")
        section.note += f" Took {time.perf_counter() - started:.1f} s."
        sections.append(section)
        if progress is not None:
            progress(done, len(jobs))
    headline = [("weights", f"{model.size().weights:,}")]
    if answers.ndim == 2:
        headline.append(("answer", f"{names[0].split(',')[0]}, {answers[0].max():.1%}"))
    headline.append(("made in", f"{time.perf_counter() - begun:.0f} s"))
    sections.append(Section("network", "The network", body=f"<pre>{html.escape(str(model.size()))}</pre>"))
    return write_page(path, title or f"Inside {model.name or 'the network'}", headline, sections)


def _jobs(
    model: Model, picture: Any, pixels: Any, data: Dataset | None, answers: Any
) -> Iterator[tuple[str, Callable[[], Look]]]:
    """What is looked at, in the order of the page."""
    yield "filters", lambda: filters(model)
    shapes = {node.name: node.shape for node in model.graph.flat().nodes}
    mapped = [name for name in spread(model, 9) if len(shapes[name]) == 3]
    yield "activation maps", lambda: maps(model, pixels, mapped)
    methods: Mapping[str, Any] = QUICK
    yield "attribution", lambda: attributions(model, pixels, methods, steps=16, stages=(0.2, 1.0))
    yield "grad-CAM", lambda: gradcam(model, pixels, check=True)
    if answers.ndim == 2:
        top = [int(i) for i in answers[0].argsort()[::-1][:2]]
        yield "maximised answers", lambda: maximise(model, top, steps=64)
        other = int(answers[0].argsort()[::-1][min(answers.shape[1] - 1, 5)])
        yield "adversarial", lambda: adversarial(model, pixels, target=other, steps=12)
    photo = picture[0] if isinstance(picture, list) else picture
    small = max(256, *model.graph.input_shapes[0][:2])
    yield "dream", lambda: dream(model, photo, steps=6, octaves=2, largest=small)
    yield "inversion", lambda: invert(model, pixels, spread(model, 4), steps=100)
    yield "paths", lambda: paths(model, pixels, samples=2)
    if data is None:
        return
    yield "dead maps", lambda: dead(model, data)
    yield "neighbours", lambda: neighbours(model, data, pixels)
    yield "feature map", lambda: feature_map(model, data)
    yield "patches", lambda: patches(model, data, mapped[len(mapped) // 2])
    yield "lesions", lambda: lesions(model, data, draws=1, swaps=3)
    yield "loss along a line", lambda: line(model, data, steps=11)
