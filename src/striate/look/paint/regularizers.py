"""What keeps a picture smooth: penalties of its contrast (N, C, H, W), and a blur."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from striate.errors import ArgumentError

if TYPE_CHECKING:
    pass


# -- what keeps a picture smooth -----------------------------------------------------------------------------------------
def alpha_norm(weight: float, alpha: float = 2.0) -> Callable[[torch.Tensor], torch.Tensor]:
    """weight * mean |contrast|^alpha of each picture; alpha 2 is L2.  Mahendran & Vedaldi 2015, section 3."""
    _sound("alpha-norm", weight, alpha)

    def penalty(contrast: torch.Tensor) -> torch.Tensor:
        return weight * contrast.abs().pow(alpha).flatten(1).mean(1)

    return penalty


def total_variation(weight: float, beta: float = 2.0) -> Callable[[torch.Tensor], torch.Tensor]:
    """weight * mean over pixels and channels of (dx² + dy²)^(beta / 2).  Mahendran & Vedaldi 2015, equation 4."""
    _sound("total variation", weight, beta)

    def penalty(contrast: torch.Tensor) -> torch.Tensor:
        dx = contrast[..., :-1, 1:] - contrast[..., :-1, :-1]
        dy = contrast[..., 1:, :-1] - contrast[..., :-1, :-1]
        square = dx.square() + dy.square()
        return weight * (square if beta == 2 else (square + 1e-8).pow(beta / 2)).flatten(1).mean(1)

    return penalty


def _sound(what: str, weight: float, exponent: float) -> None:
    if not (0 <= weight < math.inf and 0 < exponent < math.inf):
        raise ArgumentError(
            f"the {what} takes a weight of 0 or more and an exponent above 0, not {weight:g} and {exponent:g}."
        )


def blurred(contrast: torch.Tensor, sigma: float) -> torch.Tensor:
    """Convolved with a Gaussian of `sigma` pixels, mirrored at the edges."""
    reach = min(math.ceil(3 * sigma), *(side - 1 for side in contrast.shape[2:]))
    at = torch.arange(-reach, reach + 1, dtype=contrast.dtype, device=contrast.device)
    row = torch.exp(-at.square() / (2 * sigma**2))
    row = (row / row.sum()).expand(contrast.shape[1], 1, 1, -1)
    wide = F.pad(contrast, [reach] * 4, mode="reflect")
    return F.conv2d(F.conv2d(wide, row, groups=len(row)), row.transpose(2, 3), groups=len(row))
