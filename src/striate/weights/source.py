"""Where published weights are, and what the layers are called there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Library = Literal["keras", "torchvision", "timm", "slim", "github"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One library's published weights of an architecture, and how its names map to ours.

    library         "keras", "torchvision" or "timm"; "slim": TensorFlow's models/research/slim; "github": a torch
                    checkpoint in somebody's repository
    model           the network's name there, such as "ResNet50" or "resnet50"
    rename          (pattern, replacement) pairs, applied in order with ``re.sub``.  For Keras and slim to a layer's name
                    here, giving the layer's name there, slim's a scope; for torchvision and timm to the key ``layer.slot``
                    here (slot: weight, bias, running_mean …), giving the key of the state_dict there
    names           names here and there of what no pattern covers; these are asked first
    variant         arguments of ``zoo.create`` that build the very network of that library
    pixels          what the weights want of a picture: "torch" (0..1, mean and deviation), "caffe" (BGR, mean taken off),
                    "mean" (RGB, mean taken off), "tf" (-1..1), "unit" (0..1) or "raw" (0..255)
    shorter_side    pixels of a picture's shorter side before the middle is cut out; None: the usual 8/7 of the input
    interpolation   "bilinear" or "bicubic"
    url, checksum   of the file; the checksum is ``sha256:`` or ``md5:`` and (the first part of) the hexadecimal digits
    data            what they were trained on: "imagenet" or "cifar10"; it names the classes
    top1, top5      accuracy in percent on its validation (test) set, as published with the weights
    """

    library: Library
    model: str
    rename: tuple[tuple[str, str], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    variant: Mapping[str, Any] = field(default_factory=dict)
    pixels: Literal["torch", "caffe", "mean", "tf", "unit", "raw"] = "torch"
    shorter_side: int | None = None
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    url: str | None = None
    checksum: str | None = None
    data: Literal["imagenet", "cifar10"] = "imagenet"
    top1: float | None = None
    top5: float | None = None

    @property
    def layout(self) -> Literal["keras", "slim", "torch"]:
        """Whose layout the arrays have there."""
        return self.library if self.library in ("keras", "slim") else "torch"  # type: ignore[return-value]

    def name(self, here: str) -> str:
        """The name there of a layer (Keras, slim) or of a key (torchvision, timm) here."""
        if here in self.names:
            return self.names[here]
        for pattern, replacement in self.rename:
            here = re.sub(pattern, replacement, here)
        return here


def of_torchvision(model: str, digits: str, file: str | None = None, **about: Any) -> Source:
    """torchvision's weights of a network.

    model     its name there
    digits    the first of the file's sha256, which end its name
    file      the name before them; None: the model's
    about     Source's other arguments
    """
    url = f"https://download.pytorch.org/models/{file or model}-{digits}.pth"
    return Source(library="torchvision", model=model, url=url, checksum=f"sha256:{digits}", **about)


def of_timm(model: str, recipe: str | None = None, **about: Any) -> Source:
    """timm's weights of a network, in its own repository on the hub.

    model     its name there
    recipe    how it was trained, which ends the repository's name; None: the model's name has it
    about     Source's other arguments
    """
    repository = f"{model}.{recipe}" if recipe else model
    url = f"https://huggingface.co/timm/{repository}/resolve/main/model.safetensors"
    return Source(library="timm", model=model, url=url, **about)


def of_keras(model: str, file: str, **about: Any) -> Source:
    """Keras Applications' weights of a network.

    model    its name there
    file     folder and name of the file, without .h5
    about    Source's other arguments
    """
    url = f"https://storage.googleapis.com/tensorflow/keras-applications/{file}.h5"
    return Source(library="keras", model=model, url=url, **about)


def of_slim(model: str, **about: Any) -> Source:
    """Weights that TensorFlow's models/research/slim publishes, as checkpoints in packed archives.

    model    the network's name there
    about    Source's other arguments
    """
    return Source(library="slim", model=model, **about)


@dataclass(frozen=True)
class Origin:
    """What a model knows of the architecture it was made from.

    architecture    its name in the registry
    variant         the arguments it was made with
    sources         published weights that fit this very variant
    left_out        names of layers of the whole network that this model is without (its head, auxiliary heads)
    others          published weights that fit other variants
    """

    architecture: str
    variant: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    left_out: frozenset[str] = frozenset()
    others: tuple[Source, ...] = ()
