"""Augmentation of colours in torch, a batch at a time.  Each class can be printed by ``to_source``, as in ``modules``.

Amounts are drawn on the CPU, as in ``augment``.
"""

from __future__ import annotations

import torch
from torch import nn

from striate.backend.augment import uniform


class Colouring(nn.Module):
    """Changes colours by ``changed(x, low, high)``; black is `low`, white is `high`."""

    def __init__(self, amounts: tuple[float, float], low: float, high: float) -> None:
        super().__init__()
        self.amounts, self.low, self.high = amounts, low, high

    def extra_repr(self) -> str:
        return f"{self.amounts}, {self.low}, {self.high}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        """An amount for each picture, (N, 1, 1, 1)."""
        return uniform(len(x), *self.amounts).to(x.device, x.dtype)[:, None, None, None]

    def changed(self, x: torch.Tensor) -> torch.Tensor:
        """Every colour stays what it is, unless a class says otherwise."""
        return x

    def still(self, x: torch.Tensor) -> torch.Tensor:
        """What prediction does."""
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.changed(x) if self.training else x


class RandomBrightness2d(Colouring):
    """A part of the value range added."""

    def changed(self, x: torch.Tensor) -> torch.Tensor:
        return (x + self.drawn(x) * (self.high - self.low)).clamp(self.low, self.high)


class RandomContrast2d(Colouring):
    """Distances from the mean of each channel multiplied."""

    def changed(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return torch.lerp(mean, x, self.drawn(x)).clamp(self.low, self.high)


class RandomSaturation2d(Colouring):
    """The saturation of HSV, 1 - darkest / lightest channel, multiplied by f / (1 - f)."""

    def changed(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.low) / (self.high - self.low)
        factor = self.drawn(x)
        factor = factor / (1 - factor + 1e-7)
        lightest, spread = x.amax(1, keepdim=True), x.amax(1, keepdim=True) - x.amin(1, keepdim=True)
        most = lightest.clamp_min(1e-12) / spread.clamp_min(1e-12)  # where the saturation would be 1
        x = lightest - (lightest - x) * torch.minimum(factor, most)
        return x * (self.high - self.low) + self.low


class RandomHue2d(Colouring):
    """The hue of HSV moved by up to half a turn, one way or the other."""

    def changed(self, x: torch.Tensor) -> torch.Tensor:
        way = (torch.rand(len(x)) < 0.5).to(x.device, x.dtype)[:, None, None, None] * 2 - 1
        move = self.drawn(x) * way * 3  # sixths of a turn
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


class RandomLighting2d(nn.Module):
    """Amounts of the principal components of natural colours added (Krizhevsky et al. 2012, section 4.1)."""

    def __init__(self, std: float, scaled: tuple[tuple[float, ...], ...]) -> None:
        super().__init__()
        self.std, self.scaled = std, scaled

    def extra_repr(self) -> str:
        return f"{self.std}, {self.scaled}"

    def still(self, x: torch.Tensor) -> torch.Tensor:
        """What prediction does."""
        return x

    def changed(self, x: torch.Tensor) -> torch.Tensor:
        amounts = torch.randn(len(x), 3) * self.std
        return x + (amounts @ torch.tensor(self.scaled).T).to(x.device, x.dtype)[:, :, None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.changed(x) if self.training else x


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

    def __init__(
        self, amounts: tuple[float, float], low: float, high: float, scale: tuple[float, float], value: float | None
    ) -> None:
        super().__init__(amounts, low, high)
        self.scale, self.value = scale, value

    def extra_repr(self) -> str:
        return f"{self.amounts}, {self.low}, {self.high}, {self.scale}, {self.value}"

    def changed(self, x: torch.Tensor) -> torch.Tensor:
        chosen = torch.rand(len(x)) < uniform(len(x), *self.amounts)
        down, across = uniform(2 * len(x), *self.scale).sqrt().view(2, -1)
        where = rectangles(x.shape[2], x.shape[3], down, across) & chosen[:, None, None, None]
        if self.value is not None:
            return x.masked_fill(where.to(x.device), self.value)
        noise = (torch.randn(int(where.sum()), x.shape[1]) * self.high).clamp(self.low, self.high)
        new = x.movedim(1, -1).clone(memory_format=torch.contiguous_format)
        new[where[:, 0].to(x.device)] = noise.to(x.device, x.dtype)
        return new.movedim(-1, 1)
