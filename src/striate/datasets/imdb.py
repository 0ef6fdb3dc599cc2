"""Film reviews, positive or negative, as numbers of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.readers.imdb import reviews
from striate.data.sets.catalog import find
from striate.data.vocabulary import words_of
from striate.datasets.arrays import Pair
from striate.errors import ArgumentError, DataError
from striate.guard import guard

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **others: Any,
) -> tuple[Pair, Pair]:
    """(x_train, y_train), (x_test, y_test): arrays (N,) of lists of word numbers, and int64 (N,), 1 for positive.

    A word's number is its rank by frequency, from 1 (``get_word_index``), plus `index_from`.  The words are told apart as
    ``Vocabulary`` does it, so ranks are not those of Keras' file.  ``utils.pad_sequences`` makes one array of the lists.

    path         a folder with the reviews; else they are looked for as ``data.load`` does, and fetched
    num_words    keep numbers below this; None: all
    skip_top     replace numbers below this
    maxlen       leave reviews of this length and longer out; None: keep all
    seed         of the order of the reviews
    start_char   the number in front of each review; None: none
    oov_char     what replaces words that are not kept; None: they are dropped
    index_from   what is added to a word's rank
    others       nothing else is taken

    Raises DataError where the reviews cannot be had or `maxlen` leaves none, ArgumentError for another argument.
    """
    for key in others:
        raise ArgumentError(f'imdb.load_data has no argument "{key}".')
    folder = _folder(path)
    words, targets = {}, {}
    for part in ("train", "test"):
        texts, targets[part] = reviews(folder, part)
        words[part] = [words_of(text) for text in texts]
    ranks = _ranks(words["train"])
    front = [] if start_char is None else [start_char]
    parts = []
    for part in ("train", "test"):
        labels = targets[part]
        order = np.random.RandomState(seed).permutation(len(labels))
        rows = [[*front, *(ranks[w] + index_from for w in words[part][i] if w in ranks)] for i in order]
        kept = [i for i, row in enumerate(rows) if not maxlen or len(row) < maxlen]
        if not kept:
            raise DataError(f"imdb: maxlen={maxlen} leaves no review of {part}. Increase it.")
        parts.append(([rows[i] for i in kept], labels[order][kept]))
    limit = num_words or max(max(row, default=0) for rows, _ in parts for row in rows) + 1
    made = []
    for rows, labels in parts:
        if oov_char is None:
            rows = [[w for w in row if skip_top <= w < limit] for row in rows]
        elif num_words or skip_top:
            rows = [[w if skip_top <= w < limit else oov_char for w in row] for row in rows]
        x = np.empty(len(rows), object)
        x[:] = rows
        made.append((x, labels))
    return made[0], made[1]


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """{word: rank by frequency in the training reviews, from 1}.

    path   as for ``load_data``

    Raises DataError where the reviews cannot be had.
    """
    return _ranks(map(words_of, reviews(_folder(path), "train")[0]))


def _folder(path: str) -> Path:
    place = Path(path).expanduser()
    return find("imdb", place if place.is_dir() else None, download=True)


def _ranks(texts: Iterable[list[str]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for words in texts:
        counts.update(words)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {word: rank for rank, (word, _) in enumerate(ranked, 1)}


guard(__name__)
