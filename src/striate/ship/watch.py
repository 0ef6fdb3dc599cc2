"""Whether weights have changed since they were last looked at, without reading them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

_ALL, _SOME = 256, 64  # arrays up to the first size are compared whole, of larger ones this many cells


class Watch:
    """The floating-point arrays of a module as they are now.

    ``changed`` sees an array put in another's place, every change that torch counts (optimizers, ``copy_``, loading),
    and changes past torch's counter (through ``.data`` or a NumPy view) that touch an array of up to 256 numbers or one
    of 64 cells spread over a larger one.  It takes some microseconds for each hundred arrays.
    """

    def __init__(self, module: nn.Module) -> None:
        self._places: list[tuple[dict[str, Any], str]] = []
        self._tensors: list[torch.Tensor] = []
        self._cells: list[np.ndarray] = []
        seen: set[int] = set()
        for part in module.modules():
            for place in (part._parameters, part._buffers):
                for key, tensor in place.items():
                    if tensor is None or not tensor.is_floating_point() or id(tensor) in seen:
                        continue
                    seen.add(id(tensor))
                    self._places.append((place, key))
                    self._tensors.append(tensor)
                    if (cells := _sample(tensor)) is not None:
                        self._cells.append(cells)
        self._parts = list(module.modules())
        # tensors made in inference mode have no counter
        self._counted = [tensor for tensor in self._tensors if not tensor.is_inference()]
        self._held = self._marks()

    def _marks(self) -> tuple[list[int], list[int], bytes]:
        """What differs as soon as the arrays do: counters, addresses, and the values of some cells."""
        cells = np.concatenate(self._cells).tobytes() if self._cells else b""
        return [t._version for t in self._counted], [t.data_ptr() for t in self._tensors], cells

    def changed(self) -> bool:
        """Whether anything is no longer as it was."""
        here = zip(self._places, self._tensors, strict=True)
        return any(place.get(key) is not t for (place, key), t in here) or self._marks() != self._held

    def hooked(self) -> bool:
        """Whether a part has forward hooks, which only torch would run."""
        return any(part._forward_hooks or part._forward_pre_hooks for part in self._parts)


def _sample(tensor: torch.Tensor) -> np.ndarray | None:
    """A view of cells spread over the array's memory; None where that is not one dense block of floats on the CPU."""
    flat = tensor.detach()
    count = flat.numel()
    if not count or flat.device.type != "cpu" or flat.dtype != torch.float32:
        return None
    if sum((n - 1) * s for n, s in zip(flat.shape, flat.stride(), strict=True)) + 1 != count:
        return None
    step = 1 if count <= _ALL else count // _SOME
    return flat.as_strided((-(-count // step),), (step,), flat.storage_offset()).numpy()
