"""Data sets: read, checked, split, and made into batches."""

from striate.data.augment import Augmented, Mixed, augment, augmented, mix
from striate.data.batches import Batches, epoch_order
from striate.data.catalog import load, names
from striate.data.check import check
from striate.data.cifar import read_cifar, read_cifar_binary, read_cifar_pickle
from striate.data.coco import read_coco
from striate.data.convert import arrays
from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.digits import read_digits
from striate.data.fetch import fetch
from striate.data.findings import Finding, Report
from striate.data.folders import folder, read_zip
from striate.data.geometry import Geometry
from striate.data.idx import read_idx, read_idx_pair, read_mnist
from striate.data.imdb import read_imdb, read_reviews
from striate.data.labels import class_labels, imagenet_labels
from striate.data.masks import read_masks
from striate.data.preprocess import Preprocessing
from striate.data.scenes import scenes
from striate.data.table import read_csv
from striate.data.voc import read_voc
from striate.data.vocabulary import Vocabulary
from striate.data.yolo import read_yolo

__all__ = [
    "Augmented",
    "Batches",
    "Dataset",
    "Geometry",
    "Finding",
    "Mixed",
    "Preprocessing",
    "Report",
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
    "load",
    "mix",
    "names",
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
]
