"""``ops.image``: functions of pictures, channels-last."""

from __future__ import annotations

from striate.ops.functions import made

__all__ = ["crop_images", "extract_patches", "pad_images", "resize", "rgb_to_grayscale"]

crop_images = made("image_crop_images", "image.crop_images")
extract_patches = made("image_extract_patches", "image.extract_patches")
pad_images = made("image_pad_images", "image.pad_images")
resize = made("image_resize", "resize")
rgb_to_grayscale = made("image_rgb_to_grayscale", "image.rgb_to_grayscale")
