"""Whether an engine computes its network: random inputs, and the answers beside those of what is known to be right.

A runtime may have a kernel that is wrong for some sizes on some processors, and nobody would see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from striate.backend.allocator import handing_back
from striate.errors import ArgumentError

_TRIED = 8  # inputs
_OPEN = 32  # of a side that a network leaves open
# By how much answers of each precision may be off, in parts of their size.  In 32 bits it is 1e-5, in 16 up to 0.04, and of
# two runtimes for one file of 8 bits 0.05; what was found wrong was off by 0.1 to 1.
_OFF = {"float32": 0.002, "bfloat16": 0.25, "int8": 0.15}


class Answering(Protocol):
    """What has an engine's face."""

    inputs: list[tuple[str, Any, tuple[Any, ...]]]

    def predict(self, arrays: Sequence[np.ndarray], batch_size: int | None = None) -> list[np.ndarray]:
        """One array per output.

        arrays       one array (N, …) per input
        batch_size   samples at a time
        """


@handing_back()
def prove(engine: Answering, right: Answering, precision: str, name: str, ids: Mapping[str, int]) -> None:
    """Raise ArgumentError for an engine that does not compute what another one does.

    engine      that was just made
    right       computes the same network, with no doubt
    precision   of the engine's numbers: "float32", "bfloat16" or "int8"
    name        what the engine is called
    ids         for inputs of whole numbers how many ids there are
    """
    rng = np.random.default_rng(0)
    xs = []
    for (at, dtype, shape), (_, other, _) in zip(engine.inputs, right.inputs, strict=True):
        sizes = (_TRIED, *(_OPEN if side is None else side for side in shape))
        kinds = {np.dtype(dtype), np.dtype(other)}  # a network may take whole numbers where its engine takes floats
        if at not in ids and all(kind.kind == "f" for kind in kinds):
            drawn = rng.normal(size=sizes).astype(dtype)
            drawn[_TRIED // 2 :] = np.abs(drawn[_TRIED // 2 :])  # as after a ReLU, and as pixels are
            xs.append(drawn)
        else:
            xs.append(rng.integers(0, ids.get(at, 256 if np.dtype(np.uint8) in kinds else 2), sizes))
    expected = right.predict(xs)
    try:
        singles = [engine.predict([x[i : i + 1] for x in xs]) for i in range(_TRIED)]
        together = engine.predict(xs)
    except MemoryError:
        raise
    except Exception:  # a network that is computed wrongly may fail anywhere
        raise _wrong(name, "it fails for random inputs") from None
    alone = [np.concatenate(outs) for outs in zip(*singles, strict=True)]
    if any([a.shape for a in found] != [a.shape for a in expected] for found in (alone, together)):
        raise _wrong(name, "its answers to random inputs have another shape")
    # In fewer bits half of the answers may be off: one that lies between two classes goes either way.  Between one by one
    # and all together, where the arithmetic is the same, a quarter may.
    exact = precision == "float32"
    off = max(
        _off(alone, expected)[-1 if exact else _TRIED // 2],
        _off(together, alone)[-1 if exact else _TRIED * 3 // 4 - 1],
    )
    if off > _OFF[precision]:
        raise _wrong(name, f"its answers to random inputs are off by {min(off, 9.99):.0%}")


def _wrong(name: str, how: str) -> ArgumentError:
    return ArgumentError(
        f'engine="{name}" computes this network wrongly on this processor: {how}, a fault of the runtime. Take "auto".'
    )


def _off(found: list[np.ndarray], expected: list[np.ndarray]) -> list[float]:
    """How far each of the answers is off in the output where that is most, the nearest first."""
    pairs = list(zip(found, expected, strict=True))
    return sorted(max(_distance(one[i], other[i]) for one, other in pairs) for i in range(_TRIED))


def _distance(found: np.ndarray, expected: np.ndarray) -> float:
    """How far an answer is from another, in parts of its size; 0 where the other is no number."""
    size = float(np.linalg.norm(expected))
    return float(np.linalg.norm(found - expected)) / size if np.isfinite(size) and size > 0 else 0.0
