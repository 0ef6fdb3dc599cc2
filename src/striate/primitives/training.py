"""What does something in training only."""

from __future__ import annotations

from typing import Any

from striate.graph import Primitive, Shape, Value
from striate.graph.lowering import Identity, put
from striate.primitives.arguments import axis_of, number, shape_of
from striate.primitives.base import split_shape
from striate.primitives.shapes import Sides


class Dropout(Primitive):
    """In training, numbers are 0 with probability `rate` and the rest grow by 1 / (1 - rate); else nothing.

    rate       from 0 up to (not including) 1
    whole      all numbers of an example together (stochastic depth)
    together   axes, from 0, along which numbers go together
    seed       of draws of its own; None: the run's
    alpha      what is dropped becomes SELU's lowest value, and all is brought back to the mean and variance that it had
    """

    stateful = True

    rate: float
    whole: bool = False
    together: tuple[int, ...] = ()
    seed: int | None = None
    alpha: bool = False


class Noise(Primitive):
    """In training, normal numbers added, or multiplied by normal numbers around 1; else nothing.

    deviation    of the numbers
    multiplied   whether they are factors
    seed         of draws of its own; None: the run's
    """

    stateful = True

    deviation: float
    multiplied: bool = False
    seed: int | None = None


class Penalty(Primitive):
    """Nothing; in training, `l1` · sum |x| + `l2` · sum x² of an example, the mean over the batch, is added to the loss.

    l1, l2        the factors
    regularizer   or what gives another penalty of the batch, which is divided by the number of examples; None: these two
    """

    stateful = True
    beside = True

    l1: float
    l2: float
    regularizer: Any = None


IDLE = (Identity, Dropout, Noise, Penalty)  # what does nothing in prediction


class Augment(Primitive):
    """Random changes of pictures in training, by one class of ``backend/augment.py`` or
    ``colours.py``; in prediction at most a crop.

    torch_class   its name
    arguments     of that class
    size          (height, width) of the pictures that it gives, None where they stay as large
    steps         the changes that it composes, in order
    seed          of draws of its own; None: the run's
    always        whether prediction does it too, and each position sees all of its picture
    """

    family = "augment"
    stateful = True

    torch_class: str
    arguments: tuple[Any, ...] = ()
    size: tuple[int, int] | None = None
    steps: tuple[Augment, ...] = ()
    seed: int | None = None
    always: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        split_shape(inputs[0], 2)
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


def dropout(
    x: Value,
    rate: float,
    whole: bool = False,
    *,
    together: tuple[int, ...] = (),
    seed: int | None = None,
    alpha: bool = False,
    name: str = "",
) -> Value:
    """In training, numbers are 0 with probability `rate` and the rest grow by 1 / (1 - rate).  Shape unchanged.

    x          of any shape
    rate       from 0 up to (not including) 1
    whole      all numbers of an example together: Huang et al. 2016.  Else each by itself: Srivastava et al. 2014
    together   axes, from 0, along which numbers go together: (0, 1) takes away whole maps
    seed       of draws of its own; None: the run's, see ``st.set_seed``
    alpha      what is dropped becomes SELU's lowest value, and all is brought back to the mean and variance that it had
    name       of this part, where the layer has several

    Raises ArgumentError for anything but a value, and ShapeError for an axis that is not there.
    """
    shape = shape_of(x, "dropout")
    axes = tuple(sorted({axis_of(axis, shape, "dropout") for axis in together}))
    rate = number(rate, "dropout: rate", 0, 1, open_ends="high")
    return put(Dropout(rate, whole, axes, seed, bool(alpha)), x, name=name)


def noise(x: Value, deviation: float, multiplied: bool = False, *, seed: int | None = None, name: str = "") -> Value:
    """In training, normal numbers added, or multiplied by normal numbers around 1.  Shape unchanged.

    x            of any shape
    deviation    of the numbers, at least 0
    multiplied   whether they are factors
    seed         of draws of its own; None: the run's, see ``st.set_seed``
    name         of this part, where the layer has several

    Raises ArgumentError for anything but a value.
    """
    shape_of(x, "noise")
    return put(Noise(number(deviation, "noise: deviation", 0), bool(multiplied), seed), x, name=name)


def penalty(x: Value, l1: float = 0.0, l2: float = 0.0, *, regularizer: Any = None, name: str = "") -> Value:
    """Nothing; in training, `l1` · sum |x| + `l2` · sum x² of an example, the mean over the batch, is added to the loss.

    x             of any shape, which stays
    l1, l2        the factors, at least 0
    regularizer   or what gives another penalty of the batch, which is divided by the number of examples; None: these two
    name          of this part, where the layer has several

    Raises ArgumentError for anything but a value.
    """
    shape_of(x, "penalty")
    return put(Penalty(number(l1, "penalty: l1", 0), number(l2, "penalty: l2", 0), regularizer), x, name=name)


def augment(x: Value, change: Augment) -> Value:
    """Random changes of pictures in training.  (H, W, C) -> (H', W', C).

    x        pictures, (H, W, C)
    change   what is drawn and done

    Raises ArgumentError for anything but a value.
    """
    return put(change, x)
