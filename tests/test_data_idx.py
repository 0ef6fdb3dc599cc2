import contextlib
import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from striate.data import read_idx, read_idx_pair, read_mnist
from striate.errors import DataError

# The table of the format's page: code -> struct letter and NumPy type
CODES = {
    0x08: ("B", "u1"),
    0x09: ("b", "i1"),
    0x0B: ("h", "i2"),
    0x0C: ("i", "i4"),
    0x0D: ("f", "f4"),
    0x0E: ("d", "f8"),
}


def written(array, code):
    """An idx file made value by value, as the page describes it."""
    head = bytes([0, 0, code, array.ndim]) + b"".join(struct.pack(">I", size) for size in array.shape)
    return head + b"".join(struct.pack(">" + CODES[code][0], value) for value in array.ravel().tolist())


@st.composite
def arrays_with_codes(draw):
    code = draw(st.sampled_from(sorted(CODES)))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))
    return code, draw(hnp.arrays(CODES[code][1], shape))


@given(arrays_with_codes(), st.booleans())
def test_every_type_and_shape_comes_back_as_it_was_written(tmp_path_factory, pair, zipped):
    code, array = pair
    path = tmp_path_factory.mktemp("idx") / "array"
    data = written(array, code)
    path.write_bytes(gzip.compress(data) if zipped else data)
    result = read_idx(path)
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.shape == array.shape
    assert result.tobytes() == array.tobytes()
    assert result.flags.writeable


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_cut_at_any_byte_is_a_data_error(tmp_path, zipped):
    data = written(np.arange(24, dtype=np.int16).reshape(2, 3, 4), 0x0B)
    data = gzip.compress(data) if zipped else data
    path = tmp_path / "cut.idx"
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(DataError, match=r"cut\.idx"):
            read_idx(path)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_an_array_or_a_data_error(tmp_path_factory, junk, headed):
    path = tmp_path_factory.mktemp("idx") / "junk"
    path.write_bytes((b"\0\0\x08" if headed else b"") + junk)
    with contextlib.suppress(DataError):
        assert read_idx(path).ndim > 0


@pytest.mark.parametrize(
    ("data", "fragment"),
    [
        (b"", "starts with nothing"),
        (b"\0\0\x0a\x01" + bytes(8), "00 00 0a 01"),
        (b"\0\0\x08\x00", "00 00 08 00"),
        (b"\x89PNG\r\n\x1a\n", "89 50 4e 47"),
        (b"\0\0\x08\x03" + bytes(9), "header"),
        (written(np.zeros(5, np.uint8), 8) + b"x", "more"),
        (gzip.compress(written(np.zeros(5, np.uint8), 8) + b"x", mtime=0), "more"),
        (gzip.compress(written(np.zeros(5, np.uint8), 8), mtime=0) + b"junk", "gzip"),
        (b"\0\0\x0e\x03" + b"\xff" * 12 + bytes(16), "4294967295 x 4294967295 x 4294967295"),
        (b"\0\0\x08\x64" + b"\0\0\0\1" * 100 + b"x", "100 dimensions"),
    ],
)
def test_each_kind_of_damage_is_said(tmp_path, data, fragment):
    path = tmp_path / "x.idx"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert fragment in str(caught.value)


def test_a_damaged_checksum_of_a_gzip_is_found(tmp_path):
    data = bytearray(gzip.compress(written(np.zeros(50, np.uint8), 8)))
    data[-5] ^= 1
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match="gzip"):
        read_idx(tmp_path / "x")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.idx: there is no such file"):
        read_idx(tmp_path / "none.idx")


def save(path, array, code=8):
    path.write_bytes(gzip.compress(written(array, code)) if path.suffix == ".gz" else written(array, code))
    return path


def test_pictures_and_labels_make_a_data_set(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    data = read_idx_pair(save(tmp_path / "x", x), save(tmp_path / "y.gz", np.array([1, 0], np.uint8)), ("a", "b"))
    assert np.array_equal(data.x, x[..., None])
    assert data.y.tolist() == [1, 0]
    assert data.preprocessing.image_size == (3, 4)
    assert data.preprocessing.scale == 1 / 255
    floats = read_idx_pair(save(tmp_path / "f", x.astype("f8"), 0x0E), tmp_path / "y.gz")
    assert floats.x.dtype == np.float32
    assert floats.preprocessing.identity


@pytest.mark.parametrize(
    ("x", "y", "fragment"),
    [
        (np.zeros((3, 2, 2)), np.zeros(2), "3 pictures"),
        (np.zeros(3), np.zeros((3, 2, 2)), "swapped"),
        (np.zeros((3, 2, 2)), np.zeros((3, 1)), "(3, 1)"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, x, y, fragment):
    with pytest.raises(DataError) as caught:
        read_idx_pair(save(tmp_path / "x", x.astype("u1")), save(tmp_path / "y", y.astype("u1")))
    assert fragment in str(caught.value)


@pytest.mark.parametrize("name", ["{}-{}-ubyte.gz", "{}-{}-ubyte"])
def test_the_four_files_of_mnist_are_found_under_either_name(tmp_path, name):
    for stem, count in (("train", 4), ("t10k", 2)):
        save(tmp_path / name.format(stem, "images-idx3"), np.full((count, 3, 3), count, np.uint8))
        save(tmp_path / name.format(stem, "labels-idx1"), np.arange(count, dtype=np.uint8))
    splits = read_mnist(tmp_path)
    assert (len(splits.train), splits.validation, len(splits.test)) == (4, None, 2)
    assert splits.train.class_counts()["3"] == 1
    (tmp_path / name.format("t10k", "labels-idx1")).unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte .*is missing"):
        read_mnist(tmp_path)
