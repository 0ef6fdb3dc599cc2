"""What a network says of a picture, drawn on its pixels: boxes with words, label maps as colours, a line of text."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import DataError
from striate.report.style import plain
from striate.wording import plural

# Told apart on photos by most colour-blind people too: Okabe & Ito 2008 (all but black), then five of Paul Tol's.
_FIRST = (
    *("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442"),
    *("#aa3377", "#44bb99", "#882255", "#bbcc33", "#ee8866"),
)
_GOLDEN = 0.6180339887  # of the circle of hues: the next colour is as far as can be from all before
_LONGEST = 28  # letters at a box
_WORTH_A_WORD = 0.01  # of a picture's pixels, for a class to be named on it


def class_colours(count: int) -> np.ndarray:
    """uint8 (count, 3): a colour for each class, the same for a number whatever the count.

    count   of classes
    """
    made = [[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in _FIRST[:count]]
    for k in range(len(made), count):
        hue, light = (k * _GOLDEN) % 1.0, (0.42, 0.6, 0.75)[k % 3]
        made.append([round(255 * part) for part in colorsys.hls_to_rgb(hue, light, 0.75)])
    return np.array(made, np.uint8).reshape(-1, 3)


def boxes_on(
    picture: np.ndarray,
    boxes: np.ndarray,
    words: Sequence[str] = (),
    numbers: Sequence[int] | None = None,
    *,
    dashed: bool = False,
) -> np.ndarray:
    """uint8 (H, W, 3): a copy of the picture with frames around things and a word at each.

    picture   uint8 (H, W), (H, W, 1) or (H, W, 3)
    boxes     (n, 4): left, top, right, bottom in its pixels
    words     at each box, or none; long ones are cut
    numbers   of the class of each, which choose the colour; None: all alike
    dashed    for what is there, beside what was found

    Frames and letters grow with the picture.  Raises DataError for words or numbers that are not one a box.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(_colours(picture))
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    for each in (words, numbers if numbers is not None else ()):
        if len(each) not in (0, len(boxes)):
            raise DataError(
                f"{plural(len(boxes), 'box')} to draw, but {plural(len(each), 'word')} or number; give one each."
            )
    kinds = [0] * len(boxes) if numbers is None else [int(k) for k in numbers]
    colours = class_colours(max(kinds, default=0) + 1)
    longer = max(image.size)
    thick = max(1, round(longer / 320))
    font = ImageFont.load_default(size=max(9, round(longer / 45)))
    pen = ImageDraw.Draw(image)
    for (x1, y1, x2, y2), kind in zip(boxes, kinds, strict=True):
        colour = tuple(map(int, colours[kind]))
        corners = (round(x1), round(y1), max(round(x1), round(x2) - 1), max(round(y1), round(y2) - 1))
        if dashed:
            _dashes(pen, corners, colour, thick)
        else:
            pen.rectangle(corners, outline=colour, width=thick)
    for (x1, y1, _, _), kind, word in zip(boxes, kinds, words, strict=False):
        _word(pen, font, image.size, (x1, y1), plain(word, _LONGEST), colours[kind])
    return np.asarray(image)


def labels_on(picture: np.ndarray, labels: np.ndarray, *, share: float = 0.5, ignored: int | None = None) -> np.ndarray:
    """uint8 (H, W, 3): a copy of the picture with each class's colour over its pixels.

    picture   uint8 (H, W), (H, W, 1) or (H, W, 3)
    labels    class numbers (H, W); below 0 there is no class
    share     of the colour, 0 to 1
    ignored   a label that gets no colour

    Raises DataError for labels of another size.
    """
    pixels = _colours(picture)
    labels = np.asarray(labels)
    if labels.shape != pixels.shape[:2]:
        raise DataError(f"a label map of {labels.shape} does not go with a picture of {pixels.shape[:2]}.")
    coloured = labels >= 0 if ignored is None else (labels >= 0) & (labels != ignored)
    table = class_colours(int(labels.max(initial=0)) + 1).astype(np.float32)
    over = table[np.maximum(labels, 0)]
    mixed = np.rint(pixels * (1 - share) + over * share).astype(np.uint8)
    return np.where(coloured[..., None], mixed, pixels)


def label_map_on(picture: np.ndarray, labels: np.ndarray, names: Sequence[str], *, share: float = 0.45) -> np.ndarray:
    """uint8 (H, W, 3): a copy of the picture with its classes in colours, their borders, and the name of each in its midst.

    picture   uint8 (H, W), (H, W, 1) or (H, W, 3)
    labels    class numbers (H, W); below 0 there is no class
    names     of the classes; "background" stays as it is, and classes with few pixels have no word
    share     of the colour within borders, 0 to 1

    Raises DataError for labels of another size.
    """
    from PIL import Image, ImageDraw, ImageFont

    labels = np.asarray(labels)
    ground = next((k for k, name in enumerate(names) if name.lower() == "background"), None)
    drawn = labels_on(picture, labels, share=share, ignored=ground)
    drawn = np.where(_borders(labels)[..., None], labels_on(picture, labels, share=1.0, ignored=ground), drawn)
    image, colours = Image.fromarray(drawn), class_colours(len(names))
    longer = max(image.size)
    font, pen = ImageFont.load_default(size=max(9, round(longer / 45))), ImageDraw.Draw(image)
    counts = np.bincount(labels[labels >= 0], minlength=len(names))
    for k in np.argsort(counts, kind="stable"):  # the largest last, on top
        if k == ground or k >= len(names) or counts[k] < _WORTH_A_WORD * labels.size:
            continue
        y, x = _midst(labels == k, max(1, longer // 16))
        word = plain(names[k], _LONGEST)
        left, top, right, bottom = pen.textbbox((0, 0), word, font=font)
        _word(pen, font, image.size, (x - (right - left) / 2, y + (bottom - top) / 2), word, colours[k])
    return np.asarray(image)


def _borders(labels: np.ndarray) -> np.ndarray:
    """bool (H, W): pixels whose neighbour to the right or below has another label, and these neighbours."""
    found = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        apart = np.diff(labels, axis=axis) != 0
        first, second = [slice(None)] * 2, [slice(None)] * 2
        first[axis], second[axis] = slice(0, -1), slice(1, None)
        found[tuple(first)] |= apart
        found[tuple(second)] |= apart
    return found


def _midst(inside: np.ndarray, reach: int) -> tuple[int, int]:
    """The row and column of a pixel that has most pixels of its kind within so many pixels of it."""
    height, width = inside.shape
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = inside.cumsum(0).cumsum(1)
    rows, columns = np.arange(height), np.arange(width)
    top, bottom = np.maximum(rows - reach, 0), np.minimum(rows + reach + 1, height)
    left, right = np.maximum(columns - reach, 0), np.minimum(columns + reach + 1, width)
    around = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left] + sums[top][:, left]
    best = np.argwhere(inside & (around == around[inside].max()))
    best = best[
        abs(best - best[0]).max(1) <= 2 * reach
    ]  # of one thing, and of a large one many: the nearest to their mean
    row, column = best[((best - best.mean(0)) ** 2).sum(1).argmin()]
    return int(row), int(column)


def text_on(picture: np.ndarray, text: str) -> np.ndarray:
    """uint8 (H, W, 3): a copy of the picture with a line of text in its upper left corner.

    picture   uint8 (H, W), (H, W, 1) or (H, W, 3)
    text      what is written
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(_colours(picture))
    font = ImageFont.load_default(size=max(10, round(max(image.size) / 36)))
    _word(ImageDraw.Draw(image), font, image.size, (0, 0), plain(text, 80), np.array([28, 39, 51], np.uint8))
    return np.asarray(image)


def enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    """Each pixel `times` by `times` large.

    picture   (H, W) or (H, W, C)
    times     a whole number of at least 1
    """
    return picture if times == 1 else np.repeat(np.repeat(picture, times, axis=0), times, axis=1)


def _colours(picture: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) in memory of its own.  Raises DataError for what is no picture."""
    pixels = np.asarray(picture)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or not pixels.size:
        raise DataError(f"a picture to draw on is uint8 (H, W, 1 or 3), not {pixels.dtype} {pixels.shape}.")
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _word(
    pen: Any, font: Any, size: tuple[int, int], place: tuple[float, float], word: str, colour: np.ndarray
) -> None:
    """A word on a ground of its colour above a box, or within it where there is no room."""
    if not word:
        return
    x1, y1 = place
    left, top, right, bottom = pen.textbbox((0, 0), word, font=font)
    wide, high = right - left + 4, bottom - top + 4
    x = min(max(0, round(x1)), max(0, size[0] - wide))
    y = round(y1) - high if y1 >= high else min(round(y1), max(0, size[1] - high))
    red, green, blue = (int(c) for c in colour)
    dark = 0.299 * red + 0.587 * green + 0.114 * blue > 140  # letters that are read on it
    pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=(red, green, blue))
    pen.text((x + 2 - left, y + 2 - top), word, font=font, fill=(0, 0, 0) if dark else (255, 255, 255))


def _dashes(pen: Any, corners: tuple[int, int, int, int], colour: tuple[int, ...], thick: int) -> None:
    x1, y1, x2, y2 = corners
    step = 4 * thick
    for start in range(x1, x2 + 1, 2 * step):
        for y in (y1, y2):
            pen.line((start, y, min(start + step, x2), y), fill=colour, width=thick)
    for start in range(y1, y2 + 1, 2 * step):
        for x in (x1, x2):
            pen.line((x, start, x, min(start + step, y2)), fill=colour, width=thick)
