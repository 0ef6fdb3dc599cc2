"""Files of weights made to fill the memory, to mislead, or damaged: one clear error, and nothing is changed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import BundleError
from striate.weights.files import load_state, save_state


def net() -> Any:
    return st.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(2)])


def refused(read: Any, path: Path, says: str) -> None:
    """That a network refuses a file in one line and stays what it was."""
    with pytest.raises(BundleError, match=says) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def refuses(path: Path, says: str) -> None:
    model = net()
    before = model.get_weights()
    refused(model.load_weights, path, says)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# -- more in memory than in the file -----------------------------------------------------------------------------------
def test_one_array_cannot_stand_in_an_hdf5_file_a_thousand_times(tmp_path, monkeypatch):
    monkeypatch.setattr("striate.weights.keras_files._MOST_IN_ALL", 20 << 20)
    file = tmp_path / "w.weights.h5"
    with h5py.File(file, "w") as there:
        first = there.create_dataset("layers/dense/vars/0", data=np.zeros((1 << 10, 1 << 10), "f4"), compression="gzip")
        for i in range(1, 1000):
            there[f"layers/dense/vars/{i}"] = first  # a hard link: 4 GiB in all
    refuses(file, "far larger than the file")


def test_many_packed_arrays_are_counted_together(tmp_path, monkeypatch):
    monkeypatch.setattr("striate.weights.keras_files._MOST_IN_ALL", 20 << 20)
    file = tmp_path / "w.weights.h5"
    with h5py.File(file, "w") as there:
        for i in range(8):
            made = {"shape": (1 << 20,), "dtype": "f4", "chunks": (1 << 20,), "compression": "gzip"}
            there.create_dataset(f"layers/dense/vars/{i}", **made)[:] = 0
    refuses(file, "far larger than the file")


def test_a_name_that_is_listed_twice_is_refused(tmp_path):
    for where in ("layers", "arrays"):
        file = tmp_path / f"{where}.h5"
        with h5py.File(file, "w") as there:
            there.attrs["layer_names"] = [b"dense"] * (2 if where == "layers" else 1)
            group = there.create_group("dense")
            group.attrs["weight_names"] = [b"dense/kernel:0"] * (2 if where == "arrays" else 1)
            group["dense/kernel:0"] = np.zeros((4, 3), "f4")
        refuses(file, "a name twice")


def test_attributes_of_another_kind_are_an_error(tmp_path):
    file = tmp_path / "w.h5"
    for value in (3.5, np.zeros((0,)), "dense", np.array([[b"a"]])):
        with h5py.File(file, "w") as there:
            there.attrs["layer_names"] = value
        refuses(file, "not a whole HDF5 file|missing|a name twice|layer_names is no text")


@pytest.mark.parametrize("member", ["model.weights.h5", "config.json", "metadata.json"])
def test_a_keras_file_that_unpacks_to_much_more_is_refused(member, tmp_path):
    net().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    files[member] += b" " * (100 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    refused(st.models.load_model, tmp_path / "bomb.keras", "the limit is")


def test_arrays_of_torch_are_what_the_file_holds(tmp_path):
    torch.save({"dense.weight": torch.zeros(1).expand(1 << 40)}, tmp_path / "w.pt")
    refuses(tmp_path / "w.pt", "larger than what it holds")
    with (
        zipfile.ZipFile(tmp_path / "w.pt") as whole,
        zipfile.ZipFile(tmp_path / "p.pt", "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in whole.namelist():
            out.writestr(name, whole.read(name) + (bytes(100 << 20) if name.endswith("data/0") else b""))
    refuses(tmp_path / "p.pt", "packed as no file of torch is")


def test_arrays_without_numbers_change_nothing(tmp_path):
    state = {key: value.clone() for key, value in net().module.state_dict().items()}
    state[list(state)[-1]] = torch.empty(2, device="meta")
    torch.save(state, tmp_path / "w.pt")
    refuses(tmp_path / "w.pt", "has a shape and no numbers")


# -- what no network can answer with -------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5", "w.h5", "w.pt", "folder", "m.keras"])
def test_weights_that_are_no_finite_numbers_are_refused(wrong, name, tmp_path):
    model = net()
    weights = model.get_weights()
    weights[-1][1] = wrong
    model.set_weights(weights)
    path = tmp_path / name
    if name == "w.pt":
        torch.save(model.module.state_dict(), path)
    elif name in ("folder", "m.keras"):
        model.save(path)
        refused(st.models.load_model, path, "1 of 2 numbers of dense_1.bias are NaN or infinite")
    else:
        model.save_weights(path)
    refuses(path, "NaN or infinite")


# -- a description that asks for more than the file holds --------------------------------------------------------------
def test_shapes_are_compared_with_the_file_before_arrays_are_made(tmp_path):
    net().save(tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    description = json.loads(file.read_text())
    for layer in description["network"]["layers"]:
        if layer["class"] == "Dense":
            layer["units"] = 5_000_000
    file.write_text(json.dumps(description))
    refused(st.models.load_model, tmp_path / "m", "has shape")
    net().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    files["config.json"] = (
        files["config.json"].replace(b'"units": 3', b'"units": 5000000').replace(b'"units": 2', b'"units": 5000000')
    )
    with zipfile.ZipFile(tmp_path / "u.keras", "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
    refused(st.models.load_model, tmp_path / "u.keras", "another shape")


# -- damage ------------------------------------------------------------------------------------------------------------
def test_one_wrong_bit_in_weights_that_striate_wrote_is_seen(tmp_path):
    state = {"a": torch.arange(100.0), "b": torch.ones(3, 4)}
    file = tmp_path / "w.safetensors"
    save_state(file, state, {"layout": "striate"})
    content = file.read_bytes()
    assert {key: value.tolist() for key, value in load_state(file).items()} == {k: v.tolist() for k, v in state.items()}
    for place in range(0, 8 * len(content), 7):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        with contextlib.suppress(BundleError):  # of the checksum's own name: then it is not there
            held = load_state(file)
            assert all(torch.equal(held[key], state[key]) for key in state), place


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits of the system")
def test_a_full_disk_in_an_export_is_said_in_words(tmp_path):
    code = (
        "import resource, signal, sys; import striate as st; from striate import layers\n"
        "model = st.Sequential([layers.Dense(300, input_shape=(300,))]); model.get_weights()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000,) * 2); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "for name in ('m.keras', 'm.h5', 'w.h5', 'w.weights.h5', 'w.safetensors', 'folder', 'm.onnx'):\n"
        "    write = model.save_weights if name[0] == 'w' else model.save\n"
        "    if name == 'm.onnx': write = model.export_onnx\n"
        "    try: write(sys.argv[1] + '/' + name)\n"
        "    except ValueError as error: print(str(error).count('\\n'), error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert all(line.startswith("0 could not write") for line in lines)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["folder"])


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "w.weights.h5", "w.h5", "w.safetensors", "w.pt", "w.old.pt"])
def test_damaged_files_end_in_our_words(name, tmp_path):
    model = net()
    file = tmp_path / name
    if name.endswith(".pt"):
        torch.save(model.module.state_dict(), file, _use_new_zipfile_serialization="old" not in name)
    else:
        (model.save if name[0] == "m" else model.save_weights)(file)
    content = file.read_bytes()
    drawn = np.random.default_rng(0)
    said = []
    for _ in range(25):
        damaged = bytearray(content)
        for place in drawn.integers(0, len(content), drawn.integers(1, 4)):
            damaged[place] = drawn.integers(0, 256)
        if drawn.random() < 0.2:
            del damaged[drawn.integers(1, len(content)) :]
        file.write_bytes(damaged)
        for read in (st.models.load_model, net().load_weights):
            try:
                read(file)
            except st.errors.StriateError as error:
                said.append(str(error))
    assert said
    assert not [one for one in said if "\n" in one]


@pytest.mark.parametrize("kind", ["keras", "h5", "safetensors", "folder"])
def test_a_variance_below_zero_is_damage_however_it_comes(tmp_path, kind):
    def net():
        st.set_seed(0)
        return st.Sequential([layers.Input((4, 4, 1)), layers.BatchNormalization(), layers.Flatten(), layers.Dense(2)])

    model = net()
    model.layers[0].set_weights([np.array([value], "float32") for value in (1, 0, 0, -1e-3)])
    path = tmp_path / ("net" if kind == "folder" else f"net.{kind}")
    model.save_weights(path) if kind == "safetensors" else model.save(path)
    fresh = net()
    before = fresh.get_weights()
    with pytest.raises(BundleError, match="a variance is never below zero"):
        fresh.load_weights(path) if kind == "safetensors" else st.models.load_model(path)
    for now, then in zip(fresh.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
