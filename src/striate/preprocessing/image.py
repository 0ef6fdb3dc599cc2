"""Pictures from files and back, and what replaces Keras 2's generators."""

from striate.guard import guard
from striate.utils import array_to_img, image_dataset_from_directory, img_to_array, load_img, save_img
from striate.utils.pictures import smart_resize
from striate.utils.refusals import ImageDataGenerator

__all__ = [
    "ImageDataGenerator",
    "array_to_img",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "save_img",
    "smart_resize",
]

guard(__name__)
