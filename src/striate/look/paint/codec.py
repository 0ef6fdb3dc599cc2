"""Layers as picture codecs: what a picture costs as the activations of a layer, and what comes back."""

from __future__ import annotations

import io
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.doors.parsing import parse_json
from striate.errors import DataError
from striate.look.arguments import Layers, Progress, listed, one_picture, part_of
from striate.look.paint.invert import SMOOTH, features, psnr, remade
from striate.look.paint.regularizers import alpha_norm, total_variation
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import spread
from striate.report import figures
from striate.wording import inner, plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

_MARK = b"striate code 1\n"


def encode(model: Model, pictures: Any, layer: str) -> bytes:
    """The code of a picture: the activations of a layer, in 8 bits each, packed.

    model     a network of one input (H, W, 1 or 3)
    pictures  one: a file, a PIL image, an array (H, W, C) or (1, H, W, C)
    layer     its name as ``model.size()`` prints it

    The 8 bits are steps between the smallest activation and the largest; zlib compresses them.  Raises ArgumentError for
    an unknown layer, DataError for what is not one picture.
    """
    space = Space.of(model)
    (values,) = features(model, one_picture(space, pictures), [layer]).values()
    array = values[0].float().cpu().numpy()
    low, high = float(array.min()), float(array.max())
    levels = np.rint((array - low) / ((high - low) or 1) * 255).astype(np.uint8)
    told = json.dumps({"layer": layer, "shape": array.shape, "low": low, "high": high}).encode()
    return _MARK + len(told).to_bytes(4, "little") + told + zlib.compress(levels.tobytes(), 9)


@dataclass
class DecodedCode(Look):
    """The picture that a code stands for.

    picture   uint8 (H, W, C), RGB
    errors    float64 (steps + 1,): |activations - wanted| / |wanted| along the optimisation
    layer     whose activations the code holds
    """

    picture: np.ndarray
    errors: np.ndarray
    layer: str

    anchor = "decoded"
    title = "A picture from its code"
    source = "after Mahendran & Vedaldi 2015"

    def note(self) -> str:
        return f"Made from activations of {self.layer}, to a relative error of {self.errors[-1]:.3f}."

    def facts(self) -> dict[str, Any]:
        return {"layer": self.layer, "relative error": float(self.errors[-1])}

    def figure(self) -> Figure:
        return figures.pictures([self.picture], [f"{self.layer}\nerror {self.errors[-1]:.3f}"], columns=1)

    def bitmap(self) -> np.ndarray:
        return self.picture


def decode(
    model: Model, code: bytes, *, steps: int = 300, seed: int = 0, progress: Progress | None = None
) -> DecodedCode:
    """The picture that a code is of, made again by ``invert``.

    model     the network that the code was made with
    code      what ``encode`` gave
    steps     of the optimisation
    seed      of all that is drawn at random
    progress  called as progress(done, whole)

    Raises DataError for what is no code, or one of a network whose layer has another shape.
    """
    try:
        if not code.startswith(_MARK):
            raise ValueError("it does not begin as one")
        at = len(_MARK) + 4
        length = int.from_bytes(code[len(_MARK) : at], "little")
        told = parse_json(code[at : at + length], "its head")
        layer, shape = str(told["layer"]), tuple(int(n) for n in told["shape"])
        low, high = float(told["low"]), float(told["high"])
        if not all(math.isfinite(end) and abs(end) < 1e30 for end in (low, high)):
            raise ValueError(f"its numbers lie from {low:g} to {high:g}")
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(f"this is no picture in code, or one that is damaged: {inner(error)}.") from None
    (own,) = features(model, np.zeros((1, *Space.of(model).shape), np.uint8), [layer]).values()
    if tuple(own.shape[1:]) != shape:
        raise DataError(
            f'the code is of a layer "{layer}" of shape {shape}; this network\'s is {tuple(own.shape[1:])}.'
        )
    count = math.prod(shape)  # that of the network's layer: no more is unpacked
    try:
        levels = np.frombuffer(zlib.decompressobj().decompress(code[at + length :], count + 1), np.uint8)
        if len(levels) != count:
            raise ValueError(f"{plural(len(levels), 'number')} for a shape of {shape}")
    except (ValueError, zlib.error) as error:
        raise DataError(f"this is no picture in code, or one that is damaged: {inner(error)}.") from None
    values = (levels.reshape(shape).astype(np.float32) / 255 * (high - low) + low)[None]
    wanted = torch.from_numpy(values).to(own.device, own.dtype)
    smooth = [alpha_norm(1e-3, 6.0), total_variation(SMOOTH)]
    picture, errors = remade(
        model, layer, wanted, steps=steps, learning_rate=0.05, regularizers=smooth, jitter=0, start="zero", seed=seed,
        progress=progress,
    )  # fmt: skip
    return DecodedCode(picture, errors, layer)


@dataclass
class Codec(Look):
    """Layers as codecs: what a picture costs in each, in bytes, and what comes back.

    numbers, bytes   (L,): activations, and the bytes of the code
    psnr             float64 (L,), in dB
    """

    original: np.ndarray
    pictures: np.ndarray
    layers: list[str]
    numbers: list[int]
    bytes: list[int]
    png: int
    errors: np.ndarray
    psnr: np.ndarray

    anchor = "codec"
    title = "Layers as picture codecs"
    source = "after Mahendran & Vedaldi 2015"

    def note(self) -> str:
        told = f"The picture has {self.original.size:,} bytes of pixels, {self.png:,} as PNG. "
        return told + "Activations are kept in 8 bits, packed by zlib."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        dots = self.original.shape[0] * self.original.shape[1]
        return ("layer", "numbers", "bytes", "bits a pixel", "relative error", "PSNR in dB"), [
            (name, f"{n:,}", f"{size:,}", f"{8 * size / dots:.2f}", f"{e[-1]:.3f}", f"{p:.1f}")
            for name, n, size, e, p in zip(self.layers, self.numbers, self.bytes, self.errors, self.psnr, strict=True)
        ]

    def figure(self) -> Figure:
        words = [
            f"{name}\n{size:,} bytes\n{p:.1f} dB"
            for name, size, p in zip(self.layers, self.bytes, self.psnr, strict=True)
        ]
        first = f"original\n{self.png:,} bytes as PNG"
        return figures.pictures([self.original, *self.pictures], [first, *words], columns=min(7, len(words) + 1))


def codec(
    model: Model,
    pictures: Any,
    layer: Layers | None = None,
    *,
    steps: int = 300,
    seed: int = 0,
    progress: Progress | None = None,
) -> Codec:
    """Layers as picture codecs: what a picture costs in each, in bytes, and what comes back.

    model     a network of one input (H, W, 1 or 3)
    pictures  one: a file, a PIL image, an array (H, W, C) or (1, H, W, C)
    layer     a layer's name, or several; None: six at equal steps of the network's depth
    steps     of the optimisation of each
    seed      of all that is drawn at random
    progress  called as progress(done, whole)

    The picture goes through ``encode`` and ``decode``.  Raises ArgumentError for unknown layers, DataError for what is not
    one picture.
    """
    from PIL import Image

    original = one_picture(Space.of(model), pictures)[0]
    names = listed(layer) or spread(model)
    codes = [encode(model, original, name) for name in names]
    made = [
        decode(model, code, steps=steps, seed=seed, progress=part_of(progress, k, len(codes)))
        for k, code in enumerate(codes)
    ]
    numbers = [int(value[0].numel()) for value in features(model, original[None], names).values()]
    file = io.BytesIO()
    Image.fromarray(original.squeeze(-1) if original.shape[-1] == 1 else original).save(file, "PNG", optimize=True)
    return Codec(
        original, np.stack([each.picture for each in made]), names, numbers, [len(code) for code in codes],
        len(file.getvalue()), np.stack([each.errors for each in made]),
        np.array([psnr(original, each.picture) for each in made]),
    )  # fmt: skip
