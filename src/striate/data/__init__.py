"""Data sets: read, checked, split, and made into batches."""

from striate.data.batches import Batches, epoch_order
from striate.data.catalog import load, names
from striate.data.cifar import read_cifar, read_cifar_binary, read_cifar_pickle
from striate.data.convert import arrays
from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.digits import read_digits
from striate.data.fetch import fetch
from striate.data.folders import folder, read_zip
from striate.data.idx import read_idx, read_idx_pair, read_mnist
from striate.data.imdb import read_imdb, read_reviews
from striate.data.labels import class_labels, imagenet_labels
from striate.data.preprocess import Preprocessing
from striate.data.table import read_csv
from striate.data.vocabulary import Vocabulary

__all__ = [
    "Batches",
    "Dataset",
    "Preprocessing",
    "Skipped",
    "Splits",
    "Vocabulary",
    "arrays",
    "class_labels",
    "epoch_order",
    "fetch",
    "folder",
    "imagenet_labels",
    "load",
    "names",
    "read_cifar",
    "read_cifar_binary",
    "read_cifar_pickle",
    "read_csv",
    "read_digits",
    "read_idx",
    "read_idx_pair",
    "read_imdb",
    "read_mnist",
    "read_reviews",
    "read_zip",
]
