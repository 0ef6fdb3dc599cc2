"""Folders to predict: walked, answered as one file at a time would be, in order; what cannot be read is named."""

import csv
import json
import os

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import layers
from striate.cli.main import main
from striate.data import Preprocessing
from striate.errors import ArgumentError, DataError
from striate.tasks import Ensemble, FileAnswer, classify, classify_files, write_answers
from striate.tasks.files import files_in


@pytest.fixture
def net():
    st.set_seed(0)
    model = st.Sequential(
        [layers.Input((12, 16, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    model.labels = ["bird", "cat, tom", "Öl"]
    model.preprocessing = Preprocessing(image_size=(12, 16), channels=3, scale=1 / 255)
    return model


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    names = ["b.png", "a.JPG", "deep/er/ü 1.png", "deep/z.png", "deep/.hidden.png"]
    for i, name in enumerate(names):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (10 + i, 14, 3), dtype=np.uint8)).save(file)
    (tmp_path / "photos" / "deep" / "broken.png").write_bytes(b"nothing")
    (tmp_path / "photos" / "report.pdf").write_bytes(b"%PDF")
    return tmp_path / "photos"


WHOLE = ["a.JPG", "b.png", "deep/er/ü 1.png", "deep/z.png"]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
@pytest.mark.parametrize("several", [False, True])
def test_each_file_gets_the_answer_that_it_gets_alone(net, photos, batch_size, several):
    told = []
    asked = Ensemble([net, net]) if several else net
    answers = list(classify_files(asked, photos, 2, batch_size=batch_size, progress=lambda a, b: told.append((a, b))))
    names = [os.path.relpath(answer.path, photos) for answer in answers]
    assert names == ["a.JPG", "b.png", "deep/broken.png", "deep/er/ü 1.png", "deep/z.png"]
    for answer in answers:
        if answer.path.endswith("broken.png"):
            assert not answer.guesses
            assert "not a picture" in answer.error
            continue
        (alone,) = classify(net, [answer.path], 2)
        assert [guess.label for guess in answer.guesses] == [guess.label for guess in alone]
        np.testing.assert_allclose([g.probability for g in answer.guesses], [g.probability for g in alone], atol=1e-5)
    assert told[-1] == (5, 5)


def test_answers_come_before_all_files_are_read(net, photos):
    many = [photos / "b.png"] * 2 + [photos / f"none{i}.png" for i in range(200)]
    answers = classify_files(net, many, batch_size=1)
    assert next(answers).path.endswith("b.png")
    assert next(answers).error == "there is no such file."
    answers.close()


def test_files_are_meant_once_and_folders_are_walked(photos):
    found = files_in([photos / "b.png", photos, photos / "deep"])
    assert len(found.files) == 5
    assert found.files[0].endswith("b.png")
    assert [os.path.basename(file) for file in found.aside] == ["report.pdf"]


def test_mistakes_are_said_at_once(net, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds nothing"):
        classify_files(net, tmp_path / "empty")
    (tmp_path / "empty" / "a.pdf").touch()
    with pytest.raises(DataError, match="holds 1 file, of which none is a picture"):
        classify_files(net, tmp_path / "empty")
    with pytest.raises(ArgumentError, match="batch_size"):
        classify_files(net, tmp_path, batch_size=0)
    with pytest.raises(ArgumentError, match=r"\.csv or \.jsonl"):
        write_answers(tmp_path / "x.txt", [])
    with pytest.raises(DataError, match="could not write"):
        write_answers(tmp_path / "empty" / "a.pdf" / "x.csv", [])


def test_what_was_broken_off_is_not_called_done(tmp_path):
    def answers():
        yield FileAnswer("a.png", [], "broken")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_answers(tmp_path / "x.jsonl", answers())
    assert [file.name for file in tmp_path.iterdir()] == ["x.jsonl.part"]


def test_the_command_writes_a_table_or_lines_and_names_what_is_broken(net, photos, tmp_path, capsys):
    net.save(tmp_path / "run")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["predict", str(tmp_path / "run"), *map(str, arguments)])
        return ended.value.code, *capsys.readouterr()

    code, out, error = run(photos, "-o", tmp_path / "out.csv")
    assert (code, out) == (2, "")
    assert "4 pictures in" in error
    assert "1 file could not be read (broken.png); 1 other file left aside (" in error
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    truth = {str(photos / name): classify(net, [photos / name], 3)[0] for name in WHOLE}
    assert [row["file"] for row in rows if not row["error"]] == [str(photos / name) for name in WHOLE]
    for row in rows:
        if row["error"]:
            assert row["file"].endswith("broken.png")
            continue
        assert row["class"] == truth[row["file"]][0].label
        assert float(row["probability_3"]) == pytest.approx(truth[row["file"]][2].probability, abs=1e-4)
        assert "class_4" not in row
    code, out, _ = run(photos, "-o", tmp_path / "out.jsonl", "--top", 1)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [len(line.get("top", ())) for line in lines] == [1, 1, 0, 1, 1]
    code, out, _ = run(photos)
    assert len(out.splitlines()) == 5  # a line a picture
    code, out, _ = run(photos / "b.png")
    assert code == 0
    assert len(out.splitlines()) == 4  # the file, and its three classes
    assert json.loads(run(photos / "deep", "--json")[1])[1]["top"][0]["label"] in net.labels
    assert run(photos, "-o", "x.txt")[0] == 2


def test_what_was_broken_off_is_begun_anew(tmp_path):
    (tmp_path / "x.jsonl.part").write_text("of a run before, and longer than all that comes now\n" * 9)
    write_answers(tmp_path / "x.jsonl", [FileAnswer("a.png", [], "broken")])
    assert (tmp_path / "x.jsonl").read_text() == '{"source": "a.png", "error": "broken"}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["x.jsonl"]


def test_two_commands_do_not_write_one_file_of_answers(tmp_path):
    def answers(then=None):
        yield FileAnswer("a.png", [], "broken")
        if then is not None:
            then()
        yield FileAnswer("b.png", [], "broken")

    def another():
        with pytest.raises(DataError, match=r"x\.jsonl\.part: another process is writing it"):
            write_answers(tmp_path / "x.jsonl", answers())
        assert [file.name for file in tmp_path.iterdir()] == ["x.jsonl.part"]

    assert write_answers(tmp_path / "x.jsonl", answers(another)) == (2, 2)
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 2
    assert write_answers(tmp_path / "x.jsonl", answers()) == (2, 2)
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 2


def test_what_was_just_finished_is_not_begun_anew_by_who_opened_it_before(tmp_path, monkeypatch):
    """The part was renamed between its opening and its lock."""
    from striate.doors import locks

    whole = tmp_path / "x.jsonl"

    def renamed(file, path):
        os.replace(path, whole)
        return alone(file, path)

    alone = locks._alone
    monkeypatch.setattr(locks, "_alone", renamed)
    (tmp_path / "x.jsonl.part").write_text("all the answers\n")
    with pytest.raises(DataError, match="another process"):
        write_answers(whole, [])
    assert whole.read_text() == "all the answers\n"


def test_answers_that_are_no_numbers_are_said_and_not_printed(net, photos, tmp_path, capsys):
    net.set_weights([np.full_like(w, 3e38) if w.ndim > 1 else w for w in net.get_weights()])
    net.save(tmp_path / "run")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", str(tmp_path / "run"), str(photos / "b.png")])
    said = capsys.readouterr()
    assert "answers 1 of 1 input with NaN" in said.err
    assert "nan" not in said.out
