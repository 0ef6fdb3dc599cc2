"""The Large Movie Review Dataset (Maas et al. 2011): film reviews, positive or negative."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from striate.data.dataset import Dataset, Splits
from striate.data.pictures.preprocess import Preprocessing
from striate.data.vocabulary import Vocabulary
from striate.doors import budgets
from striate.doors.packed import maybe_gzipped
from striate.doors.parsing import parse_table
from striate.doors.reading import read_bytes
from striate.errors import DataError
from striate.wording import inner

CLASSES = ("negative", "positive")
_LABELS = ("0", "1")


def read_imdb(
    folder: str | Path, words: int = 10000, length: int = 500, vocabulary: Vocabulary | None = None
) -> Splits:
    """Reviews as token ids, int64 (N, length), with the vocabulary of the training part.

    `folder` has train.csv and test.csv (or .csv.gz) with columns label (1 = positive) and text, or is the unpacked
    aclImdb folder (train/pos/*.txt, train/neg/*.txt, test/...).  There are `words` ids: see ``Vocabulary``, which is in
    ``preprocessing.vocabulary`` of both parts.  `vocabulary`, such as that of a trained model, takes the place of both.

    length    ids of a text

    Raises DataError for files that are missing or damaged.
    """
    folder = Path(folder)
    texts, labels = reviews(folder, "train")
    vocabulary = vocabulary or Vocabulary.build(texts, words, length)
    preprocessing = Preprocessing(vocabulary=vocabulary)
    train = Dataset(vocabulary.encode(texts), labels, CLASSES, "imdb train", preprocessing)
    texts, labels = reviews(folder, "test")
    return Splits(train, None, Dataset(vocabulary.encode(texts), labels, CLASSES, "imdb test", preprocessing))


def has_imdb(folder: Path) -> bool:
    """Whether the folder looks like ``read_imdb`` can read it."""
    return any((folder / name).exists() for name in ("train.csv.gz", "train.csv", "train/pos"))


def reviews(folder: str | Path, part: str) -> tuple[list[str], np.ndarray]:
    """(texts, labels int64 (N,)) of a part, "train" or "test", of what ``read_imdb`` reads.

    folder   as for ``read_imdb``

    Raises DataError for files that are missing or damaged.
    """
    folder = Path(folder)
    for name in (f"{part}.csv.gz", f"{part}.csv"):
        if (folder / name).is_file():
            return read_reviews(folder / name)
    if (folder / part / "pos").is_dir() and (folder / part / "neg").is_dir():
        return _read_text_files(folder / part)
    raise DataError(
        f"{folder}: has neither {part}.csv.gz nor {part}/pos and {part}/neg. Unpack all of aclImdb_v1.tar.gz."
    )


def read_reviews(path: str | Path) -> tuple[list[str], np.ndarray]:
    """(texts, labels int64 (N,)) of a CSV file with the columns label (0 or 1) and text, plain or gzipped.

    path   of the file

    Raises DataError for a file that is missing, damaged, or without these columns.
    """
    try:
        with (
            maybe_gzipped(path, budgets.UNPACKED) as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as lines,
        ):
            header, rows, broken = parse_table(lines, str(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a CSV file in UTF-8 ({error}).") from None
    if not {"label", "text"} <= set(header):
        raise DataError(f"{path}: its header is {header}, expected the columns label and text.")
    label, text = header.index("label"), header.index("text")
    strange = [
        (line, f"a label of 0 or 1 was expected, not {row[label]!r}") for line, row in rows if row[label] not in _LABELS
    ]
    for line, why in sorted([*broken, *strange])[:1]:
        raise DataError(f"{path}, line {line}: {inner(why)}.")
    texts, labels = [row[text] for _, row in rows], [int(row[label]) for _, row in rows]
    if not texts:
        raise DataError(f"{path}: has no reviews.")
    return texts, np.array(labels, np.int64)


def _read_text_files(folder: Path) -> tuple[list[str], np.ndarray]:
    texts, labels = [], []
    for label, name in enumerate(("neg", "pos")):
        for path in sorted((folder / name).glob("*.txt")):
            texts.append(read_bytes(path).decode(errors="replace"))
            labels.append(label)
    if not texts:
        raise DataError(f"{folder}: neg and pos hold no .txt files.")
    return texts, np.array(labels, np.int64)
