"""Pairs of examples mixed into one, as ``layers.MixUp`` and ``layers.CutMix`` say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from striate.errors import ArgumentError
from striate.layers.mix import CutMix, MixUp

if TYPE_CHECKING:
    import torch


class Mixed(NamedTuple):
    """Pictures each of which is part itself and part another one of the batch.

    x          (N, C, H, W)
    partner    which other one, int64 (N,)
    weight     how much of it is itself, 0 to 1, (N,)
    """

    x: torch.Tensor
    partner: torch.Tensor
    weight: torch.Tensor

    def targets(self, y: torch.Tensor) -> torch.Tensor:
        """One-hot or other float targets (N, ...) mixed alike.

        y   class numbers (N,) or targets (N, K)
        """
        return blended(y, self.weight, self.partner)


def blended(values: torch.Tensor, weight: Any, order: Any) -> torch.Tensor:
    """Each value times its weight, and that of its partner times the rest.

    values   (N, …)
    weight   one number, (N,), or what fits the values
    order    the partner of each, whole numbers (N,)
    """
    from striate.ops.entries import floats, tensor

    given = floats(values)
    part = floats(weight).to(given)
    part = part if part.ndim > 1 else part.reshape(-1, *[1] * max(given.ndim - 1, 0))
    return part * given + (1 - part) * given[tensor(order).long().to(given.device)]


def pasted(values: torch.Tensor, where: Any, order: Any) -> torch.Tensor:
    """Each value, with its partner's in its rectangle.

    values   (N, …)
    where    True in the rectangle; as the values, or 1 for axes along which it is the same
    order    the partner of each, whole numbers (N,)
    """
    import torch

    from striate.ops.entries import tensor

    given = tensor(values)
    return torch.where(tensor(where).bool().to(given.device), given[tensor(order).long().to(given.device)], given)


def drawn(how: MixUp | CutMix, count: int, size: tuple[int, int], generator: Any = None) -> dict[str, torch.Tensor]:
    """What is drawn for a batch, under Keras' names: "mix_weight" (N,), "permutation_order" (N,), and of a CutMix
    "batch_masks" (N, H, W, 1).

    how         what is mixed
    count       of the pictures
    size        (height, width) of them
    generator   where it is drawn, on the CPU; None: by the seed of `how`, or torch's own
    """
    import torch

    if generator is None and how.seed is not None:
        generator = how.__dict__.setdefault("_generator", torch.Generator().manual_seed(how.seed))
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    strength: Any = how.alpha if isinstance(how, MixUp) else how.factor
    strength = float(rng.uniform(*strength)) + 1e-6 if isinstance(strength, tuple) else strength
    weight = torch.from_numpy(rng.beta(strength, strength, count)).float()
    order = torch.from_numpy(rng.permutation(count))
    if isinstance(how, MixUp):
        return {"mix_weight": weight, "permutation_order": order}
    side = (1 - weight).sqrt()  # Yun et al. 2019, section 3.2: the rectangle has the shape of the picture
    inside = []
    for length in size:  # around a centre that is anywhere, cut off at the picture's sides
        centre = torch.from_numpy(rng.random(count)).float() * length
        inside.append((torch.arange(length) + 0.5 - centre[:, None]).abs() < side[:, None] * length / 2)
    where = (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
    weight = 1 - where.float().mean((1, 2, 3))
    return {"mix_weight": weight, "permutation_order": order, "batch_masks": where}


def mix(x: torch.Tensor, how: MixUp | CutMix, generator: torch.Generator | None = None) -> Mixed:
    """Each picture of a batch (N, C, H, W) mixed with another, as ``layers.MixUp`` or ``layers.CutMix`` says.

    generator   where weights, partners and places are drawn, on the CPU; None: by the layer's seed, or torch's own

    A loss that is linear in its targets, as every cross-entropy is, is weight * loss(y) + (1 - weight) * loss(y[partner])
    per example, which also serves class numbers.

    x      pictures (N, C, H, W)
    how    the layer that mixes: `MixUp` or `CutMix`
    """
    import torch

    made = drawn(how, len(x), (x.shape[2], x.shape[3]), generator)
    weight, order = made["mix_weight"].to(x.device), made["permutation_order"].to(x.device)
    if isinstance(how, MixUp):
        return Mixed(torch.lerp(x[order], x, weight.to(x.dtype)[:, None, None, None]), order, weight)
    return Mixed(pasted(x, made["batch_masks"].movedim(-1, 1), order), order, weight)


# -- as Keras' layers are called: channels-last ---------------------------------------------------------------------------
def drawn_for(how: MixUp | CutMix, data: Any, seed: Any = None) -> dict[str, torch.Tensor]:
    """What is drawn for pictures (N, H, W, C), one of them, or a dict with such.

    how    what is mixed
    data   the pictures
    seed   a whole number; None: what `how` says
    """
    import torch

    from striate.ops.entries import tensor

    shape = tuple(tensor(data["images"] if isinstance(data, dict) else data).shape)
    shape = (1, *shape) if len(shape) == 3 else shape
    height, width = shape[2:] if how.data_format == "channels_first" else shape[1:3]
    made = drawn(how, shape[0], (height, width), None if seed is None else torch.Generator().manual_seed(int(seed)))
    if how.data_format == "channels_first" and "batch_masks" in made:
        made["batch_masks"] = made["batch_masks"].movedim(-1, 1)
    return made


def transformed(how: MixUp | CutMix, values: Any, drawn: dict[str, Any], what: str) -> Any:
    """Pictures, labels, masks or boxes mixed as was drawn.

    how      what is mixed
    values   tensors or arrays; of boxes the dict of them
    drawn    what ``drawn_for`` gave
    what     "images", "labels", "masks" or "boxes"

    Raises ArgumentError for boxes of a CutMix, which would be cut.
    """
    import torch

    from striate.ops.entries import floats, tensor

    order = drawn["permutation_order"]
    if what == "boxes":
        if isinstance(how, CutMix):
            raise ArgumentError("CutMix: boxes cannot be cut. Use MixUp, or leave them out.")
        both = {key: tensor(value) for key, value in values.items()}
        return {key: torch.cat([v, v[tensor(order).long()]], min(1, v.ndim - 1)) for key, v in both.items()}
    if what == "images" and isinstance(how, MixUp):  # one weight for each picture, of one picture alone as well
        return blended(values, floats(drawn["mix_weight"]).reshape(-1, 1, 1, 1), order)
    if what == "labels" or isinstance(how, MixUp):
        return blended(values, drawn["mix_weight"], order)
    return pasted(floats(values) if what == "images" else values, drawn["batch_masks"], order)
