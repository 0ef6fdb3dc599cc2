"""``ops.image``: functions of pictures, channels-last."""

from __future__ import annotations

from striate.ops.functions import made

__all__ = ["resize"]

resize = made("image_resize", "resize")
