"""What torch.nn does not have.  Each class and function stands alone, so that ``to_source`` can print it as it is."""

from __future__ import annotations

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


class DropPath(nn.Module):
    """Take away the whole branch of some examples of a batch, in training only (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"{self.rate}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = x.new_empty((len(x),) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * keep.div_(1 - self.rate)


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


def per_channel(x: torch.Tensor, scale: list[float], offset: list[float]) -> torch.Tensor:
    """x · scale + offset, with one number per channel (or one for all)."""
    x = x if x.is_floating_point() else x.float()
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return x * x.new_tensor(scale).view(shape) + x.new_tensor(offset).view(shape)


def parametric_relu(x: torch.Tensor, max_value: float | None, slope: float, threshold: float) -> torch.Tensor:
    """Keras' ReLU with all its arguments."""
    y = torch.where(x >= threshold, x, slope * (x - threshold))
    return y if max_value is None else y.clamp_max(max_value)


def scaled_tanh(x: torch.Tensor) -> torch.Tensor:
    """1.7159 tanh(2/3 x): 1 at 1 and -1 at -1 (LeCun et al. 1998, appendix A)."""
    return 1.7159 * torch.tanh(2 / 3 * x)
