"""What the methods that explain an answer share: the question, the map of importance, its figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import torch
import torch.nn.functional as F

from striate.errors import ArgumentError
from striate.look.arguments import Target, parts
from striate.look.pictures import Space, label_of, target_of
from striate.look.result import Look
from striate.look.tap import Tap, tapped
from striate.report.grid import Cell, Grid
from striate.report.style import plain
from striate.report.tiles import resized
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.data import Geometry
    from striate.model import Model

_SHOWN = 8
_SIDE = 448  # pixels of a picture in a figure, at most
Made = TypeVar("Made", bound="Explanation")


# -- the question -------------------------------------------------------------------------------------------------------
@dataclass
class Question:
    """Pictures, and for each the class that is asked about.

    pixels    uint8 (N, H, W, C), as the network sees them
    inputs    (N, C, H, W) on the network's device
    logits    float64 (N, classes), before the last softmax or sigmoid
    targets   the class of each picture
    photos    the pictures as they were given, where they have another size than the network's input and share it
    """

    space: Space
    pixels: np.ndarray
    inputs: torch.Tensor
    logits: np.ndarray
    targets: list[int]
    labels: list[str]
    photos: tuple[np.ndarray, Geometry] | None = None

    @classmethod
    def of(cls, model: Model, pictures: Any, target: Target | None = None, batch_size: int = 16) -> Question:
        """target: a class for all (number or name), one for each picture, or None: the network's answer to each.

        Raises DataError for what is no picture, ArgumentError for a network that does not give one number for each class.
        """
        space = Space.of(model)
        pixels = space.pixels(pictures)
        with tapped(model, logits=True) as tap, torch.no_grad():
            inputs = space.inputs(pixels).to(tap.device, tap.dtype).contiguous(memory_format=torch.channels_last)
            logits = torch.cat([classes(tap, inputs[part]) for part in parts(len(inputs), batch_size)])
        answers = logits.double().cpu().numpy()
        each = target if isinstance(target, list | tuple | np.ndarray) else [target] * len(pixels)
        if len(each) != len(pixels):
            raise ArgumentError(
                f"{plural(len(each), 'target')} for {plural(len(pixels), 'picture')}: give one, or one for each."
            )
        numbers = [target_of(model, t, row) for t, row in zip(each, answers, strict=True)]
        labels = [label_of(model, number) for number in numbers]
        return cls(space, pixels, inputs, answers, numbers, labels, space.photos(pictures))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def values(self) -> np.ndarray:
        """float64 (N,): the logit of each picture's class."""
        return self.logits[np.arange(len(self)), self.targets]

    def on_photos(self, made: Made) -> Made:
        """An explanation laid over the photos that were asked about, in their own size."""
        return on_photos(made, self.photos)

    def chosen(self, part: slice, like: torch.Tensor) -> torch.Tensor:
        """The targets of a batch, (n,)."""
        return torch.tensor(self.targets[part], device=like.device)


def classes(tap: Tap, x: torch.Tensor) -> torch.Tensor:
    """The logits (N, classes) of inputs (N, C, H, W).  Raises ArgumentError where the output is not of that form."""
    out = tap(x)
    if out.ndim != 2:
        raise ArgumentError(
            f"explaining a decision takes a network that gives one number for each class, not {tuple(out.shape[1:])}."
        )
    return out


def background(space: Space, given: Any, like: torch.Tensor) -> torch.Tensor:
    """Inputs (1 or N, C, H, W) that say nothing: "black", "white", "grey" (half way, 127.5), a pixel value 0..255, or
    pictures of one's own.  Raises ArgumentError for another word."""
    named = {"black": 0.0, "white": 255.0, "grey": 127.5, "gray": 127.5}
    if isinstance(given, str) and given in named:
        given = named[given]
    if isinstance(given, int | float):
        if not 0 <= given <= 255:
            raise ArgumentError(f"a baseline is a pixel value of 0 to 255, not {given}.")
        given = np.full((1, *space.shape), given, np.float32)
        return space.inputs(given, like)
    if isinstance(given, str) and "." not in given:
        raise ArgumentError(f'a baseline is {", ".join(named)}, a pixel value or a picture, not "{given}".')
    return space.inputs(space.pixels(given), like)


# -- the answer ---------------------------------------------------------------------------------------------------------
@dataclass
class Explanation(Look):
    """How much each pixel matters for an answer.

    pictures   uint8 (N, H, W, C), in the size of the photos where these were given; photos of different sizes, and those of
               a Dataset, as the network sees them
    values     float32 (N, H, W, C), or (N, H, W, 1) where channels are not told apart: signed, as the method gives it;
               0 where a crop cut the photo off
    at_input   float32 (N, h, w, C or 1): the values in the size of the network's input
    targets, labels   the class of each picture, or what of a layer was asked about
    scores     (N,): its logit (or activation)
    verdict    what the sanity check says about the method here; "" where it was not made
    """

    pictures: np.ndarray
    values: np.ndarray
    targets: list[int]
    labels: list[str]
    scores: np.ndarray
    verdict: str = field(default="", kw_only=True)
    at_input: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.at_input = self.values

    anchor: ClassVar[str] = "attribution"
    method: ClassVar[str] = "attribution"

    @property
    def map(self) -> np.ndarray:
        """float32 (N, H, W): the importance of each pixel."""
        return self.importance(self.values)

    def importance(self, values: np.ndarray) -> np.ndarray:
        """(N, H, W) of values (N, H, W, C): all evidence for the class summed over the channels."""
        return values.sum(-1)

    def figure(self) -> Figure:
        """A row for each picture (8 at most): the picture, the map over it, the signed values."""
        shown = min(len(self.pictures), _SHOWN)
        few = slice(0, shown)
        maps, sums = self.importance(self.values[few]), self.values[few].sum(-1)
        rows = [
            [picture, over(picture, at), signed(total)]
            for picture, at, total in zip(self.pictures[few], maps, sums, strict=True)
        ]
        heads = ["picture", "importance", "signed values"]
        return sheet(rows, heads, [plain(label, 34) for label in self.labels[:shown]])

    def reading(self) -> str:
        """How the map is read, in a sentence."""
        return ""

    def note(self) -> str:
        asked = ", ".join(dict.fromkeys(plain(label, 40) for label in self.labels[:_SHOWN]))
        text = f"{self.title} for {asked}. {self.reading()}".strip()
        return f"{text} {self.verdict}".strip()

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]] | None:
        return ("class", "logit"), [
            (label, round(float(v), 3)) for label, v in zip(self.labels, self.scores, strict=True)
        ]

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        return {"method": self.method, **facts, **({"sanity": self.verdict} if self.verdict else {})}


# -- pictures of maps ---------------------------------------------------------------------------------------------------
def strength(importance: np.ndarray) -> np.ndarray:
    """(H, W) as 0..1: what speaks for the class, the strongest 0.5 % of the pixels all being 1."""
    positive = np.maximum(importance, 0)
    top = np.percentile(positive, 99.5) or positive.max()
    return np.clip(positive / top, 0, 1) if top > 0 else positive


def on_photos(made: Made, photos: tuple[np.ndarray, Geometry] | None) -> Made:
    """An explanation laid over photos, in their own size, where there are such."""
    if photos is not None:
        made.pictures, place = photos
        made.values = np.stack([laid_over(each, place) for each in made.at_input])
    return made


def laid_over(values: np.ndarray, place: Geometry) -> np.ndarray:
    """Values (h, w, C) of a network's input over the photo that it was made of, float32 (H, W, C), bilinear; 0 outside."""
    (height, width), (down, right) = place.scaled, place.offset
    whole = torch.zeros((1, values.shape[-1], height, width))
    top, left = max(0, -down), max(0, -right)
    part = values[max(0, down) :, max(0, right) :][: height - top, : width - left]
    whole[0, :, top : top + part.shape[0], left : left + part.shape[1]] = torch.from_numpy(part).movedim(-1, 0)
    large = F.interpolate(whole, place.source, mode="bilinear", align_corners=False, antialias=True)
    return large[0].movedim(0, -1).numpy()


def over(picture: np.ndarray, importance: np.ndarray, side: int = _SIDE) -> np.ndarray:
    """The map (H, W) in colour over the grey picture, uint8 (h, w, 3): dark blue little, yellow much.

    side   pixels of the longer side, at most
    """
    from matplotlib import colormaps

    grey = resized(picture.astype(np.float32).mean(-1), side)[..., None] / 255
    heat = strength(resized(importance.astype(np.float32), side))[..., None]
    colour = colormaps["inferno"](heat[..., 0])[..., :3]
    mixed = (1 - 0.25 - 0.65 * heat) * grey * 0.75 + (0.25 + 0.65 * heat) * colour
    return np.rint(255 * mixed.clip(0, 1)).astype(np.uint8)


def signed(sums: np.ndarray) -> np.ndarray:
    """Signed values (H, W) as a picture, uint8 (h, w, 3), small: red speaks for, blue against, white is nothing."""
    from matplotlib import colormaps

    flat = resized(sums.astype(np.float32), _SIDE)
    return np.rint(255 * colormaps["RdBu_r"](0.5 + 0.5 * _balanced(flat))[..., :3]).astype(np.uint8)


def levels(maps: np.ndarray) -> np.ndarray:
    """Maps (N, H, W) in few steps, int8: the strongest 0.5 % of each are 127 or -127."""
    return np.stack([np.rint(127 * _balanced(each)) for each in maps]).astype(np.int8)


def _balanced(values: np.ndarray) -> np.ndarray:
    """Values as -1..1, 0 staying 0, the strongest 0.5 % of them all being 1 or -1."""
    top = np.percentile(np.abs(values), 99.5) or np.abs(values).max() or 1.0
    return np.clip(values / top, -1, 1)


def sheet(rows: Sequence[Sequence[np.ndarray]], heads: Sequence[str], sides: Sequence[str]) -> Figure:
    """Pictures in rows and columns, with a word above each column and beside each row."""
    cells = [
        [Cell(picture, head=head if r == 0 else "") for picture, head in zip(row, heads, strict=True)]
        for r, row in enumerate(rows)
    ]
    heights = [155 * min(1.0, max(picture.shape[0] / picture.shape[1] for picture in row)) for row in rows]
    return Grid(cells, width=155, height=heights, names=sides).figure()
