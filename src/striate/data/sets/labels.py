"""Names of classes that published weights were trained on."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from striate.data.readers.cifar import CIFAR10


@lru_cache
def _lines(file: str) -> tuple[str, ...]:
    return tuple(files("striate.data.sets").joinpath(f"files/{file}").read_text(encoding="utf-8").splitlines())


def _imagenet() -> tuple[str, ...]:
    return _lines("imagenet.txt")


def imagenet_synsets() -> tuple[str, ...]:
    """The WordNet ids ("n01440764") of ImageNet's 1,000 classes (ILSVRC 2012), in the order of ``imagenet_labels()``."""
    return _lines("imagenet_synsets.txt")


def imagenet_labels(outputs: int = 1000) -> list[str] | None:
    """The English names of ImageNet's 1,000 classes (ILSVRC 2012), in the order of the outputs.

    With 1,001 outputs the first is "background", as in networks of the TensorFlow models; other numbers have no names.
    """
    return {1000: [*_imagenet()], 1001: ["background", *_imagenet()]}.get(outputs)


def class_labels(data: str, outputs: int) -> list[str] | None:
    """The names of a data set's classes ("imagenet" or "cifar10") for a network with so many outputs; None if unknown."""
    if data == "cifar10":
        return list(CIFAR10) if outputs == len(CIFAR10) else None
    return imagenet_labels(outputs)
