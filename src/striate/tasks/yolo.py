"""The networks of YOLO's first version: one pass over the picture says what is in each cell of a grid, and where.

Redmon et al. 2016, "You Only Look Once: Unified, real-time object detection".
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.described import counts
from striate.errors import ArgumentError
from striate.graph import SymbolicTensor, checked_shape
from striate.model import Model

__all__ = ["yolo", "yolo_v1", "yolo_v1_fast"]

SLOPE = 0.1  # of the leaky ReLU after every layer but the last, equation 2

# Figure 3, row by row: (side of the filter, maps, stride); a 2x2 max pooling with stride 2 ends every row but the last two.
FULL = (
    [(7, 64, 2)],
    [(3, 192, 1)],
    [(1, 128, 1), (3, 256, 1), (1, 256, 1), (3, 512, 1)],
    [(1, 256, 1), (3, 512, 1)] * 4 + [(1, 512, 1), (3, 1024, 1)],
    [(1, 512, 1), (3, 1024, 1)] * 2 + [(3, 1024, 1), (3, 1024, 2)],
    [(3, 1024, 1), (3, 1024, 1)],
)
# "9 convolutional layers instead of 24, and fewer filters": section 2.1 has no table; these are the authors' own, in the
# file yolo-tiny.cfg of darknet.
FAST = (*([(3, maps, 1)] for maps in (16, 32, 64, 128, 256, 512)), [(3, 1024, 1)] * 3)


def yolo_v1(classes: int = 20, input_shape: Any = (448, 448, 3), *, boxes: int = 2, dropout: float = 0.5) -> Model:
    """The paper's network, figure 3: 24 convolutions and two dense layers; at 448 x 448 it says 7 x 7 x 30 numbers.

    classes       how many kinds of things there are; the paper has VOC's 20
    input_shape   (H, W, C), sides multiples of 64: the grid has a cell for each 64 pixels
    boxes         B, how many boxes a cell proposes
    dropout       after the first dense layer, in training

    Its output is (S · S · B, 4 + classes), as of ``layers.YoloBoxes``.  No weights are published under a free licence; it
    starts fresh, and the paper trained its first 20 convolutions on ImageNet for a week.  ``yolo`` puts the same head on a
    base that has learnt.  Raises ArgumentError for sides that are no multiples of 64 and for numbers out of range.
    """
    inputs, x = _convolutions(FULL, input_shape, len(FULL) - 2)
    return _network(inputs, x, classes, boxes, (4096,), dropout)


def yolo_v1_fast(classes: int = 20, input_shape: Any = (448, 448, 3), *, boxes: int = 2, dropout: float = 0.5) -> Model:
    """Fast YOLO, section 2.1: 9 convolutions instead of 24, with fewer filters; else as ``yolo_v1``.

    classes       how many kinds of things there are
    input_shape   (H, W, C), sides multiples of 64: the grid has a cell for each 64 pixels
    boxes         B, how many boxes a cell proposes
    dropout       after the last dense layer but one, in training

    The layers are those of the authors' own file, since the paper has no table of them.  Raises ArgumentError as
    ``yolo_v1`` does.
    """
    inputs, x = _convolutions(FAST, input_shape, len(FAST) - 1)
    return _network(inputs, x, classes, boxes, (256, 4096), dropout)


def yolo(
    base: Model,
    classes: int,
    *,
    grid: Any = None,
    boxes: int = 2,
    maps: int = 256,
    units: int = 1024,
    dropout: float = 0.5,
) -> Model:
    """YOLO's head on any base: convolutions over its last map, then dense layers that see the whole picture at once.

    base      a network of pictures without its classifier, such as ``zoo.create("mobilenet", include_top=False)``; its
              layers are shared, not copied
    classes   how many kinds of things there are
    grid      rows and columns of cells, or one number for both; None: those of the base's map
    boxes     B, how many boxes a cell proposes
    maps      of the two 3x3 convolutions that the head begins with; the paper has 1024, and four of them
    units     of the dense layer before the last; the paper has 4096
    dropout   after it, in training

    Its output is (S · S · B, 4 + classes), as of ``layers.YoloBoxes``.  Convolutions are followed by batch normalization,
    which the paper had not yet.  Raises ArgumentError for a base whose output is not maps, and for numbers out of range.
    """
    graph = base.graph.check()
    if len(graph.outputs) != 1 or len(graph.output_shapes[0]) != 3 or len(graph.input_shapes) != 1:
        raise ArgumentError(
            f"yolo stands on maps (h, w, C) of one picture; the base gives {graph.output_shapes}. Give include_top=False, "
            "without pooling."
        )
    counts("yolo", maps=maps, units=units)
    x = graph.outputs[0]
    for _ in range(2):
        x = layers.Conv2D(maps, 3, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU(SLOPE)(layers.BatchNormalization(momentum=0.9)(x))
    if grid is not None:
        rows, columns = layers.YoloBoxes(grid).grid
        if (rows, columns) != x.sizes[:2]:
            x = layers.AdaptiveAveragePooling2D((rows, columns))(x)
    model = _network(base.inputs, x, classes, boxes, (units,), dropout)
    model.preprocessing = base.preprocessing
    return model


def _convolutions(
    table: tuple[list[tuple[int, int, int]], ...], input_shape: Any, pooled: int
) -> tuple[SymbolicTensor, SymbolicTensor]:
    """The input and the last map; the first `pooled` rows of the table end in a max pooling."""
    shape = checked_shape("yolo_v1", input_shape)
    if len(shape) != 3 or shape[0] % 64 or shape[1] % 64:
        raise ArgumentError(f"yolo_v1 takes pictures (H, W, C) whose sides are multiples of 64, not {shape}.")
    inputs = x = layers.Input(shape)
    number = 0
    for i, row in enumerate(table):
        for side, maps, stride in row:
            number += 1
            x = layers.Conv2D(
                maps, side, stride, padding=side // 2, kernel_initializer="he_normal", name=f"conv{number}"
            )(x)
            x = layers.LeakyReLU(SLOPE, name=f"leaky{number}")(x)
        if i < pooled:
            x = layers.MaxPooling2D(2, name=f"pool{i + 1}")(x)
    return inputs, x


def _network(inputs: Any, x: SymbolicTensor, classes: int, boxes: int, units: tuple[int, ...], dropout: float) -> Model:
    """Dense layers on a map, the last of which says the numbers of every cell of it."""
    counts("yolo", classes=classes, boxes=boxes)
    if not 0 <= dropout < 1:
        raise ArgumentError(f"yolo: dropout is from 0 up to (not including) 1, not {dropout}.")
    made = Model(inputs, x)
    (height, width), (rows, columns) = made.graph.input_shapes[0][:2], x.sizes[:2]
    x = layers.Flatten()(x)
    for i, count in enumerate(units):
        x = layers.Dense(count)(x)
        if i == len(units) - 1:  # of Fast YOLO's two hidden layers the first is linear
            x = layers.LeakyReLU(SLOPE)(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Dense(rows * columns * (5 * boxes + classes))(x)
    return Model(inputs, layers.YoloBoxes((rows, columns), boxes, (height, width))(x))
