"""Augmentation in torch, a batch at a time.  Each class and function can be printed by ``to_source``, as in ``modules``.

Amounts are drawn on the CPU, so that one seed gives one result on any device.  Places are in pixels from the upper left
corner of the picture, its first pixel reaching from 0 to 1; a matrix (N, 3, 3) leads from (x, y, 1) in the new picture
back to the old one.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from striate.backend.colours import Ranged, blurred, uniform
from striate.backend.modules import Augmenting


def matrices(xx: object, xy: object, x: object, yx: object, yy: object, y: object) -> torch.Tensor:
    """(N, 3, 3): x' = xx x + xy y + x, y' = yx x + yy y + y; each a number or (N,), at least one of them (N,)."""
    rows = torch.stack(
        torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float32) for v in (xx, xy, x, yx, yy, y)))
    )
    last = torch.tensor([0.0, 0.0, 1.0]).expand(rows.shape[1], 1, 3)
    return torch.cat([rows.T.reshape(-1, 2, 3), last], 1)


def about(centre: tuple[float, float], xx: object, xy: object, yx: object, yy: object) -> torch.Tensor:
    """(N, 3, 3): a linear map that leaves the `centre` (x, y) where it is."""
    turn = matrices(xx, xy, 0.0, yx, yy, 0.0)
    middle = torch.tensor([*centre, 0.0])
    turn[:, :, 2] += middle - turn @ middle
    return turn


def warp(
    x: torch.Tensor, back: torch.Tensor, size: tuple[int, int], fill: tuple[str, float], mode: str = "bilinear"
) -> torch.Tensor:
    """`x` (N, C, H, W) read at `back` (N, 3, 3) for every pixel of pictures of a new `size`; `fill`: (mode, value)."""
    height, width = x.shape[2:]
    given = x if x.dtype in (torch.float32, torch.float64) else x.float()
    outer = torch.tensor([[size[1] / 2, 0.0, size[1] / 2], [0.0, size[0] / 2, size[0] / 2], [0.0, 0.0, 1.0]])
    inner = torch.tensor([[2 / width, 0.0, -1.0], [0.0, 2 / height, -1.0], [0.0, 0.0, 1.0]])
    theta = (inner @ back @ outer)[:, :2].to(x.device, given.dtype)  # affine_grid counts from -1 to 1 along either side
    grid = F.affine_grid(theta, [len(x), x.shape[1], *size], align_corners=False)
    how = {"constant": "zeros", "nearest": "border", "reflect": "reflection", "wrap": "border"}[fill[0]]
    if fill[0] == "wrap":  # one more pixel on each side, so that the seam is blended
        given = F.pad(given, (1, 1, 1, 1), mode="circular")
        sides = grid.new_tensor([width, height])
        grid = 2 * (torch.remainder((grid + 1) * sides / 2, sides) + 1) / (sides + 2) - 1
    shift = fill[1] if fill[0] == "constant" else 0.0
    given = given - shift if shift else given
    given = given if given.requires_grad else given.contiguous()  # half as fast again on a CPU, the copy included
    y = F.grid_sample(given, grid, mode=mode, padding_mode=how, align_corners=False)
    return (y + shift if shift else y).to(x.dtype, memory_format=torch.channels_last)


def pick(x: torch.Tensor, back: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """``warp`` for flips and crops: every pixel is a pixel of `x`, to the last bit and in its type."""
    back = back.to(x.device)
    down = torch.arange(size[0], device=x.device) + 0.5
    across = torch.arange(size[1], device=x.device) + 0.5
    rows = (back[:, 1, 1, None] * down + back[:, 1, 2, None]).floor().long()
    columns = (back[:, 0, 0, None] * across + back[:, 0, 2, None]).floor().long()
    count, channels, height, width = x.shape
    rows = rows + torch.arange(count, device=x.device)[:, None] * height
    places = (rows[:, :, None] * width + columns[:, None, :]).view(-1)
    pixels = x.movedim(1, -1).reshape(-1, channels).index_select(0, places)
    return pixels.view(count, *size, channels).movedim(-1, 1)


# -- where pixels stand -------------------------------------------------------------------------------------------------
class Moving(Augmenting):
    """Moves pixels: ``back`` draws a matrix for each picture, ``size`` is that of the new pictures.

    fill   None where every new pixel is an old one
    """

    fill: tuple[str, float] | None = None
    mode = "bilinear"

    def size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        """Every pixel stays where it is, unless a class says otherwise."""
        return torch.eye(3).expand(count, 3, 3)

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        size, back = self.size(*x.shape[2:]), self.back(len(x), *x.shape[2:])
        return pick(x, back, size) if self.fill is None else warp(x, back, size, self.fill, self.mode)


class RandomFlip2d(Moving):
    """Half of the pictures mirrored."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.which = mode

    def extra_repr(self) -> str:
        return f"{self.which!r}"

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        across, down = torch.rand(2, count) < 0.5
        across, down = across & ("horizontal" in self.which), down & ("vertical" in self.which)
        return matrices(1.0 - 2.0 * across, 0.0, 1.0 * across * width, 0.0, 1.0 - 2.0 * down, 1.0 * down * height)


class RandomRotation2d(Moving):
    """Each picture turned by a part of a full turn, counter-clockwise."""

    def __init__(self, low: float, high: float, fill: tuple[str, float], mode: str) -> None:
        super().__init__()
        self.low, self.high, self.fill, self.mode = low, high, fill, mode

    def extra_repr(self) -> str:
        return f"{self.low}, {self.high}, {self.fill}, {self.mode!r}"

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        angle = uniform(count, self.low, self.high) * (2 * math.pi)
        cos, sin = torch.cos(angle), torch.sin(angle)
        return about((width / 2, height / 2), cos, -sin, sin, cos)


class RandomQuarterTurn2d(Moving):
    """Each picture turned by a multiple of 90 degrees, and made smaller where it would not fit on its side."""

    def __init__(self, fill: tuple[str, float], mode: str) -> None:
        super().__init__()
        self.fill, self.mode = fill, mode

    def extra_repr(self) -> str:
        return f"{self.fill}, {self.mode!r}"

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        turns = torch.randint(4, (count,))
        cos, sin = torch.tensor([1.0, 0.0, -1.0, 0.0])[turns], torch.tensor([0.0, 1.0, 0.0, -1.0])[turns]
        larger = torch.where(turns % 2 == 1, max(height / width, width / height), 1.0)
        return about((width / 2, height / 2), cos * larger, -sin * larger, sin * larger, cos * larger)


class RandomZoom2d(Moving):
    """Each picture made smaller or larger; `across` None: by as much as `down`."""

    def __init__(
        self, down: tuple[float, float], across: tuple[float, float] | None, fill: tuple[str, float], mode: str
    ) -> None:
        super().__init__()
        self.down, self.across, self.fill, self.mode = down, across, fill, mode

    def extra_repr(self) -> str:
        return f"{self.down}, {self.across}, {self.fill}, {self.mode!r}"

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        down = 1 + uniform(count, *self.down)
        across = down if self.across is None else 1 + uniform(count, *self.across)
        return about((width / 2, height / 2), across, 0.0, 0.0, down)


class RandomTranslation2d(Moving):
    """Each picture shifted down and to the right by parts of its sides."""

    def __init__(
        self, down: tuple[float, float], across: tuple[float, float], fill: tuple[str, float], mode: str
    ) -> None:
        super().__init__()
        self.down, self.across, self.fill, self.mode = down, across, fill, mode

    def extra_repr(self) -> str:
        return f"{self.down}, {self.across}, {self.fill}, {self.mode!r}"

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        down, across = uniform(count, *self.down) * height, uniform(count, *self.across) * width
        return matrices(1.0, 0.0, -across, 0.0, 1.0, -down)


class RandomAffine2d(Moving):
    """Each picture turned, shifted, enlarged and slanted."""

    def __init__(
        self, rotation: float, translation: float, zoom: float, shear: float, fill: tuple[str, float], mode: str
    ) -> None:
        super().__init__()
        self.rotation, self.translation, self.zoom, self.shear = rotation, translation, zoom, shear
        self.fill, self.mode = fill, mode

    def extra_repr(self) -> str:
        return f"{self.rotation}, {self.translation}, {self.zoom}, {self.shear}, {self.fill}, {self.mode!r}"

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        angle, slant, dx, dy, grow = torch.rand(5, count) * 2 - 1
        angle = angle * (self.rotation * math.pi / 180)
        slant = torch.tan(slant * (self.shear * math.pi / 180))
        scale = 1 / (1 + grow * self.zoom)
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        turned = about((width / 2, height / 2), cos, slant * cos - sin, sin, slant * sin + cos)
        turned[:, 0, 2] += self.translation * dx * width
        turned[:, 1, 2] += self.translation * dy * height
        return turned


class RandomCrop2d(Moving):
    """A part of each picture, at a place of its own; in prediction the middle."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def extra_repr(self) -> str:
        return f"{self.height}, {self.width}"

    def size(self, height: int, width: int) -> tuple[int, int]:
        return self.height, self.width

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        top = torch.randint(height - self.height + 1, (count,))
        left = torch.randint(width - self.width + 1, (count,))
        return matrices(1.0, 0.0, left, 0.0, 1.0, top)

    def still(self, x: torch.Tensor) -> torch.Tensor:
        top, left = (x.shape[2] - self.height) // 2, (x.shape[3] - self.width) // 2
        return x[:, :, top : top + self.height, left : left + self.width]


class RandomShear2d(Moving):
    """Rows shifted by how far down they are, columns by how far to the right."""

    def __init__(
        self, across: tuple[float, float], down: tuple[float, float], fill: tuple[str, float], mode: str
    ) -> None:
        super().__init__()
        self.across, self.down, self.fill, self.mode = across, down, fill, mode

    def extra_repr(self) -> str:
        return f"{self.across}, {self.down}, {self.fill}, {self.mode!r}"

    def back(self, count: int, height: int, width: int) -> torch.Tensor:
        way = 1 - 2.0 * (torch.rand(count) > 0.5)
        down, across = uniform(count, *self.down) * way, uniform(count, *self.across) * way
        return matrices(1.0, across, -across / 2, down, 1.0, -down / 2)


class Bending(Augmenting):
    """Moves pixels of some pictures, with a probability drawn from `rates`, as no matrix does."""

    def __init__(self, rates: tuple[float, float]) -> None:
        super().__init__()
        self.rates = rates

    def chosen(self, x: torch.Tensor) -> torch.Tensor:
        chosen = torch.rand(len(x)) < uniform(len(x), *self.rates)
        return chosen.to(x.device)[:, None, None, None]


def read(x: torch.Tensor, across: torch.Tensor, down: torch.Tensor, fill: tuple[str, float], mode: str) -> torch.Tensor:
    """`x` (N, C, H, W) read at places (N, H, W) in pixels, 0 the middle of the first; `fill`: (mode, value)."""
    height, width = x.shape[2:]
    if fill[0] == "wrap":
        across, down = torch.remainder(across, width), torch.remainder(down, height)
    grid = torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], -1).to(x.device, x.dtype)
    how = {"constant": "zeros", "nearest": "border", "reflect": "reflection", "wrap": "border"}[fill[0]]
    shift = fill[1] if fill[0] == "constant" else 0.0
    return F.grid_sample(x - shift, grid, mode=mode, padding_mode=how, align_corners=False) + shift


class RandomPerspective2d(Bending):
    """The corners moved, and all between them as perspective has it."""

    def __init__(self, rates: tuple[float, float], scale: float, value: float, mode: str) -> None:
        super().__init__(rates)
        self.scale, self.value, self.mode = scale, value, mode

    def extra_repr(self) -> str:
        return f"{self.rates}, {self.scale}, {self.value}, {self.mode!r}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        chosen, (height, width) = self.chosen(x), x.shape[2:]
        right, bottom = width - 1.0, height - 1.0
        old = torch.tensor([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]]).expand(len(x), 4, 2)
        new = old + old * (torch.rand(len(x), 4, 2) - 0.5) * self.scale
        one, none = torch.ones(len(x), 4), torch.zeros(len(x), 4)
        rows = []
        for axis in (0, 1):  # old = (a x + b y + c) / (g x + h y + 1) at the new places, for either axis
            places = [new[..., 0], new[..., 1], one]
            tilt = [-old[..., axis] * new[..., 0], -old[..., axis] * new[..., 1]]
            rows.append(
                torch.stack([*places, none, none, none, *tilt] if not axis else [none, none, none, *places, *tilt], -1)
            )
        tilted = torch.linalg.lstsq(torch.cat(rows, 1), torch.cat([old[..., 0], old[..., 1]], 1)[..., None]).solution
        back = torch.cat([tilted[..., 0], torch.ones(len(x), 1)], 1).view(-1, 3, 3)
        down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        seen = back @ torch.stack([across, down, torch.ones(height, width)]).reshape(3, -1)
        columns, lines = (seen[:, axis] / seen[:, 2] for axis in (0, 1))
        y = read(x, columns.view(-1, height, width), lines.view(-1, height, width), ("constant", self.value), self.mode)
        return torch.where(chosen, y, x)


class RandomElasticTransform2d(Ranged, Bending):
    """Pixels moved by blurred noise."""

    def __init__(
        self,
        rates: tuple[float, float],
        scale: tuple[float, float],
        low: float,
        high: float,
        fill: tuple[str, float],
        mode: str,
    ) -> None:
        super().__init__(rates)
        self.scale, self.low, self.high, self.fill, self.mode = scale, low, high, fill, mode

    def extra_repr(self) -> str:
        return f"{self.rates}, {self.scale}, {self.low}, {self.high}, {self.fill}, {self.mode!r}"

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        chosen, (height, width) = self.chosen(x), x.shape[2:]
        factor = float(uniform(1, *self.scale))
        far, sigma = 0.1 * factor * max(height, width), 0.05 * factor * min(height, width)
        if sigma == 0:
            return x
        size = int(6 * sigma) | 1
        moves = blurred(torch.randn(len(x), 2, height, width) * sigma, (size, size), (sigma, sigma)) * far
        down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        y = read(x, across + moves[:, 0], down + moves[:, 1], self.fill, self.mode)
        return torch.where(chosen, y, x).clamp(self.low, self.high)


# -- several ------------------------------------------------------------------------------------------------------------
class Augmentation2d(Augmenting):
    """Steps one after the other, neighbours that move pixels composed into one resampling."""

    def __init__(self, *steps: nn.Module) -> None:
        super().__init__()
        self.steps: tuple[Any, ...] = steps

    def extra_repr(self) -> str:
        return ", ".join(map(repr, self.steps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            return self.own(self.moved, x)[0]  # type: ignore[no-any-return]
        for step in self.steps:
            x = step.still(x)
        return x

    def moved(
        self, x: torch.Tensor, mask: torch.Tensor | None = None, outside: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """New pictures (N, C, H, W), the matrices back to the old ones, and label maps (N, 1, H, W) moved alike.

        outside   the label of what comes in with the fill mode "constant"
        """
        total = torch.eye(3).expand(len(x), 3, 3)
        waiting: list[Moving] = []
        for step in (*self.steps, None):
            fills = {(s.fill, s.mode) for s in (*waiting, step) if isinstance(s, Moving) and s.fill is not None}
            if waiting and not (isinstance(step, Moving) and len(fills) < 2):
                x, mask, back = self.together(waiting, x, mask, outside)
                total, waiting = total @ back, []
            if isinstance(step, Moving):
                waiting.append(step)
            elif step is not None:
                x = step.own(step.drawn, x)
        return x, total, mask

    @property
    def mirrors(self) -> bool | None:
        """Whether the mirror images of the pictures come in from outside; None: those of pictures that moved before."""
        fills: set[tuple[Any, str]] = set()
        groups, moving = 0, False
        for step in self.steps:
            moves = isinstance(step, Moving)
            kind = (step.fill, step.mode) if moves and step.fill is not None else None
            if moves and (not moving or len(fills | ({kind} if kind else set())) > 1):
                fills, groups = set(), groups + 1
            fills |= {kind} if kind else set()
            moving = moves
        return self._reflects and (True if groups == 1 else None)

    @property
    def _reflects(self) -> bool:
        return any(
            isinstance(step, Moving) and step.fill is not None and step.fill[0] == "reflect" for step in self.steps
        )

    def together(
        self, steps: list[Moving], x: torch.Tensor, mask: torch.Tensor | None, outside: float
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """Several moves as one: the new pictures and label maps, and the matrices back."""
        size = (x.shape[2], x.shape[3])
        back = torch.eye(3).expand(len(x), 3, 3)
        for step in steps:
            back, size = back @ step.own(step.back, len(x), *size), step.size(*size)
        filling = next((step for step in steps if step.fill is not None), None)
        if filling is None or filling.fill is None:
            return pick(x, back, size), None if mask is None else pick(mask, back, size), back
        if mask is not None:
            mask = warp(mask, back, size, (filling.fill[0], outside), "nearest")
        return warp(x, back, size, filling.fill, filling.mode), mask, back


class RandAugment2d(Augmenting):
    """So many of the steps, drawn for a batch, one after the other."""

    def __init__(self, count: int, *steps: nn.Module) -> None:
        super().__init__()
        self.count, self.steps = count, steps

    def extra_repr(self) -> str:
        return ", ".join([f"{self.count}", *map(repr, self.steps)])

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        for which in torch.randint(len(self.steps), (self.count,)).tolist():
            x = self.steps[which].own(self.steps[which].drawn, x)  # type: ignore[operator]
        return x


class AugMix2d(Ranged):
    """A picture and a mean of chains of steps, mixed; parts and steps are drawn for a batch."""

    def __init__(self, chains: int, depth: int, alpha: float, low: float, high: float, *steps: nn.Module) -> None:
        super().__init__()
        self.chains, self.depth, self.alpha, self.low, self.high, self.steps = chains, depth, alpha, low, high, steps

    def extra_repr(self) -> str:
        given = (self.chains, self.depth, self.alpha, self.low, self.high, *self.steps)
        return ", ".join(map(repr, given))

    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        gammas = torch._standard_gamma(torch.full((self.chains + 2,), self.alpha)).tolist()
        mixed = torch.zeros_like(x)
        for part in gammas[2:]:
            y = x
            for which in torch.randint(len(self.steps) + 1, (self.depth,)).tolist():
                y = self.steps[which].drawn(y) if which < len(self.steps) else y  # type: ignore[operator]
            mixed = mixed + y * (part / sum(gammas[2:]))
        return torch.lerp(mixed, x, gammas[0] / (gammas[0] + gammas[1])).clamp(self.low, self.high)
