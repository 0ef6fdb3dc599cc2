"""Every method that explains an answer, side by side: their maps, their scores, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from striate.errors import unknown
from striate.look.arguments import Progress, Target, listed, telling
from striate.look.explain.explanation import Explanation, Question, over, sheet
from striate.look.explain.gradcam import gradcam
from striate.look.explain.integrated import QUICK as QUICK_STEPS
from striate.look.explain.integrated import integrated
from striate.look.explain.occlusion import occlusion
from striate.look.explain.saliency import saliency
from striate.look.explain.sanity import STAGES, Method, Sanity, sanity
from striate.look.explain.scores import CENTRED, RANDOM, Scores, scores
from striate.look.pictures import Space
from striate.look.result import Look
from striate.report.style import plain
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

METHODS: dict[str, Method] = {
    "saliency": saliency,
    "deconvnet": partial(saliency, rule="deconvnet"),
    "guided backprop": partial(saliency, rule="guided"),
    "Grad-CAM": gradcam,
    "integrated gradients": integrated,
    "occlusion": occlusion,
}


def _coarse(model: Model, pictures: Any, target: Target | None = None) -> Explanation:
    """Occlusion without overlap: a quarter of the runs."""
    space = Space.of(model)
    window = tuple(max(1, side // 7) for side in space.shape[:2])
    return occlusion(model, pictures, target, window=window, stride=window)  # type: ignore[arg-type]


# For the sanity check, which needs each map many times.
QUICK: dict[str, Method] = METHODS | {
    "integrated gradients": partial(integrated, steps=QUICK_STEPS),
    "occlusion": _coarse,
}


@dataclass
class Attributions(Look):
    """The explanations of one question by several methods.

    explanations   {method: Explanation}
    scores         deletion and insertion, or None
    sanity         the check by randomised layers, or None
    """

    explanations: dict[str, Explanation]
    scores: Scores | None
    sanity: Sanity | None

    anchor: ClassVar[str] = "attribution"
    title: ClassVar[str] = "What an answer comes from"
    source: ClassVar[str] = "scores: Petsiuk et al. 2018; check: Adebayo et al. 2018"

    def note(self) -> str:
        one = next(iter(self.explanations.values()))
        asked = ", ".join(dict.fromkeys(plain(label, 40) for label in one.labels[:8]))
        text = f"Where the evidence for {asked} is, by {plural(len(self.explanations), 'method')}."
        return f"{text} {self.sanity.note()}" if self.sanity is not None else text

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]] | None:
        """Methods, deletion and insertion scores, the sanity check; the maps that know nothing last."""
        score = {row[0]: tuple(row[1:]) for row in self.scores.rows()[1]} if self.scores is not None else {}
        check = {row[0]: tuple(row[1:]) for row in self.sanity.rows()[1]} if self.sanity is not None else {}
        if not score and not check:
            return None
        heads = ("map", *(self.scores.rows()[0][1:] if self.scores is not None else ()))
        stages = tuple(self.sanity.rows()[0][1:]) if self.sanity is not None else ()
        names = [*self.explanations, *(name for name in (RANDOM, CENTRED) if name in score)]
        return (*heads, *stages), [
            (name, *score.get(name, ()), *check.get(name, ("",) * len(stages))) for name in names
        ]

    def figure(self) -> Figure:
        """A row a picture (4 at most): the picture, then each method's map over it."""
        first = next(iter(self.explanations.values()))
        shown = min(4, len(first.pictures))
        rows = [
            [first.pictures[i], *(over(one.pictures[i], one.map[i]) for one in self.explanations.values())]
            for i in range(shown)
        ]
        return sheet(rows, ["picture", *self.explanations], [plain(label, 34) for label in first.labels[:shown]])


def attributions(
    model: Model,
    pictures: Any,
    target: Target | None = None,
    *,
    method: str | Sequence[str] | Mapping[str, Method] | None = None,
    score: bool = True,
    check: bool = True,
    steps: int = 32,
    stages: Sequence[float] = STAGES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Attributions:
    """Several methods' explanations of the same answers, their scores, and which of them not to trust.

    model      a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures   files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target     a class: its number or name, for all pictures or one for each; None: the network's answer
    method     one of METHODS or several, or {name: function (model, pictures, target) -> Explanation}; None: all of METHODS
    score      deletion and insertion scores in `steps` parts, beside a random map and a centred one (``look.scores``)
    check      the parameter randomisation at `stages` (``look.sanity``)
    steps      into how many equal parts the scores cut the pixels
    stages     parts of the layers with weights, 0..1, that are random when the check looks
    seed       of the random map and of the randomised layers
    progress   called as progress(done, whole)

    The model stays as it is.  Raises ArgumentError for a method that is not there.
    """
    if isinstance(method, Mapping):
        chosen = quick = dict(method)
    else:
        names = listed(method) or list(METHODS)
        for name in names:
            if name not in METHODS:
                raise unknown("method", name, METHODS)
        chosen, quick = {name: METHODS[name] for name in names}, {name: QUICK[name] for name in names}
    asked = Question.of(model, pictures, target)
    total = len(chosen) * 10 + (2 + len(chosen)) * 10 * score + len(chosen) * 10 * len(stages) * check
    done = 0

    def tell(worked: int, of: int, weight: int) -> None:
        if progress is not None:
            progress(done + worked * weight // max(1, of), total)

    explanations = {}
    for name, explain in chosen.items():
        going = telling(explain, lambda a, b: tell(a, b, 10))
        explanations[name] = going(model, asked.pixels, asked.targets)
        done += 10
        tell(0, 1, 0)
    scored = checked = None
    if score:
        size = (2 + len(chosen)) * 10
        scored = scores(
            model,
            asked.pixels,
            asked.targets,
            maps=explanations,
            steps=steps,
            seed=seed,
            progress=lambda a, b: tell(a, b, size),
        )
        done += size
    if check:
        size = len(chosen) * 10 * len(stages)
        checked = sanity(
            model, asked.pixels, asked.targets, method=quick, stages=stages, seed=seed,
            progress=lambda a, b: tell(a, b, size),
        )  # fmt: skip
        for name, one in explanations.items():
            one.verdict = checked.verdict(name)
    return Attributions({name: asked.on_photos(one) for name, one in explanations.items()}, scored, checked)
