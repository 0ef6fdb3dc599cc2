"""What changes of pictures keep for a backward pass, behind a layer that learns."""

from __future__ import annotations

from math import prod

from striate import primitives as p
from striate.backend.rows import augmentation
from striate.graph import Shape
from striate.ops.kept import Saved
from striate.ops.kept import kept as measured

_FOUND: dict[tuple[str, Shape, int], Saved] = {}


def kept(change: p.Augment, x: Shape, item: int) -> Saved:
    """What is kept in training, found by running it; of steps that are drawn, the most that they can keep.

    change   what is drawn and done
    x        shape of the pictures, (H, W, C)
    item     bytes of a number
    """
    key = repr(change), x, item
    if key not in _FOUND:
        _FOUND[key] = _kept(change, x, item)
    return _FOUND[key]


def _kept(change: p.Augment, x: Shape, item: int) -> Saved:
    if change.torch_class == "RandAugment2d":
        return _most(change, x, item, chains=1, depth=change.arguments[0])
    if change.torch_class == "AugMix2d":
        chains, depth = change.arguments[:2]
        return _most(change, x, item, chains=chains, depth=depth)
    return measured(augmentation(change), True, (True,), (x,), item)


def _most(change: p.Augment, x: Shape, item: int, *, chains: int, depth: int) -> Saved:
    """What `chains` of `depth` drawn steps keep where each is the one that keeps most."""
    steps = [kept(step, x, item) for step in change.steps]
    needs = any(step.inputs for step in steps)
    between = prod(x) * item if needs or any(step.output for step in steps) else 0  # what one step gives the next
    each, fixed = max(step.each for step in steps), max(step.fixed for step in steps)
    mixed = prod(x) * item if change.torch_class == "AugMix2d" else 0  # what is clipped at last
    many = chains * depth
    return Saved(
        inputs=(0,) if needs else (),
        each=many * each + (many - (chains if mixed else 1)) * between + (chains * between if mixed else 0) + mixed,
        fixed=many * fixed,
        output=False,
        same=False,
        last=True,
    )
