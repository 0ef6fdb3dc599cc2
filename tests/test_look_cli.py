"""``striate look``: every command on a small run, the page with everything, and mistakes in one line."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import data, layers
from striate.cli.main import main


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A saved residual network, a photo, and a folder of photos."""
    folder = tmp_path_factory.mktemp("look")
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for kind, low in (("dark", 0), ("bright", 150)):
            (folder / "photos" / part / kind).mkdir(parents=True)
            for i in range(5):
                pixels = rng.integers(low, low + 100, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / "photos" / part / kind / f"{i}.png")
    st.set_seed(0)
    x = inputs = layers.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", name="branch")(x)])
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    model = st.Model(inputs, layers.Dense(2, "softmax")(x), "small")
    train = data.folder(folder / "photos", (16, 16)).train
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=1, seed=0, verbose=0)
    model.save(folder / "run")
    st.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)]).save(folder / "linear")
    return folder


PICTURE = "--picture photos/test/dark/0.png"
COMMANDS = {
    "why": "photos/test/dark/0.png",
    "filters": "",
    "templates": "--shared",
    "fixed-filters": f"{PICTURE} --filter laplacian --filter blur --save maps",
    "maps": PICTURE,
    "dead": "--data photos",
    "neighbours": "--data photos --k 2",
    "feature-map": "--data photos --method pca",
    "patches": "--data photos --k 2",
    "attributions": f"{PICTURE} --method saliency --method guided\\ backprop --no-check",
    "saliency": f"{PICTURE} --rule guided --check",
    "gradcam": f"{PICTURE} --target bright",
    "integrated": f"{PICTURE} --steps 4 --baseline 20",
    "occlusion": f"{PICTURE} --window 8",
    "adversarial": f"{PICTURE} --epsilon 30 --steps 3 --save changed",
    "robustness": "--data photos --epsilon 8 --method fgsm",
    "maximise": "--target dark --target first:1 --steps 3",
    "dream": f"{PICTURE} --layer first --steps 1 --octaves 2",
    "invert": f"{PICTURE} --layer first --steps 3",
    "codec": f"{PICTURE} --layer first --steps 3",
    "line": "--data photos --steps 3",
    "surface": "--data photos --steps 3",
    "paths": f"{PICTURE} --samples 1",
    "lesions": "--data photos --draws 1",
}


def run(arguments: str, capsys) -> tuple[int, str, str]:
    import shlex

    with pytest.raises(SystemExit) as ended:
        main(shlex.split(arguments))
    out = capsys.readouterr()
    return ended.value.code or 0, out.out, out.err


def test_a_class_starts_from_the_mean_of_its_pictures(place, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    options = f"--steps 1 --start photos --part train --out {tmp_path}/mean.png --json"
    code, out, err = run(f"look maximise run --target dark --target bright {options}", capsys)
    assert code == 0, err
    assert [row["of"] for row in json.loads(out)["rows"]] == ["dark", "bright"]


def test_of_a_long_table_the_first_rows_are_printed_and_json_has_all(place, capsys, monkeypatch, tmp_path):
    """50 layers: more than are printed."""
    monkeypatch.chdir(place)
    st.set_seed(0)
    deep = st.Sequential([layers.Input((16, 16, 3))] + [layers.Conv2D(2, 1) for _ in range(50)])
    deep.add(layers.GlobalAveragePooling2D())
    deep.save(tmp_path / "deep")
    command = f"look maps {tmp_path}/deep {PICTURE} --out {tmp_path}/maps.png"
    out = run(command, capsys)[1]
    assert re.search(r"… and 1\d more", out)
    assert len(json.loads(run(f"{command} --json", capsys)[1])["rows"]) >= 50


@pytest.mark.parametrize("command", COMMANDS)
def test_every_technique_is_a_command_with_a_figure_and_json(command, place, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    figure = tmp_path / "figure.png"
    folder = {"templates": "linear", "fixed-filters": ""}.get(command, "run")
    code, out, err = run(f"look {command} {folder} {COMMANDS[command]} --out {figure} --json", capsys)
    assert code == 0, err
    assert json.loads(out)["figure"] == str(figure)
    with Image.open(figure) as image:
        assert min(image.size) > 10


def test_photos_may_stand_without_an_option(place, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    tail = f"--out {tmp_path}/x.png --json"
    one = run(f"look gradcam run photos/test/dark/0.png photos/test/dark/1.png {tail}", capsys)[1]
    other = run(f"look gradcam run --picture photos/test/dark/0.png --picture photos/test/dark/1.png {tail}", capsys)[1]
    assert json.loads(one) == json.loads(other)
    code, _, error = run(f"look why run {tail}", capsys)
    assert code == 2
    assert "which pictures?" in error
    code, _, error = run(f"look why run photos/test/dark/0.png photos/test/dark/1.png {tail}", capsys)
    assert code == 2
    assert "one picture, not at 2" in error


def test_a_code_written_by_one_command_is_read_by_another(place, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    assert run(f"look encode run {PICTURE} --layer first --out {tmp_path}/c", capsys)[0] == 0
    code, out, _ = run(f"look decode run {tmp_path}/c --steps 5 --out {tmp_path}/back.png", capsys)
    assert code == 0
    assert "relative error" in out
    with Image.open(tmp_path / "back.png") as image:
        assert image.size == (16, 16)


def test_everything_is_one_page_that_loads_nothing(place, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    code, _, err = run(f"look all run {PICTURE} --data photos --out {tmp_path}/look.html", capsys)
    assert code == 0, err
    page = (tmp_path / "look.html").read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    anchors, linked = set(re.findall(r"id=\"([\w-]+)\"", page)), set(re.findall(r"href=\"#([\w-]+)\"", page))
    assert linked
    assert linked <= anchors
    assert page.count("Left out") == 0, re.findall("Left out[^<]*", page)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("look filters nothing", "nothing"),
        ("look maps run", "--pictures"),
        ("look gradcam run --picture missing.png", "missing.png"),
        ("look gradcam run --picture photos/test/dark/0.png --target purple", "purple"),
        ("look saliency run --picture photos/test/dark/0.png --rule guide", 'Did you mean "guided"'),
        ("look surface run", "--pictures"),
        ("look surface run --data photos --steps 4", "odd"),
        ("look maximise run", "--target"),
        ("look maximise run --target dark --tv -1", "weight of 0 or more"),
        ("look invert run --picture photos/test/dark/0.png --alpha 0", "exponent above 0"),
        ("look maximise run --target dark --start mean", "Known: noise, zero"),
        ("look maps run --pictures photos/test/dark/0.png --pictures photos/test/dark/1.png", "one picture"),
        ("look occlusion run --picture photos/test/dark/0.png --fill 300", "0 to 255"),
        ("look filters run --out figure.gif", ".png or .svg"),
        ("look decode run photos/test/dark/0.png", "no picture in code"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, says, place, capsys, monkeypatch):
    monkeypatch.chdir(place)
    code, _, err = run(arguments, capsys)
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_a_folder_of_loose_photos_is_taken_as_its_photos(place, tmp_path, monkeypatch, capsys):
    """One with pictures in it, and not in folders of classes alone, is no data set: `why` of one photo answers for it."""
    monkeypatch.chdir(tmp_path)
    loose = tmp_path / "Neu"
    (loose / "Kamera 2").mkdir(parents=True)
    one = (place / "photos" / "test" / "dark" / "0.png").read_bytes()
    (loose / "a.png").write_bytes(one)
    main_ok(["look", "why", str(place / "run"), str(loose)])
    assert "figure  why.png" in capsys.readouterr().out
    (loose / "Kamera 2" / "b.png").write_bytes(one)
    with pytest.raises(SystemExit):
        main(["look", "why", str(place / "run"), str(loose)])
    assert "one picture, not at 2" in capsys.readouterr().err
    main_ok(["look", "gradcam", str(place / "run"), str(loose)])


def main_ok(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
