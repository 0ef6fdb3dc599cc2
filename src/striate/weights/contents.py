"""What a file of weights holds: names and arrays, in the layout of Keras, of slim or of torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from striate.weights.source import Source

if TYPE_CHECKING:
    import torch

Kind = Literal["keras", "slim", "torch"]


@dataclass
class FileLayer:
    """A layer in a file of Keras.

    path    its name, with the networks it is nested in: "inner/conv2d"; None where the file does not tell
    group   its class and number, with those of the networks it is nested in: "sequential/conv2d_1"; None if not told
    arrays  by name ("kernel") or number ("0"), in Keras' order
    """

    path: str | None
    group: str | None
    arrays: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.path or self.group or ""

    @property
    def normalises_pixels(self) -> bool:
        """Whether it is Keras' Normalization: a mean and a variance per channel (and a count), not learnt."""
        if self.group is not None:
            return self.group.rpartition("/")[2].rstrip("_0123456789") == "normalization"
        return {"mean", "variance"} <= set(self.arrays) <= {"mean", "variance", "count"}


@dataclass
class WeightsFile:
    """Names and arrays of a file of weights.

    path        the file
    format      in words: "Keras .weights.h5", "torch pickle", "safetensors" …
    kind        whose layout the arrays have: "keras" (kernels (kh, kw, in, out), by layer), "slim" (the same,
                by TensorFlow's scopes) or "torch" (by key)
    tensors     of a torch layout, by key, wrappers and common prefixes taken off
    layers      of a layout of Keras or slim, those that have arrays
    skipped     names of what is no weight: counters, optimizer state
    notes       what was done on reading
    own         the file says that striate wrote it
    """

    path: str
    format: str
    kind: Kind
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    layers: list[FileLayer] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own: bool = False

    def suits(self, source: Source) -> bool:
        """Whether files of that library are laid out like this one."""
        return source.layout == self.kind

    def arrays(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Every array with its name in the file."""
        yield from self.tensors.items()
        for layer in self.layers:
            for name, array in layer.arrays.items():
                yield f"{layer.label}/{name}", array
