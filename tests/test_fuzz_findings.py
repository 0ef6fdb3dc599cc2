"""What ``make fuzz`` found, each as a small file that the test makes itself: one clear refusal, or the right answer."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import numpy as np
import pytest
import torch

from striate import data
from striate.data.pictures import decode
from striate.doors.arrays import hdf5_texts, opened_hdf5
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


# -- HDF5 -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["striate", "model_config", "layer_names", "vars"])
def test_a_list_of_lists_where_keras_has_a_text_is_refused_before_it_is_read(name, tmp_path):
    import h5py
    import numpy as np

    from striate import layers, models

    model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    place = tmp_path / ("net.weights.h5" if name == "vars" else "net.h5")
    model.save_weights(place) if name == "vars" else model.save(place)
    with h5py.File(place, "r+") as file:
        held = {"layer_names": "model_weights", "vars": "layers/dense/vars"}.get(name, "/")
        key = "name" if name == "vars" else name
        kind = h5py.vlen_dtype(np.uint8)
        file[held].attrs.create(key, np.array([np.zeros(3, np.uint8)] * 2 + [None], object)[:2], (2,), kind)
    with pytest.raises(BundleError, match=f"its attribute {key} is no text"):
        model.load_weights(place) if name == "vars" else models.load_model(place)


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_a_text_that_tells_to_be_longer_than_the_file_is_refused_before_it_is_read(version, tmp_path):
    import h5py

    from striate.doors.arrays import hdf5_texts, opened_hdf5

    place = tmp_path / "w.h5"
    with h5py.File(place, "w", libver=version) as file:
        file.attrs["name"] = "a text of forty-one letters in an attribut"
    with opened_hdf5(place, "w.h5") as file:
        assert hdf5_texts(file, "name", "w.h5") == ["a text of forty-one letters in an attribut"]
    content = place.read_bytes()
    told = [at for at in range(len(content) - 4) if content[at : at + 4] == struct.pack("<I", 42)]
    seen = 0
    for at in told:
        place.write_bytes(content[:at] + b"\x06\xff\xff\xff" + content[at + 4 :])
        try:
            with opened_hdf5(place, "w.h5") as file:
                hdf5_texts(file, "name", "w.h5")
        except BundleError as error:
            seen += "a heap of texts is damaged" in str(error)
    assert seen


def test_lists_of_lists_are_no_arrays(tmp_path):
    import h5py
    import numpy as np

    from striate.weights.keras_files import read_variables

    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.create_dataset("optimizer/vars/0", (2,), h5py.vlen_dtype(np.float32))
        file.create_group("optimizer/vars/1")
        file["more/0"], file["more/1"] = np.float32([1, 2]), np.int64(3)
    assert [held.tolist() for held in read_variables(tmp_path / "net.h5", "more")] == [[1, 2], 3]
    with pytest.raises(BundleError, match="vars/0 is no array of numbers"):
        read_variables(tmp_path / "net.h5", "optimizer/vars")
    with pytest.raises(BundleError, match="vars is no array of numbers"):
        read_variables(tmp_path / "net.h5", "optimizer")


# -- options ----------------------------------------------------------------------------------------------------------
def test_a_memory_of_more_digits_than_any_float_has_is_refused(capsys):
    from striate.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["advise", "lenet5", "--memory", "9" * 400 + "GB"])
    assert ended.value.code == 2
    assert "--memory is a number and a unit" in capsys.readouterr().err


def test_a_table_of_the_most_rows_is_read_without_a_search_for_rings():
    import gc

    from striate.doors.parsing import parse_table

    ran = []
    gc.callbacks.append(lambda phase, info: ran.append(phase))
    try:
        table = parse_table("a,b\n" + "1,2\n" * 20_000 + "1\n" + "3,4\n", "a.csv")
    finally:
        del gc.callbacks[-1]
    assert gc.isenabled()
    assert len(ran) < 4
    assert len(table.rows) == 20_001
    assert table.broken == [(20_002, "1 cell, the header has 2")]
    assert len(parse_table('a\n1\n2\n"3', "a.csv", most=2).rows) == 2


# -- folders ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def yolo(tmp_path):
    """A data set in a folder of its own, whose data.yaml is yet to be written."""
    from PIL import Image

    place = tmp_path / "sets" / "shapes"
    for name in ("images", "labels"):
        (place / name).mkdir(parents=True)
    Image.new("RGB", (20, 20), "red").save(place / "images" / "a.png")
    (place / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    return place


@pytest.mark.parametrize(
    "said",
    ["train: /", "train: ..", "train: ../..", "path: ..\ntrain: .", "train: [images, ../../]", "test: /\ntrain: /"],
)
def test_a_data_yaml_that_names_the_whole_disk_or_what_it_lies_in_lists_neither(said, yolo, monkeypatch):
    (yolo / "data.yaml").write_text(f"{said}\nnames: [a]\n")
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda place: listed.append(os.path.realpath(place)) or scandir(place))
    with pytest.raises(DataError, match=r"data\.yaml lies in\. Name the folder of the pictures alone"):
        data.load(yolo, image_size=(8, 8), cache=False)
    assert all(place.startswith(os.path.realpath(yolo)) for place in listed)


def test_a_data_yaml_may_name_a_folder_beside_its_own_up_to_a_number_of_files(yolo, monkeypatch):
    (yolo / "cfg").mkdir()
    (yolo / "cfg" / "data.yaml").write_text("train: ../images\nnames: [a]\n")
    assert len(data.load(yolo / "cfg" / "data.yaml", image_size=(8, 8), cache=False).train) == 1
    for i in range(3):
        (yolo / "images" / f"{i}.txt").write_text("")
    monkeypatch.setattr("striate.doors.budgets.ELSEWHERE", 3)
    with pytest.raises(DataError, match="holds more than 3 files and folders, which is the limit"):
        data.load(yolo / "cfg" / "data.yaml", image_size=(8, 8), cache=False)
    (yolo / "data.yaml").write_text("train: images\nnames: [a]\n")
    assert len(data.load(yolo, image_size=(8, 8), cache=False).train) == 1


def test_a_folder_of_too_many_files_is_not_listed_to_its_end(tmp_path, monkeypatch):
    from striate.data.readers.files import tree_of_folder

    for i in range(6):
        (tmp_path / f"{i}").mkdir()
        (tmp_path / f"{i}" / "a.png").write_bytes(b"")
    assert len(tree_of_folder(tmp_path, 12).files) == 6
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda place: listed.append(place) or scandir(place))
    with pytest.raises(DataError, match="more than 7 files and folders"):
        tree_of_folder(tmp_path, 7)
    assert len(listed) == 3


def test_a_text_of_hdf5_that_says_to_be_longer_than_its_file_is_refused_before_memory_is_taken_for_it(tmp_path):
    import h5py

    place = tmp_path / "a.weights.h5"
    with h5py.File(place, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = np.ones((4, 3), np.float32)
        file["layers/dense"].attrs["name"] = "dense, which HDF5 keeps in a heap"
    sound = place.read_bytes()
    heap = struct.pack("<Q", sound.index(b"GCOL"))
    at = sound.index(heap) - 4
    assert struct.unpack_from("<I", sound, at)[0] == len("dense, which HDF5 keeps in a heap")
    with opened_hdf5(place, "a") as file:
        assert hdf5_texts(file["layers/dense"], "name", "a") == ["dense, which HDF5 keeps in a heap"]
    for length in (1 << 20, 1 << 31, (1 << 32) - 1):
        place.write_bytes(sound[:at] + struct.pack("<I", length) + sound[at + 4 :])
        with pytest.raises(BundleError, match="a heap of texts is damaged"):
            read_weights(place)
