"""Which format a path is in, and its survey or its reader by that."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from striate.data.dataset import Dataset, Splits
from striate.data.readers.box_lines import read_box_lines, scan_box_lines
from striate.data.readers.box_table import has_edges, read_box_table, scan_box_table
from striate.data.readers.cifar import has_cifar, read_cifar
from striate.data.readers.class_folders import folder, read_zip, scan_folder, scan_zip
from striate.data.readers.coco import is_instances, read_coco, scan_coco
from striate.data.readers.csv_table import read_csv, scan_csv
from striate.data.readers.files import folders_in, hidden, is_picture, some_pictures, subfolder
from striate.data.readers.idx import has_mnist, read_mnist
from striate.data.readers.imdb import has_imdb, read_imdb
from striate.data.readers.masks import mask_folders, read_masks, scan_masks
from striate.data.readers.names import part_of
from striate.data.readers.survey import Survey
from striate.data.readers.voc import read_voc, scan_voc
from striate.data.readers.yolo import label_file, read_yolo, scan_yolo
from striate.data.validate import class_names
from striate.errors import DataError, without_name

#: The reader of each format.
READERS: dict[str, Callable[..., Dataset | Splits]] = {
    "classes": folder,
    "zip": read_zip,
    "csv": read_csv,
    "boxes": read_box_table,
    "lines": read_box_lines,
    "voc": read_voc,
    "coco": read_coco,
    "yolo": read_yolo,
    "masks": read_masks,
    "idx": read_mnist,
    "cifar10": read_cifar,
    "cifar100": partial(read_cifar, classes=100),
    "imdb": read_imdb,
}
_ENDINGS = {".zip": "zip", ".csv": "csv", ".json": "coco", ".jsonl": "lines", ".yaml": "yolo", ".yml": "yolo"}
_ARRAYS = {
    "idx": "idx files, as MNIST has",
    "cifar10": "CIFAR batches",
    "cifar100": "CIFAR batches",
    "imdb": "film reviews",
}
_SOME = 50  # pictures beside which text files are looked for


def format_at(path: str | Path) -> str | None:
    """The format of what is at a path, a key of ``READERS``; None for a file of another kind, and for nothing.

    A folder is VOC with Annotations/*.xml, COCO with instances files, YOLO with a data.yaml or text files for its
    pictures, masks with folders of images and masks; CSV where one table lies among its pictures; idx, CIFAR or IMDB by
    the names of their files; else it has a folder for each class.  A table with the edges of boxes is one of boxes.
    """
    path = Path(path)
    if path.is_file():
        kind = _ENDINGS.get(path.suffix.lower())
        return "boxes" if kind == "csv" and has_edges(path) else kind
    if not path.is_dir():
        return None
    tests: dict[str, Callable[[Path], bool]] = {
        "voc": _is_voc,
        "coco": _is_coco,
        "yolo": _is_yolo,
        "masks": lambda path: bool(mask_folders(path)),
        "idx": has_mnist,
        "cifar10": lambda path: has_cifar(path, 10),
        "cifar100": lambda path: has_cifar(path, 100),
        "imdb": _is_imdb,
        "csv": lambda path: table_in(path) is not None,
    }
    kind = next((kind for kind, test in tests.items() if test(path)), "classes")
    table = table_in(path) if kind == "csv" else None
    return "boxes" if table is not None and has_edges(table) else kind


def scan(path: str | Path, classes: Sequence[str] | int | None = None, ignored: int | None = None) -> Survey:
    """The survey of whatever format is at a path; to be closed.

    classes   the classes' names, or how many there are, for formats that do not say
    ignored   the label of masks that counts for nothing, or None where nobody says

    What keeps a reader from reading it is a remark that says stop.  Raises DataError when there is no such path, when
    nothing there could be pictures, and for formats that hold no picture files.
    """
    path, kind = Path(path), format_at(path)
    if kind is None:
        what = "is no folder, and no .zip, .csv, .json, .jsonl or .yaml file. Give the folder that holds the pictures"
        raise DataError(f"{path}: {what if path.exists() else 'there is no such file or folder'}.")
    if kind in _ARRAYS:
        raise DataError(f"{path}: holds {_ARRAYS[kind]}, and no picture files to look at. data.load reads them.")
    names = None if isinstance(classes, int) else classes
    if kind in ("classes", "zip"):
        survey = (scan_folder if kind == "classes" else scan_zip)(path, names)
    else:
        table = table_in(path) if kind in ("csv", "boxes") and path.is_dir() else None
        try:
            survey = {
                "csv": lambda: scan_csv(table or path, names),
                "boxes": lambda: scan_box_table(table or path, names),
                "lines": lambda: scan_box_lines(path, names),
                "voc": lambda: scan_voc(path, names),
                "coco": lambda: scan_coco(path, names),
                "yolo": lambda: scan_yolo(path, classes),
                "masks": lambda: scan_masks(path, names, ignored),
            }[kind]()
        except DataError as error:
            survey = Survey(str(path), kind)
            survey.add("unusable", str(path), without_name(error, path), "stop")
    if not survey.items and not survey.remarks:
        raise DataError(f"{path}: there are no pictures in it.")
    if survey.classes and not any(remark.kind == "unusable" for remark in survey.remarks):
        try:  # as every data set asks of its classes
            class_names(survey.classes, str(path))
        except DataError as error:
            survey.add("unusable", str(path), without_name(error, path), "stop")
    return survey


def read(path: str | Path, **options: Any) -> Dataset | Splits:
    """What is at a path, by the reader of its format; `options` are those of the reader.

    Raises DataError for a path of no known format.
    """
    kind = format_at(path)
    if kind is None:
        raise DataError(f"{path}: is no folder, and no .zip, .csv, .json, .jsonl or .yaml file.")
    table = table_in(Path(path)) if kind in ("csv", "boxes") and Path(path).is_dir() else None
    return READERS[kind](table or path, **options)


def table_in(path: Path) -> Path | None:
    """The one CSV file in a folder whose pictures lie beside it, and not in folders of classes."""
    with os.scandir(path) as entries:
        files = [Path(entry.path) for entry in entries if os.path.isfile(entry) and not hidden(entry.name)]
    tables = [file for file in files if file.suffix.lower() == ".csv"]
    if len(tables) != 1 or not any(map(is_picture, files)):
        return None
    return None if any(some_pictures(path / name, 1) for name in folders_in(path)) else tables[0]


def _is_voc(path: Path) -> bool:
    folder = subfolder(path, "Annotations")
    if folder is not None and any(folder.glob("*.xml")):
        return True
    return any(path.glob("*.xml")) and any(map(is_picture, path.iterdir()))


def _is_imdb(path: Path) -> bool:
    return has_imdb(path) and ((path / "train.csv.gz").is_file() or any((path / "train" / "pos").glob("*.txt")))


def _is_coco(path: Path) -> bool:
    candidates = [*path.glob("annotations/*.json"), *path.glob("*.json"), *path.glob("*/_annotations.coco.json")]
    return any(map(is_instances, candidates))


def _is_yolo(path: Path) -> bool:
    if any((path / name).is_file() for name in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")):
        return True
    tops = [path, *(path / name for name in folders_in(path) if part_of(name))]
    images = [each for each in (subfolder(top, "images") for top in tops) if each is not None]
    return any(label_file(picture).is_file() for home in (images or tops) for picture in some_pictures(home, _SOME))
