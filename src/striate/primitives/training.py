"""What does something in training only."""

from __future__ import annotations

from typing import Any, Literal

from striate.graph import Primitive, Shape, Value
from striate.graph.lowering import put
from striate.primitives.arguments import number
from striate.primitives.shapes import Sides


class Dropout(Primitive):
    """In training, numbers are 0 with probability `rate` and the rest grow by 1 / (1 - rate); else nothing.

    rate    from 0 up to (not including) 1
    whole   all numbers of an example together (stochastic depth)
    """

    stateful = True

    rate: float
    whole: bool = False


class Augment(Primitive):
    """Random changes of pictures in training, by one class of ``backend/augment.py`` or
    ``colours.py``; in prediction at most a crop.

    torch_class   its name
    arguments     of that class
    keeps         what the change keeps for a backward pass: "places" (a flip or crop), "grid" (a resampling), "clipped" (a
                  change of colours), "mask" (a rectangle), "hue" (colours by way of their hue) or "nothing"
    size          (height, width) of the pictures that it gives, None where they stay as large
    steps         the changes that it composes, in order
    """

    family = "augment"
    stateful = True

    torch_class: str
    arguments: tuple[Any, ...] = ()
    keeps: Literal["places", "grid", "clipped", "mask", "hue", "nothing"] = "nothing"
    size: tuple[int, int] | None = None
    steps: tuple[Augment, ...] = ()

    def shape(self, *inputs: Shape) -> Shape:
        size = tuple(b - a for a, b in self.region(inputs[0]))
        return (*size, inputs[0][-1])

    def region(self, x: Shape) -> Sides:
        """(first, behind the last) row and column of the input that prediction leaves.

        x   the input's shape
        """
        rows, columns = (0, x[0]), (0, x[1])
        for step in self.steps or (self,):
            if step.size is not None:
                height, width = step.size
                top, left = (rows[1] - rows[0] - height) // 2, (columns[1] - columns[0] - width) // 2
                rows = rows[0] + top, rows[0] + top + height
                columns = columns[0] + left, columns[0] + left + width
        return rows, columns


def dropout(x: Value, rate: float, whole: bool = False, *, name: str = "") -> Value:
    """In training, numbers are 0 with probability `rate` and the rest grow by 1 / (1 - rate).  Shape unchanged.

    x       of any shape
    rate    from 0 up to (not including) 1
    whole   all numbers of an example together: Huang et al. 2016.  Else each by itself: Srivastava et al. 2014
    name    of this part, where the layer has several

    Raises ArgumentError for anything but a value.
    """
    return put(Dropout(number(rate, "dropout: rate", 0, 1, open_ends="high"), whole), x, name=name)


def augment(x: Value, change: Augment) -> Value:
    """Random changes of pictures in training.  (H, W, C) -> (H', W', C).

    x        pictures, (H, W, C)
    change   what is drawn and done

    Raises ArgumentError for anything but a value.
    """
    return put(change, x)
