"""Words as numbers, in the convention of Keras' IMDB data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np

from striate.errors import DataError
from striate.wording import plural

PAD, START, UNKNOWN, FIRST = 0, 1, 2, 3
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_BREAK = re.compile(r"<br\s*/?>")


def words_of(text: str) -> list[str]:
    """The words of a text, lower case: runs of letters and digits, with apostrophes inside them (``don't``)."""
    return _WORD.findall(_BREAK.sub(" ", text.lower()))


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """The known words, most frequent first, and the length that every text is made to have.

    Ids: 0 pads, 1 starts a text, 2 is a word that is not known, and ``words[i]`` is ``i + 3``.

    words    the known words, most frequent first
    length   ids of an encoded text

    Raises DataError for no words, a word that is listed twice, or a length below 1.
    """

    words: tuple[str, ...]
    length: int = 500

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        if not self.words or not all(isinstance(word, str) for word in self.words):
            raise DataError("vocabulary: words must be a list of at least one word.")
        if len(set(self.words)) < len(self.words):
            raise DataError("vocabulary: a word is listed twice. Each has one id.")
        if not isinstance(self.length, int) or self.length < 1:
            raise DataError(f"vocabulary: length {self.length!r} must be a whole number from 1.")

    @classmethod
    def build(cls, texts: Iterable[str], words: int = 10000, length: int = 500) -> Vocabulary:
        """The most frequent words of `texts`, so many that there are `words` ids in all (an Embedding's input_dim).

        Equally frequent words stand in alphabetical order, so the same texts give the same ids.

        length   ids of an encoded text

        Raises DataError where there is no word, or no room for one.
        """
        if words <= FIRST:
            raise DataError(
                f"vocabulary: {words} ids leave no room for words, as 0, 1 and 2 are taken. Give at least 4."
            )
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(words_of(text))
        if not counts:
            raise DataError("vocabulary: the texts hold no word at all.")
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls(tuple(word for word, _ in ranked[: words - FIRST]), length)

    @property
    def size(self) -> int:
        """How many ids there are, words and the three special ones: the input_dim of an Embedding."""
        return len(self.words) + FIRST

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, start=FIRST)}

    def encode(self, texts: str | Iterable[str]) -> np.ndarray:
        """Token ids, int64 (N, length): padded in front with 0; of a longer text the last `length` ids are kept.

        texts   a text or several

        Raises DataError for what is no text.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        ids = np.full((len(texts), self.length), PAD, np.int64)
        known = self._ids
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(f"text {i} is a {type(text).__name__}. Give strings.")
            row = [START, *map(known.get, words_of(text), repeat(UNKNOWN))][-self.length :]
            ids[i, self.length - len(row) :] = row
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The words of one row of ids, without padding and start; an unknown word is ``?``.

        ids   whole numbers (L,)
        """
        special = {PAD: "", START: "", UNKNOWN: "?"}
        words = (special[i] if i < FIRST else self.words[i - FIRST] for i in map(int, ids))
        return " ".join(word for word in words if word)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``from_dict`` gives the same vocabulary back."""
        return {"words": list(self.words), "length": self.length}

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> Vocabulary:
        """The vocabulary that ``to_dict`` described.

        description   the dictionary

        Raises DataError for other keys or values.
        """
        if not isinstance(description, dict) or set(description) != {"words", "length"}:
            raise DataError('vocabulary: a description has exactly "words" and "length".')
        if not isinstance(description["words"], list | tuple):
            raise DataError("vocabulary: words must be a list of at least one word.")
        return cls(tuple(description["words"]), description["length"])

    def __repr__(self) -> str:
        return f"<Vocabulary of {plural(len(self.words), 'word')}, length {self.length}>"
