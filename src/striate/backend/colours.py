"""Changes of colours in torch, a batch at a time.  Each can be printed by ``to_source``, as in ``modules``.

Amounts are drawn on the CPU, so that one seed gives one result on any device.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from striate.backend.modules import Augmenting


def uniform(count: int, low: float, high: float) -> torch.Tensor:
    """So many numbers between two, from the CPU's generator."""
    return torch.rand(count) * (high - low) + low


class Ranged(Augmenting):
    """Takes pixels from black, `low`, to white, `high`, and says so where the first ones are clearly others."""

    low: float
    high: float
    beyond = "to which they are clipped"  # what becomes of pixels that are not between the two
    same_by_white = False  # whether the result is the same whatever white is
    looked = False

    def own(self, draw: Any, *given: Any) -> Any:
        if not self.looked and not torch.compiler.is_compiling():
            self.looked = True
            self.look(given[0])
        return super().own(draw, *given)

    def look(self, x: torch.Tensor) -> None:
        """Say so where the first pixels are clearly not from black to white."""
        least, most = (float(v) for v in torch.aminmax(x.detach()))
        wide, said = self.high - self.low, f"({self.low:g}, {self.high:g})"
        other = (0, 255) if most > self.low + 10 * wide else (0, 1) if wide >= 100 and -1 <= least < most <= 1 else None
        if other is not None and not (self.same_by_white and self.low == other[0] <= least):
            warnings.warn(
                f"{type(self).__name__[:-2]}: pixels go from {least:g} to {most:g}, and value_range says {said}, "
                f"{self.beyond}. Give value_range={other}, or another that fits.",
                stacklevel=2,
            )


class Colouring(Ranged):
    """Changes colours; black is `low`, white is `high`."""

    def __init__(self, amounts: tuple[float, float], low: float, high: float) -> None:
        super().__init__()
        self.amounts, self.low, self.high = amounts, low, high

    def extra_repr(self) -> str:
        return f"{self.amounts}, {self.low}, {self.high}"

    def amount(self, x: torch.Tensor) -> torch.Tensor:
        """An amount for each picture, (N, 1, 1, 1)."""
        return uniform(len(x), *self.amounts).to(x.device, x.dtype)[:, None, None, None]


class RandomBrightness2d(Colouring):
    """A part of the value range added."""

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        return (x + self.amount(x) * (self.high - self.low)).clamp(self.low, self.high)


class RandomContrast2d(Colouring):
    """Distances from the mean of each channel multiplied."""

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return torch.lerp(mean, x, self.amount(x)).clamp(self.low, self.high)


class RandomSaturation2d(Colouring):
    """The saturation of HSV, 1 - darkest / lightest channel, multiplied by f / (1 - f)."""

    beyond, same_by_white = "from whose black colours are measured", True

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.low) / (self.high - self.low)
        factor = self.amount(x)
        factor = factor / (1 - factor + 1e-7)
        lightest, spread = x.amax(1, keepdim=True), x.amax(1, keepdim=True) - x.amin(1, keepdim=True)
        most = lightest.clamp_min(1e-12) / spread.clamp_min(1e-12)  # where the saturation would be 1
        x = lightest - (lightest - x) * torch.minimum(factor, most)
        return x * (self.high - self.low) + self.low


class RandomHue2d(Colouring):
    """The hue of HSV moved by up to half a turn, one way or the other."""

    beyond, same_by_white = "from whose black colours are measured", True

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        way = (torch.rand(len(x)) < 0.5).to(x.device, x.dtype)[:, None, None, None] * 2 - 1
        move = self.amount(x) * way * 3  # sixths of a turn
        x = (x - self.low) / (self.high - self.low)
        red, green, blue = x.unbind(1)
        lightest, darkest = x.amax(1), x.amin(1)
        spread = lightest - darkest
        safe = torch.where(spread > 0, spread, 1.0)
        hue = torch.where(red == lightest, (green - blue) / safe, 4 + (red - green) / safe)
        hue = torch.where((green == lightest) & (red != lightest), 2 + (blue - red) / safe, hue)
        sixth = torch.remainder(hue[:, None] + move + hue.new_tensor([5.0, 3.0, 1.0]).view(1, 3, 1, 1), 6)
        part = torch.minimum(sixth, 4 - sixth).clamp(0, 1)
        x = (lightest[:, None] - spread[:, None] * part) * (self.high - self.low) + self.low
        return x.contiguous(memory_format=torch.channels_last)


class RandomLighting2d(Ranged):
    """Amounts of the principal components of natural colours added (Krizhevsky et al. 2012, section 4.1)."""

    beyond = "by which the colours that are added are scaled"

    def __init__(self, std: float, scaled: tuple[tuple[float, ...], ...], low: float, high: float) -> None:
        super().__init__()
        self.std, self.scaled, self.low, self.high = std, scaled, low, high

    def extra_repr(self) -> str:
        return f"{self.std}, {self.scaled}, {self.low}, {self.high}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        amounts = torch.randn(len(x), 3) * self.std
        return x + (amounts @ torch.tensor(self.scaled).T).to(x.device, x.dtype)[:, :, None, None]


def rectangles(height: int, width: int, down: torch.Tensor, across: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W), True in a rectangle at a random place, its sides these parts (N,) of the picture's."""
    count, inside = len(down), []
    for side, part in ((height, down), (width, across)):
        start = torch.rand(count) * (1 - part) * side
        place = torch.arange(side)
        inside.append((place >= start[:, None]) & (place < (start + part * side)[:, None]))
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None]


class RandomErasing2d(Colouring):
    """A rectangle painted over, with a probability drawn from `amounts`."""

    beyond = "from which what is painted over them is taken"

    def __init__(
        self, amounts: tuple[float, float], low: float, high: float, scale: tuple[float, float], value: Any
    ) -> None:
        super().__init__(amounts, low, high)
        self.scale, self.value = scale, value

    def extra_repr(self) -> str:
        return f"{self.amounts}, {self.low}, {self.high}, {self.scale}, {self.value}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        chosen = torch.rand(len(x)) < uniform(len(x), *self.amounts)
        down, across = uniform(2 * len(x), *self.scale).sqrt().view(2, -1)
        where = rectangles(x.shape[2], x.shape[3], down, across) & chosen[:, None, None, None]
        if isinstance(self.value, tuple):
            return torch.where(where.to(x.device), x.new_tensor(self.value).view(1, -1, 1, 1), x)
        if self.value is not None:
            return x.masked_fill(where.to(x.device), self.value)
        noise = (torch.randn(int(where.sum()), x.shape[1]) * self.high).clamp(self.low, self.high)
        new = x.movedim(1, -1).clone(memory_format=torch.contiguous_format)
        new[where[:, 0].to(x.device)] = noise.to(x.device, x.dtype)
        return new.movedim(-1, 1)


def grey(x: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 3, H, W) in grey, (N, 1, H, W): the luma of Rec. 601."""
    red, green, blue = x.unbind(1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue)[:, None]


class RandomColorDegeneration2d(Colouring):
    """Colours mixed with grey."""

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        return torch.lerp(x, grey(x).expand_as(x), self.amount(x)).clamp(self.low, self.high)


class RandomSharpness2d(Colouring):
    """Away from, or towards, a mean of each pixel and its neighbours."""

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        one, five = 1 / 13, 5 / 13
        kernel = x.new_tensor([[one, one, one], [one, five, one], [one, one, one]])
        smooth = F.conv2d(x, kernel.expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])
        return torch.lerp(x, smooth, 1 - 2 * self.amount(x)).clamp(self.low, self.high)


class RandomInvert2d(Colouring):
    """White less the pixels, with a probability drawn from `amounts`."""

    beyond = "from whose white they are taken"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        chosen = torch.rand(len(x)) < uniform(len(x), *self.amounts)
        return torch.where(chosen.to(x.device)[:, None, None, None], self.high - x, x)


class RandomGrayscale2d(Augmenting):
    """Grey pictures, with a probability."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"{self.rate}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        chosen = torch.rand(len(x)) < self.rate
        return torch.where(chosen.to(x.device)[:, None, None, None], grey(x).expand_as(x), x)


class RandomPosterization2d(Colouring):
    """The upper bits of a byte left."""

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        least, most = (int(bits) for bits in self.amounts)
        bits = torch.randint(least, most, (len(x),)) if least < most else torch.full((len(x),), least)
        step = (2.0 ** (8 - bits)).to(x.device, x.dtype)[:, None, None, None]
        byte = ((x - self.low) * (255 / (self.high - self.low))).floor().clamp(0, 255)
        return (byte / step).floor() * step * ((self.high - self.low) / 255) + self.low


class Solarization2d(Colouring):
    """Something added, and what is then above a threshold inverted."""

    def __init__(self, amounts: tuple[float, float], thresholds: tuple[float, float], low: float, high: float) -> None:
        super().__init__(amounts, low, high)
        self.thresholds = thresholds

    def extra_repr(self) -> str:
        return f"{self.amounts}, {self.thresholds}, {self.low}, {self.high}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        span = self.high - self.low
        threshold = uniform(len(x), *self.thresholds).to(x.device, x.dtype)[:, None, None, None] * span
        lighter = (x - self.low + self.amount(x) * span).clamp(0, span)
        return torch.where(lighter < threshold, lighter, span - lighter) + self.low


class RandomGaussianBlur2d(Colouring):
    """A weighted mean of each pixel and its neighbours, with a probability drawn from `amounts`."""

    def __init__(
        self, amounts: tuple[float, float], low: float, high: float, size: tuple[int, int], sigma: tuple[float, float]
    ) -> None:
        super().__init__(amounts, low, high)
        self.window, self.sigma = size, sigma

    def extra_repr(self) -> str:
        return f"{self.amounts}, {self.low}, {self.high}, {self.window}, {self.sigma}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        chosen = torch.rand(len(x)) < uniform(len(x), *self.amounts)
        across, down = uniform(2, *self.sigma) + 1e-6
        smooth = blurred(x, self.window, (float(across), float(down)))
        return torch.where(chosen.to(x.device)[:, None, None, None], smooth, x).clamp(self.low, self.high)


def blurred(x: torch.Tensor, size: tuple[int, int], sigma: tuple[float, float]) -> torch.Tensor:
    """Normal weights over `size` (across, down) pixels, zeros around; sigma is (across, down)."""
    sides = []
    for count, deviation in zip(size, sigma, strict=True):
        place = torch.arange(count, dtype=torch.float32) - (count - 1) / 2
        weights = torch.exp(-0.5 * (place / deviation) ** 2)
        sides.append((weights / weights.sum()).to(x.device, x.dtype))
    maps = x.shape[1]
    x = F.conv2d(x, sides[0].expand(maps, 1, 1, -1), padding=(0, size[0] // 2), groups=maps)
    return F.conv2d(x, sides[1].view(-1, 1).expand(maps, 1, -1, 1), padding=(size[1] // 2, 0), groups=maps)


class Equalization2d(Ranged):
    """Values spread so that all are equally frequent, over the batch, for each channel."""

    def __init__(self, bins: int, low: float, high: float) -> None:
        super().__init__()
        self.bins, self.low, self.high = bins, low, high

    def extra_repr(self) -> str:
        return f"{self.bins}, {self.low}, {self.high}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        bytes_ = (x - self.low) * (255 / (self.high - self.low))
        bins = (bytes_ * ((self.bins - 1) / 255)).long().clamp(0, self.bins - 1)
        channels = []
        for old, binned in zip(bytes_.unbind(1), bins.unbind(1), strict=True):
            counts = torch.bincount(binned.flatten(), minlength=self.bins)
            if int((counts > 0).sum()) < 2:
                channels.append(old)
                continue
            below = counts.cumsum(0)
            first = below[below > 0][0]
            table = ((below - first) * 255 / (below[-1] - first)).round().clamp(0, 255).to(x.dtype)
            channels.append(table[binned])
        return torch.stack(channels, 1) * ((self.high - self.low) / 255) + self.low


class AutoContrast2d(Augmenting):
    """Each channel of each picture stretched to all values."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def extra_repr(self) -> str:
        return f"{self.low}, {self.high}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        least, most = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        spread = most - least
        part = (x - least) / torch.where(spread > 0, spread, 1.0)
        return torch.where(spread > 0, part * (self.high - self.low) + self.low, x)


class ContrastLimitedAdaptiveHistogramEqualization2d(Ranged):
    """Values of each channel spread within tiles, no value's share beyond a limit, between tiles by degrees; always."""

    def __init__(self, low: float, high: float, limit: float, tiles: tuple[int, int]) -> None:
        super().__init__()
        self.low, self.high, self.limit, self.tiles = low, high, limit, tiles

    def extra_repr(self) -> str:
        return f"{self.low}, {self.high}, {self.limit}, {self.tiles}"

    def still(self, x: torch.Tensor) -> torch.Tensor:
        return self.own(self.drawn, x)  # type: ignore[no-any-return]

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        channels, *sizes = map(int, x.shape[1:])
        down, across = (-(-size // count) for size, count in zip(sizes, self.tiles, strict=True))
        rows, columns = self.tiles
        for axis, size, whole in ((2, sizes[0], rows * down), (3, sizes[1], columns * across)):
            place = torch.arange(whole, device=x.device) % (2 * size)  # mirrored at the end, as far as tiles reach
            x = x.index_select(axis, torch.minimum(place, 2 * size - 1 - place))
        byte = ((x - self.low) * (255 / (self.high - self.low))).clamp(0, 255).long()
        tiles = byte.reshape(-1, rows, down, columns, across).permute(0, 1, 3, 2, 4).reshape(-1, down * across)
        none = (tiles[:, :1] * 0).to(x.dtype).expand(-1, 256)
        counts = torch.scatter_add(none, 1, tiles, torch.ones_like(tiles, dtype=x.dtype))
        if self.limit > 0:
            cut = counts.clamp(max=float(int(self.limit * down * across / 256)))
            counts = cut + (counts - cut).sum(1, keepdim=True) / 256
        below = counts.cumsum(1)
        first = below[:, :1]
        span = down * across - first
        table = ((below - first) * 255 / torch.where(span == 0, 1.0, span)).clamp(0, 255)
        table = table.reshape(-1, rows * columns * 256)
        places, byte = [], byte.reshape(-1, rows * down, columns * across)
        for count, tile in ((rows, down), (columns, across)):  # between the middles of two tiles
            middle = (torch.arange(count * tile, device=x.device) - tile / 2) / tile
            lower = middle.floor()
            ends = (end.clamp(0, count - 1).long() for end in (lower, lower + 1))
            places.append((*ends, (middle - lower).to(x.dtype)))
        (top, bottom, part), (left, right, share) = places
        found = []
        for line in (top, bottom):
            sides = []
            for column in (left, right):
                which = (line[:, None] * columns + column) * 256 + byte
                sides.append(table.gather(1, which.flatten(1)).view_as(which))
            found.append(sides[0] * (1 - share) + sides[1] * share)
        y = found[0] * (1 - part[:, None]) + found[1] * part[:, None]
        y = y[:, : sizes[0], : sizes[1]] * ((self.high - self.low) / 255) + self.low
        return y.reshape(-1, channels, *sizes)
