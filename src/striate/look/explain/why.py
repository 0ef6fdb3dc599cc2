"""Why this photo got this answer: one map, checked, and the verdict in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from striate.look.arguments import Progress, one_picture, part_of
from striate.look.explain.explanation import Explanation, classes, over, sheet
from striate.look.explain.gradcam import GradCAM, gradcam
from striate.look.explain.occlusion import occlusion
from striate.look.pictures import Space, label_of
from striate.look.result import Look
from striate.look.tap import tapped
from striate.report.style import plain
from striate.tasks.classification import classes_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

_STRONG = 0.5  # of the map's peak, from which on a place counts as looked at
_LITTLE = 0.1  # of the probability: what covering must take for a place to count
_SMALL = 224  # pixels of the longer side below which the picture is enlarged by a whole number
_SHOWN = 5  # classes in the table


@dataclass
class Why(Look):
    """An answer, the place in the photo that it comes from, and whether that can be believed.

    picture       uint8 (H, W, C), the photo in its own size
    map           float32 (H, W): what speaks for the class, 0 or more, in the photo's size
    method        "gradcam"; "occlusion" where that has nothing to show, as in networks whose places all have own weights
    label         the class that is explained
    probability   of this class
    ranking       (class, probability) of the five most probable
    layer         whose maps these are, of Grad-CAM; else ""
    extent        share of the photo where the map has half of its peak or more
    peak          (row, column) of the map's peak in the photo
    covered       probability of the class with that part covered by the photo's mean colour
    elsewhere     the same with as much covered where the map is weakest
    seen          share of the photo that the network sees; below 1 where its preprocessing crops
    sanity        what randomised layers say about the map
    """

    picture: np.ndarray
    map: np.ndarray
    method: str
    label: str
    probability: float
    ranking: list[tuple[str, float]]
    layer: str
    extent: float
    peak: tuple[int, int]
    covered: float
    elsewhere: float
    seen: float
    sanity: str

    anchor: ClassVar[str] = "why"
    title: ClassVar[str] = "Why this answer"
    source: ClassVar[str] = "Grad-CAM: Selvaraju et al. 2017; check: Adebayo et al. 2018"

    def note(self) -> str:
        best, sure = self.ranking[0]
        name = _called(self.label)
        if best == self.label:
            second = f"; next {_called(self.ranking[1][0])}, {self.ranking[1][1]:.1%}" if len(self.ranking) > 1 else ""
            said = f"{name}, {self.probability:.1%}{second}."
        else:
            said = f"The answer is {_called(best)}, {sure:.1%}; asked about is {name}, {self.probability:.1%}."
        cut = f"The network sees {self.seen:.0%} of the photo: its preprocessing cuts off the rest."
        how = "Grad-CAM is 0 everywhere here, so the map is of occlusion." if self.method == "occlusion" else ""
        return " ".join(filter(None, (said, self.place(), how, cut if self.seen < 0.99 else "", self.sanity)))

    def place(self) -> str:
        """What it looked at, and what covering that does, in words."""
        if not self.map.max() > 0:
            where = f"in the maps of {self.layer}" if self.layer else "that can be covered"
            return f"Nothing {where} speaks for it: the map is 0 everywhere."
        row, column = self.peak
        spot = f"most of all at x {column}, y {row} of {self.picture.shape[1]} x {self.picture.shape[0]} pixels"
        looked = f"It looked at {self.where()} ({self.extent:.0%} of the photo), {spot}."
        figures = f"With that covered it is {self.covered:.1%}, with as much covered elsewhere {self.elsewhere:.1%}"
        return f"{looked} {figures}: {self.judgement()}"

    def where(self) -> str:
        """The part of the photo in words, by the middle of what the map marks; "nowhere" of a map that is 0."""
        if not self.map.max() > 0:
            return "nowhere"
        if self.extent > 0.6:
            return "most of the photo"
        rows, columns = np.nonzero(self.map >= _STRONG * self.map.max())
        down = ("upper", "", "lower")[min(2, int(3 * (rows.mean() + 0.5) / self.map.shape[0]))]
        across = ("left", "", "right")[min(2, int(3 * (columns.mean() + 0.5) / self.map.shape[1]))]
        if not down and not across:
            return "the middle"
        return f"the {f'{down} {across}'.strip()}{'' if down and across else ' part'}"

    def judgement(self) -> str:
        """Whether covering what the map marks takes more from the class than covering as much elsewhere."""
        lost, other = self.probability - self.covered, self.probability - self.elsewhere
        if max(lost, other) <= _LITTLE * self.probability:
            return "neither changes much, so the answer does not hang on this spot alone: do not make much of it."
        if lost > max(2 * other, _LITTLE * self.probability):
            return "the answer comes from there."
        if lost > max(1.25 * other, _LITTLE * self.probability):
            return "it comes from there in part."
        return "it hangs on that part no more than on others, so do not make much of the spot."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        return ("class", "probability"), [(label, f"{p:.2%}") for label, p in self.ranking]

    def facts(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "probability": self.probability,
            "top": [{"label": label, "probability": p} for label, p in self.ranking],
            "method": self.method,
            "layer": self.layer,
            "where": self.where(),
            "extent": self.extent,
            "peak": list(self.peak),
            "covered": self.covered,
            "elsewhere": self.elsewhere,
            "seen": self.seen,
            "verdict": self.note(),
        }

    def figure(self) -> Figure:
        """The photo, and the map over it."""
        return sheet(
            [[self.picture, over(self.picture, self.map)]], ["photo", "what speaks for it"], [plain(self.label, 34)]
        )

    def bitmap(self) -> np.ndarray:
        """The map over the photo in the photo's own size; pictures of a few pixels are enlarged."""
        return over(self.picture, self.map, max(*self.picture.shape[:2], _SMALL))


def why(
    model: Model,
    pictures: Any,
    target: int | str | None = None,
    layer: str | None = None,
    *,
    check: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Why:
    """Why a photo gets its answer: Grad-CAM in the photo's own size, what covering that part does, and whether to trust it.

    model      a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures   one: a file, a PIL image, an array (H, W, C) or (1, H, W, C)
    target     a class: its number or name; None: the network's answer
    layer      whose maps, a call's name as in ``model.size()``; None: the last with maps larger than 1x1
    check      whether to see if the map changes when the top half of the layers is randomised
    seed       of the randomised layers
    progress   called as progress(done, whole)

    Source: Selvaraju et al. 2017 for the map, Adebayo et al. 2018 for the check; the covering is Zeiler & Fergus 2014's.
    Where Grad-CAM is 0 everywhere, as it may be in a network that flattens its maps, the map is of occlusion.
    The model stays as it is.  Raises DataError for what is not one picture, ArgumentError for an unknown class or layer.
    """
    space = Space.of(model)
    pixels = one_picture(space, pictures)
    classes_of(model)  # an error now for a network that does not classify
    made: Explanation = gradcam(
        model, pictures, target, layer, check=check, seed=seed, progress=part_of(progress, 0, 2)
    )
    if layer is None and not made.at_input.max() > 0:
        tall, wide = (max(min(2, side), side // 5) for side in space.shape[:2])
        again = partial(occlusion, window=(tall, wide), fill=_plain(pixels), check=check, seed=seed)
        made = again(model, pictures, made.targets[0], progress=part_of(progress, 1, 2))
    at, values = (np.maximum(each[0].sum(-1), 0) for each in (made.at_input, made.values))
    strong = at >= _STRONG * at.max() if at.max() > 0 else np.zeros(at.shape, bool)
    answers = _probabilities(model, space, np.concatenate([pixels, *_covered(pixels, at, strong)]))
    if progress is not None:
        progress(1000, 1000)
    number, first = made.targets[0], answers[0]
    order = np.argsort(-first, kind="stable")[:_SHOWN]
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return Why(
        picture=made.pictures[0],
        map=values,
        method=made.method,
        label=label_of(model, number),
        probability=float(first[number]),
        ranking=[(label_of(model, int(i)), float(first[i])) for i in order],
        layer=made.layer if isinstance(made, GradCAM) else "",
        extent=float((values >= _STRONG * values.max()).mean()) if values.max() > 0 else 0.0,
        peak=(int(row), int(column)),
        covered=float(answers[1, number]),
        elsewhere=float(answers[2, number]),
        seen=_share(space, made.pictures[0]),
        sanity=made.verdict,
    )


def _called(label: str) -> str:
    """A class in a sentence: of several synonyms that are long together the first."""
    return plain(label if len(label) <= 40 else label.partition(",")[0], 40)


def _probabilities(model: Model, space: Space, pixels: np.ndarray) -> np.ndarray:
    """(N, classes) of pictures uint8 (N, H, W, C)."""
    with tapped(model, logits=True) as tap, torch.no_grad():
        inputs = space.inputs(pixels).to(tap.device, tap.dtype).contiguous(memory_format=torch.channels_last)
        out = classes(tap, inputs).double()
        return model.answers.of_logits(out).cpu().numpy()  # type: ignore[no-any-return]


def _share(space: Space, picture: np.ndarray) -> float:
    """How much of a photo (H, W, C) the network sees."""
    size = picture.shape[:2]
    if size == space.shape[:2]:
        return 1.0
    place = space.preprocessing.geometry(size)
    return float(np.prod([min(1.0, seen / whole) for seen, whole in zip(place.target, place.scaled, strict=True)]))


def _plain(pixels: np.ndarray) -> np.ndarray:
    """A picture (H, W, C) of the mean colour of one (1, H, W, C)."""
    mean = np.rint(pixels[0].reshape(-1, pixels.shape[-1]).mean(0)).astype(np.uint8)
    return np.broadcast_to(mean, pixels.shape[1:]).copy()


def _covered(pixels: np.ndarray, at: np.ndarray, strong: np.ndarray) -> list[np.ndarray]:
    """The picture (1, H, W, C) with what is strong covered, and with as much covered where the map (H, W) is weakest.

    Of places that are equally weak those farthest from the peak are taken, so that both are whole patches.
    """
    cover = _plain(pixels)
    height, width = at.shape
    row, column = np.unravel_index(int(at.argmax()), at.shape)
    far = np.hypot(np.arange(height)[:, None] - row, np.arange(width)[None] - column)
    order = np.lexsort((-far.ravel(), at.ravel()))[: int(strong.sum())]
    weak = np.zeros(at.size, bool)
    weak[order] = True
    parts = []
    for mask in (strong, weak.reshape(at.shape)):
        part = pixels.copy()
        part[0, mask] = cover[mask]
        parts.append(part)
    return parts
