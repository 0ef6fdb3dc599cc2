"""A network's diagram as data: boxes, lines and frames, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field

from striate.draw.sugiyama import Point

NAME_SIZE, TEXT_SIZE = 12.0, 10.5  # font sizes of a box's two lines, pixels
SIDE = 10.0  # room beside a box's text
STRIPE = 4.0  # the coloured edge of a box


@dataclass
class LayerBox:
    """A layer's box: its upper left corner and size in pixels, and what it says.

    name     the call's label, such as ``conv2d#2``; with nested networks open, ``encoder/conv2d``
    family   one of ``graph.FAMILIES``, or ``fault``
    shared   a later call of a layer whose weights are counted at its first call
    output   which outputs of the network it gives, from 1; empty for most
    lines    an error's text, for the box of a fault

    kind, says      the layer's class, and its arguments in few words
    shape           of its output, as text
    weights         how many it has
    frozen          whether training leaves them alone
    width, height   of the box
    x, y            of its upper left corner
    """

    name: str
    kind: str
    family: str
    says: str
    shape: str
    weights: int
    width: float
    height: float
    shared: bool = False
    frozen: bool = False
    output: tuple[int, ...] = ()
    lines: tuple[str, ...] = ()
    x: float = 0.0
    y: float = 0.0

    @property
    def label(self) -> str:
        """The name without the networks that it is nested in, which stand on their frames."""
        return self.name.rpartition("/")[2]

    @property
    def corner(self) -> str:
        """The text on the right of the second line: weights, or that they are shared."""
        if self.shared and self.weights:
            return "shared"
        if not self.weights:
            return ""
        return f"{self.weights:,}" + (" frozen" if self.frozen else "")


@dataclass
class Frame:
    """The frame around an open nested network; `label_x` is where its name starts.

    name, says      of the network, and its arguments in few words
    x, y            of the upper left corner
    width, height   of the frame
    shared          whether the network was called before
    """

    name: str
    says: str
    x: float
    y: float
    width: float
    height: float
    label_x: float
    shared: bool = False

    @property
    def label(self) -> str:
        """The name without the networks that it is nested in."""
        return self.name.rpartition("/")[2]


@dataclass
class EdgeLine:
    """An edge from box to box.  Between points that differ in both coordinates runs an S-curve in their rectangle.

    source, target   names of the boxes
    points           (x, y) in pixels
    fault            whether it leads to the box of an error
    """

    source: str
    target: str
    points: list[Point]
    fault: bool = False


@dataclass
class Diagram:
    """A diagram in pixels, from (0, 0) to (width, height).

    width, height          of the whole
    direction              "down" or "right"
    boxes, lines, frames   what is drawn
    """

    width: float
    height: float
    direction: str
    boxes: list[LayerBox] = field(default_factory=list)
    lines: list[EdgeLine] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
