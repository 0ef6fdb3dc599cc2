"""Layers that bring inputs into a range: by given numbers, or by those of data."""

from __future__ import annotations

import importlib
from math import isfinite, prod
from numbers import Real
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Shape, Value
from striate.layers.axes import checked, over, places
from striate.wording import plural

__all__ = [
    "Normalization",
    "Rescaling",
]


class Rescaling(Layer):
    """x · scale + offset, with one number or one per channel.  Shape unchanged; no weights.

    scale    one number, or one per channel
    offset   one number, or one per channel
    """

    scale: Any
    offset: Any = 0.0

    drawn_as = "norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.scale, self.offset = _numbers(self.scale, "Rescaling: scale"), _numbers(self.offset, "Rescaling: offset")

    def lower(self, x: Value) -> Value:
        _per_channel(x.shape, scale=self.scale, offset=self.offset)
        return p.affine(x, self.scale, self.offset)


class Figures(tuple[float, ...]):
    """Numbers in a row that are an array in Keras' shape, too: ``figures.shape``, ``figures[0, 2]``, ``figures.numpy()``.

    numbers   in the order of the array
    shape     of the array
    """

    shape: tuple[int, ...]

    def __new__(cls, numbers: Any, shape: tuple[int, ...]) -> Figures:
        made = super().__new__(cls, numbers)
        made.shape = shape
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self), self.shape

    def __getitem__(self, place: Any) -> Any:
        return self.numpy()[place]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def numpy(self) -> Any:
        """The array, float32."""
        import numpy as np

        return np.array(tuple(self), np.float32).reshape(self.shape)


class Normalization(Layer):
    """(x - mean) / sqrt(variance), with one number or one per channel.  Shape unchanged; no weights.

    axis       which has numbers of its own for each place, as Keras counts: 0 is the batch, -1 the channels; one, several
               in a tuple, or None: one mean and variance for all
    mean       one number, or an array of one per place; None: ``adapt`` computes it
    variance   one number, or an array of one per place; None: ``adapt`` computes it
    invert     True: x · sqrt(variance) + mean, the way back

    Once it is built, by ``adapt`` or ``build``, mean and variance have Keras' shape, with 1 for other axes: (1, 1, 1, C).
    Raises ArgumentError when it is called before it has both.
    """

    axis: Any = -1
    mean: Any = None
    variance: Any = None
    invert: bool = False

    drawn_as = "norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis is not None and not (isinstance(self.axis, list | tuple) and not self.axis):
            self.axis = checked(self.axis, "Normalization: axis")
        if (self.mean is None) != (self.variance is None):
            raise ArgumentError("Normalization: give both mean and variance, or neither and call adapt(array).")
        self.mean = None if self.mean is None else _numbers(_flat(self.mean), "Normalization: mean")
        self.variance = None if self.variance is None else _numbers(_flat(self.variance), "Normalization: variance")
        if self.variance is not None and min(_several(self.variance)) < 0:
            raise ArgumentError(f"Normalization: variance is at least 0, not {self.variance}.")
        self._built_for: tuple[int | None, ...] | None = None

    def build(self, input_shape: Any = None) -> None:
        """Settle for how many places there are numbers; ``adapt`` does it by itself.

        input_shape   with the batch in front, None for what is open, but not where an axis has numbers of its own

        Raises ArgumentError for an axis that is not there, ShapeError for an open one, or numbers that do not fit.
        """
        if input_shape is None:
            raise ShapeError("Normalization: build needs the input's shape, such as (None, 32, 32, 3).")
        sizes = tuple(None if size is None else int(size) for size in input_shape)
        kept = self._kept(sizes[1:])
        if any(sizes[i + 1] is None for i in kept):
            raise ShapeError(f"Normalization: the size of axis {self.axis} is open in {sizes}; say how many it has.")
        self._built_for = sizes
        self.torch_module = importlib.import_module("torch").nn.Module()  # it holds no weights
        if self.mean is not None:
            shaped = {name: self._shaped(getattr(self, name), sizes[1:]) for name in ("mean", "variance")}
            self.__dict__.update(shaped)  # the same numbers in another shape

    def _kept(self, x: tuple[int | None, ...]) -> tuple[int, ...]:
        """The axes, from 0 without the batch, that have numbers of their own."""
        return places(self.axis, x) if self.axis else ()  # type: ignore[arg-type]

    def _shaped(self, value: Any, x: tuple[int | None, ...]) -> Figures:
        """A mean, or a variance, for each place of an input, aligned with the last of the axes that have such."""
        kept = self._kept(x)
        sizes = tuple(1 if i - 1 not in kept else x[i - 1] or 1 for i in range(len(x) + 1))
        numbers, count = _several(value), prod(sizes)
        ends = [prod([x[i] or 1 for i in kept[after:]]) for after in range(len(kept) + 1)]
        if len(numbers) not in (1, *ends):
            raise ShapeError(
                f"has {plural(len(numbers), 'value')} of mean or variance for {plural(count, 'place')} of an input {x}."
            )
        return Figures(tuple(numbers) * (count // len(numbers)), sizes)

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data: the mean of squared distances from the mean, over all but `axis`.

        data   an array (N, …, C) or a torch tensor of that shape, a list of numbers, a data set, or anything that gives
               batches of such arrays, or (batch, targets), one after the other

        Raises ArgumentError for what has no numbers, or an axis that is not there, ShapeError for places that differ.
        """
        import numpy as np

        count, mean, total = 0, np.zeros(()), np.zeros(())  # Chan, Golub & LeVeque 1979: batches joined
        built = self._built_for
        for batch in _batches(data):
            array = np.asarray(batch, np.float64)
            kept = self._kept(array.shape[1:])
            if built is None:
                built = array.shape
            if len(built) != array.ndim or any(built[i + 1] != array.shape[i + 1] for i in kept):
                raise ShapeError(f"Normalization: adapt() was given {array.shape}, it is built for {built}.")
            axes = tuple(i for i in range(array.ndim) if i - 1 not in kept)
            more = int(np.prod([array.shape[i] for i in axes]))
            if not more:
                continue
            middle = array.mean(axes)
            away = middle - mean
            total = total + array.var(axes) * more + away**2 * (count * more / (count + more))
            mean, count = mean + away * (more / (count + more)), count + more
        if not count or built is None:
            raise ArgumentError("Normalization: adapt() was given no numbers.")
        for name, value in (("mean", mean), ("variance", total / count)):
            setattr(self, name, float(value) if not value.ndim else tuple(value.reshape(-1).tolist()))
        self.build(built)

    def lower(self, x: Value) -> Value:
        if self.mean is None:
            raise ArgumentError("has no mean and variance yet: give them, or call adapt(array) first.")
        means, variances = self.mean, self.variance
        if isinstance(self.axis, tuple):
            means, variances = (tuple(self._shaped(one, x.shape)) for one in (means, variances))
        return over(self.axis or -1, x, lambda y: self._moved(y, means, variances))

    def _moved(self, x: Value, mean: Any, variance: Any) -> Value:
        _per_channel(x.shape, mean=mean, variance=variance)
        means, variances = _several(mean), _several(variance)
        width = max(len(means), len(variances))
        means, deviations = means * (width // len(means)), [max(v**0.5, 1e-7) for v in variances]  # 1e-7: Keras' guard
        deviations = deviations * (width // len(deviations))
        if self.invert:
            return p.affine(x, tuple(deviations), means)
        pairs = zip(means, deviations, strict=True)
        return p.affine(x, tuple(1 / d for d in deviations), tuple(-m / d for m, d in pairs))


def _flat(value: Any) -> Any:
    """Numbers of any shape in a row; one number as it is."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        return value
    return [one for part in value for one in (_flat(part) if isinstance(part, list | tuple) else [part])]


def _batches(data: Any) -> Any:
    """The arrays that ``adapt`` goes through."""
    if hasattr(data, "x") and not hasattr(data, "ndim"):  # a data set
        data = data.x
    if hasattr(data, "detach"):  # a torch tensor
        data = data.detach().cpu()
    if hasattr(data, "ndim"):
        return [data]
    if isinstance(data, list | tuple) and data and all(isinstance(v, Real) for v in _first(data)):
        return [data]
    if not hasattr(data, "__iter__") and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        data = map(data.__getitem__, range(len(data)))
    if not hasattr(data, "__iter__"):
        raise ArgumentError(f"Normalization: adapt() takes arrays, not {type(data).__name__}.")
    return ((batch[0] if isinstance(batch, list | tuple) else batch) for batch in data)


def _first(data: Any) -> list[Any]:
    """Some of the numbers of nested lists; what else is in them, where it is something else."""
    while isinstance(data, list | tuple) and data and isinstance(data[0], list | tuple):
        data = data[0]
    return list(data)


def _numbers(value: Any, where: str) -> float | tuple[float, ...]:
    values = value.tolist() if hasattr(value, "tolist") else value
    try:
        numbers = tuple(float(v) for v in _several(values) if isinstance(v, int | float))
    except OverflowError:
        numbers = ()
    if not numbers or len(numbers) < len(_several(values)) or not all(map(isfinite, numbers)):
        raise ArgumentError(f"{where} is a number, or one per channel, not {value!r}.")
    return numbers if isinstance(values, list | tuple) else numbers[0]


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _per_channel(x: Shape, **values: float | tuple[float, ...]) -> None:
    for what, value in values.items():
        if isinstance(value, tuple) and len(value) not in (1, x[-1]):
            raise ShapeError(
                f"has {plural(len(value), 'value')} of {what} for an input of {plural(x[-1], 'channel')}, {x}."
            )
