"""Files of weights that are wrong, of another network, damaged or hostile: one clear error, and nothing is changed."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from weight_files import (
    chain,
    cut,
    every_kind,
    fill,
    keras_arrays,
    our_net,
    torch_net,
    with_names,
    write_legacy,
    write_numbered,
)

import striate as st
from striate import layers, zoo
from striate.errors import ArgumentError, BundleError
from striate.weights.read import read_weights


def grown(model: st.Model) -> st.Model:
    return st.Model(model.input, layers.Dense(2, name="extra")(model.output))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda: our_net(classes=5), r"has 3 outputs, this network 5: create it with classes=3"),
        (lambda: our_net(channels=1), r"number of input channels"),
        (lambda: chain(["a"]), r"another architecture"),
        (lambda: cut(our_net()), r"2 unknown \(head\.weight.*1 layer more"),
        (lambda: grown(our_net()), r"2 missing \(extra\.weight.*1 layer less"),
    ],
)
def test_a_file_of_another_network_is_refused_with_the_likely_reason(tmp_path, model, says):
    torch.save(torch_net().state_dict(), tmp_path / "w.pth")
    wrong = model()
    before = wrong.get_weights()
    with pytest.raises(BundleError, match=says) as caught:
        wrong.load_weights(tmp_path / "w.pth")
    assert str(caught.value).endswith("Nothing was changed.")
    assert all(np.array_equal(a, b) for a, b in zip(before, wrong.get_weights(), strict=True))


def test_another_input_size_is_named_as_the_reason(tmp_path):
    def net(size: int) -> st.Model:
        return st.Sequential([layers.Input((size, size, 2)), layers.Flatten(), layers.Dense(4), layers.Dense(2)])

    net(5).save_weights(tmp_path / "w")
    with pytest.raises(BundleError, match="input_shape"):
        net(6).load_weights(tmp_path / "w")


class Bomb:
    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.place),)

    def __init__(self, place: Path) -> None:
        self.place = place


@pytest.mark.parametrize("how", ["pickle", "zip", "legacy", "protocol 0"])
def test_a_pickle_with_code_in_it_is_refused_and_the_code_not_run(tmp_path, how):
    bomb, file = {"conv.weight": Bomb(tmp_path / "ran")}, tmp_path / "w.pth"
    if how in ("pickle", "protocol 0"):
        file.write_bytes(pickle.dumps(bomb, protocol=0 if how == "protocol 0" else 4))
    else:
        torch.save(bomb, file, _use_new_zipfile_serialization=how == "zip")
    model = fill(our_net())
    before = model.get_weights()
    with pytest.raises(BundleError) as caught:
        model.load_weights(file)
    assert not (tmp_path / "ran").exists()
    assert "\n" not in str(caught.value)
    if how in ("zip", "legacy"):
        assert "mkdir" in str(caught.value)
        assert "was not run" in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("kind", ["w.pth", "old.pth", "w.safetensors", "w.h5", "w.keras"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_one_clear_error(tmp_path, kind, share):
    model = fill(with_names(our_net()))
    if kind == "old.pth":
        torch.save(dict(model.module.state_dict()), tmp_path / kind, _use_new_zipfile_serialization=False)
    elif kind == "w.keras":
        write_numbered(tmp_path / "x.h5", every_kind(), keras_arrays(every_kind()))
        with zipfile.ZipFile(tmp_path / kind, "w") as archive:
            archive.write(tmp_path / "x.h5", "model.weights.h5")
    else:
        model.export_weights(tmp_path / kind, "keras" if kind == "w.h5" else "torchvision")
    whole = (tmp_path / kind).read_bytes()
    (tmp_path / kind).write_bytes(whole[: int(len(whole) * share)])
    before = model.get_weights()
    with pytest.raises(BundleError, match=r"whole|refused|no file of weights") as caught:
        model.load_weights(tmp_path / kind)
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def legacy(tmp_path: Path) -> tuple[Path, h5py.File]:
    write_legacy(tmp_path / "w.h5", keras_arrays(fill(chain(["a"]))))
    return tmp_path / "w.h5", h5py.File(tmp_path / "w.h5", "r+")


def test_an_h5_file_cannot_reach_out_of_itself_or_ask_for_more_than_it_has(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = np.ones((1, 1, 2, 2), "float32")

    def swap(make) -> Path:
        path, file = legacy(tmp_path)
        with file:
            del file["a/a/kernel:0"]
            make(file)
        return path

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((1, 1, 2, 2), "f4")
        layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "x", (1, 1, 2, 2))
        file["a/a"].create_virtual_dataset("kernel:0", layout)

    def outside(file: h5py.File) -> None:
        raw = [(str(tmp_path / "secret.h5"), 0, 16)]
        file["a/a"].create_dataset("kernel:0", (1, 1, 2, 2), "f4", external=raw)

    def link(file: h5py.File) -> None:
        file["a/a/kernel:0"] = h5py.ExternalLink("secret.h5", "x")

    def huge(file: h5py.File) -> None:
        file["a/a"].create_dataset("kernel:0", (1, 1, 1 << 20, 1 << 20), "f4", chunks=(1, 1, 64, 64))

    for make in (virtual, outside, link, huge):
        with pytest.raises(BundleError, match="refused"):
            read_weights(swap(make))
    with pytest.raises(BundleError, match="is missing"):
        read_weights(swap(lambda file: None))


def test_what_is_no_file_of_weights_is_called_so(tmp_path):
    model = our_net()
    (tmp_path / "text.h5").write_text("dear diary")
    (tmp_path / "empty").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("x.npy", b"")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["pictures"] = np.zeros(3)
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"lr": 0.1}, tmp_path / "numbers.pth")
    for name, says in {
        "text.h5": "no file of weights",
        "empty": "no file of weights",
        "zip.pth": "neither Keras nor torch",
        "other.h5": "pictures",
        "list.pth": "holds a list",
        "numbers.pth": "no arrays by name; it holds lr",
        "absent": "no weights file",
    }.items():
        with pytest.raises(BundleError, match=says):
            model.load_weights(tmp_path / name)
    model.save_weights(tmp_path / "own")
    with pytest.raises(ArgumentError, match=r"weights source \"torchvison\".*Known: auto, keras, striate, torch"):
        model.load_weights(tmp_path / "own", source="torchvison")


def test_weights_of_another_variant_with_the_same_names_are_refused_unless_asked_for(tmp_path):
    """MobileNetV2's two variants have the same arrays and differ in padding and epsilon."""
    zoo.create("mobilenet_v2", classes=10).export_weights(tmp_path / "keras.h5", "keras")
    path, own = tmp_path / "keras.h5", "keras"
    here = zoo.create("mobilenet_v2", classes=10, variant="torchvision")
    before = [w.copy() for w in here.get_weights()]
    with pytest.raises(BundleError, match=r"computes something else with the same arrays.*Nothing was changed"):
        here.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, here.get_weights(), strict=True))
    here.load_weights(path, source=own)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_plain_pickle_is_named_as_such(tmp_path, protocol):
    import pickle

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil(), protocol=protocol))
    with pytest.raises(BundleError, match="any code"):
        zoo.create("lenet5").load_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
