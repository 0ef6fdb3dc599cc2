"""Data sets by name: where each is looked for, how it is read, where to get it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from striate.data.dataset import Dataset, Splits
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.data.readers.cifar import has_cifar, read_cifar
from striate.data.readers.class_folders import read_zip
from striate.data.readers.idx import DIGITS, FASHION, has_mnist, read_mnist
from striate.data.readers.imdb import has_imdb, read_imdb
from striate.data.readers.masks import read_masks
from striate.data.readers.scan import READERS, format_at, read
from striate.data.readers.voc import read_voc
from striate.data.sets.digits import read_digits
from striate.data.sets.scenes import Target, scenes
from striate.doors.downloads import fetch
from striate.doors.packed import unpack
from striate.doors.places import data_folder
from striate.doors.writing import remove, swapped, temporary_folder
from striate.errors import DataError, nearest, unknown

if TYPE_CHECKING:
    from striate.data.dataset import Tested

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"  # no https there; the sums protect
_IDX = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


# Those that have test data, for type checkers.
_Tested = Literal["digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "imdb"]


@dataclass(frozen=True)
class NamedSet:
    """A named data set: one line about it, its usual places under a data folder, how to know, read and get it."""

    line: str
    places: tuple[str, ...]
    has: Callable[[Path], bool]
    read: Callable[..., Splits]
    get: str
    url: str = ""
    sums: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)  # classes and ignored, where its files do not say them

    @property
    def archive(self) -> str | None:
        """The one file that is unpacked, where it is one."""
        return next((name for name in self.sums if name.endswith(".tar.gz")), None)


def _read_fashion(path: Path) -> Splits:
    return read_mnist(path, FASHION, "fashion_mnist")


def _read_mnist(path: Path) -> Splits:
    return read_mnist(path, DIGITS, "mnist")


def _read_cifar10(path: Path, preprocessing: Preprocessing | None = None) -> Splits:
    """The batches are 32 x 32 whatever `preprocessing` says; pictures in a zip are decoded as it says."""
    if path.is_dir():
        return read_cifar(path, 10)
    return _as_splits(read_zip(path, (32, 32), preprocessing=preprocessing, name="cifar10"))


def _read_cifar100(path: Path, fine: bool = True) -> Splits:
    return read_cifar(path, 100, fine)


def _has_cifar10(path: Path) -> bool:
    return has_cifar(path, 10) or (path.is_file() and path.suffix == ".zip")


# The order of CamVid's labels in the widely used set of 11 classes at 480 x 360 (SegNet); 11 is void.
_CAMVID: dict[str, Any] = {
    "classes": (
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    "ignored": 11,
}


def _read_camvid(
    path: Path, image_size: Any = None, resize: Resize = "stretch", preprocessing: Preprocessing | None = None
) -> Splits:
    return _as_splits(
        read_masks(
            path,
            image_size,
            **_CAMVID,
            resize=resize,
            preprocessing=preprocessing,
            name="camvid",
        )
    )


def _read_bccd(
    path: Path, image_size: Any = None, resize: Resize = "stretch", preprocessing: Preprocessing | None = None
) -> Splits:
    return _as_splits(read_voc(path, image_size, resize=resize, preprocessing=preprocessing, name="bccd"))


def _read_scenes(
    count: int = 2000,
    size: int = 64,
    seed: int = 0,
    kinds: Sequence[str] = ("circle", "square", "triangle"),
    shapes: tuple[int, int] = (1, 4),
    target: Target = "class",
    channels: int = 3,
) -> Splits:
    """`count` scenes to train on and a quarter as many, of other seeds, for each of validation and test."""
    parts = {}
    for i, part in enumerate(("train", "validation", "test")):
        number = count if i == 0 else max(1, count // 4)
        parts[part] = scenes(number, size, seed * 3 + i, kinds, shapes, target, channels)
        parts[part].name = f"scenes {part}"
    return Splits(**parts)


_CIFAR = "https://www.cs.toronto.edu/~kriz/cifar.html"
SOURCES = {
    "mnist": NamedSet(
        "handwritten digits: 60,000 and 10,000 grey pictures 28 x 28, 10 classes",
        ("mnist", "MNIST/raw", "MNIST"),
        has_mnist,
        _read_mnist,
        f"the four files {', '.join(_IDX)} from {MNIST_URL}",
        MNIST_URL,
        dict(
            zip(
                _IDX,
                (
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
                strict=True,
            )
        ),
    ),
    "fashion_mnist": NamedSet(
        "clothes: 60,000 and 10,000 grey pictures 28 x 28, 10 classes",
        ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
        has_mnist,
        _read_fashion,
        f"the four files {', '.join(_IDX)} from https://github.com/zalandoresearch/fashion-mnist",
        FASHION_URL,
        dict(
            zip(
                _IDX,
                (
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
                strict=True,
            )
        ),
    ),
    "cifar10": NamedSet(
        "things and animals: 50,000 and 10,000 colour pictures 32 x 32, 10 classes",
        ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar10", "cifar10.zip", "cifar10-jpeg.zip"),
        _has_cifar10,
        _read_cifar10,
        f"cifar-10-binary.tar.gz or cifar-10-python.tar.gz from {_CIFAR}, unpacked",
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
    ),
    "cifar100": NamedSet(
        "things and animals: 50,000 and 10,000 colour pictures 32 x 32, 100 classes (fine=False: 20)",
        ("cifar-100-binary", "cifar-100-python", "cifar100"),
        lambda path: has_cifar(path, 100),
        _read_cifar100,
        f"cifar-100-binary.tar.gz or cifar-100-python.tar.gz from {_CIFAR}, unpacked",
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"},
    ),
    "imdb": NamedSet(
        "film reviews, positive or negative, as token ids (words=10000, length=500)",
        ("imdb", "aclImdb"),
        has_imdb,
        read_imdb,
        "aclImdb_v1.tar.gz from https://ai.stanford.edu/~amaas/data/sentiment/, unpacked",
        "https://ai.stanford.edu/~amaas/data/sentiment/",
        {"aclImdb_v1.tar.gz": "md5:7c2ac02c03563afcf9b574c7e56c153a"},
    ),
    "bccd": NamedSet(
        "blood cells: 364 photos 480 x 640 with boxes of 3 classes, RBC, WBC and Platelets",
        ("bccd", "BCCD", "BCCD_Dataset/BCCD"),
        lambda path: (path / "Annotations").is_dir(),
        _read_bccd,
        "the folder BCCD from https://github.com/Shenggan/BCCD_Dataset",
    ),
    "camvid": NamedSet(
        "street scenes: 367 and 101 photos 360 x 480 with label maps of 11 classes; the label 11 is void",
        ("camvid", "CamVid"),
        lambda path: (path / "train" / "images").is_dir(),
        _read_camvid,
        "the pictures as train|val/images and the labels 0 to 11 as train|val/masks",
        labels=_CAMVID,
    ),
}
_DIGITS_LINE = "handwritten digits: 1,438 and 359 grey pictures 8 x 8, 10 classes; always there, with scikit-learn"
_SCENES_LINE = "drawn shapes with classes, boxes and masks, any number (count=2000, size=64, seed=0); always there"


def names() -> dict[str, str]:
    """The data sets that ``load`` knows by name, with a line about each."""
    return {"digits": _DIGITS_LINE, "scenes": _SCENES_LINE} | {name: source.line for name, source in SOURCES.items()}


@overload
def load(name: _Tested, path: str | Path | None = None, *, download: bool = False, **options: Any) -> Tested: ...


@overload
def load(name: str | Path, path: str | Path | None = None, *, download: bool = False, **options: Any) -> Splits: ...


def load(name: str | Path, path: str | Path | None = None, *, download: bool = False, **options: Any) -> Splits:
    """A data set by name (``names()``), or what a path holds: pictures in a folder, a zip, or listed in a CSV file.

    A path is read as what it looks like: VOC with Annotations/*.xml, COCO with instances files or as a .json, YOLO with a
    data.yaml or labels/, masks beside images; else by a folder for each class (``folder``).

    A named one is looked for in `path`, when given; else in the folder that the environment variable STRIATE_DATA
    names, then in ~/.striate/data, then in the working folder, where photos in a folder of that name are read as such.
    `download` fetches MNIST, Fashion-MNIST, CIFAR and IMDB when they are not there.
    Other options go to the reader: words and length for imdb, fine for cifar100, image_size, channels and resize, or
    preprocessing, for pictures.
    Raises DataError which says where it looked and how to get the data.

    name      of a data set, or a path
    options   those of the reader
    """
    if name == "digits":
        _check_options("digits", read_digits, options)
        return read_digits()
    if name == "scenes":
        _check_options("scenes", _read_scenes, options, 0)
        return _read_scenes(**options)
    if name not in SOURCES:
        return _load_path(Path(name), options)
    if path is None and not download and placed(str(name)) != str(name):
        return _load_path(Path(name), options)
    _check_options(str(name), SOURCES[str(name)].read, options)
    return SOURCES[str(name)].read(find(str(name), path, download=download), **options)


def placed(name: str) -> str:
    """A data set's name or path as it is; ``./name`` where it is a folder of photos that is called like a data set.

    name   as a user gives it

    The data set itself comes first, wherever it lies.
    """
    if name not in SOURCES or not Path(name).is_dir():
        return name
    source = SOURCES[name]
    return name if any(place.exists() and source.has(place) for place in _candidates(source, None)) else f"./{name}"


def from_anywhere(source: str | os.PathLike[str]) -> str:
    """A data set's name as it is; the path of what is there as it is called from every folder.

    source   a data set's name, or a path
    """
    return str(Path(source).resolve()) if source not in names() and Path(source).exists() else str(source)


def find(name: str, path: str | Path | None = None, *, download: bool = False) -> Path:
    """Where a named data set lies on this machine, as ``load`` looks for it.

    name       one of `SOURCES`
    path       where to look first
    download   fetch it where it is nowhere

    Raises DataError which says where it looked and how to get the data.
    """
    source = SOURCES[name]
    looked = _candidates(source, path)
    for place in looked:
        if place.exists() and source.has(place):
            return place
    if download:
        return _download(name, source, path)
    listed = ", ".join(map(str, looked))
    fetched = f" download=True (striate train {name} --download) fetches it, or get {source.get}"
    offer = fetched if source.url else f" Get {source.get}"
    raise DataError(
        f'"{name}" is not on this machine. Looked for it in {listed}. {offer.strip()}, and give the folder as path= '
        "or put it in one of these places."
    )


def files_of(source: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]]:
    """Where the files of a data set are, by its name or path, as ``load`` finds them; and what they do not say themselves.

    source   a data set's name, or a path

    The second is {"classes": names, "ignored": label}, as far as it is known.  Raises DataError for what is no data set, for
    one that is not on this machine, and for one without files.
    """
    name = str(source)
    if name in names() and name not in SOURCES:
        made = "is drawn when it is asked for" if name == "scenes" else "comes with scikit-learn"
        raise DataError(f'"{name}" {made}, and has no picture files to look at.')
    if name in SOURCES and placed(name) == name:
        return find(name), dict(SOURCES[name].labels)
    if not Path(source).exists():
        _format_of(Path(source))
    return Path(source), {}


def options_of(source: str | Path) -> list[str]:
    """The options that ``load`` hands on to the reader of a named data set or of a path."""
    if source == "digits":
        return []
    if source == "scenes":
        return list(inspect.signature(_read_scenes).parameters)
    reader = SOURCES[str(source)].read if source in SOURCES else READERS[_format_of(Path(source))]
    return list(inspect.signature(reader).parameters)[1:]


def _load_path(path: Path, options: dict[str, Any]) -> Splits:
    kind = _format_of(path)
    _check_options(str(path), READERS[kind], options)
    return _as_splits(read(path, **options))


def _format_of(path: Path) -> str:
    """The format of what a path holds.  Raises DataError where that is nothing known."""
    kind = format_at(path)
    if kind is not None:
        return kind
    what = (
        "is a file, but no .zip, .csv, .json, .jsonl or .yaml"
        if path.exists()
        else "is neither a known data set nor a folder"
    )
    raise DataError(f'"{path}" {what}.{nearest(str(path), names())} Known: {", ".join(names())}.')


def _as_splits(read: Dataset | Splits) -> Splits:
    return read if isinstance(read, Splits) else Splits(read)


def _candidates(source: NamedSet, path: str | Path | None) -> list[Path]:
    if path is not None:
        return [Path(path), *(Path(path) / place for place in source.places)]
    roots = [Path(os.environ["STRIATE_DATA"])] if os.environ.get("STRIATE_DATA") else []
    return [root / place for root in (*roots, _home(), Path()) for place in source.places]


def _home() -> Path:
    return data_folder()


def _download(name: str, source: NamedSet, path: str | Path | None) -> Path:
    if not source.url:
        raise DataError(f"{name}: striate does not download this one. Get {source.get}, and give the folder as path=.")
    target = _home() / name if path is None else Path(path)
    if source.archive is None:
        for file, checksum in source.sums.items():
            fetch(source.url + file, target / file, checksum)
        return target
    packed = fetch(source.url + source.archive, target.parent / source.archive, source.sums[source.archive])
    with temporary_folder(target, DataError) as temporary:
        unpacked = unpack(packed, temporary / "all")
        inner = [place for place in (unpacked, *sorted(unpacked.iterdir())) if place.is_dir() and source.has(place)]
        if not inner:
            raise DataError(f"{packed}: does not hold {name}. Get {source.get}, and give the folder as path=.")
        swapped(inner[0], target, DataError)
    remove(packed)
    return target


def _check_options(name: str, reader: Callable[..., Any], options: dict[str, Any], skip: int = 1) -> None:
    known = list(inspect.signature(reader).parameters)[skip:]  # the first is mostly the path
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
