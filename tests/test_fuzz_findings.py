"""What ``make fuzz`` found, each as a small file that the test makes itself: one clear refusal, or the right answer."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
import torch

from striate import data
from striate.data.pictures import decode
from striate.errors import BundleError, DataError
from striate.weights.read import read_weights


# -- pictures ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        b"P6\n",
        b"P5\n12 " + b"1" * 40,
        b"\xff\x4f\xff\x51\x00\x00",
        b"\0\0\0\x20ftypavif\0\0\0\0avifmif1" + bytes(60),
        b"II*\0\x08\0\0\0\x01\0\x00\x01\x03\0\x01\0\0\0\x05\0\0\0\0\0\0\0",
    ],
)
def test_the_size_of_a_broken_picture_is_refused_as_the_picture_is(content, tmp_path):
    place = tmp_path / "a.png"
    place.write_bytes(content)
    for read in (decode.picture, decode.upright_size, decode.labels_of_pixels, decode.has_one_bit):
        with pytest.raises(DataError, match=r"a\.png: "):
            read(place)


def test_strips_of_a_tiff_that_lie_above_each_other_are_not_gathered_again_and_again(tmp_path):
    count, image = 30_000, bytes(200_000)
    tags = {256: [8], 257: [9], 258: [12], 259: [1], 262: [1], 277: [1], 273: [8] * count, 279: [len(image)] * count}
    more, entries, at = b"", b"", 8 + len(image) + 2 + 12 * len(tags) + 4
    for tag, values in tags.items():
        held = struct.pack(f"<{len(values)}I", *values)
        entries += struct.pack("<HHI", tag, 4, len(values)) + (
            held if len(held) == 4 else struct.pack("<I", at + len(more))
        )
        more += held if len(held) > 4 else b""
    content = (
        b"II*\0" + struct.pack("<I", 8 + len(image)) + image + struct.pack("<H", len(tags)) + entries + bytes(4) + more
    )
    assert decode.picture(content).size == (8, 9)  # 6 GB, if all strips were joined


# -- pickles -----------------------------------------------------------------------------------------------------------
BOMB = b"N" + b"2\x86" * 60  # a tuple of twice a tuple of twice …


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",
        b"\x80\x02}" + BOMB + b"Ns.",
        b"\x80\x02}(" + BOMB + b"Nu.",
        b"\x80\x02(" + BOMB + b"Nd.",
        b"\x80\x04\x8f(" + BOMB + b"\x90.",
        b"\x80\x04(" + BOMB + b"\x91.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x02}U\x04data" + BOMB + b"s.",
        b"\x80\x02}(U\x04data]U\x06labels](" + BOMB + b"eu.",
        b"\x80\x02" + BOMB + b".",
        b"\x80\x02cnumpy\ndtype\n" + BOMB + b"\x85R.",
        b"\x80\x02c_codecs\nencode\nU\x01a" + BOMB + b"\x86R.",
    ],
    ids=[
        "memo",
        "setitem",
        "setitems",
        "dict",
        "additems",
        "frozenset",
        "length",
        "value",
        "in a list",
        "alone",
        "type",
        "codec",
    ],
)
def test_a_pickle_neither_takes_memory_nor_hashes_for_ever(content, tmp_path):
    (tmp_path / "b").write_bytes(content)
    with pytest.raises(DataError, match="pickle"):
        data.read_cifar_pickle(tmp_path / "b")


def torch_zip(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, held in (("data.pkl", content), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"archive/{name}", held)
    return made.getvalue()


@pytest.mark.parametrize("pack", [torch_zip, bytes], ids=["zip", "legacy"])
def test_weights_of_torch_whose_keys_stand_in_each_other_are_refused_at_once(pack, tmp_path):
    levels = b"Nq\0" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60))
    (tmp_path / "w.pth").write_bytes(pack(b"\x80\x02" + levels + b"}h\x3cNs."))
    with pytest.raises(BundleError, match=r"w\.pth"):
        read_weights(tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes(pack(b"\x80\x02]q\0" + b"h\0a" * 40 + b"."))
    with pytest.raises(BundleError, match=r"w\.pth"):
        read_weights(tmp_path / "w.pth")


def test_a_state_with_much_that_is_shared_is_read(tmp_path):
    shared = {"a": [1, 2, 3], "b": "c"}
    state = {f"w{i}": torch.full((2, 3), float(i)) for i in range(300)}
    for zipped in (True, False):
        torch.save(
            {"state_dict": state, "more": [shared] * 1000}, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped
        )
        assert read_weights(tmp_path / "w.pt").tensors.keys() == state.keys()
