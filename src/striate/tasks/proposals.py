"""Where things might be: regions of a picture that are worth a look, before any network has seen it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate.described import whole
from striate.errors import ArgumentError, DataError, unknown
from striate.extras import extra

__all__ = ["selective_search", "sliding_windows"]

Proposals = Callable[[np.ndarray], np.ndarray]


def selective_search(picture: np.ndarray, *, most: int = 2000, width: int = 500, quality: bool = False) -> np.ndarray:
    """Regions that hang together by colour, texture and size, grown from small ones to the whole picture.

    picture   uint8 (H, W), (H, W, 1) or (H, W, 3)
    most      how many are given at most
    width     at which the picture is searched; smaller pictures are made larger, too
    quality   True: more ways of growing, several times slower and more regions

    float32 (n, 4): left, top, right and bottom in pixels, the largest first; the same picture gives the same regions.
    OpenCV does the search: ``pip install 'striate[rcnn]'``.  Raises ArgumentError where it is missing, DataError for what
    is no picture.

    Uijlings et al. 2013, "Selective search for object recognition".
    """
    cv2 = extra("cv2", "rcnn", "selective search")
    if not hasattr(cv2, "ximgproc"):
        raise ArgumentError("selective search needs OpenCV's contributed parts: pip install 'striate[rcnn]'.")
    pixels = _colours(picture)
    whole("selective_search", "most", most)
    whole("selective_search", "width", width, 16)
    height, wide = pixels.shape[:2]
    if min(height, wide) < 2:
        return np.array([[0, 0, wide, height]], np.float32)
    if width != wide:
        how = cv2.INTER_AREA if width < wide else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, (width, max(2, round(height * width / wide))), interpolation=how)
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(pixels[..., ::-1]))
    if quality:
        search.switchToSelectiveSearchQuality()
    else:
        search.switchToSelectiveSearchFast()
    found = np.unique(np.asarray(search.process(), np.float64).reshape(-1, 4), axis=0)  # left, top, width, height
    found = found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")][:most]  # its own order is drawn at random
    found[:, 2:] += found[:, :2]
    factors = np.array([wide / pixels.shape[1], height / pixels.shape[0]] * 2)
    boxes = np.clip(found * factors, 0, [wide, height, wide, height])
    return boxes.astype(np.float32)  # type: ignore[no-any-return]


def sliding_windows(
    picture: np.ndarray,
    *,
    shares: tuple[float, ...] = (0.2, 0.3, 0.45, 0.65, 0.9),
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0),
    step: float = 0.35,
) -> np.ndarray:
    """Windows of some sizes at every place, whatever the picture shows: what was done before proposals.

    picture   uint8 (H, W), (H, W, 1) or (H, W, 3)
    shares    of the windows: the square root of their area as a part of the picture's shorter side
    ratios    of width to height
    step      from a window to the next, as a part of its sides

    float32 (n, 4): left, top, right and bottom in pixels.  Needs no package.  Raises ArgumentError for numbers that are not
    above 0.
    """
    if not shares or not ratios or min(*shares, *ratios, step) <= 0:
        raise ArgumentError("sliding_windows: shares, ratios and step are above 0.")
    height, wide = _colours(picture).shape[:2]
    made = []
    for share in shares:
        for ratio in ratios:
            side = share * min(height, wide)
            w, h = min(wide, side * ratio**0.5), min(height, side / ratio**0.5)
            left = np.linspace(0, wide - w, 1 + int(np.ceil((wide - w) / (step * w))))
            top = np.linspace(0, height - h, 1 + int(np.ceil((height - h) / (step * h))))
            x, y = (each.ravel() for each in np.meshgrid(left, top))
            made.append(np.stack([x, y, x + w, y + h], 1))
    return np.concatenate(made).astype(np.float32)


NAMED: dict[str, Proposals] = {"selective_search": selective_search, "sliding_windows": sliding_windows}


def proposer(given: str | Proposals) -> Proposals:
    """A function that proposes regions, by its name or as it is.  Raises ArgumentError for another name.

    given   "selective_search", "sliding_windows", or a function of a picture
    """
    if isinstance(given, str):
        if given not in NAMED:
            raise unknown("proposals", given, NAMED)
        return NAMED[given]
    if not callable(given):
        raise ArgumentError(f"proposals are a name ({', '.join(NAMED)}) or a function of a picture, not {given!r}.")
    return given


def proposed(given: Proposals, picture: np.ndarray) -> np.ndarray:
    """float64 (n, 4): the regions of a picture, within it and with an area.  Raises DataError for what are no boxes.

    given     what proposes
    picture   uint8 (H, W, C)
    """
    boxes = np.asarray(given(picture), np.float64)
    if not boxes.size:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise DataError(f"proposals give boxes (n, 4) of finite numbers, not {boxes.shape}.")
    height, wide = picture.shape[:2]
    boxes = np.clip(boxes, 0, [wide, height, wide, height])
    return boxes[((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)]  # type: ignore[no-any-return]


def _colours(picture: np.ndarray) -> np.ndarray:
    pixels = np.asarray(picture)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or not pixels.size:
        raise DataError(f"regions are proposed in a picture uint8 (H, W, 1 or 3), not {pixels.dtype} {pixels.shape}.")
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
