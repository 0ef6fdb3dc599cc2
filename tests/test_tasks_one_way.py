"""One way for all tasks: train, evaluate, predict, resume and report ask the task, whichever it is."""

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import Input, Model, layers, runs
from striate.cli.main import main
from striate.data import Dataset, Splits
from striate.data import load as read
from striate.data.sets.scenes import scenes
from striate.errors import StriateError
from striate.models import load_model
from striate.pages import write_report
from striate.runs.heads import task_at
from striate.tasks.answering import answer_files
from striate.tasks.detection import Detection, detect
from striate.tasks.film import video_file
from striate.tasks.kinds import task_for, task_named, task_of

pytest.importorskip("faster_coco_eval")
DENSE = ("localize", "segment", "detect")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of each task, one pass over a few drawn scenes."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        task: runs.train_run(
            "scenes", task=task, count=12, size=32, epochs=1, folder=folder / task, verbose=0, page=True
        )
        for task in DENSE
    }


@pytest.mark.parametrize("task", DENSE)
def test_a_run_keeps_what_its_task_needs(trained, task):
    run = trained[task]
    assert task_of(run.model).name == task
    again = load_model(run.folder)
    assert task_of(again).name == task
    assert again.labels == ["background"] * (task == "segment") + ["circle", "square", "triangle"]
    assert again.facts["task"] == task
    assert again.decoding == run.model.decoding
    page = run.report.read_text()
    assert f"<h1>scenes: {task_named(task).line}</h1>" in page
    assert "Per class" in page
    assert "Worst pictures" in page
    assert any(name in page for name in again.labels)


@pytest.mark.parametrize("task", DENSE)
def test_a_run_has_its_page_with_maps_and_the_report_leads_there(trained, task):
    run = trained[task]
    assert run.page == run.folder / "page.html"
    assert 'id="part-network"' in run.page.read_text()
    assert 'href="page.html"' in run.report.read_text()


@pytest.mark.parametrize("task", DENSE)
def test_the_figure_is_one_number_in_fit_evaluate_and_the_judgement(trained, task):
    run, figure = trained[task], task_named(task).figure
    _, judged = runs.judge_run(run.model)
    assert judged["task"] == task
    assert judged["samples"] == 3
    assert judged[figure] == pytest.approx(run.scores[figure], abs=1e-6)
    assert f"val_{figure}" in run.history
    json.dumps(judged)


def test_a_part_held_out_by_the_data_is_not_said_to_be_drawn(trained, tmp_path):
    assert trained["detect"].model.facts["validation"] is None  # the scenes have one
    assert "| validation |" not in (trained["detect"].folder / "README.md").read_text()
    alone = replace(scenes(12, size=32), y=None)
    how = {"epochs": 1, "verbose": 0, "report": False}
    run = runs.train_run("own", task="detect", splits=Splits(alone), folder=tmp_path / "run", **how)
    assert run.model.facts["validation"] == 0.1


def test_the_report_ends_with_the_long_table_of_the_layers_folded(trained):
    page = (trained["detect"].folder / "report.html").read_text()
    sections = re.findall(r'<section id="([^"]+)"', page)
    assert sections[-2:] == ["network", "size"]
    assert page.count("<details>") == 1
    assert page.index("<details>") < page.index("batch_normalization_1 ")
    assert "distance_boxes" in page[page.index("<details>") :]


@pytest.mark.parametrize("task", DENSE)
def test_data_that_are_named_are_read_as_those_of_the_training_were(trained, task):
    run = trained[task]
    own = runs.judge_run(run.folder)[1]
    assert runs.judge_run(run.folder, "scenes", count=12, size=32)[1] == own


@pytest.mark.parametrize("task", DENSE)
def test_commands_answer_draw_and_write(trained, task, tmp_path, capsys):
    photos = tmp_path / "photos" / "deep"
    photos.mkdir(parents=True)
    picture = scenes(1, size=48, seed=9).x[0]
    Image.fromarray(np.repeat(picture, 2, axis=1)).save(photos / "a.png")
    (photos / "bad.jpg").write_bytes(b"no picture")
    folder = str(trained[task].folder)
    with pytest.raises(SystemExit) as ended:
        main(["predict", folder, str(tmp_path / "photos"), "--json", "--draw", str(tmp_path / "drawn")])
    assert ended.value.code == 2  # one file could not be read
    said = json.loads(capsys.readouterr().out)
    assert [("error" in each, each.get("width")) for each in said] == [(False, 96), (True, None)]
    with Image.open(tmp_path / "drawn" / "a.png") as drawn:
        assert drawn.size == (96, 48)
    out = tmp_path / "answers.jsonl"
    with pytest.raises(SystemExit):
        main([task, folder, str(photos), "--out", str(out)])
    first = json.loads(out.read_text().splitlines()[0])
    assert first["source"].endswith("deep/a.png")
    assert (first["width"], first["height"]) == (96, 48)
    with pytest.raises(SystemExit):
        main(["evaluate", folder])
    assert task_named(task).figure in capsys.readouterr().out
    other = DENSE[DENSE.index(task) - 1]
    with pytest.raises(SystemExit):
        main([other, folder, str(photos)])
    assert f"was trained to {task}, not to {other}" in capsys.readouterr().err


def test_drawn_copies_have_a_name_each_and_never_lie_on_pictures(trained, tmp_path, capsys):
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    for i, name in enumerate(("a.png", "a.jpg", "deep/a.PNG", "deep/b.bmp")):
        Image.fromarray(scenes(1, size=32, seed=i).x[0]).save(photos / name)
    before = {path: path.read_bytes() for path in sorted(photos.rglob("*.*"))}
    command = ["detect", str(trained["detect"].folder), str(photos)]
    for _ in range(2):  # what the first run drew below the pictures is no picture to the second
        with pytest.raises(SystemExit) as ended:
            main([*command, "--draw", str(photos / "drawn")])
        assert ended.value.code == 0
        assert "4 pictures" in capsys.readouterr().err
        made = sorted(str(path.relative_to(photos / "drawn")) for path in (photos / "drawn").rglob("*.*"))
        assert made == ["a.jpg.png", "a.png", "deep/a.PNG", "deep/b.bmp.png"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--draw", str(photos)])
    assert ended.value.code == 2
    assert "would lie among the pictures" in capsys.readouterr().err
    (photos / "a.jpg.png").write_bytes(before[photos / "a.png"])
    with pytest.raises(SystemExit):
        main([*command, "--draw", str(tmp_path / "other")])
    assert "have one name" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
    assert {path: path.read_bytes() for path in before} == before


def test_boxes_are_in_pixels_of_the_photo_whatever_its_size(trained, tmp_path):
    model = load_model(trained["detect"].folder)
    # Every box is kept: where two scores differ in their last digit alone, which comes first and suppresses is chance.
    model.decoding = replace(model.decoding, least=0.0, overlap=1.0)
    picture = scenes(1, size=32, seed=5).x[0]
    large = np.repeat(np.repeat(picture, 5, axis=0), 3, axis=1)
    Image.fromarray(large).save(tmp_path / "large.png")
    small, found = detect(model, [picture])[0], detect(model, tmp_path / "large.png")[0]
    assert len(small) == len(found) > 21  # places of a picture of 32 pixels
    boxes, scores = np.array([one.box for one in found]), np.array([one.score for one in found])
    for one in small:
        apart = np.abs(np.array(one.box) * [3, 5, 3, 5] - boxes).max(1)
        same = (apart < 0.01) & (np.abs(scores - one.score) < 1e-5) & [other.label == one.label for other in found]
        assert same.any(), (one, apart.min())
    assert [one.score for one in found] == sorted(scores, reverse=True)
    assert detect(model, [picture], least=1.0) == [[]]


@pytest.mark.parametrize("task", DENSE)
def test_a_run_that_was_broken_off_ends_at_the_same_weights(task, tmp_path):
    how = {"task": task, "count": 8, "size": 32, "verbose": 0, "report": False}
    whole = runs.train_run("scenes", epochs=2, folder=tmp_path / "whole", **how)

    class Break(st.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.train_run("scenes", epochs=2, folder=tmp_path / "broken", callbacks=[Break()], **how)
    rest = runs.train_run("scenes", epochs=2, folder=tmp_path / "broken", resume=True, **how)
    for a, b in zip(whole.model.get_weights(), rest.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_task_is_what_the_data_have():
    pictures = scenes(4, size=32)
    assert task_for(pictures).name == "classify"
    assert task_for(replace(pictures, y=None)).name == "detect"
    assert task_for(pictures, "localize").name == "localize"
    assert task_for(scenes(4, size=32, target="masks")).name == "segment"
    assert task_at("bccd", None) == "detect"
    assert task_at("digits", None) == "classify"
    with pytest.raises(StriateError, match="has no boxes"):
        task_for(Dataset(pictures.x, pictures.y, pictures.classes), "detect")
    with pytest.raises(StriateError, match="has no label maps"):
        task_for(pictures, "segment")
    with pytest.raises(StriateError, match='no task "find"'):
        task_at("digits", "find")


def test_a_folder_of_photos_with_boxes_is_trained_on_at_its_own_shape(tmp_path):
    for folder in ("Annotations", "JPEGImages"):
        (tmp_path / folder).mkdir()
    made = scenes(10, size=64, seed=3)
    for i, (x, boxes, kinds) in enumerate(zip(made.x, made.boxes, made.box_labels, strict=True)):
        Image.fromarray(np.repeat(x, 2, axis=1)).save(tmp_path / "JPEGImages" / f"{i}.jpg")
        things = "".join(
            f"<object><name>{made.classes[k]}</name><bndbox><xmin>{2 * a + 1}</xmin><ymin>{b + 1}</ymin>"
            f"<xmax>{2 * c}</xmax><ymax>{d}</ymax></bndbox></object>"
            for (a, b, c, d), k in zip(boxes, kinds, strict=True)
        )
        (tmp_path / "Annotations" / f"{i}.xml").write_text(f"<annotation>{things}</annotation>")
    run = runs.train_run(str(tmp_path), epochs=1, folder=tmp_path / "run", validation=0.3, verbose=0, report=False)
    assert task_of(run.model).name == "detect"
    assert run.model.graph.input_shapes == [(64, 128, 3)]
    assert run.model.preprocessing.resize == "stretch"
    _, judged = runs.judge_run(run.folder)
    assert judged["map50"] == pytest.approx(run.scores["map50"], abs=1e-6)
    rest = runs.resume_run(run.folder, verbose=0)
    np.testing.assert_array_equal(rest.model.get_weights()[0], run.model.get_weights()[0])


def test_what_a_task_does_not_take_is_said(tmp_path):
    start = Input((32, 32, 3))
    flat = Model(start, layers.Dense(3)(layers.Flatten()(start)))
    for wrong, words in (
        ({"task": "detect", "recipe": "digits"}, "recipe is for classification"),
        ({"task": "detect", "mix": "mixup"}, "mix is for classification"),
        ({"task": "detect", "model": flat}, "ends in"),
        ({"task": "detect", "model": "no_such_net"}, "is no architecture"),
        ({"task": "detect", "size": 50}, "multiples of 32"),
        ({"weights": "keras"}, "weights go with the base"),
        ({"task": "segments"}, "no task"),
    ):
        with pytest.raises(StriateError, match=words):
            runs.train_run("scenes", folder=tmp_path / "run", epochs=1, verbose=0, **({"count": 8, "size": 32} | wrong))
    with pytest.raises(StriateError, match="no pictures were named"):
        answer_files(flat, [])


def test_a_report_can_be_written_of_pictures_without_anything_to_find(trained, tmp_path):
    model = trained["detect"].model
    empty = scenes(3, size=32)
    none = tuple(np.zeros((0, 4), np.float32) for _ in range(2))
    some = replace(
        empty,
        boxes=(empty.boxes[0], *none),
        box_labels=(empty.box_labels[0], *(np.zeros(0, np.int64) for _ in range(2))),
    )
    page = write_report(tmp_path / "page.html", model, some, history={"loss": [1.0]})
    assert "Per class" in page.read_text()


@pytest.mark.parametrize("task", DENSE)
def test_what_is_written_for_other_tools_is_read_back(trained, task, tmp_path):
    for i, picture in enumerate(scenes(3, size=32, seed=4).x):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "photos" / f"{i}.png")
    folder, photos = str(trained[task].folder), str(tmp_path / "photos")
    with pytest.raises(SystemExit) as ended:
        main(["predict", folder, photos, "--out", str(tmp_path / "answers")])  # VOC, or masks
    assert ended.value.code in (0, None)
    with pytest.raises(SystemExit) as ended:
        main([task, folder, photos, "--out", str(tmp_path / "table.csv")])
    assert ended.value.code in (0, None)
    rows = (tmp_path / "table.csv").read_text().splitlines()
    assert len(rows) >= 4
    model = load_model(folder)
    if task == "segment":
        again = read(tmp_path / "answers").train
        said = task_of(model).answers(model, [str(path) for path in again.paths])
        np.testing.assert_array_equal(again.y, np.stack([one.labels for one in said]))
    if task == "localize":
        again = read(tmp_path / "answers").train
        assert len(again) == 3  # what is found after one pass may be too small to count


def test_places_and_formats_that_are_none_are_refused_before_anything_is_written(trained, tmp_path, capsys):
    Image.fromarray(scenes(1, size=32).x[0]).save(tmp_path / "a.png")
    for task, options, words in (
        ("segment", ["--out", "a.json"], "are written as masks, csv, jsonl"),
        ("detect", ["--out", "a.txt"], "are written as voc, yolo, coco"),
        ("detect", ["--format", "voc"], "--format goes with --out"),
        ("detect", ["--top", "3"], "--top is for models that classify"),
        ("segment", ["--least", "0.5"], "--least is for models that detect"),
        ("localize", ["--least", "0.5"], "--least is for models that detect"),
        ("detect", ["--out", "a.csv", "--format", "voc"], "says csv, and --format says voc"),
        ("detect", ["--out", str(tmp_path / "there"), "--format", "csv"], "it is a folder"),
        ("detect", ["--draw", str(tmp_path / "a.png")], "could not write"),
        ("detect", ["--out", str(tmp_path / "full"), "--format", "yolo"], "is there already"),
        ("detect", ["--out", "a.csv", "--pictures", "all"], "pictures of what is written"),
        ("detect", [""], "empty name"),
    ):
        (tmp_path / "there").mkdir(exist_ok=True)
        (tmp_path / "full" / "corrected").mkdir(parents=True, exist_ok=True)
        with pytest.raises(SystemExit):
            main(["predict", str(trained[task].folder), str(tmp_path / "a.png"), *options])
        assert words in capsys.readouterr().err
    assert not list(tmp_path.glob("a.[cjt]*"))
    with pytest.raises(SystemExit):
        main(["predict", str(trained["detect"].folder), str(tmp_path / "film.mp4"), "--format", "voc"])
    assert "of a film a film is written" in capsys.readouterr().err


@pytest.mark.parametrize("task", DENSE)
def test_json_says_what_was_written_where_the_answers_go_into_a_file(trained, task, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for i, picture in enumerate(scenes(3, size=32, seed=4).x):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{i}.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"broken")
    folder, photos = str(trained[task].folder), str(tmp_path / "photos")
    answers = [one.answer for one in answer_files(load_model(folder), photos) if one.error is None]
    counts = Counter(label for one in answers for label in task_named(task).labels(one))
    for command, place, kind in (
        (task, "x.csv", "csv"),
        ("predict", "x.jsonl", "jsonl"),
        (task, "x", "masks" if task == "segment" else "voc"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([command, folder, photos, "--out", str(tmp_path / place), "--json"])
        assert ended.value.code == 2  # one file is broken
        said = json.loads(capsys.readouterr().out)
        assert said.pop("failed") == [str(tmp_path / "photos" / "broken.png")]
        place, found = str(tmp_path / place), dict(counts)
        assert said == {"written": place, "format": kind, "pictures": 3, "counts": found, "engine": "auto"}
    assert task != "localize" or sum(counts.values()) == 3


def test_json_of_a_film_says_what_was_written_and_batches_are_those_asked_for(trained, tmp_path, capsys):
    pytest.importorskip("av")
    with video_file(str(tmp_path / "film.mp4"), ".mp4", 10.0) as sink:
        for i, picture in enumerate(scenes(5, size=32, seed=4).x):
            sink.write(picture, i / 10)
    asked = ["predict", str(trained["localize"].folder), str(tmp_path / "film.mp4"), "--out", str(tmp_path / "a.mp4")]
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--json", "--batch-size", "2"])
    assert ended.value.code in (0, None)
    said = json.loads(capsys.readouterr().out)
    assert (said["written"], said["format"], said["frames"], said["lost"]) == (str(tmp_path / "a.mp4"), "mp4", 5, 0)
    assert len(said["found"]) == 5
    with pytest.raises(SystemExit):
        main([*asked, "--batch-size", "0"])
    assert "batch_size=0 must be a whole number" in capsys.readouterr().err


def test_a_wrong_place_or_format_is_said_before_a_model_is_loaded(trained, tmp_path, capsys):
    Image.fromarray(scenes(1, size=32).x[0]).save(tmp_path / "a.png")
    for task in DENSE:  # only what says of which task it is
        (tmp_path / task).mkdir()
        facts = {"training": {"task": task}}
        (tmp_path / task / "model.json").write_text(json.dumps(facts))
    (tmp_path / "full" / "corrected").mkdir(parents=True)
    photo, there = str(tmp_path / "a.png"), str(tmp_path / "full")
    for command, task, options, words in (
        ("predict", "segment", ["--out", "a.json"], "are written as masks, csv, jsonl"),
        ("predict", "detect", ["--out", "a.csv", "--format", "vco"], "vco: answers of this task are written as voc"),
        ("predict", "nowhere", ["--out", "a.csv", "--format", "vco"], "vco: answers are written as masks, voc"),
        ("localize", "nowhere", ["--out", "a.csv", "--format", "masks"], "written as voc"),
        ("detect", "detect", ["--out", there], "is there already"),
        ("detect", "detect", ["--draw", str(tmp_path)], "would lie among the pictures"),
        ("detect", "detect", ["--format", "voc"], "--format goes with --out"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([command, str(tmp_path / task), photo, *options])
        assert ended.value.code == 2
        assert words in capsys.readouterr().err


def test_a_line_of_words_has_the_surest_boxes_of_a_picture(trained, tmp_path, capsys):
    task = task_named("detect")
    found = [Detection("cat", score, (1.0, 2.0, 30.4, 40.0)) for score in (0.5, 0.9, 0.25, 0.3, 0.2)]
    assert task.told(found[:1]) == "1 cat: cat 50% at 1, 2, 30, 40"
    first = "5 cat: cat 90% at 1, 2, 30, 40; cat 50% at 1, 2, 30, 40; cat 30% at 1, 2, 30, 40; 2 more"
    assert task.told(found) == first
    assert task.told([]) == "nothing found"
    Image.fromarray(scenes(1, size=32).x[0]).save(tmp_path / "a.png")
    with pytest.raises(SystemExit):
        main(["detect", str(trained["detect"].folder), str(tmp_path / "a.png"), "--least", "0"])
    said = capsys.readouterr()
    assert said.out.strip().endswith(" more")
    assert "--draw FOLDER" in said.err


def test_a_film_is_drawn_into_a_folder_too(trained, tmp_path, capsys):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        for picture in scenes(3, size=32).x:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())
    film, folder = str(tmp_path / "film.mp4"), str(trained["detect"].folder)
    for command in ("predict", "detect"):
        with pytest.raises(SystemExit) as ended:
            main([command, folder, film, "--draw", str(tmp_path / command)])
        assert ended.value.code in (0, None)
        assert (tmp_path / command / "film.mp4").is_file()
    capsys.readouterr()
    for options, words in (
        (["--draw", str(tmp_path)], "is the film itself"),
        (["--draw", str(tmp_path / "d"), "--out", "a.mp4"], "leave one out"),
        ([str(tmp_path / "other.mp4")], "one by one"),
    ):
        with pytest.raises(SystemExit):
            main(["predict", folder, film, *options])
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["voc", "yolo", "coco", "csv", "jsonl"])
def test_of_files_that_are_all_broken_a_set_without_pictures_is_written(trained, kind, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(SystemExit):
        main(["detect", str(trained["detect"].folder), str(tmp_path), "--out", str(tmp_path / "out"), "--format", kind])
    said = capsys.readouterr().err
    assert "1 file could not be read" in said
    assert (tmp_path / "out").exists()


def test_one_class_is_localized_by_its_box_alone(tmp_path):
    one = replace(scenes(12, size=32, kinds=("circle",)), y=None)
    held = replace(scenes(4, size=32, seed=3, kinds=("circle",)), y=None)
    how = {"task": "localize", "epochs": 1, "verbose": 0, "report": False}
    run = runs.train_run("circles", splits=Splits(one, None, held), folder=tmp_path / "run", **how)
    assert load_model(run.folder).labels == ["circle"]
    made = task_of(run.model).judge(run.model, held)
    assert made.figures["label_accuracy"] == 1.0
    assert made.figures["box_iou"] == pytest.approx(run.scores["box_iou"], abs=1e-6)


def test_a_detector_is_judged_from_the_score_that_counts_as_found(trained):
    """Precision, recall and F1 are at the model's own score, which its answers begin at; settling chooses it anew."""
    model = load_model(trained["detect"].folder)
    held = scenes(3, size=32, seed=4)
    model.decoding = replace(model.decoding, least=0.9999)
    figures = task_named("detect").judge(model, held).figures
    assert figures["confidence"] == 0.9999
    assert (figures["precision"], figures["recall"], figures["f1"]) == (0, 0, 0)
    task_named("detect").settle(model, held)
    assert model.decoding.least < 0.9999
    usual = 0.05  # nobody's choice where none was made, and a choice like any other where it was
    model.decoding = replace(model.decoding, least=usual)
    assert task_named("detect").judge(model, held).figures["confidence"] == usual
    model.decoding = replace(model.decoding, least=None)
    assert task_named("detect").judge(model, held).figures["confidence"] != usual
