"""A stand-in for autograd: which storages a forward pass makes, shares and keeps for the backward pass."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from math import prod

from striate.graph import FlatNode, Shape, Step

#: Bytes of one number.
ITEM = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "int64": 8, "int32": 4, "uint8": 1}


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor: the storage it lives in, its numbers per example, and what the next operation must know of it.

    grad     a gradient flows back to it
    last     channels stand last in memory, so that it can be flattened, or multiplied by a Dense layer, as it is
    dense    it fills its storage (a cropped view does not)
    rows     of a sequence that does not: what is left of it still stands in a row
    evenly   of one that does not: only channels are missing, so that a Dense layer can multiply it as it is
    """

    store: int
    numbers: int
    grad: bool = False
    last: bool = True
    dense: bool = True
    rows: bool = True
    evenly: bool = False


class Storages:
    """Storages by number, in bytes per example and in bytes whatever the batch; and which of them are kept.

    training    training or prediction mode (dropout, batch norm)
    gradients   False: as under ``torch.no_grad()``, nothing needs a gradient
    """

    def __init__(self, dtype: str = "float32", *, training: bool = True, gradients: bool = True) -> None:
        self.item = ITEM[dtype]
        self.training = training
        self.gradients = gradients
        self.sizes: list[tuple[int, int]] = []
        self.kept: dict[int, None] = {}  # in the order in which they were first kept
        self.kept_before: dict[str, int] = {}  # how many were kept before each call
        self.readers: Counter[int] = Counter()
        self.trainable = True  # whether the layer of the call that runs is
        self.maker: dict[int, tuple[FlatNode, Step | None]] = {}  # of each tensor: its call, and the step in it
        self.turned: dict[
            Stored, tuple[Stored, tuple[int, ...]]
        ] = {}  # what a Permute in a layer was put after; its order

    # -- making values ------------------------------------------------------------------------------------------------
    def new(self, numbers: int, grad: bool = False, *, last: bool = True, item: int | None = None) -> Stored:
        """A tensor in a storage of its own."""
        self.sizes.append((numbers * (self.item if item is None else item), 0))
        return Stored(len(self.sizes) - 1, numbers, grad and self.gradients, last)

    def like(self, x: Stored, grad: bool | None = None) -> Stored:
        """A new tensor with as many numbers as `x`, in its order."""
        return self.new(x.numbers, x.grad if grad is None else grad, last=x.last)

    def view(self, x: Stored, shape: Shape, last: bool = True) -> Stored:
        """`x` in another shape, in the same storage; in a new one when its memory is not in that order."""
        if not (x.last and x.dense):
            return self.new(x.numbers, x.grad, last=last)
        return replace(x, numbers=prod(shape), last=last)

    # -- keeping them -------------------------------------------------------------------------------------------------
    def keep(self, *values: Stored) -> None:
        self.kept.update((value.store, None) for value in values)

    def keep_new(self, numbers: int, item: int | None = None) -> None:
        """Keep so many numbers per example that are nobody's output: a mask, the places of maxima."""
        self.keep(self.new(numbers, item=item))

    def keep_fixed(self, count: int) -> None:
        """Keep so many bytes, whatever the batch."""
        self.sizes.append((0, count))
        self.kept[len(self.sizes) - 1] = None

    # -- answers ------------------------------------------------------------------------------------------------------
    def kept_bytes(self, batch_size: int) -> int:
        """Bytes of the kept storages, each counted once."""
        return sum(each * batch_size + fixed for each, fixed in (self.sizes[store] for store in self.kept))

    def kept_each(self) -> dict[str, int]:
        """Bytes for one example that each call keeps and no call before it does, by the call's name."""
        names, own = list(self.kept_before), {}
        ends = [*(self.kept_before[name] for name in names[1:]), len(self.kept)]
        stores = iter(self.kept)
        for name, end in zip(names, ends, strict=True):
            mine = itertools.islice(stores, end - self.kept_before[name])
            own[name] = sum(sum(self.sizes[store]) for store in mine)
        return own
