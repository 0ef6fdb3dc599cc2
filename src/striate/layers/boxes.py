"""What networks that find things end in: rows of numbers become boxes in pixels and a score of each class."""

from __future__ import annotations

from typing import Any, ClassVar

from striate import primitives as p
from striate.described import whole
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Shape, Value
from striate.graph.window import as_tuple

__all__ = ["DistanceBoxes", "YoloBoxes"]


class BoxLayer(Layer):
    """Base of the layers that give boxes: (P, 4 + K), a row for each place that may have found something.

    A row is left, top, right and bottom in pixels of the network's picture, and the score of each of K classes, 0 to 1.
    Training leaves the layer off: its losses take the numbers before it (``tasks``).
    """

    abstract = True
    drawn_as: ClassVar[str | None] = "reshape"

    def class_count(self, shape: Shape) -> int:
        """How many classes there are, for an input of this shape.

        shape   of the input, without the batch
        """
        made: Any = self.lowering(shape).output_shape
        return int(made[-1]) - 4


class DistanceBoxes(BoxLayer):
    """Boxes from distances to the four sides, each as a distribution over steps (Li et al. 2020, "Generalized Focal Loss").

    (P, K + 4 · bins) -> (P, 4 + K); no weights.  A row of the input has the logits of K classes and, for left, top, right
    and bottom, the logits of the distances 0, 1 … bins - 1 in steps of the level's stride.  The distance is their mean;
    it is counted from the middle of the row's cell.  Scores are sigmoids: each class is a yes or no of its own.

    levels   for each level of the network (rows, columns, stride in pixels); P is the sum of rows · columns
    bins     distances that are told apart, at least 2

    Raises ArgumentError for other levels, ShapeError for another number of rows or of columns.
    """

    levels: Any
    bins: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.levels
        if not isinstance(given, list | tuple) or not given:
            raise ArgumentError(f"{self.kind}: levels has (rows, columns, stride) for each level, not {given!r}.")
        self.levels = tuple(as_tuple(level, 3, f"{self.kind}: a level") for level in given)
        if self.bins < 2:
            raise ArgumentError(f"{self.kind}: bins is at least 2, not {self.bins}.")

    @property
    def places(self) -> int:
        """How many rows there are."""
        return sum(rows * columns for rows, columns, _ in self.levels)

    def lower(self, x: Value) -> Value:
        classes = self._classes(x.shape)
        rows, width = x.shape
        scores = p.pointwise(p.cut(x, ((0, rows, 1), (0, classes, 1))), "sigmoid")
        steps = p.cut(x, ((0, rows, 1), (classes, width, 1)))
        shares = p.softmax(p.reshape(steps, (rows, 4, self.bins)))
        distances = p.reduce(p.affine(shares, tuple(map(float, range(self.bins)))), "sum", (2,))
        grids = tuple(p.Cells(down, across, stride, stride) for down, across, stride in self.levels)
        return p.concatenate(1, p.locate(distances, grids, (-1.0, -1.0, 1.0, 1.0)), scores)

    def _classes(self, shape: Shape) -> int:
        if len(shape) != 2 or shape[0] != self.places or shape[1] <= 4 * self.bins:
            raise ShapeError(
                f"takes {self.places} rows, as its levels {self.levels} say, of classes and 4 · {self.bins} numbers; "
                f"it got {shape}."
            )
        return shape[1] - 4 * self.bins


class YoloBoxes(BoxLayer):
    """Boxes of YOLO's first version (Redmon et al. 2016, section 2): a grid of cells, each with some boxes and one class.

    (S, S, 5 · B + C), or all of it as one vector -> (S · S · B, 4 + C); no weights.  A cell's numbers are, for each of
    its B boxes, the middle as parts of the cell, the square roots of width and height as parts of the picture, and the
    confidence; then the probability of each class, given that there is something.  The score of a class is the confidence
    times that probability: the paper's class-specific confidence.

    grid       rows and columns of cells, or one number for both; the paper has 7
    boxes      B, the paper's 2
    size       (height, width) of the network's picture in pixels, the paper's (448, 448)

    Raises ArgumentError for values below 1, ShapeError where the input is not such a grid.
    """

    grid: Any = 7
    boxes: int = 2
    size: Any = 448

    def __post_init__(self) -> None:
        super().__post_init__()
        self.grid = as_tuple(self.grid, 2, f"{self.kind}: grid")
        self.size = as_tuple(self.size, 2, f"{self.kind}: size")
        self.boxes = whole(self.kind, "boxes", self.boxes)

    def lower(self, x: Value) -> Value:
        rows, columns = self.grid
        cells, own = rows * columns, 5 * self.boxes
        width = self._width(x.shape)
        (height_of, width_of), count = self.size, cells * self.boxes
        flat = p.reshape(x, (cells, width))
        several = p.reshape(p.cut(flat, ((0, cells, 1), (0, own, 1))), (count, 5))
        middle, root, sure = (p.cut(several, ((0, count, 1), part)) for part in ((0, 2, 1), (2, 4, 1), (4, 5, 1)))
        grid = p.Cells(rows, columns, height_of / rows, width_of / columns)
        middles = p.locate(middle, (grid,), (1.0, 1.0), 0, self.boxes)
        halves = p.affine(p.pointwise(root, "square"), (width_of / 2, height_of / 2))
        classes = p.cut(flat, ((0, cells, 1), (own, width, 1)))
        each = p.gather(classes, 0, tuple(i for i in range(cells) for _ in range(self.boxes)))
        scores = p.combine("multiply", each, sure)
        return p.concatenate(1, p.combine("subtract", middles, halves), p.combine("add", middles, halves), scores)

    def _width(self, shape: Shape) -> int:
        """Numbers of a cell."""
        rows, columns = self.grid
        whole = shape[0] if len(shape) == 1 else shape[-1] * rows * columns if shape[:-1] == (rows, columns) else 0
        if whole % (rows * columns) or whole // (rows * columns) <= 5 * self.boxes:
            raise ShapeError(
                f"takes {rows} x {columns} cells of {5 * self.boxes} numbers and one for each class, as (rows, columns, "
                f"numbers) or one vector; it got {shape}."
            )
        return whole // (rows * columns)
