"""What is said of classes before anything long begins: uneven ones, one picture, folders within them; the worst first."""

import json

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import data, layers
from striate.cli.common import by_class
from striate.cli.main import main
from striate.data import Preprocessing
from striate.data.checks import across
from striate.data.checks.check import first_look, quick
from striate.data.checks.findings import KINDS, SEVERITIES
from striate.data.readers.survey import Item, Survey
from striate.errors import DataError
from striate.runs import train_run
from striate.transfer import fit


def photos(root, **counts):
    """{class: so many photos}; "a/b" lies in a folder within the class."""
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        place = root / name.replace("__", "/")
        place.mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(place / f"{i}.png")
    return root


def kinds(report):
    return {kind: n for kind, n in report.kinds.items() if kind in ("single", "uneven", "nested", "few")}


@pytest.mark.parametrize("look", [quick, lambda path: data.check(path, near=False)], ids=["quick", "check"])
def test_classes_of_very_different_sizes_are_named_with_what_guessing_gets(tmp_path, look):
    report = look(photos(tmp_path / "p", moss=60, fern=12, ivy=20))
    assert kinds(report) == {"uneven": 1}
    (told,) = report.of("uneven")
    assert told.detail == '"moss" has 60 pictures, "fern" 12: 5 to 1; always to answer "moss" is right for 65%'
    assert {file.rsplit("/", 1)[1] for file in told.files} == {"moss", "fern"}
    assert "uneven" not in look(photos(tmp_path / "q", moss=59, fern=12)).kinds
    many = look(photos(tmp_path / "r", moss=60, fern=10, ivy=12, oak=30)).of("uneven")[0].detail
    assert "and 1 class more far behind" in many


@pytest.mark.parametrize("look", [quick, lambda path: data.check(path, near=False)], ids=["quick", "check"])
def test_a_class_with_one_picture_is_a_kind_of_its_own(tmp_path, look):
    report = look(photos(tmp_path / "p", moss=12, fern=1, ivy=2))
    assert kinds(report) == {"single": 1, "uneven": 1, "few": 1}
    assert report.of("single")[0].detail == '"fern": 1 readable picture'
    assert report.of("few")[0].detail.startswith('"ivy": 2 readable pictures')


def test_folders_within_a_class_are_said_to_be_that_class(tmp_path):
    root = photos(tmp_path / "p", plants__moss=6, plants__fern=6, animals=12)
    told = quick(root).of("nested")
    assert [each.detail for each in told] == ['2 folders in "plants" (fern, moss): all are read as "plants"']
    assert told[0].files == (str(root / "plants"),)
    assert data.folder(root, (8, 8)).class_counts() == {"animals": 12, "plants": 12}
    parts = photos(tmp_path / "q", train__cat__a=10, train__dog=10, val__cat=3, val__dog__b=3)
    assert {each.files[0] for each in quick(parts).of("nested")} == {str(parts / "train/cat"), str(parts / "val/dog")}


def test_the_first_look_says_the_worst_first(tmp_path, capsys):
    root = photos(tmp_path / "p", moss=12, fern=1, ivy__deep=2)
    told = first_look(root)
    assert told.index("ivy") < told.index('"fern": 1 readable') < told.index("12 to 1") < told.index("fewer than 10")
    assert "striate data check" in capsys.readouterr().err


def test_kinds_stand_in_the_order_of_their_severity_and_of_what_they_cost():
    order = list(KINDS)
    severities = [SEVERITIES.index(KINDS[kind].severity) for kind in order]
    assert severities == sorted(severities)
    for worse, better in (
        ("in-two-parts", "truncated"),  # figures that are false, before files that are left out
        ("in-two-classes", "broken"),
        ("suspect-label", "duplicate"),
        ("nested", "few"),
        ("single", "few"),
        ("uneven", "tiny"),
        ("few", "odd-aspect"),
    ):
        assert order.index(worse) < order.index(better)


def test_train_and_transfer_say_it_before_they_begin(tmp_path, capsys, monkeypatch):
    root = photos(tmp_path / "p", moss=24, fern=1)
    train_run(str(root), model="linear", image_size=(8, 8), epochs=1, folder=tmp_path / "r", report=False, verbose=2)
    out = capsys.readouterr()
    assert '"fern": 1 readable picture' in out.err
    assert "24 to 1" in st.models.load_model(tmp_path / "r").facts["data check"]
    assert by_class({f"c{i:02}": [i % 2, 1] for i in range(500)}) == []
    base = st.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
    base.preprocessing = Preprocessing(image_size=(8, 8), channels=3)
    with pytest.raises(DataError, match='"fern" has'):
        fit(root, base, folder=tmp_path / "t", verbose=2)
    out = capsys.readouterr()
    assert '"fern": 1 readable picture' in out.err
    assert "stage 1" not in out.out
    with pytest.raises(SystemExit) as ended:
        main(["data", "check", str(root), "--strict", "--json"])
    assert ended.value.code == 1
    assert [each["kind"] for each in json.loads(capsys.readouterr().out)["findings"]] == ["single", "uneven"]


def test_a_small_class_that_is_never_found_is_said(tmp_path, capsys):
    """Of uneven classes the accuracy alone looks well where the small one is never answered."""
    root = photos(tmp_path / "p", moss=8, fern=2)
    model = st.Sequential([layers.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2, "softmax", name="out")])
    model.get_layer("out").set_weights([np.zeros((192, 2), "float32"), np.array([0, 9], "float32")])
    model.labels, model.preprocessing = ["fern", "moss"], Preprocessing(image_size=(8, 8), channels=3)
    model.save(tmp_path / "run")
    with pytest.raises(SystemExit):
        main(["evaluate", str(tmp_path / "run"), str(root)])
    said = capsys.readouterr().out
    assert "accuracy 0.8000" in said
    assert "right of each class: fern 0 of 2; moss 8 of 8" in said
    with pytest.raises(SystemExit):
        main(["evaluate", str(tmp_path / "run"), str(root), "--json"])
    assert json.loads(capsys.readouterr().out)["classes"] == {"fern": [0, 2], "moss": [8, 8]}
    names = {f"c{i:02}": [i, 20] for i in range(15)}
    assert by_class(names) == ["least right: c00 0 of 20; c01 1 of 20; c02 2 of 20; c03 3 of 20; c04 4 of 20"]
    base = st.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
    base.preprocessing = Preprocessing(image_size=(8, 8), channels=3)
    result = fit(photos(tmp_path / "q", moss=20, fern=5), base, folder=tmp_path / "t", stages=1, report=False)
    assert {name: of for name, (_, of) in result.classes.items()} == {"fern": 1, "moss": 4}
    right = sum(each for each, _ in result.classes.values())
    assert right / 5 == pytest.approx(result.kept.accuracy)


def test_the_checks_grow_with_the_files_and_not_with_files_times_classes(monkeypatch):
    asked = []
    monkeypatch.setattr(Survey, "parts", property(lambda self: asked.append(1) or ["train"]))
    for classes in (20, 200):
        items = [Item(f"r/train/{i}/{k}.png", "train", str(i)) for i in range(classes) for k in range(4)]
        survey = Survey("r", "classes", items, places={"train": "r/train"})
        asked.clear()
        across.few(survey, items, 10)
        across.uneven(survey, items)
        assert len(across.learned(survey, items)) == len(items)
        assert len(asked) < 10  # each looks at all files
