"""Occlusion: how the answer falls when a part of the picture is covered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.look.arguments import Progress, Target, part_of, parts
from striate.look.explain.explanation import Explanation, Question, background, classes
from striate.look.explain.sanity import checked
from striate.look.tap import tapped

if TYPE_CHECKING:
    from striate.model import Model


@dataclass
class Occlusion(Explanation):
    """How much the class's logit falls while a window is covered.

    values   float32 (N, H, W, 1): the mean over all windows that covered a pixel of logit - logit with the window covered
    drops    float32 (N, rows, columns): the fall for each place of the window
    probabilities   float32 (N, rows, columns): of the class while the window is covered (as figure 7d of the paper)
    window, stride   in pixels, (height, width)
    """

    drops: np.ndarray
    probabilities: np.ndarray
    window: tuple[int, int]
    stride: tuple[int, int]

    anchor: ClassVar[str] = "occlusion"
    title: ClassVar[str] = "Occlusion"
    source: ClassVar[str] = "Zeiler & Fergus 2014, section 4.2"
    method: ClassVar[str] = "occlusion"

    def reading(self) -> str:
        return (
            f"Red is where covering a window of {self.window[0]}x{self.window[1]} pixels lowers the logit; "
            f"the window moved by {self.stride[0]}x{self.stride[1]}."
        )


def occlusion(
    model: Model,
    pictures: Any,
    target: Target | None = None,
    *,
    window: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: str | float | np.ndarray = "grey",
    check: bool = False,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
) -> Occlusion:
    """Occlusion: how an answer falls while one window of the picture after the other is covered.

    model      a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures   files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target     a class: its number or name, for all pictures or one for each; None: the network's answer
    window     what is covered, in pixels, one number or (height, width); None: a seventh of the picture.  A window that
               would reach over the right or lower edge is cut there
    stride     pixels from place to place, one number or (down, right); None: half a window
    fill       what covers: "grey", "black", "white", a pixel value 0..255, or a picture
    check      whether to say in ``verdict`` and ``note()`` if the map changes when the top half of the layers is
               randomised (``look.sanity``); three times the work, with windows that do not overlap
    batch_size   places at a time
    seed       of the randomised layers, where `check` asks for them
    progress   called as progress(done, whole)

    Source: Zeiler & Fergus 2014, section 4.2.
    Runs the network once for each place of the window.  The model stays as it is.  Raises ArgumentError for a window or
    stride that does not fit.
    """
    asked = Question.of(model, pictures, target, batch_size)
    going = part_of(progress, 0, 2) if check else progress
    size = asked.space.shape[:2]
    tall, wide = _pair(window) if window is not None else (max(1, size[0] // 7), max(1, size[1] // 7))
    down, right = _pair(stride) if stride is not None else (max(1, tall // 2), max(1, wide // 2))
    if not (0 < tall <= size[0] and 0 < wide <= size[1]):
        raise ArgumentError(f"a window of {tall}x{wide} does not fit pictures of {size[0]}x{size[1]}.")
    if not (0 < down <= tall and 0 < right <= wide):
        raise ArgumentError(
            f"a stride of {down}x{right} leaves out pixels or stands still with a window of {tall}x{wide}: "
            "use 1 up to the window's size."
        )
    ys = np.arange(-(-(size[0] - tall) // down) + 1) * down
    xs = np.arange(-(-(size[1] - wide) // right) + 1) * right
    places = [(int(y), int(x)) for y in ys for x in xs]
    cover = background(asked.space, fill, asked.inputs)
    if len(cover) != 1:
        raise ArgumentError(f"one fill for all pictures, not {len(cover)}.")
    drops, chances = [], []
    with tapped(model, logits=True) as tap, torch.no_grad():
        for i, number in enumerate(asked.targets):
            falls, likely = [], []
            for part in parts(len(places), batch_size):
                x = asked.inputs[i : i + 1].repeat(part.stop - part.start, 1, 1, 1)
                for one, (top, left) in zip(x, places[part], strict=True):
                    where = (slice(None), slice(top, top + tall), slice(left, left + wide))
                    one[where] = cover[0][where]
                out = classes(tap, x.contiguous(memory_format=torch.channels_last)).double()
                falls.append(asked.values[i] - out[:, number].cpu().numpy())
                likely.append(model.answers.of_logits(out)[:, number].cpu().numpy())
                if going is not None:
                    going(i * len(places) + part.stop, len(asked) * len(places))
            drops.append(np.concatenate(falls).reshape(len(ys), len(xs)))
            chances.append(np.concatenate(likely).reshape(len(ys), len(xs)))
    values = np.stack([_spread(drop, ys, xs, (tall, wide), size) for drop in drops])[..., None].astype(np.float32)
    made = Occlusion(
        asked.pixels,
        values,
        asked.targets,
        asked.labels,
        asked.values,
        np.stack(drops).astype(np.float32),
        np.stack(chances).astype(np.float32),
        (tall, wide),
        (down, right),
    )
    if check:
        again = partial(occlusion, window=(tall, wide), stride=(tall, wide), fill=fill)
        checked(model, made, again, seed=seed, progress=part_of(progress, 1, 2))
    return asked.on_photos(made)


def _spread(
    drop: np.ndarray, ys: np.ndarray, xs: np.ndarray, window: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """(H, W): for each pixel the mean of the windows that covered it."""
    total, count = np.zeros(size), np.zeros(size)
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            total[y : y + window[0], x : x + window[1]] += drop[i, j]
            count[y : y + window[0], x : x + window[1]] += 1
    return total / count


def _pair(given: int | tuple[int, int]) -> tuple[int, int]:
    return (given, given) if isinstance(given, int) else (int(given[0]), int(given[1]))
