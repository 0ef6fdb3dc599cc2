"""How a picture is moved before a network looks at it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from striate.errors import ArgumentError

_FAR = 100_000


# -- looked at from elsewhere --------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Transforms:
    """How the picture is moved before each look of the network at it, at random, the same for all pictures of a step.

    jitter    shifted by up to so many whole pixels each way, mirrored at the edges
    rotate    turned by up to so many degrees each way
    scale     enlarged by a factor from 1 / scale to scale
    wrap      shifted over the edges instead: what leaves on one side comes in on the other
    """

    jitter: int = 0
    rotate: float = 0.0
    scale: float = 1.0
    wrap: bool = False

    def __post_init__(self) -> None:
        fits = 0 <= self.jitter <= _FAR and 0 <= self.rotate <= _FAR and 1 <= self.scale <= _FAR
        if not fits:  # nor is NaN: torch would read the picture beyond its edges
            raise ArgumentError(
                f"jitter {self.jitter} and rotate {self.rotate} must be from 0 to {_FAR:,}, and scale {self.scale} from 1."
            )

    def __call__(self, x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        if self.jitter:
            x = self._shifted(x, random)
        if self.rotate or self.scale != 1:
            x = self._turned(x, random)
        return x

    def _shifted(self, x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        far = self.jitter if self.wrap else min(self.jitter, x.shape[2] - 1, x.shape[3] - 1)
        dy, dx = torch.randint(-far, far + 1, (2,), generator=random).tolist()
        if self.wrap:
            return x.roll((dy, dx), (2, 3))
        wide = F.pad(x, [far] * 4, mode="reflect")
        return wide[:, :, far + dy : far + dy + x.shape[2], far + dx : far + dx + x.shape[3]]

    def _turned(self, x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        angle, zoom = (2 * torch.rand(2, generator=random, dtype=torch.float64) - 1).tolist()
        angle, zoom = math.radians(angle * self.rotate), self.scale**-zoom
        height, width = x.shape[2:]
        c, s, tall = math.cos(angle) * zoom, math.sin(angle) * zoom, height / width
        matrix = x.new_tensor([[c, -s * tall, 0], [s / tall, c, 0]]).expand(len(x), 2, 3)
        grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
