"""Whether weights have changed since they were last looked at, and how many of them are read to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

_ALL, _SOME = 256, 8  # arrays up to the first size are compared whole each time, of larger ones this many cells
_LINE = 1021  # numbers in a line, a prime, so that filters that change places do not stay in their columns
_BLOCK = 32 * _LINE  # numbers that are read together


class Watch:
    """The floating-point arrays of a module as they are now.

    ``changed`` always sees an array put in another's place, every change that torch counts (optimizers, ``copy_``, loading),
    and changes past torch's counter (through ``.data`` or a NumPy view) that touch an array of up to 256 numbers or one of
    8 cells spread over a larger one; that takes some microseconds for each hundred arrays.  To see any change of any
    weight it reads them: as many as it is told, block after block in turn.
    """

    def __init__(self, module: nn.Module) -> None:
        self._places: list[dict[str, Any]] = []
        self._keys: list[str] = []
        self._tensors: list[torch.Tensor] = []
        self._cells: dict[Any, list[np.ndarray]] = {}  # by their type, to be put together quickly
        self._blocks: list[Callable[[], int]] = []
        self._sizes: list[int] = []  # of the blocks
        seen: set[int] = set()
        for part in module.modules():
            for place in (part._parameters, part._buffers):
                for key, tensor in place.items():
                    if tensor is None or not tensor.is_floating_point() or id(tensor) in seen:
                        continue
                    seen.add(id(tensor))
                    self._places.append(place)
                    self._keys.append(key)
                    self._tensors.append(tensor)
                    self._add(tensor.detach())
        self._parts = list(module.modules())
        self._unhooked_at = -1  # how many hooks torch had set when none was in these parts
        self._held = self._marks()
        self._sums = [read() for read in self._blocks]
        self._next = 0

    def _add(self, tensor: torch.Tensor) -> None:
        flat = _memory(tensor)
        if flat is None:  # elsewhere, or not one dense block: copied each time
            self._blocks.append(lambda: hash(tensor.cpu().contiguous().view(torch.uint8).numpy().tobytes()))
            self._sizes.append(tensor.numel())
            return
        self._cells.setdefault(flat.dtype, []).append(flat if len(flat) <= _ALL else flat[:: len(flat) // _SOME])
        if len(flat) > _ALL:
            parts = [flat[i : i + _BLOCK] for i in range(0, len(flat), _BLOCK)]
            self._blocks += [partial(_sum, part) for part in parts]
            self._sizes += [len(part) for part in parts]

    def _marks(self) -> Any:
        """What differs as soon as the arrays do: which they are, counters, addresses, and the values of some cells."""
        here = list(map(dict.get, self._places, self._keys))
        try:
            each = [(id(tensor), tensor._version, tensor.data_ptr()) for tensor in here]  # type: ignore[union-attr]
        except (RuntimeError, AttributeError):  # made in inference mode, which has no counter; or gone
            each = [(id(tensor), _version(tensor), tensor is not None and tensor.data_ptr()) for tensor in here]
        return each, [by_type.tobytes() for by_type in map(np.concatenate, self._cells.values())]

    def changed(self, read: float = float("inf")) -> bool:
        """Whether anything is no longer as it was.

        read   how many weights to compare, going on where the last call ended; without it all
        """
        if self._marks() != self._held:
            return True
        for _ in self._blocks:
            if read <= 0:
                break
            i, self._next = self._next, (self._next + 1) % len(self._blocks)
            if self._blocks[i]() != self._sums[i]:
                self._next = i  # so that the next call sees it too
                return True
            read -= self._sizes[i]
        return False

    def hooked(self) -> bool:
        """Whether a part has forward hooks, which only torch would run.

        torch numbers all hooks that are ever set, so the parts are looked at only where there are new ones.
        """
        count = RemovableHandle.next_id
        if count != self._unhooked_at and not hooked(self._parts):
            self._unhooked_at = count
        return count != self._unhooked_at


def hooked(parts: Iterable[nn.Module]) -> bool:
    """Whether one of these modules has forward hooks.

    parts   modules, without what is in them
    """
    return any(part._forward_hooks or part._forward_pre_hooks for part in parts)


def _version(tensor: torch.Tensor | None) -> int:
    """How often torch has changed it, where that is counted."""
    return -1 if tensor is None or tensor.is_inference() else tensor._version


def _memory(tensor: torch.Tensor) -> np.ndarray | None:
    """The array's memory as a row of whole numbers; None where that is not one dense block on the CPU."""
    count = tensor.numel()
    if tensor.device.type != "cpu" or tensor.layout != torch.strided:
        return None
    if count and sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True)) + 1 != count:
        return None
    flat = tensor.as_strided((count,), (1,), tensor.storage_offset())
    return flat.view(_WHOLE[tensor.element_size()]).numpy()


_WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _sum(numbers: np.ndarray) -> int:
    """A number that differs as soon as one of these does: the hash of the sums, without carry, of the columns."""
    lines = len(numbers) // _LINE
    sums = np.add.reduce(numbers[: lines * _LINE].reshape(lines, _LINE), axis=0, dtype=numbers.dtype)
    return hash(sums.tobytes() + numbers[lines * _LINE :].tobytes())
