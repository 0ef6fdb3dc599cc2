"""Four pictures of a batch in one, with their boxes and label maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from striate.backend.augment import warp
from striate.data import Batch
from striate.data.batches import channels_first, channels_last
from striate.data.box_targets import CLASS, moved_targets
from striate.layers import Mosaic
from striate.train.losses import Loss


def mosaic(batch: Batch, how: Mosaic, losses: Sequence[Loss]) -> Batch:
    """The batch with each of its pictures in a corner of four others, as ``layers.Mosaic`` says.

    batch    pictures (N, C, H, W), and boxes (N, 6, M) or label maps (N, H, W) as targets
    how      what is drawn
    losses   of the outputs: which targets are boxes, and which label of a map counts for nothing (else 0 comes in)
    """
    x = batch.xs[0]
    count, height, width = len(x), x.shape[2], x.shape[3]
    low, high = how.centre
    row, column = (round(float(low + (high - low) * torch.rand(1)) * side) for side in (height, width))
    new = x.new_full(x.shape, how.fill_value).contiguous(memory_format=torch.channels_last)
    ys: list[list[torch.Tensor]] = [[] for _ in batch.ys]
    maps = [y.clone() for y in batch.ys]
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        top, bottom = (row, height) if down else (0, row)
        left, right = (column, width) if across else (0, column)
        size = (bottom - top, right - left)
        order = torch.randperm(count)
        scale = how.scale[0] + (how.scale[1] - how.scale[0]) * torch.rand(count)
        if not size[0] or not size[1]:
            continue
        forward = torch.eye(3).repeat(count, 1, 1)  # from the picture to its corner, whose inner corner is the centre
        forward[:, 0, 0] = forward[:, 1, 1] = scale
        forward[:, 0, 2] = 0 if across else size[1] - scale * width
        forward[:, 1, 2] = 0 if down else size[0] - scale * height
        back = torch.linalg.inv(forward)
        some = x[order.to(x.device)]
        new[:, :, top:bottom, left:right] = warp(some, back, size, ("constant", how.fill_value))
        for i, (y, loss) in enumerate(zip(batch.ys, losses, strict=True)):
            own = y[order.to(y.device)]
            if loss.boxes:
                rows = channels_last(own).cpu().numpy()
                moved = moved_targets(rows, forward.double().numpy(), size, how.least)
                moved[..., :4] += np.array([left, top, left, top], np.float32) * (moved[..., CLASS, None] >= 0)
                ys[i].append(torch.from_numpy(moved))
            else:
                outside = float(getattr(loss, "ignore_class", None) or 0)
                labels = warp(own[:, None].double(), back, size, ("constant", outside), "nearest")
                maps[i][:, top:bottom, left:right] = labels[:, 0].round().to(y.dtype)
    made = [
        channels_first(_packed(torch.cat(each, 1))).to(y.device) if each else m
        for each, m, y in zip(ys, maps, batch.ys, strict=True)
    ]
    return replace(batch, xs=[new, *batch.xs[1:]], ys=made)


def _packed(rows: torch.Tensor) -> torch.Tensor:
    """Boxes (N, M, 6) with those that are none at the end, and no more of these than must be."""
    there = rows[..., CLASS] >= 0
    order = (~there).to(torch.int8).argsort(dim=1, stable=True)
    most = max(1, int(there.sum(1).max()))
    return rows.gather(1, order[..., None].expand_as(rows))[:, :most]
