"""LeNet-5.  LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition"."""

from __future__ import annotations

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.sequential import Sequential
from striate.zoo.registry import Paper, architecture

_PAPER = Paper("LeCun et al.", 1998, "Gradient-based learning applied to document recognition", "Proc. IEEE 86 (11)")

# Target pictures of the RBF units, 7 wide and 12 high, after the idea of the paper's figure 3 (our own drawing).
_DIGITS = """
.#####. ...#... .#####. .#####. .....#. ####### ..####. ####### .#####. .#####.
##...## ..##... ##...## ##...## ....##. ##..... .##.... .....## ##...## ##...##
##...## .###... .....## .....## ...###. ##..... ##..... .....## ##...## ##...##
##...## ..##... .....## .....## ..####. ##..... ##..... ....##. ##...## ##...##
##...## ..##... ....##. ...###. .##.##. ######. ######. ....##. .#####. ##...##
##...## ..##... ...##.. ..####. ##..##. .....## ##...## ...##.. .#####. .######
##...## ..##... ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ..##... .##.... .....## ####### .....## ##...## ..##... ##...## .....##
##...## ..##... ##..... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ..##... ##..... ##...## ....##. ##...## ##...## .##.... ##...## ....##.
.#####. .####.. ####### ##...## ....##. ##...## ##...## .##.... ##...## ..###..
..###.. .####.. ####### .#####. ....##. .#####. .#####. .##.... .#####. .##....
"""


def prototypes() -> tuple[tuple[float, ...], ...]:
    """Ten rows of 84 numbers ±1: the digits as 7x12 pictures, row by row."""
    rows = [line.split() for line in _DIGITS.split("\n") if line]
    return tuple(tuple(1.0 if mark == "#" else -1.0 for row in rows for mark in row[digit]) for digit in range(10))


@architecture("lenet5_1998", "LeNet-5 exactly as published", _PAPER, (32, 32, 1), 10)
def lenet5_1998(classes: int, input_shape: Shape) -> Model:
    """C1 6@5x5 - S2 - C3 16@5x5, partly connected - S4 - C5 120@5x5 - F6 84 - RBF (section II.B).

    60,000 trainable weights.  The RBF units give squared distances; the last layer turns them round, so that the largest
    output is the answer and cross-entropy from logits is the paper's criterion (equation 9 without its constant).

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    return Sequential(
        [
            layers.Input(input_shape),
            layers.Conv2D(6, 5, activation="scaled_tanh", name="c1"),
            layers.TrainableSubsampling2D(2, activation="scaled_tanh", name="s2"),
            layers.PartialConv2D(layers.LENET5_C3, 5, activation="scaled_tanh", name="c3"),
            layers.TrainableSubsampling2D(2, activation="scaled_tanh", name="s4"),
            layers.Conv2D(120, 5, activation="scaled_tanh", name="c5"),
            layers.Flatten(),
            layers.Dense(84, activation="scaled_tanh", name="f6"),
            layers.EuclideanRBF(classes, prototypes() if classes == 10 else None, name="output"),
            layers.Rescaling(-1.0, name="negative_distance"),
        ]
    )


@architecture("lenet5", "LeNet-5 as it is taught today", _PAPER, (28, 28, 1), 10)
def lenet5(classes: int, input_shape: Shape) -> Model:
    """Full connections, ReLU, max pooling and softmax in the shape of LeNet-5.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    return Sequential(
        [
            layers.Input(input_shape),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
