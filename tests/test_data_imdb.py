import csv
import gzip
import io
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.data import Vocabulary, read_imdb, read_reviews
from striate.data.readers import imdb
from striate.data.vocabulary import words_of
from striate.errors import DataError

TRAIN = [
    (1, "A good, good film.<br /><br />Don't miss it!"),
    (0, "A bad film"),
    (1, 'He said: "good"'),
    (0, "bad\nBAD acting"),
]
TEST = [(0, "bad film, unheard of"), (1, "good")]


def write(path, rows, header=("label", "text")):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def reviews(tmp_path):
    write(tmp_path / "train.csv.gz", TRAIN)
    write(tmp_path / "test.csv", TEST)
    return tmp_path


def test_words_are_lower_case_without_marks_but_with_apostrophes():
    text = "It's <br />GOOD, isn't it? l'été 2nd--'quoted'"
    assert words_of(text) == ["it's", "good", "isn't", "it", "l'été", "2nd", "quoted"]


def test_ids_follow_frequency_and_the_convention_of_keras(reviews):
    splits = read_imdb(reviews, words=7, length=6)
    vocabulary = splits.train.preprocessing.vocabulary
    counts = Counter(word for _, text in TRAIN for word in words_of(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    assert vocabulary.words == tuple(ranked[:4]) == ("bad", "good", "a", "film")
    assert vocabulary.size == 7
    # 0 pads in front, 1 starts, 2 is unknown, words from 3 on; of a longer text the end is kept
    assert splits.train.x.tolist() == [[4, 4, 6, 2, 2, 2], [0, 0, 1, 5, 3, 6], [0, 0, 1, 2, 2, 4], [0, 0, 1, 3, 3, 2]]
    assert splits.test.x.tolist() == [[0, 1, 3, 6, 2, 2], [0, 0, 0, 0, 1, 4]]
    assert splits.train.y.tolist() == [1, 0, 1, 0]
    assert splits.test.y.tolist() == [0, 1]
    assert splits.train.x.dtype == np.int64
    assert splits.train.classes == ("negative", "positive")
    assert splits.train.preprocessing is splits.test.preprocessing


def test_the_unpacked_archive_is_read_as_it_is(tmp_path):
    for part, rows in (("train", TRAIN), ("test", TEST)):
        for i, (label, text) in enumerate(rows):
            path = tmp_path / part / ("pos" if label else "neg") / f"{i}_7.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    splits = read_imdb(tmp_path, words=7, length=6)
    assert splits.train.y.tolist() == [0, 0, 1, 1]
    assert splits.test.x.tolist() == [[0, 1, 3, 6, 2, 2], [0, 0, 0, 0, 1, 4]]


texts = st.lists(st.text(st.sampled_from("ab c'.,"), max_size=30), min_size=1, max_size=8).filter(
    lambda listed: any(words_of(text) for text in listed)
)


@given(texts, st.integers(4, 12), st.integers(1, 9))
def test_encode_is_the_definition_word_by_word(listed, size, length):
    vocabulary = Vocabulary.build(listed, size, length)
    assert vocabulary.size <= size
    for text, row in zip(listed, vocabulary.encode(listed).tolist(), strict=True):
        ids = [1] + [vocabulary.words.index(w) + 3 if w in vocabulary.words else 2 for w in words_of(text)]
        assert row == ([0] * length + ids)[-length:]


@given(texts)
def test_what_fits_is_decoded_to_its_words(listed):
    vocabulary = Vocabulary.build(listed, 10000, 100)
    for text in listed:
        assert vocabulary.decode(vocabulary.encode(text)[0]) == " ".join(words_of(text))


def test_a_vocabulary_survives_json():
    vocabulary = Vocabulary.build(["l'été et l'hiver"], 100, 5)
    again = Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict())))
    assert again == vocabulary
    assert again.encode(["hiver été"]).tolist() == vocabulary.encode(["hiver été"]).tolist()
    assert vocabulary.decode([0, 1, 2, 3]) == "? et"


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: Vocabulary.build(["a"], 3), "at least 4"),
        (lambda: Vocabulary.build(["...", ""]), "no word"),
        (lambda: Vocabulary(()), "at least one word"),
        (lambda: Vocabulary(("a",), 0), "length 0"),
        (lambda: Vocabulary(("a",)).encode([1]), "text 0 is a int"),
    ],
)
def test_a_vocabulary_that_cannot_be_is_refused(make, fragment):
    with pytest.raises(DataError, match=fragment):
        make()


@pytest.mark.parametrize(
    ("rows", "header", "fragment"),
    [
        ([], ("label", "text"), "no reviews"),
        ([(1, "a")], ("sentiment", "review"), "label and text"),
        ([(1, "a"), (2, "b")], ("label", "text"), "line 3"),
        ([(1, "a"), ("positive", "b")], ("label", "text"), "'positive'"),
        ([(1, "a", "b")], ("label", "text"), "line 2"),
    ],
)
def test_a_faulty_file_of_reviews_is_named_with_its_line(tmp_path, rows, header, fragment):
    with pytest.raises(DataError) as caught:
        read_reviews(write(tmp_path / "r.csv", rows, header))
    assert fragment in str(caught.value)
    assert "r.csv" in str(caught.value)


def test_a_gzip_of_reviews_that_is_cut_off_is_refused(tmp_path):
    data = write(tmp_path / "r.csv.gz", TRAIN).read_bytes()
    for end in range(3, len(data), 5):
        (tmp_path / "r.csv.gz").write_bytes(data[:end])
        with pytest.raises(DataError, match="gzip"):
            read_reviews(tmp_path / "r.csv.gz")


def test_a_missing_part_says_what_belongs_there(reviews):
    (reviews / "test.csv").unlink()
    with pytest.raises(DataError, match=r"neither test\.csv\.gz nor test/pos"):
        read_imdb(reviews)
    with pytest.raises(DataError, match="no such file"):
        read_reviews(reviews / "none.csv")


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "r.csv").write_bytes(b"label,text\n1,\xff\xfe\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_reviews(tmp_path / "r.csv")


def test_a_gzip_that_is_damaged_at_its_end_is_refused_before_its_table_is_read(tmp_path, monkeypatch):
    content = gzip.compress(b"label,text\n" + b"1,good\n" * 1000)
    (tmp_path / "train.csv.gz").write_bytes(content[:-6] + b"broken")
    monkeypatch.setattr(imdb, "parse_table", lambda *_: pytest.fail("read"))
    with pytest.raises(DataError, match="cut off or damaged"):
        imdb.read_reviews(tmp_path / "train.csv.gz")
