"""Names that older scripts import from here; they live in ``utils``."""

from striate.preprocessing import image, sequence
from striate.utils import image_dataset_from_directory

__all__ = ["image", "image_dataset_from_directory", "sequence"]
