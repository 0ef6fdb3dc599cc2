"""Whether weights have changed since they were last looked at, and how many of them are read to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from operator import is_, itemgetter
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from striate.backend.settings import edited, settings
from striate.errors import ArgumentError
from striate.graph import Graph, every_layer

_SHORT = 2048  # vectors up to this size are compared whole each time
_ALL, _SOME, _CELLS = 256, 8, 16  # other arrays too up to the first size, of larger ones so many lines of so many cells
_FEW = 1 << 16  # weights that are all compared each time
_LINE = 1021  # numbers in a line, a prime, so that filters that change places do not stay in their columns
_BLOCK = 16 * _LINE  # numbers that are read together
_PARTS = 12  # modules whose settings are compared each time, in one or two microseconds
_AS_LONG = 256  # weights whose comparing takes as long as that of a module's settings, and more


class Watch:
    """The floating-point arrays of a module, and what else it computes by (``backend.settings``), as they are now.

    ``changed`` always sees an array or a module put in another's place, every change that torch counts (optimizers,
    ``copy_``, loading), and changes past torch's counter (through ``.data`` or a NumPy view) that touch a vector of up to
    2,048 numbers, another array of up to 256, or one of 128 cells spread over a larger one; that takes a microsecond for
    each array that is in no cache.  To see any change of any weight it reads them: as many as it is told, block after block.
    Settings, such as a stride or an epsilon, are compared module after module, twelve each time, all of no more.

    module   with all that is in it
    """

    def __init__(self, module: nn.Module) -> None:
        self._places: list[dict[str, Any]] = []
        self._keys: list[str] = []
        self._tensors: list[torch.Tensor] = []
        self._short: dict[
            torch.dtype, list[torch.Tensor]
        ] = {}  # on the CPU: put together, their values are soon compared
        self._long: list[torch.Tensor] = []
        self._lines: list[memoryview] = []  # of the long ones
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
                    self._add(tensor)
        self._few = sum(self._sizes) <= _FEW
        self.module = module
        self._parts = list(module.modules())
        told = [(part.__dict__, settings(part)) for part in self._parts]
        gets = [(held, itemgetter(*said)) for held, said in told if said]
        self._settings = [
            (held, len(held), get, get(held)) for held, get in gets
        ]  # how many: one more may be a `forward`
        self._next_part = 0
        self._children = [(part._modules, list(part._modules.values())) for part in self._parts if part._modules]
        self._unhooked_at = -1  # how many hooks torch had set when none was in these parts
        self._held = self._marks()
        self._sums = [read() for read in self._blocks]
        self._next = 0

    def _add(self, tensor: torch.Tensor) -> None:
        plain = tensor.device.type == "cpu" and tensor.layout == torch.strided
        if plain and tensor.ndim == 1 and len(tensor) <= _SHORT:
            self._short.setdefault(tensor.dtype, []).append(tensor)
            return
        self._long.append(tensor)
        flat = _memory(tensor.detach())
        if flat is None:  # elsewhere, or not one dense block: copied each time
            self._blocks.append(lambda: hash(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()))
            self._sizes.append(tensor.numel())
            return
        if len(flat) <= _ALL:
            self._lines.append(_bytes(flat))
            return
        starts = range(0, len(flat) // _SOME * _SOME, len(flat) // _SOME)
        self._lines += [_bytes(flat[start : start + _CELLS]) for start in starts]
        parts = [flat[i : i + _BLOCK] for i in range(0, len(flat), _BLOCK)]
        self._blocks += [partial(_sum, part) for part in parts]
        self._sizes += [len(part) for part in parts]

    def _replaced(self) -> bool:
        """Whether another array or module stands in the place of one of these."""
        if any(list(place.values()) != modules for place, modules in self._children):
            return True
        return not all(map(is_, map(dict.get, self._places, self._keys), self._tensors))

    def _marks(self) -> Any:
        """What differs as soon as the arrays do: the short ones' values, and the others' counters, addresses, some cells."""
        try:
            long = [(tensor._version, tensor.data_ptr()) for tensor in self._long]
        except RuntimeError:  # made in inference mode, which has no counter
            long = [(_version(tensor), tensor.data_ptr()) for tensor in self._long]
        with torch.inference_mode():
            short = [torch.cat(some).view(torch.uint8).numpy().tobytes() for some in self._short.values()]
        return short, long, b"".join(self._lines)

    def changed(self, read: float = float("inf")) -> bool:
        """Whether anything is no longer as it was.

        read   how many weights to compare at least, going on where the last call ended: a block of 16,336 or more; all of a
               network that has at most 65,536, and without this argument of any
        """
        if self._replaced():
            return True
        try:
            if self._marks() != self._held:
                return True
        except (RuntimeError, ValueError):  # of another shape now, or on another device
            return True
        if self._set(read):
            return True
        left = float("inf") if self._few else read
        for _ in self._blocks:
            i, self._next = self._next, (self._next + 1) % len(self._blocks)
            if self._blocks[i]() != self._sums[i]:
                self._next = i  # so that the next call sees it too
                return True
            left -= self._sizes[i]
            if left <= 0:
                break
        return False

    def _set(self, read: float) -> bool:
        """Whether a setting is another one, of all modules where the work pays for that, else of some, in turn."""
        all_of_them = read > len(self._settings) * _AS_LONG
        start = 0 if all_of_them else self._next_part
        end = len(self._settings) if all_of_them else start + _PARTS
        for held, count, get, was in self._settings[start:end]:
            try:
                if len(held) != count or get(held) != was:
                    return True  # and the next call begins there too
            except KeyError:  # taken away
                return True
        if not all_of_them:
            self._next_part = end if end < len(self._settings) else 0
        return False

    def digest(self) -> str:
        """A checksum of all arrays and settings as they are now, wherever they lie: another one as soon as any differs.

        "" where a module stands in another one's place.
        """
        if any(list(place.values()) != modules for place, modules in self._children):
            return ""
        found = sha256()
        for place, key in zip(self._places, self._keys, strict=True):
            tensor = place[key]
            found.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        for part in self._parts:
            found.update(repr([(name, _said(value)) for name, value in sorted(settings(part).items())]).encode())
        return found.hexdigest()

    def hooked(self) -> bool:
        """Whether a part has forward hooks, which only torch would run.

        torch numbers all hooks that are ever set, so the parts are looked at only where there are new ones.
        """
        count = RemovableHandle.next_id
        if count != self._unhooked_at and not hooked(self._parts):
            self._unhooked_at = count
        return count != self._unhooked_at


def departure(graph: Graph, module: nn.Module) -> str | None:
    """Why a network's modules compute something else than its layers say, which engines are made from; None: they do not.

    graph    the network
    module   what was built of it

    Another torch module with weights stands in the place of a layer's, or a setting of one is no longer what the layer says.
    """
    held = {id(part) for part in module.modules()}
    for layer in every_layer(graph):
        parts = () if layer.torch_module is None else layer.torch_module.modules()
        if any(id(part) not in held for part in parts if part._parameters or part._buffers):
            return f'the layer "{layer.name}" was replaced by a torch module of your own'
    return edited(module)


def check_modules(model: Any, what: str) -> None:
    """Raise ArgumentError for a model whose modules compute something else than its layers say.

    model   with its weights
    what    is to be made of its layers
    """
    why = departure(model.graph.check(), model.module)
    if why is not None:
        raise ArgumentError(
            f"{what}: {why}, and this is made of what the layers say. Set it in the layer, or turn it back."
        )


def _said(value: Any) -> str:
    """A setting in words that are the same in every process."""
    return getattr(value, "__qualname__", None) or repr(value)


def hooked(parts: Iterable[nn.Module]) -> bool:
    """Whether one of these modules has forward hooks.

    parts   modules, without what is in them
    """
    return any(part._forward_hooks or part._forward_pre_hooks for part in parts)


def _version(tensor: torch.Tensor) -> int:
    """How often torch has changed it, where that is counted."""
    return -1 if tensor.is_inference() else tensor._version


def _memory(tensor: torch.Tensor) -> np.ndarray | None:
    """The array's memory as a row of whole numbers; None where that is not one dense block on the CPU."""
    count = tensor.numel()
    if tensor.device.type != "cpu" or tensor.layout != torch.strided:
        return None
    if count and sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True)) + 1 != count:
        return None
    flat = tensor.as_strided((count,), (1,), tensor.storage_offset())
    return flat.view(_WHOLE[tensor.element_size()]).numpy()


def _bytes(numbers: np.ndarray) -> memoryview:
    return memoryview(numbers).cast("B")  # type: ignore[arg-type]  # which an array is


_WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _sum(numbers: np.ndarray) -> int:
    """A number that differs as soon as one of these does: the hash of the sums, without carry, of the columns."""
    lines = len(numbers) // _LINE
    sums = np.add.reduce(numbers[: lines * _LINE].reshape(lines, _LINE), axis=0, dtype=numbers.dtype)
    return hash(sums.tobytes() + numbers[lines * _LINE :].tobytes())
