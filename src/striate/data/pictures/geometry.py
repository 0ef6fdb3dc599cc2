"""Where the pixels of a picture go when it is scaled, cut and padded: the same map for pictures, boxes and label maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST = 1e-3  # pixels; what is left of a box that is cut away up to a rounding


@dataclass(frozen=True)
class Geometry:
    """A picture of size `source` is scaled to `scaled` and laid with its upper left corner at `offset` of the result.

    source  (H, W) of the upright picture
    scaled  (H, W) of the whole picture after scaling
    offset  (down, right) in pixels of the result; negative where the picture reaches beyond it and is cut
    target  (H, W) of the result

    A point (x, y) goes to (x * scale[1] + offset[1], y * scale[0] + offset[0]); coordinates are those of pixel edges,
    so (0, 0) is the corner of the first pixel and (W, H) that of the last.
    """

    source: tuple[int, int]
    scaled: tuple[int, int]
    offset: tuple[int, int]
    target: tuple[int, int]

    @property
    def scale(self) -> tuple[float, float]:
        """The factors (down, right)."""
        return self.scaled[0] / self.source[0], self.scaled[1] / self.source[1]

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) of x1, y1, x2, y2 in the source as float32 in the result, clipped to it.

        A box of which nothing is left has no width or no height then; ``visible`` tells which are left.

        boxes   of shape (n, 4), in pixels of the source
        """
        factor = np.array([self.scale[1], self.scale[0]] * 2)
        moved = np.asarray(boxes, np.float64).reshape(-1, 4) * factor + np.array([self.offset[1], self.offset[0]] * 2)
        height, width = self.target
        return np.clip(moved, 0, [width, height, width, height]).astype(np.float32)

    def boxes_back(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) in the result, such as a network's, as float32 in the source, clipped to it.

        boxes   of shape (n, 4), in pixels of the result

        The result has the shape (n, 4).
        """
        factor = np.array([self.scale[1], self.scale[0]] * 2)
        moved = (np.asarray(boxes, np.float64).reshape(-1, 4) - np.array([self.offset[1], self.offset[0]] * 2)) / factor
        height, width = self.source
        return np.clip(moved, 0, [width, height, width, height]).astype(np.float32)

    def label_map(self, labels: np.ndarray, outside: int = 0) -> np.ndarray:
        """A label map (H, W) of the source in the result: each pixel has the label at its centre, padding `outside`.

        labels    of shape (H, W)
        outside   the label of padding
        """
        rows, down = self._nearest(0)
        columns, right = self._nearest(1)
        result = np.full(self.target, outside, labels.dtype)
        result[np.ix_(down, right)] = labels[np.ix_(rows, columns)]
        return result

    def labels_back(self, scores: np.ndarray) -> np.ndarray:
        """The class of every pixel of the source, int64 (H, W), from scores of the result's; -1 where it was cut off.

        scores   (h, w, K) of the result; read bilinearly between its pixels, and never in its padding

        The class with the highest score counts; of equal ones the first.
        """
        (rows, below, down), (columns, beside, across) = self._between(0), self._between(1)
        best = np.full(self.source, -np.inf, np.float32)
        labels = np.full(self.source, -1, np.int64)
        for k in range(scores.shape[2]):  # class by class: a large photo's scores of all classes would be much memory
            plane = scores[..., k].astype(np.float32)
            plane = plane[:, columns] * (1 - across) + plane[:, beside] * across
            plane = plane[rows] * (1 - down[:, None]) + plane[below] * down[:, None]
            higher = plane > best
            best[higher], labels[higher] = plane[higher], k
        for axis, weights in enumerate((down, across)):
            labels[(slice(None),) * axis + (np.isnan(weights),)] = -1
        return labels

    def _between(self, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each pixel of the source along an axis the two of the result that it lies between, and its part of the second.

        The part is nan where the pixel was cut off.
        """
        offset = self.offset[axis]
        place = (np.arange(self.source[axis]) + 0.5) * self.scale[axis] + offset - 0.5
        low, high = max(offset, 0), min(offset + self.scaled[axis], self.target[axis]) - 1
        outside = (place < low - 0.5) | (place > high + 0.5)
        place = place.clip(low, high)
        first = np.floor(place).astype(np.int64)
        part = (place - first).astype(np.float32)
        part[outside] = np.nan
        return first, np.minimum(first + 1, high), part

    def _nearest(self, axis: int) -> tuple[np.ndarray, np.ndarray]:
        """(source pixel, result pixel) pairs along an axis.  Whole numbers throughout, so no rounding decides."""
        source, scaled, offset = self.source[axis], self.scaled[axis], self.offset[axis]
        place = np.arange(self.target[axis])
        place = place[(place >= offset) & (place < offset + scaled)]
        return (2 * (place - offset) + 1) * source // (2 * scaled), place


def visible(boxes: np.ndarray) -> np.ndarray:
    """Which boxes (n, 4) have something in them: a mask (n,)."""
    return ((boxes[:, 2:] - boxes[:, :2]) > _LEAST).all(axis=1)
