"""Random numbers under Keras' names, as torch tensors: ``random.normal((2, 3), seed=1)``.

A whole number as ``seed`` gives the same numbers in every call, a `SeedGenerator` others in each, the same in every run;
None draws from the run's own, see ``st.set_seed``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.errors import ArgumentError
from striate.graph.lowering import Operand
from striate.guard import guard

if TYPE_CHECKING:
    import torch

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

_MOST = 2**63


class SeedGenerator:
    """A row of seeds: each draw that is given it takes the next one, so that all draws differ, and repeat in another run.

    seed   where it starts, a whole number; None: by chance
    name   taken as Keras has it

    Raises ArgumentError for a seed that is no whole number.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not hasattr(seed, "__index__")):
            raise ArgumentError(f"SeedGenerator: seed is a whole number or None, not {seed!r}.")
        self.name = name
        self._given = None if seed is None else int(seed)
        self._first = self._given
        self._drawn = 0

    def next(self, ordered: bool = True) -> int:
        """The next seed, a whole number from 0.

        ordered   taken as Keras has it
        """
        if self._first is None:
            import torch

            self._first = int(torch.randint(2**31, ()))
        self._drawn += 1
        return (self._first + 1_000_003 * (self._drawn - 1)) % _MOST

    def get_config(self) -> dict[str, Any]:
        """What it was made with."""
        return {"seed": self._given, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """One that starts where another started.

        config   what ``get_config`` gave
        """
        return cls(**config)


def _generator(seed: Any) -> torch.Generator | None:
    import torch

    if seed is None:
        return None
    if isinstance(seed, SeedGenerator):
        seed = seed.next()
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise ArgumentError(f"seed is a whole number, a random.SeedGenerator or None, not {seed!r}.")
    return torch.Generator().manual_seed(int(seed) % _MOST)


def _type(dtype: Any, function: str, whole: bool = False) -> Any:
    from striate.ops.entries import dtype_of

    found = dtype_of(dtype or ("int32" if whole else "float32"))
    if found.is_floating_point == whole or found.is_complex:
        kind = "whole numbers" if whole else "floats"
        raise ArgumentError(f"random.{function} gives {kind}, not {dtype}.")
    return found


def _sizes(shape: Any) -> tuple[int, ...]:
    from striate.ops.variable import NeedsTorch

    listed = (shape,) if hasattr(shape, "__index__") else tuple(shape)
    if any(isinstance(n, Operand) or n is None for n in listed):  # within a call that is traced
        raise NeedsTorch
    if any(isinstance(n, bool) or not hasattr(n, "__index__") or int(n) < 0 for n in listed):
        raise ArgumentError(f"a shape holds whole numbers, not {shape!r}.")
    return tuple(int(n) for n in listed)


def _tensor(x: Any, floating: bool = False) -> torch.Tensor:
    from striate.ops.entries import floats, tensor
    from striate.ops.variable import NeedsTorch

    if isinstance(x, Operand):
        raise NeedsTorch
    return floats(x) if floating else tensor(x)


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Normal numbers, a tensor.

    shape    whole numbers
    mean     of the numbers
    stddev   their standard deviation
    dtype    of floats, by name; None: "float32"
    seed     a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for what is not of these kinds.
    """
    import torch

    made = torch.randn(_sizes(shape), generator=_generator(seed), dtype=_type(dtype, "normal"))
    return made * stddev + mean


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Numbers from `minval` up to, not including, `maxval`, all as likely; a tensor.

    shape            whole numbers
    minval, maxval   the ends
    dtype            of floats, by name; None: "float32"
    seed             a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for what is not of these kinds.
    """
    import torch

    made = torch.rand(_sizes(shape), generator=_generator(seed), dtype=_type(dtype, "uniform"))
    return made * (maxval - minval) + minval


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> torch.Tensor:
    """Whole numbers from `minval` up to, not including, `maxval`, all as likely; a tensor.

    shape            whole numbers
    minval, maxval   the ends
    dtype            of whole numbers, by name
    seed             a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for what is not of these kinds, and where no number is between the ends.
    """
    import torch

    low, high = int(minval), int(maxval)
    if low >= high:
        raise ArgumentError(f"random.randint: no whole number is from {low} up to, not including, {high}.")
    made = torch.randint(low, high, _sizes(shape), generator=_generator(seed))
    return made.to(_type(dtype, "randint", whole=True))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Normal numbers none of which is further than two standard deviations from the mean; a tensor.

    shape    whole numbers
    mean     of the numbers
    stddev   the standard deviation before the ends were cut off
    dtype    of floats, by name; None: "float32"
    seed     a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for what is not of these kinds.
    """
    import torch

    made = torch.empty(_sizes(shape), dtype=torch.float32)
    torch.nn.init.trunc_normal_(made, 0.0, 1.0, -2.0, 2.0, generator=_generator(seed))
    return (made * stddev + mean).to(_type(dtype, "truncated_normal"))


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> torch.Tensor:
    """Classes, drawn as their logits say.  (N, classes) -> (N, num_samples), a tensor.

    logits        (N, classes)
    num_samples   of each row
    dtype         of whole numbers, by name
    seed          a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for logits of another number of axes.
    """
    import torch

    given = _tensor(logits, floating=True)
    if given.ndim != 2:
        raise ArgumentError(f"random.categorical takes logits (N, classes), not {tuple(given.shape)}.")
    drawn = torch.multinomial(given.cpu().softmax(-1), int(num_samples), replacement=True, generator=_generator(seed))
    return drawn.to(given.device, _type(dtype, "categorical", whole=True))


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> torch.Tensor:
    """Numbers set to 0 with a probability, the others divided by what is left of 1; a tensor.

    inputs        numbers of any shape
    rate          the probability, from 0 up to, not including, 1
    noise_shape   of what is drawn, with 1 for axes along which numbers go together; None: that of the inputs
    seed          a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for a rate that is none.
    """
    import torch

    if not 0 <= rate < 1:
        raise ArgumentError(f"random.dropout: rate is from 0 up to, not including, 1, not {rate}.")
    x = _tensor(inputs, floating=True)
    sizes = (
        tuple(x.shape)
        if noise_shape is None
        else tuple(have if want is None else int(want) for want, have in zip(noise_shape, x.shape, strict=True))
    )
    kept = torch.rand(sizes, generator=_generator(seed)).to(x.device) >= rate
    return torch.where(kept, x / (1 - rate), torch.zeros_like(x))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> torch.Tensor:
    """The same numbers, in another order along an axis; a tensor.

    x      of any shape
    axis   along which they change places
    seed   a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for an axis that is not there.
    """
    import torch

    given = _tensor(x)
    if not -given.ndim <= axis < given.ndim:
        raise ArgumentError(f"random.shuffle: axis {axis} does not exist in {tuple(given.shape)}.")
    order = torch.randperm(given.shape[axis], generator=_generator(seed))
    return given.index_select(axis, order.to(given.device))


def gamma(shape: Any, alpha: float, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Numbers of the gamma distribution of scale 1; a tensor.

    shape   whole numbers
    alpha   its parameter, above 0; a number, or an array that fits the shape
    dtype   of floats, by name; None: "float32"
    seed    a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for what is not of these kinds.
    """
    import torch

    concentration = _tensor(alpha, floating=True).expand(_sizes(shape)).contiguous()
    if bool((concentration <= 0).any()):
        raise ArgumentError(f"random.gamma: alpha is above 0, not {alpha}.")
    return torch._standard_gamma(concentration, generator=_generator(seed)).to(_type(dtype, "gamma"))


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """How often something happened in so many trials; a tensor.

    shape           whole numbers
    counts          trials: a number, or an array that fits the shape
    probabilities   of it in each of them, 0 to 1: a number, or an array that fits the shape
    dtype           of floats, by name; None: "float32"
    seed            a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for what is not of these kinds.
    """
    import torch

    sizes = _sizes(shape)
    trials, chances = (_tensor(one, floating=True).expand(sizes).contiguous() for one in (counts, probabilities))
    if bool(((chances < 0) | (chances > 1)).any()) or bool((trials < 0).any()):
        raise ArgumentError("random.binomial: counts are at least 0, probabilities from 0 to 1.")
    return torch.binomial(trials, chances, generator=_generator(seed)).to(_type(dtype, "binomial"))


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Numbers of the beta distribution, from 0 to 1; a tensor.

    shape         whole numbers
    alpha, beta   its parameters, above 0; numbers, or arrays that fit the shape
    dtype         of floats, by name; None: "float32"
    seed          a whole number, a `SeedGenerator`, or None

    Raises ArgumentError for what is not of these kinds.
    """
    generator = SeedGenerator(None if seed is None else seed.next() if isinstance(seed, SeedGenerator) else seed)
    one, other = (gamma(shape, a, dtype, None if seed is None else generator) for a in (alpha, beta))
    return one / (one + other)


guard(__name__)
