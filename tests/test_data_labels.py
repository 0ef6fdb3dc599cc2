"""Names of classes and files are found however they are spelled, and numbers that are names are not taken for places."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import layers
from striate.errors import DataError
from striate.runs import judge_run

FORMS = [unicodedata.normalize(form, "Käfer groß") for form in ("NFC", "NFD")]
SPELLED = [*FORMS, f" {FORMS[0]}", f"{FORMS[1]}\u00a0", FORMS[0].replace(" ", "\u00a0"), FORMS[0].replace(" ", "  ")]


def drawn(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)


def net(labels: list[str], data: st.data.Dataset) -> st.Model:
    st.set_seed(0)
    model = st.Sequential([layers.Input((8, 8, 3)), layers.Flatten(), layers.Dense(len(labels), activation="softmax")])
    model.labels, model.preprocessing = labels, data.preprocessing
    return model


@pytest.mark.parametrize("there", SPELLED)
@pytest.mark.parametrize("layout", ["folders", "csv"])
def test_a_class_is_one_in_all_parts_and_to_the_model_however_it_is_spelled(there, layout, tmp_path):
    for i, (part, name) in enumerate([("train", FORMS[0]), ("validation", there)]):
        for j in range(2):
            drawn(tmp_path / part / (name if layout == "folders" else "pictures") / f"{j}.png", 2 * i + j)
            drawn(tmp_path / part / "Biene" / f"{j}.png", 10 + 2 * i + j)
    if layout == "csv":
        rows = [f"train/pictures/{j}.png,{FORMS[0]},train" for j in (0, 1)]
        rows += [f"validation/pictures/{j}.png,{there},validation" for j in (0, 1)]
        rows += [f"{part}/Biene/{j}.png,Biene,{part}" for part in ("train", "validation") for j in (0, 1)]
        (tmp_path / "list.csv").write_text("\n".join(["file,label,split", *rows]), encoding="utf-8")
    splits = st.data.load(tmp_path if layout == "folders" else tmp_path / "list.csv", image_size=(8, 8))
    for part in (splits.train, splits.validation):
        assert part.classes == ("Biene", FORMS[0])
        assert np.bincount(part.y).tolist() == [2, 2]
    model = net([there.strip(), "other", "Biene"], splits.train)
    assert sorted(model.intake.dataset(splits.validation).y) == [0, 0, 2, 2]


@pytest.mark.parametrize("written", [0, 1])
def test_a_file_is_found_whether_its_accents_are_in_one_piece_or_apart(written, tmp_path):
    drawn(tmp_path / f"{FORMS[1 - written]}.png")
    drawn(tmp_path / "b.png", 1)
    (tmp_path / "list.csv").write_text(f"file,label\n{FORMS[written]}.png,a\nb.png,b\n", encoding="utf-8")
    read = st.data.load(tmp_path / "list.csv", image_size=(8, 8)).train
    assert (len(read), read.skipped) == (2, ())


def numbered(folder: Path) -> tuple[st.Model, Path]:
    """A network trained on folders 1, 2 and 10, and a CSV file that names them."""
    rows = []
    for i, name in enumerate(["1", "2", "10"] * 2):
        drawn(folder / "photos" / name / f"{i}.png", i)
        rows.append(f"photos/{name}/{i}.png,{name}")
    (folder / "list.csv").write_text("\n".join(["file,label", *rows]))
    data = st.data.load(folder / "photos", image_size=(8, 8)).train
    return net(list(data.classes), data), folder / "list.csv"


def test_numbers_that_name_a_models_classes_are_matched_by_name_where_it_is_judged(tmp_path):
    model, table = numbered(tmp_path)
    by_folder = judge_run(model, str(tmp_path / "photos"))[1]
    by_table = judge_run(model, str(table))[1]
    assert by_table["accuracy"] == by_folder["accuracy"]
    assert by_table["loss"] == pytest.approx(by_folder["loss"])


def test_numbers_that_may_be_names_or_places_are_refused_until_that_is_said(tmp_path):
    model, table = numbered(tmp_path)
    with pytest.raises(
        DataError, match=r"named by numbers that are not their places \(1, 10, 2\).*classes=model.labels"
    ):
        model.intake.dataset(st.data.load(table, image_size=(8, 8)).train)
    said = st.data.load(table, image_size=(8, 8), classes=model.labels).train
    assert model.intake.dataset(said).y.tolist() == [0, 2, 1, 0, 2, 1]


def test_black_and_white_masks_mean_the_same_in_every_part_whatever_each_holds(tmp_path):
    for part, values in (("train", [0, 255]), ("validation", [0, 0]), ("test", [255, 255])):
        for i, value in enumerate(values):
            drawn(tmp_path / part / "images" / f"{i}.png", i)
            (tmp_path / part / "masks").mkdir(exist_ok=True)
            Image.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / part / "masks" / f"{i}.png")
    parts = st.data.load(tmp_path, image_size=(8, 8))
    assert [np.unique(part.y).tolist() for part in parts] == [[0, 1], [0], [1]]


@pytest.mark.parametrize("ending", [".JFIF", ".jpe", ".MPO", ".JPG", ".TIF", ".Png", ".WEBP", ".dib"])
def test_every_reader_takes_the_same_endings_in_capitals_or_not(ending, tmp_path):
    kind = {".png": "PNG", ".tif": "TIFF", ".webp": "WEBP", ".dib": "BMP"}.get(ending.lower(), "JPEG")
    for i in range(2):
        path = tmp_path / "photos" / "ab"[i] / f"{i}{ending}"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.full((8, 8, 3), 90 * i, np.uint8)).save(path, format=kind)
    (tmp_path / "list.csv").write_text(f"file,label\nphotos/a/0{ending},a\nphotos/b/1{ending},b\n")
    by_folder, by_table = (st.data.load(tmp_path / what, image_size=(8, 8)).train for what in ("photos", "list.csv"))
    assert by_folder.skipped == by_table.skipped == ()
    np.testing.assert_array_equal(by_folder.x, by_table.x)
    np.testing.assert_array_equal(by_folder.y, by_table.y)
