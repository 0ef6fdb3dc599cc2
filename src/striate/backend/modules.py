"""What torch.nn does not have.  Each class and function stands alone, so that ``to_source`` can print it as it is."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class PartialConv2d(nn.Module):
    """A convolution in which each map sees only some input maps (LeCun et al. 1998, table I)."""

    def __init__(self, channels: int, connections: tuple[tuple[int, ...], ...], kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.channels, self.connections, self.kernel_size = channels, connections, kernel_size
        links = [(k, i) for k, row in enumerate(connections) for i in row]
        self.outs = [k for k, _ in links]
        self.ins = [i for _, i in links]
        self.weight = nn.Parameter(torch.zeros(len(links), *kernel_size))
        self.bias = nn.Parameter(torch.zeros(len(connections)))

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.connections}, {self.kernel_size}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        full = self.weight.new_zeros(len(self.connections), x.shape[1], *self.kernel_size)
        outs = torch.tensor(self.outs, device=x.device)
        ins = torch.tensor(self.ins, device=x.device)
        return F.conv2d(x, full.index_put((outs, ins), self.weight), self.bias)


class EuclideanRBF(nn.Module):
    """Squared distance to a fixed prototype per class (LeCun et al. 1998, equation 7)."""

    def __init__(self, channels: int, units: int) -> None:
        super().__init__()
        self.channels, self.units = channels, units
        self.weight: torch.Tensor
        self.register_buffer("weight", torch.zeros(units, channels))

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.units}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x[:, None] - self.weight).square().sum(-1)


class Drawing(nn.Module):
    """Draws numbers in training: from torch's generator, or by a seed of its own, each time others."""

    seed: int | None = None
    calls = 0

    def seeded(self, seed: int | None) -> nn.Module:
        self.seed = seed
        return self

    def __repr__(self) -> str:
        return super().__repr__() + ("" if self.seed is None else f".seeded({self.seed})")

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        """What training makes of `x`, unless a class says otherwise: nothing."""
        return x

    def still(self, x: torch.Tensor) -> torch.Tensor:
        """What prediction makes of it: nothing, unless a class says otherwise."""
        return x

    def own(self, draw: Any, *given: Any) -> Any:
        """What a function of this layer draws: where there is a seed, by a generator of its own."""
        if self.seed is None:
            return draw(*given)
        with torch.random.fork_rng([x.device for x in given if isinstance(x, torch.Tensor) and x.is_cuda]):
            torch.manual_seed(self.seed + 1_000_003 * self.calls)
            self.calls += 1
            return draw(*given)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.own(self.drawn, x) if self.training else self.still(x)  # type: ignore[no-any-return]


class Augmenting(Drawing):
    """Changes pictures in training, and as Keras does wherever nobody says whether it is."""


class DropPath(Drawing):
    """Take away the whole branch of some examples of a batch, in training only (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"{self.rate}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        if self.rate == 0:
            return x
        keep = x.new_empty((len(x),) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * keep.div_(1 - self.rate)


class Dropout(Drawing):
    """Take away numbers, all those along some axes together, in training only (Tompson et al. 2015)."""

    def __init__(self, rate: float, axes: list[int]) -> None:
        super().__init__()
        self.rate, self.axes = rate, axes

    def extra_repr(self) -> str:
        return f"{self.rate}, {self.axes}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        if self.rate == 0:
            return x
        shape = [1 if axis in self.axes else size for axis, size in enumerate(x.shape)]
        keep = x.new_empty(shape).bernoulli_(1 - self.rate)
        return x * keep.div_(1 - self.rate)


class AlphaDropout(Dropout):
    """Set numbers to SELU's lowest value and keep mean and variance, in training only (Klambauer et al. 2017)."""

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        if self.rate == 0:
            return x
        lowest = -1.7580993408473766  # of SELU: -scale * alpha
        shape = [1 if axis in self.axes else size for axis, size in enumerate(x.shape)]
        keep = x.new_empty(shape).bernoulli_(1 - self.rate)
        a = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        return (x * keep + lowest * (1 - keep)) * a - a * lowest * self.rate


class Noise(Drawing):
    """Normal numbers added, or normal factors around 1, in training only."""

    def __init__(self, deviation: float, multiplied: bool) -> None:
        super().__init__()
        self.deviation, self.multiplied = deviation, multiplied

    def extra_repr(self) -> str:
        return f"{self.deviation}, {self.multiplied}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        if self.deviation == 0:
            return x
        numbers = torch.randn_like(x).mul_(self.deviation)
        return x * numbers.add_(1) if self.multiplied else x + numbers


class ActivityPenalty(nn.Module):
    """Add up a penalty on what passes, the mean over the batch, until the loss asks for it; nothing in prediction."""

    listens = False  # outside of training: an evaluation with a loss, a call whose losses may be asked for

    def __init__(self, l1: float, l2: float) -> None:
        super().__init__()
        self.l1, self.l2 = l1, l2
        self.penalty: torch.Tensor | None = None

    def extra_repr(self) -> str:
        return f"{self.l1}, {self.l2}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training or self.listens:
            part = self.of(x) / max(len(x), 1)
            self.penalty = part if self.penalty is None else self.penalty + part
        return x

    def of(self, x: torch.Tensor) -> torch.Tensor:
        parts = [factor * size().sum() for factor, size in ((self.l1, x.abs), (self.l2, x.square)) if factor]
        return parts[0] if len(parts) == 1 else sum(parts, x.new_zeros(()))

    def taken(self) -> torch.Tensor | None:
        """The penalty so far, and begin anew."""
        penalty, self.penalty = self.penalty, None
        return penalty


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm of vectors, sequences and pictures, whose running variance is a batch's own, or n / (n - 1) of it.

    One value per channel has variance 0.
    """

    def __init__(self, channels: int, epsilon: float, momentum: float, affine: bool, unbiased: bool) -> None:
        super().__init__(channels, epsilon, momentum, affine)
        self.unbiased = unbiased

    def extra_repr(self) -> str:
        return f"{self.num_features}, {self.eps}, {self.momentum}, {self.affine}, {self.unbiased}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, variance, momentum = self.running_mean, self.running_var, self.momentum
        assert mean is not None
        assert variance is not None
        assert momentum is not None
        count, cudnn = x.numel() // x.shape[1], torch.backends.cudnn.enabled
        if self.training and count == 1:
            mean.data.lerp_(x.detach().reshape(-1).to(mean.dtype), momentum)
            variance.data.mul_(1 - momentum)
            return torch.batch_norm(x, self.weight, self.bias, None, None, True, momentum, self.eps, cudnn)
        biased = self.training and not self.unbiased
        if biased:  # torch adds n / (n - 1) of the batch's variance to it
            variance.data.mul_(count / (count - 1))
        y = torch.batch_norm(x, self.weight, self.bias, mean, variance, self.training, momentum, self.eps, cudnn)
        if biased:
            variance.data.mul_((count - 1) / count)
        return y


class LearntSlope(nn.Module):
    """A learnt slope below 0, for each place and channel; 1 along axes that share it (He et al. 2015)."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, x * self.weight)


class Scale(nn.Module):
    """A factor and an addend for each channel, of which one may be left out."""

    def __init__(self, channels: int, factor: bool, addend: bool) -> None:
        super().__init__()
        self.channels, self.factor, self.addend = channels, factor, addend
        self.weight = nn.Parameter(torch.ones(channels)) if factor else None
        self.bias = nn.Parameter(torch.zeros(channels)) if addend else None

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.factor}, {self.addend}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = (-1,) + (1,) * (x.ndim - 2)
        if self.weight is not None:
            x = x * self.weight.view(wide)
        return x if self.bias is None else x + self.bias.view(wide)


def max_pool(x: torch.Tensor, kernel: list[int], stride: list[int], pads: list[int]) -> torch.Tensor:
    """Maximum of each window; `pads` (in F.pad's order) never win."""
    if any(pads):
        x = F.pad(x, pads, value=float("-inf"))
    return F.max_pool2d(x, kernel, stride) if len(kernel) == 2 else F.max_pool1d(x, kernel, stride)


def sum_pool(x: torch.Tensor, kernel: list[int], stride: list[int], pads: list[int]) -> torch.Tensor:
    """Sum of each window of the zero-padded input."""
    if any(pads):
        x = F.pad(x, pads)
    if len(kernel) == 2:
        return F.avg_pool2d(x, kernel, stride, divisor_override=1)
    return F.avg_pool1d(x, kernel, stride) * kernel[0]


def mean_pool(x: torch.Tensor, kernel: list[int], stride: list[int], pads: list[int]) -> torch.Tensor:
    """Mean of each window over the cells that are not padding, for pads that differ from side to side."""
    ones = x.new_ones((1, 1, *x.shape[2:]))
    return sum_pool(x, kernel, stride, pads) / sum_pool(ones, kernel, stride, pads)


def guarded_sqrt(x: torch.Tensor) -> torch.Tensor:
    """The root of numbers from 0; its gradient at 0 is 0."""
    return x.clamp_min(torch.finfo(x.dtype).tiny).sqrt()


def center_pool(
    x: torch.Tensor, weights: list[float], kernel: list[int], stride: list[int], pads: list[int]
) -> torch.Tensor:
    """Mean of each window with the given cell weights."""
    filters = x.new_tensor(weights).view(1, 1, *kernel).expand(x.shape[1], *[-1] * (len(kernel) + 1))
    x = F.pad(x, pads) if any(pads) else x
    conv = F.conv2d if len(kernel) == 2 else F.conv1d
    return conv(x, filters, stride=stride, groups=x.shape[1])


def depth_pool(x: torch.Tensor, size: int, stride: int, mode: str) -> torch.Tensor:
    """Maximum or mean over groups of neighbouring channels."""
    groups = x.unfold(1, size, stride)
    return groups.amax(-1) if mode == "max" else groups.mean(-1)


def local_response_norm(x: torch.Tensor, radius: int, k: float, alpha: float, beta: float) -> torch.Tensor:
    """x / (k + alpha · sum of squares)^beta, the sum over channels within `radius`.

    torch's own slides over the channels in 3-D, which takes half as long again and is missing for bfloat16.
    """
    squares = x.square().movedim(1, -1)
    size = 2 * radius + 1
    sums = size * F.avg_pool1d(squares.flatten(1, -2), size, 1, radius)
    return x / (k + alpha * sums.reshape(squares.shape).movedim(-1, 1)) ** beta


def permuted(x: torch.Tensor, order: list[int]) -> torch.Tensor:
    """Axes in another order, the numbers laid out anew as the network's others are."""
    return x.permute(order).clone(memory_format=torch.channels_last if x.ndim == 4 else torch.contiguous_format)


def gather(x: torch.Tensor, axis: int, places: list[int]) -> torch.Tensor:
    """The cells of an axis at these places."""
    return x.index_select(axis, torch.tensor(places, device=x.device))


def per_channel(x: torch.Tensor, scale: list[float], offset: list[float]) -> torch.Tensor:
    """x · scale + offset, with one number per channel (or one for all)."""
    x = x if x.is_floating_point() else x.float()
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return x * x.new_tensor(scale).view(shape) + x.new_tensor(offset).view(shape)


def located(
    x: torch.Tensor, grids: list[tuple[int, int, float, float]], factors: list[float], anchor: float, each: int
) -> torch.Tensor:
    """`x` (N, K, P) scaled by the sides of each row's cell and counted from the cell; grids: rows, columns, down, across."""
    places, sides = [], []
    for rows, columns, down, across in grids:
        row, column = torch.arange(rows).repeat_interleave(columns), torch.arange(columns).repeat(rows)
        places.append(torch.stack([(column + anchor) * across, (row + anchor) * down]))
        sides.append(torch.tensor([[across], [down]]).expand(2, rows * columns))
    place, side = (torch.cat(parts, 1).repeat_interleave(each, 1).to(x) for parts in (places, sides))
    times = len(factors) // 2
    return x * (x.new_tensor(factors)[:, None] * side.repeat(times, 1)) + place.repeat(times, 1)


def parametric_relu(x: torch.Tensor, max_value: float | None, slope: float, threshold: float) -> torch.Tensor:
    """Keras' ReLU with all its arguments: at the threshold it is 0."""
    y = torch.where(x > threshold, x, slope * (x - threshold))
    return y if max_value is None else y.clamp_max(max_value)


def scaled_tanh(x: torch.Tensor) -> torch.Tensor:
    """1.7159 tanh(2/3 x): 1 at 1 and -1 at -1 (LeCun et al. 1998, appendix A)."""
    return 1.7159 * torch.tanh(2 / 3 * x)
