"""Whether a model was trained on what it is judged on is said, however the pictures are laid out."""

import shutil
import zipfile

import numpy as np
import pytest
from prepared import KINDS, SIZE, classifier, noise_photos

from striate import layers, models, runs, transfer
from striate.cli.main import main
from striate.data import Preprocessing, folder
from striate.data.learnt import KEPT, known_among, learnt_from
from striate.models import load_model


def pictures(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), np.uint8)


@pytest.mark.parametrize("shared", [0, 1, 40, 100])
def test_few_examples_are_counted_exactly(shared):
    seen, new = pictures(300), pictures(100, seed=1)
    new[:shared] = seen[100 : 100 + shared]
    assert known_among(new, learnt_from(seen)) == (shared, True)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_of_many_the_share_is_estimated_from_a_fair_sample(share):
    seen, new = pictures(8 * KEPT), pictures(4000, seed=1)
    new[: round(4000 * share)] = seen[: round(4000 * share)]
    count, exact = known_among(new, learnt_from(seen))
    assert not exact
    error = 4 * np.sqrt(share * (1 - share) / 500)  # an eighth of 4,000 lie within the sample
    assert count / 4000 == pytest.approx(share, abs=error + 1e-9)


def test_an_example_that_is_there_twice_counts_each_time_and_another_shape_or_type_is_another():
    seen = pictures(10)
    record = learnt_from(np.concatenate([seen, seen]))
    assert known_among(seen[[0, 0, 3]], record) == (3, True)
    assert known_among(seen.reshape(10, 4, 12), record) == (0, True)
    assert known_among(seen.view(np.int8), record) == (0, True)


@pytest.mark.parametrize("record", [None, {}, [], "x", {"hashes": "no base 64", "whole": True}, {"hashes": 3}])
def test_what_is_no_record_tells_nothing(record):
    assert known_among(pictures(3), record) is None


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    return noise_photos(tmp_path / "photos")


def layouts(photos, root):
    """The same nine pictures as a folder, elsewhere under other names, as a zip and as a table."""
    shutil.copytree(photos, root / "copy")
    for i, path in enumerate(sorted((root / "copy").rglob("*.png"))):
        path.rename(path.with_name(f"renamed {i}.png"))
    with zipfile.ZipFile(root / "photos.zip", "w") as archive:
        for path in sorted(photos.rglob("*.png")):
            archive.write(path, path.relative_to(photos))
    rows = [f"{path},{path.parent.name}" for path in sorted(photos.rglob("*.png"))]
    (root / "list.csv").write_text("\n".join(["file,label", *rows]))
    return [photos, root / "copy", root / "photos.zip", root / "list.csv"]


def test_judging_says_how_many_pictures_were_trained_on_from_any_layout(photos, tmp_path, capsys):
    run = runs.train_run(
        str(photos), model=classifier(KINDS["unit"]), folder=tmp_path / "run", epochs=1, validation=0.34, verbose=0,
        report=True, image_size=SIZE,
    )  # fmt: skip
    learnt = run.model.facts["samples"]
    assert 0 < learnt < 9
    model = load_model(tmp_path / "run")
    for path in layouts(photos, tmp_path):
        _, figures = runs.judge_run(model, str(path))
        assert f"trained on {learnt} of these 9 pictures" in figures["note"]
    _, held = runs.judge_run(model)  # what was held out
    assert "trained on" not in held.get("note", "")
    with pytest.raises(SystemExit):
        main(["evaluate", str(tmp_path / "run"), str(tmp_path / "photos.zip")])
    assert f"trained on {learnt} of these 9 pictures" in capsys.readouterr().out
    for told in ((tmp_path / "run" / "README.md").read_text(), (tmp_path / "run" / "report.html").read_text()):
        assert model.facts["learnt from"]["hashes"] not in told


def test_transfer_remembers_its_pictures_too(photos, tmp_path):
    base = transfer_base()
    done = transfer.fit(
        str(photos), base, stages=1, validation=0.34, folder=tmp_path / "run", cache=False, report=False
    )
    _, figures = runs.judge_run(load_model(tmp_path / "run"), str(photos))
    assert f"trained on {9 - done.validation} of these 9 pictures" in figures["note"]


def transfer_base():
    """The pixels as features."""
    base = models.Sequential(
        [layers.Input((*SIZE, 3)), layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    )
    base.preprocessing = Preprocessing.pictures(SIZE, 3)
    return base


def test_all_of_them_are_said_in_words(photos):
    model = classifier(KINDS["unit"])
    model.facts["learnt from"] = learnt_from(folder(photos, preprocessing=model.preprocessing).x)
    _, figures = runs.judge_run(model, str(photos))
    assert "trained on all of these 9 pictures" in figures["note"]
