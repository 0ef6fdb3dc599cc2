import contextlib
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from striate.data import read_cifar, read_cifar_binary, read_cifar_pickle
from striate.data.readers.pickles import read_pickle
from striate.errors import DataError

RNG = np.random.RandomState(0)


def planes(count):
    return RNG.randint(0, 256, (count, 3072)).astype(np.uint8)


def pixel(rows, n, row, column):
    """Red, green and blue of one pixel, as the format's page says: 1,024 red, then green, then blue, row by row."""
    return [rows[n, 1024 * colour + 32 * row + column] for colour in range(3)]


def check_pictures(data, rows, labels):
    assert data.x.shape == (len(rows), 32, 32, 3)
    assert data.y.tolist() == list(labels)
    for n, row, column in [(0, 0, 0), (len(rows) - 1, 31, 31), (0, 3, 17), (len(rows) - 1, 20, 1)]:
        assert data.x[n, row, column].tolist() == pixel(rows, n, row, column)


# A writer of pickles as Python 2's cPickle writes them at protocol 2, opcode by opcode.


def python2(value):
    return b"\x80\x02" + _python2(value) + b"."


def _python2(value):
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(_python2, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_python2, value)) + b"t"
    if isinstance(value, dict):
        return b"}(" + b"".join(_python2(k) + _python2(v) for k, v in value.items()) + b"u"
    if isinstance(value, np.dtype):
        code, order = value.str[1:].encode(), value.str[:1].encode()
        state = b"(K\x03" + _python2(order) + b"NNN" + _python2(-1) + _python2(-1) + b"K\x00t"
        return b"cnumpy\ndtype\n(" + _python2(code) + b"K\x00K\x01tR" + state + b"b"
    assert isinstance(value, np.ndarray)
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + _python2(b"b") + b"tR"
    state = b"(K\x01" + _python2(value.shape) + _python2(value.dtype) + b"\x89" + _python2(value.tobytes()) + b"t"
    return empty + state + b"b"


def batch(count, labels, key="labels"):
    return {"batch_label": "some batch", key: labels, "data": planes(count), "filenames": ["a.png"] * count}


def as_python2(tree):
    if isinstance(tree, dict):
        return {as_python2(k): as_python2(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [as_python2(v) for v in tree]
    return tree.encode() if isinstance(tree, str) else tree


def save(path, data):
    path.write_bytes(data)
    return path


def test_the_python_2_writer_of_this_test_is_understood_by_python():
    tree = pickle.loads(b"\x80\x02" + _python2(as_python2({"a": [1, 2], "b": (3,)})) + b".", encoding="bytes")
    assert tree == {b"a": [1, 2], b"b": (3,)}


def test_a_pickle_of_python_2_gives_its_arrays(tmp_path):
    content = batch(3, [4, 0, 9])
    data = read_cifar_pickle(save(tmp_path / "data_batch_1", python2(as_python2(content))))
    check_pictures(data, content["data"], [4, 0, 9])
    assert data.classes[4] == "deer"


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_this_numpy_give_their_arrays_at_every_protocol(tmp_path, protocol):
    content = batch(2, [1, 7])
    data = read_cifar_pickle(save(tmp_path / "b", pickle.dumps(content, protocol)))
    check_pictures(data, content["data"], [1, 7])


@given(
    hnp.arrays(
        st.sampled_from(["u1", "i1", "<u2", ">i4", "<f4", ">f8", "?"]),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0),
    ),
    st.integers(0, 5),
    st.booleans(),
)
def test_arrays_of_every_type_shape_and_order_come_back(tmp_path_factory, array, protocol, fortran):
    array = np.asfortranarray(array) if fortran else array
    path = tmp_path_factory.mktemp("pickle") / "p"
    for data in (pickle.dumps({"a": array}, protocol), python2({b"a": np.ascontiguousarray(array)})):
        path.write_bytes(data)
        result = read_pickle(path)["a"]
        assert result.dtype == array.dtype
        assert result.shape == array.shape
        assert result.tobytes() == array.tobytes()


class Evil:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def attacks(target):
    import os
    import subprocess

    write = f"__import__('pathlib').Path({str(target)!r}).touch()"
    yield "os.system", pickle.dumps(Evil(os.system, f"touch '{target}'"))
    yield "eval", pickle.dumps({"data": Evil(eval, write), "labels": []})
    yield "exec", pickle.dumps([Evil(exec, write)], 0)
    yield "subprocess", pickle.dumps(Evil(subprocess.call, ["touch", str(target)]))
    yield "open", pickle.dumps(Evil(open, str(target), "w"))
    yield "INST", b"(S'touch \"" + str(target).encode() + b"\"'\nios\nsystem\n."
    yield (
        "getattr",
        b"cbuiltins\ngetattr\n(cos\nsystem\nS'x'\ntR.",
    )


@pytest.mark.parametrize("which", range(7))
def test_a_pickle_that_calls_something_executes_nothing(tmp_path, which):
    target = tmp_path / "was_here"
    name, data = list(attacks(target))[which]
    if name != "getattr":  # the attack works on pickle itself, so it would work here if it could
        returned = pickle.loads(data)
        if hasattr(returned, "close"):
            returned.close()
        assert target.exists()
        target.unlink()
    with pytest.raises(DataError, match="it asks for") as caught:
        read_pickle(save(tmp_path / "evil", data))
    assert not target.exists()
    assert any(word in str(caught.value) for word in ("system", "eval", "exec", "call", "open", "getattr"))


@pytest.mark.parametrize("stand_in", ["cnumpy\nndarray\n", "cnumpy\ndtype\n", "c_codecs\nencode\n"])
@pytest.mark.parametrize("state", [b"}S'fill'\nNs", b"N}S'__doc__'\nS'mine'\ns\x86", b"]"])
def test_a_pickle_cannot_change_the_reader(tmp_path, stand_in, state):
    content = batch(2, [1, 7])
    with pytest.raises(DataError):
        read_pickle(save(tmp_path / "evil", b"\x80\x02" + stand_in.encode() + state + b"b."))
    check_pictures(read_cifar_pickle(save(tmp_path / "good", pickle.dumps(content, 2))), content["data"], [1, 7])


@pytest.mark.parametrize("array", [np.array([None]), np.zeros(2, "u1,f4"), np.array(["a"]), np.zeros(2, "M8[s]")])
def test_arrays_that_hold_more_than_numbers_are_refused(tmp_path, array):
    with pytest.raises(DataError):
        read_pickle(save(tmp_path / "p", pickle.dumps({"a": array})))


@pytest.mark.parametrize("make", [lambda c: pickle.dumps(c), lambda c: python2(as_python2(c))])
def test_a_pickle_cut_anywhere_is_a_data_error(tmp_path, make):
    data = make(batch(1, [3]))
    for end in [*range(150), *range(150, len(data), 97), len(data) - 1]:
        with pytest.raises(DataError):
            read_cifar_pickle(save(tmp_path / "cut", data[:end]))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_dictionary_or_a_data_error(tmp_path_factory, junk):
    path = tmp_path_factory.mktemp("pickle") / "junk"
    path.write_bytes(junk)
    with contextlib.suppress(DataError):
        assert isinstance(read_pickle(path), dict)


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ({"labels": [1]}, '"data"'),
        ({"data": planes(1)}, "fine_labels"),
        ({"data": planes(1)[:, :99], "labels": [1]}, "(1, 99)"),
        ({"data": [1, 2], "labels": [1]}, "list"),
        ({"data": planes(2), "labels": [1]}, "1 labels"),
        ({"data": planes(1), "labels": [10]}, "out of range"),
        ({"data": planes(1), "labels": ["cat"]}, "whole numbers"),
        ([1], "list"),
    ],
)
def test_a_pickle_that_is_no_batch_is_refused(tmp_path, content, fragment):
    with pytest.raises(DataError) as caught:
        read_cifar_pickle(save(tmp_path / "p", pickle.dumps(content)))
    assert fragment in str(caught.value)


def binary(rows, *labels):
    return b"".join(bytes(label) + row.tobytes() for *label, row in zip(*labels, rows, strict=True))


def test_a_binary_file_of_cifar10(tmp_path):
    rows = planes(4)
    data = read_cifar_binary(save(tmp_path / "data_batch_1.bin", binary(rows, [9, 0, 3, 5])))
    check_pictures(data, rows, [9, 0, 3, 5])
    assert data.classes[9] == "truck"
    assert data.preprocessing.scale == 1 / 255


def test_a_binary_file_of_cifar100_has_coarse_and_fine_labels(tmp_path):
    rows = planes(2)
    path = save(tmp_path / "train.bin", binary(rows, [19, 4], [99, 7]))
    check_pictures(read_cifar_binary(path, 100), rows, [99, 7])
    check_pictures(read_cifar_binary(path, 20, fine=False), rows, [19, 4])


@pytest.mark.parametrize("size", [0, 1, 3072, 3074, 2 * 3073 - 1])
def test_a_binary_file_of_an_odd_size_is_refused(tmp_path, size):
    with pytest.raises(DataError, match=rf"x\.bin: {size:,} bytes"):
        read_cifar_binary(save(tmp_path / "x.bin", bytes(size)))


def test_a_binary_file_with_an_impossible_label_is_refused(tmp_path):
    with pytest.raises(DataError, match="the first 10 at index 1"):
        read_cifar_binary(save(tmp_path / "x.bin", binary(planes(2), [0, 10])))


@pytest.mark.parametrize("version", ["binary", "python 2", "python 3"])
def test_a_folder_of_cifar10_is_joined_in_order(tmp_path, version):
    everything = []
    for i, stem in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        content = batch(2, [i, i + 1])
        everything.append(content["data"])
        if version == "binary":
            save(tmp_path / f"{stem}.bin", binary(content["data"], content["labels"]))
        else:
            save(tmp_path / stem, python2(as_python2(content)) if version == "python 2" else pickle.dumps(content))
    splits = read_cifar(tmp_path)
    check_pictures(splits.train, np.concatenate(everything[:-1]), [0, 1, 1, 2, 2, 3, 3, 4, 4, 5])
    check_pictures(splits.test, everything[-1], [5, 6])
    suffix = ".bin" if version == "binary" else ""
    (tmp_path / f"data_batch_3{suffix}").unlink()
    with pytest.raises(DataError, match=rf"data_batch_3{suffix} of CIFAR-10 is missing"):
        read_cifar(tmp_path)


@pytest.mark.parametrize("fine", [True, False])
@pytest.mark.parametrize("version", ["binary", "python"])
def test_a_folder_of_cifar100_has_the_names_beside_it(tmp_path, version, fine):
    names = {
        "fine_label_names": [f"fine{i}" for i in range(100)],
        "coarse_label_names": [f"coarse{i}" for i in range(20)],
    }
    for stem in ("train", "test"):
        content = batch(2, [99, 0], "fine_labels") | {"coarse_labels": [3, 19]}
        if version == "binary":
            save(tmp_path / f"{stem}.bin", binary(content["data"], [3, 19], [99, 0]))
        else:
            save(tmp_path / stem, python2(as_python2(content)))
    if version == "binary":
        for name, listed in names.items():
            (tmp_path / f"{name}.txt").write_text("\n".join(listed) + "\n\n")
    else:
        save(tmp_path / "meta", python2(as_python2(names)))
    splits = read_cifar(tmp_path, 100, fine)
    assert splits.train.y.tolist() == ([99, 0] if fine else [3, 19])
    assert splits.test.classes[-1] == ("fine99" if fine else "coarse19")


def test_only_10_and_100_classes_exist(tmp_path):
    with pytest.raises(DataError, match="20 classes"):
        read_cifar(tmp_path, 20)
