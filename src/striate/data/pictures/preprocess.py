"""From a picture, in whatever form it comes, to the numbers a network takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from striate.data.pictures.decode import Decoded, decode
from striate.data.pictures.geometry import Geometry
from striate.data.vocabulary import Vocabulary
from striate.errors import DataError, nearest
from striate.wording import plural

if TYPE_CHECKING:
    from PIL import Image

Resize = Literal["stretch", "crop", "pad"]
Interpolation = Literal["bilinear", "bicubic"]
Order = Literal["rgb", "bgr"]

_MUCH = 1 << 24  # pixels of a scaled picture that is made before its middle is cut out


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What is done to an input before the network sees it.  Training, prediction and the saved bundle hold this object.

    image_size  (H, W) that ``pixels`` makes, one number for a square, or None: as the picture is
    channels    1 grey, 3 RGB, None: as the picture is
    resize      "stretch" to fit; "crop": scaled until it covers, the middle kept; "pad": scaled until it fits, black
                around
    shorter_side    with "crop": the picture is scaled until its shorter side has this many pixels and the middle is cut
                out of that, which leaves the margins away; ImageNet networks are evaluated with 256 for a crop of 224
    interpolation   "bilinear" or "bicubic", with antialiasing, as Pillow does it
    order       of the channels that the network sees: "rgb", or "bgr" as networks from Caffe want it
    scale       factor on the values; 1/255 maps uint8 to 0..1
    mean, std   per channel of that order (or one for all), after `scale`: (x * scale - mean) / std
    vocabulary  of a network that reads text: turns it into token ids

    ``Preprocessing()`` changes nothing but the type, to float32; ``Preprocessing.pictures()`` maps uint8 to 0..1.

    Raises DataError for values that are out of range or do not go together.
    """

    image_size: tuple[int, int] | None = None
    channels: int | None = None
    resize: Resize = "stretch"
    shorter_side: int | None = None
    interpolation: Interpolation = "bilinear"
    order: Order = "rgb"
    scale: float = 1.0
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        if self.image_size is not None:
            object.__setattr__(self, "image_size", _size(self.image_size))
        if self.channels not in (None, 1, 3):
            raise DataError(f"preprocessing: channels {self.channels!r}; pictures have 1 (grey) or 3 (RGB).")
        if self.resize not in get_args(Resize):
            raise DataError(f'preprocessing: resize {self.resize!r}. Known: "stretch", "crop", "pad".')
        if self.shorter_side is not None:
            self._check_margin()
        if self.interpolation not in get_args(Interpolation):
            raise DataError(f'preprocessing: interpolation {self.interpolation!r}. Known: "bilinear", "bicubic".')
        if self.order not in get_args(Order):
            raise DataError(f'preprocessing: order {self.order!r}. Known: "rgb", "bgr".')
        if self.order == "bgr" and self.channels != 3:
            raise DataError("preprocessing: the order bgr goes with channels=3.")
        if not _is_number(self.scale) or self.scale == 0:
            raise DataError(f"preprocessing: scale {self.scale!r} must be a number other than 0.")
        object.__setattr__(self, "scale", float(self.scale))
        for which in ("mean", "std"):
            if getattr(self, which) is not None:
                object.__setattr__(self, which, self._per_channel(which))
        if self.mean and self.std and 1 not in (len(self.mean), len(self.std)) and len(self.mean) != len(self.std):
            raise DataError(f"preprocessing: mean has {plural(len(self.mean), 'channel')}, std has {len(self.std)}.")

    def _check_margin(self) -> None:
        side = self.shorter_side
        if self.resize != "crop" or self.image_size is None:
            raise DataError('preprocessing: shorter_side goes with resize="crop" and an image_size.')
        if not isinstance(side, int) or isinstance(side, bool) or not max(self.image_size) <= side <= 1 << 15:
            raise DataError(
                f"preprocessing: shorter_side {side!r} must be a number of pixels from {max(self.image_size)} (the larger "
                f"side of image_size) to {1 << 15}."
            )

    def _per_channel(self, which: str) -> tuple[float, ...]:
        given = getattr(self, which)
        values = (given,) if _is_number(given) else tuple(given) if isinstance(given, Sequence | np.ndarray) else ()
        if not values or not all(map(_is_number, values)) or (which == "std" and min(values) <= 0):
            above = " above 0" if which == "std" else ""
            raise DataError(f"preprocessing: {which} {given!r} must be one number{above} per channel.")
        if self.channels is not None and len(values) not in (1, self.channels):
            raise DataError(
                f"preprocessing: {which} has {plural(len(values), 'number')} for {plural(self.channels, 'channel')}."
            )
        return tuple(map(float, values))

    @classmethod
    def pictures(cls, image_size: Any = None, channels: int | None = None, **others: Any) -> Preprocessing:
        """For uint8 pictures: like the constructor, with values mapped to 0..1.

        image_size   (H, W), or one number for a square
        channels     1 grey, 3 RGB
        others       fields of the class
        """
        return cls(**{"image_size": image_size, "channels": channels, "scale": 1 / 255} | others)

    @classmethod
    def for_model(cls, input_shape: Sequence[int | None]) -> Preprocessing:
        """What a network with this input needs: (H, W, 1 or 3) a picture of that size, mapped to 0..1; others nothing.

        A size of None (any) stays as the picture is.

        input_shape   (H, W, C) of the network's input
        """
        if len(input_shape) != 3 or input_shape[2] not in (1, 3):
            return cls()
        height, width, channels = input_shape
        return cls.pictures(None if height is None or width is None else (height, width), channels)

    def pixels(self, source: Any) -> np.ndarray:
        """A picture as uint8 (H, W, C), of `image_size` and `channels` where these are set.

        `source` is a path, the bytes of a file, an open file, a PIL image or an array; the same picture gives the same
        bits whichever it is.  Only a JPEG file at least four times as large as wanted is decoded at a half, a quarter or
        an eighth of its size, for speed: the same wherever the file is read, and on average within a grey level of 255
        of what the same photo gives when it was decoded before.  Every PIL mode but floats is understood, EXIF
        orientation is applied, what is transparent is shown over white.  Raises DataError for what is no picture or is
        broken.
        """
        if self.image_size is None:
            image = decode(source, self.channels).image
        else:
            decoded = decode(source, self.channels, lambda size: self.geometry(size).scaled)
            image = self._resized(decoded, self.geometry(decoded.size))
        # a third of the time of np.array(image), which counts for tiny pictures
        values = np.frombuffer(bytearray(image.tobytes()), np.uint8)
        return values.reshape(image.height, image.width, -1)

    def normalise(self, batch: Any) -> Any:
        """(..., C) uint8 or float -> float32 of the same shape, (x * scale - mean) / std; a tensor stays a tensor.

        Channels come as RGB and leave in `order`.

        One multiplication and one addition in float32 for each number, the same in NumPy and torch to the last bit.
        Token ids, int64 (N, L), pass as they are, and so does float32 when there is nothing to do; otherwise the result
        is new memory.

        batch   an array or tensor (..., C), or ids (N, L)
        """
        if self.identity and str(batch.dtype) in ("int64", "torch.int64") and batch.ndim <= 2:
            return batch
        if hasattr(batch, "is_floating_point"):
            return self._normalise_tensor(batch)
        batch = np.asarray(batch)
        if self.order == "bgr":
            batch = batch[..., ::-1]
        if self.identity:
            return batch.astype(np.float32, copy=False)
        result = batch.astype(np.float32, order="C")
        factor, offset = self._row(batch.shape)
        lines = result.reshape(-1, factor.size)  # a view, as the memory is contiguous
        lines *= factor
        if offset is not None:
            lines += offset
        return result

    def undone(self, batch: np.ndarray) -> np.ndarray:
        """What ``normalise`` was given: of its result (..., C) the pixel values, RGB, float64 of the same shape.

        batch   an array (N, H, W, C), channels in `order`
        """
        values = (np.asarray(batch, np.float64) * np.array(self.std or 1.0) + np.array(self.mean or 0.0)) / self.scale
        return values[..., ::-1] if self.order == "bgr" else values

    def _normalise_tensor(self, batch: Any) -> Any:
        if self.order == "bgr":
            batch = batch.flip(-1)
        if self.identity:
            return batch.float()
        fresh = not batch.is_floating_point() or str(batch.dtype) != "torch.float32"
        result = batch.float().contiguous() if fresh else batch.clone().contiguous()
        factor, offset = _tensors(self._key(batch.shape), str(batch.device))
        lines = result.view(-1, factor.numel())
        lines.mul_(factor)
        if offset is not None:
            lines.add_(offset)
        return result

    @property
    def identity(self) -> bool:
        """True when ``normalise`` changes no value."""
        return self.scale == 1 and self.mean is None and self.std is None and self.order == "rgb"

    @property
    def arithmetic(self) -> tuple[Any, ...]:
        """What ``normalise`` does: the order of the channels, scale, mean and deviation."""
        return self.order, self.scale, self.mean, self.std

    def _row(self, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        return _factors(self._key(shape))

    def _key(self, shape: Sequence[int]) -> _Key:
        channels = max(len(self.mean or ()), len(self.std or ()))
        if channels <= 1:
            return self.scale, self.mean, self.std, 1
        if not shape or shape[-1] != channels:
            raise DataError(
                f"preprocessing: mean and std are for {plural(channels, 'channel')}, the batch is {tuple(shape)}."
            )
        return self.scale, self.mean, self.std, shape[-1] * (shape[-2] if len(shape) > 2 else 1)

    def geometry(self, size: tuple[int, int]) -> Geometry:
        """Where ``pixels`` puts a picture whose upright size is (H, W); ``Geometry`` moves boxes and label maps along.

        size   (H, W) of the upright picture
        """
        if self.image_size is None:
            return Geometry(size, size, (0, 0), size)
        (height, width), (h, w) = self.image_size, size
        if self.resize == "stretch" or (self.shorter_side is None and size == self.image_size):
            return Geometry(size, self.image_size, (0, 0), self.image_size)
        if self.resize == "crop":
            scale = max(height / h, width / w) if self.shorter_side is None else self.shorter_side / min(h, w)
            nh, nw = max(height, round(h * scale)), max(width, round(w * scale))
            return Geometry(size, (nh, nw), (-((nh - height) // 2), -((nw - width) // 2)), self.image_size)
        scale = min(height / h, width / w)
        nh, nw = (max(1, min(limit, round(side * scale))) for limit, side in ((height, h), (width, w)))
        return Geometry(size, (nh, nw), ((height - nh) // 2, (width - nw) // 2), self.image_size)

    def _resized(self, decoded: Decoded, place: Geometry) -> Image.Image:
        from PIL import Image

        image, (height, width), (nh, nw), (top, left) = decoded.image, place.target, place.scaled, place.offset
        if place.scaled == place.source and (top, left) == (0, 0) and place.target == place.source:
            return image
        method = Image.Resampling[self.interpolation.upper()]
        if self.resize == "stretch":
            return image.resize((width, height), method, box=decoded.box)
        if self.resize == "crop":
            if nh * nw <= _MUCH:
                return image.resize((nw, nh), method, box=decoded.box).crop((-left, -top, width - left, height - top))
            # A sliver's scaled picture would be huge: resampled in one go, equal but for the last bit.
            h, w = place.source  # such a picture is not a reduced one, so `image` has it whole
            box = (-left * w / nw, -top * h / nh, min(w, (width - left) * w / nw), min(h, (height - top) * h / nh))
            return image.resize((width, height), method, box=box)
        canvas = Image.new(image.mode, (width, height))
        canvas.paste(image.resize((nw, nh), method, box=decoded.box), (left, top))
        return canvas

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``from_dict`` gives an equal object back, to the last bit."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return plain | {"vocabulary": self.vocabulary.to_dict() if self.vocabulary else None}

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Preprocessing:
        """The object that ``to_dict`` described; a missing key has its default, an unknown one is an error.

        description   the dictionary

        Raises DataError for an unknown key or a value out of range.
        """
        if not isinstance(description, Mapping):
            raise DataError(f"preprocessing: a description is a dictionary, not a {type(description).__name__}.")
        known = [field.name for field in fields(cls)]
        for key in description:
            if key not in known:
                raise DataError(
                    f'preprocessing: unknown key "{key}".{nearest(str(key), known)} Known: {", ".join(known)}. '
                    "A newer striate may have written it."
                )
        values = dict(description)
        if values.get("vocabulary") is not None:
            values["vocabulary"] = Vocabulary.from_dict(values["vocabulary"])
        return cls(**values)

    def __str__(self) -> str:
        side = f"shorter side to {self.shorter_side}, " if self.shorter_side else ""
        size = f"{side}{self.resize} to {self.image_size[0]} x {self.image_size[1]}" if self.image_size else ""
        colour = {None: "", 1: "grey", 3: self.order.upper()}[self.channels]
        inverse = float(f"{1 / self.scale:.6g}")
        factor = f"/ {inverse:g}" if abs(self.scale) < 1 and 1 / inverse == self.scale else f"* {self.scale:g}"
        size += f" ({self.interpolation})" if size and self.interpolation != "bilinear" else ""
        parts = [size, colour, factor if self.scale != 1 else ""]
        parts += [f"{which} {', '.join(f'{v:g}' for v in getattr(self, which) or ())}" for which in ("mean", "std")]
        parts += [repr(self.vocabulary) if self.vocabulary else ""]
        return ", ".join(part for part in parts if part not in ("", "mean ", "std ")) or "none"


_Key = tuple[float, tuple[float, ...] | None, tuple[float, ...] | None, int]


@lru_cache(maxsize=16)
def _factors(key: _Key) -> tuple[np.ndarray, np.ndarray | None]:
    """(x * scale - mean) / std as x * factor + offset, float32, repeated for one line of a picture.

    A line and not a channel triple: then the innermost loop is long enough for vector instructions.
    """
    scale, mean, std, length = key
    factor = scale / np.array(std or (1.0,))
    offset = -np.array(mean) / np.array(std or (1.0,)) if mean else None
    channels = max(factor.size, 0 if offset is None else offset.size)

    def line(values: np.ndarray) -> np.ndarray:
        return np.tile(np.broadcast_to(values, channels).astype(np.float32), length // channels)

    return line(factor), None if offset is None else line(offset)


@lru_cache(maxsize=16)
def _tensors(key: _Key, device: str) -> tuple[Any, Any]:
    import torch

    with torch.inference_mode(False):  # kept for later calls, which may ask for gradients
        return tuple(None if v is None else torch.from_numpy(v).to(device) for v in _factors(key))  # type: ignore[return-value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _size(given: Any) -> tuple[int, int]:
    pair = (given, given) if isinstance(given, int) else tuple(given) if isinstance(given, Sequence) else ()
    whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) and side > 0 for side in pair)
    if len(pair) != 2 or not whole or max(pair) > 1 << 15:
        raise DataError(f"preprocessing: image_size {given!r} must be (height, width) in pixels, 1 to {1 << 15}.")
    return int(pair[0]), int(pair[1])
