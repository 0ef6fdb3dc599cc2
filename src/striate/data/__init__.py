"""Data sets: read, checked, split, and made into batches."""

from striate.data.augmentation import Augmented, augment, augmented
from striate.data.batches import Batch, Batches, Examples, epoch_order
from striate.data.checks.check import check
from striate.data.checks.findings import CheckReport, Finding
from striate.data.convert import arrays
from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.mixing import Mixed, mix
from striate.data.pictures.geometry import Geometry
from striate.data.pictures.preprocess import Preprocessing
from striate.data.readers.box_lines import read_box_lines
from striate.data.readers.box_table import read_box_table
from striate.data.readers.cifar import read_cifar, read_cifar_binary, read_cifar_pickle
from striate.data.readers.class_folders import folder, read_zip
from striate.data.readers.coco import read_coco
from striate.data.readers.csv_table import read_csv
from striate.data.readers.idx import read_idx, read_idx_pair, read_mnist
from striate.data.readers.imdb import read_imdb, read_reviews
from striate.data.readers.masks import read_masks
from striate.data.readers.voc import read_voc
from striate.data.readers.yolo import read_yolo
from striate.data.sets.catalog import load, names
from striate.data.sets.digits import read_digits
from striate.data.sets.labels import class_labels, imagenet_labels, imagenet_synsets
from striate.data.sets.scenes import scenes
from striate.data.vocabulary import Vocabulary
from striate.data.writers.datasets import write
from striate.doors.downloads import fetch
from striate.guard import guard

__all__ = [
    "Augmented",
    "Batch",
    "Batches",
    "Dataset",
    "Examples",
    "Geometry",
    "Finding",
    "Mixed",
    "Preprocessing",
    "CheckReport",
    "Skipped",
    "Splits",
    "Vocabulary",
    "arrays",
    "augment",
    "augmented",
    "check",
    "class_labels",
    "epoch_order",
    "fetch",
    "folder",
    "imagenet_labels",
    "imagenet_synsets",
    "load",
    "mix",
    "names",
    "read_box_lines",
    "read_box_table",
    "read_cifar",
    "read_cifar_binary",
    "read_cifar_pickle",
    "read_coco",
    "read_csv",
    "read_digits",
    "read_idx",
    "read_idx_pair",
    "read_imdb",
    "read_masks",
    "read_mnist",
    "read_reviews",
    "read_voc",
    "read_yolo",
    "read_zip",
    "scenes",
    "write",
]

guard(__name__)
