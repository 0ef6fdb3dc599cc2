"""``data.check``: every fault that is sown is found, nothing else is, and training over it names what it skipped."""

import json
import os
import random
import shutil
import struct
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from soft_pictures import drawn, encoded

from striate import data
from striate.cli.main import main
from striate.data.checks.check import quick
from striate.data.checks.findings import KINDS
from striate.data.pictures.formats import whole
from striate.errors import ArgumentError, DataError
from striate.report import write_data_report

DATA = Path(os.environ.get("STRIATE_DATA", ""))
real = pytest.mark.skipif(not (DATA / "hymenoptera").is_dir() or not DATA.name, reason="STRIATE_DATA is not there")


def classes(root, pictures, parts=(("train", 0.7), ("val", 0.3)), names=("ant", "bee")):
    """Pictures dealt into ``root/<part>/<class>/NNNN.jpg``; returns the paths."""
    paths, start = [], 0
    for part, share in parts:
        stop = start + round(len(pictures) * share)
        for i, image in enumerate(pictures[start:stop], start):
            path = root / part / names[i % len(names)] / f"{i:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(image, quality=92))
            paths.append(path)
        start = stop
    return paths


class Field:
    """A folder into which faults are sown, and what must be found: {kind: [set of files]}."""

    def __init__(self, root, paths, seed=0):
        self.root, self.rng = root, random.Random(seed)
        self.train = [p for p in paths if p.parts[-3] == "train"]
        self.val = [p for p in paths if p.parts[-3] == "val"]
        self.rng.shuffle(self.train)
        self.rng.shuffle(self.val)
        self.expected = defaultdict(list)
        self.unreadable = set()

    def sown(self, kind, *files):
        self.expected[kind].append({str(file) for file in files})

    def spoil(self, kind, change, suffix=None, lost=True):
        """Change the bytes of a picture of the training part."""
        path = self.train.pop()
        content = change(path)
        path.unlink()
        path = path if suffix is None else path.with_suffix(suffix)
        path.write_bytes(content)
        self.sown(kind, path)
        if lost:
            self.unreadable.add(str(path))

    def copy(self, kind, change=None, *, part="train", label=None, suffix=".jpg"):
        """Put a (changed) copy of a picture of the training part somewhere."""
        path = self.train.pop()
        target = self.root / part / (label or path.parent.name) / f"copy of {path.stem}{suffix}"
        target.write_bytes(path.read_bytes() if change is None else change(Image.open(path).convert("RGB")))
        self.sown(kind, path, target)

    def sow_forty(self):
        rng = np.random.RandomState(1)
        garbage = rng.bytes(4000).replace(b"\xff", b"\xfe")
        for _ in range(3):
            self.spoil("empty-file", lambda p: b"")
        for content in (
            b"<!doctype html><title>404</title>",
            b"PK\3\4" + garbage,
            b"\1" + garbage,
        ):
            self.spoil("not-a-picture", lambda p, content=content: content)
        self.spoil("truncated", lambda p: p.read_bytes()[: p.stat().st_size * 6 // 10])
        self.spoil("truncated", lambda p: p.read_bytes()[: p.stat().st_size * 95 // 100])
        self.spoil("truncated", lambda p: _half(encoded(Image.open(p), "PNG")), ".png")
        self.spoil("truncated", lambda p: _half(encoded(Image.open(p), "WEBP")), ".webp")
        self.spoil("truncated", lambda p: _half(encoded(Image.open(p), "JPEG", progressive=True))[:400])
        self.spoil("broken", lambda p: _spoilt_png(Image.open(p)), ".png")
        self.spoil("broken", lambda p: b"\xff\xd8\xff\xe0\0\4ab" + garbage)
        self.spoil("broken", lambda p: b"BM" + garbage, ".bmp")
        for size in ((5, 5), (1, 1), (7, 6)):
            self.spoil("tiny", lambda p, size=size: encoded(drawn(900 + size[0], size), "PNG"), ".png", lost=False)
        with Image.open(self.train[0]) as first:
            width, height = first.size
        for size in ((9 * height, height), (width // 2, 5 * width), (5 * height, height)):
            self.spoil("odd-aspect", lambda p, size=size: encoded(drawn(950 + size[0], size)), lost=False)
        self.copy("duplicate")
        self.copy("duplicate")
        self.copy("duplicate", lambda im: encoded(im, "PNG"), suffix=".png")
        self.copy("near-duplicate", lambda im: encoded(im, quality=40))
        self.copy("near-duplicate", lambda im: encoded(im.resize((im.width * 2 // 3, im.height // 2))))
        self.copy("near-duplicate", lambda im: encoded(im.crop((4, 2, im.width, im.height - 2))))
        self.copy("near-duplicate", lambda im: encoded(im.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
        self.copy("in-two-parts", part="val")
        self.copy("in-two-parts", lambda im: encoded(im, "PNG"), part="val", suffix=".png")
        self.copy("near-in-two-parts", lambda im: encoded(im, quality=50), part="val")
        self.copy("near-in-two-parts", lambda im: encoded(im.resize((64, 64))), part="val")
        for _ in range(2):
            label = "bee" if self.train[-1].parent.name == "ant" else "ant"
            self.copy("in-two-classes", label=label)
        for part, count in (("train", 4), ("val", 1)):
            (self.root / part / "wasp").mkdir()
            for i in range(count):
                (self.root / part / "wasp" / f"{i}.jpg").write_bytes(encoded(drawn(700 + i + 10 * (part == "val"))))
        self.sown("few", self.root / "train" / "wasp")
        self.sown("uneven", self.root / "train" / "ant", self.root / "train" / "wasp")
        (self.root / "train" / "hornet").mkdir()
        self.sown("few", "hornet")
        for path in (self.root / "train" / "notes.txt", self.root / "readme.txt"):
            path.write_text("notes")
            self.sown("stray", path)
        self.spoil("wrong-extension", lambda p: encoded(Image.open(p), "PNG"), lost=False)
        self.spoil("wrong-extension", lambda p: p.read_bytes(), ".png", lost=False)
        self.spoil("plain", lambda p: encoded(Image.new("RGB", (width, height), (10, 200, 30))), lost=False)
        assert sum(map(len, self.expected.values())) == 41

    def judge(self, report):
        """Nothing missed of any kind; no false alarm of an exact kind."""
        found = defaultdict(list)
        for finding in report:
            found[finding.kind].append(set(finding.files))
        for kind in KINDS:
            expected = sorted(map(sorted, self.expected[kind]))
            told = sorted(map(sorted, found[kind]))
            if KINDS[kind].exact:
                assert told == expected, kind
            for files in self.expected[kind]:
                assert any(files <= group for group in found[kind]), (kind, files)
        return found


def _half(content):
    return content[: len(content) // 2]


def _spoilt_png(image):
    content = bytearray(encoded(image, "PNG"))
    at = content.index(b"IDAT") + 40
    content[at : at + 60] = bytes(60)
    return bytes(content)


@pytest.fixture
def field(tmp_path):
    root = tmp_path / "photos"
    made = Field(root, classes(root, [drawn(i) for i in range(150)]))
    made.sow_forty()
    return made


def test_every_sown_fault_is_found_and_nothing_else(field):
    report = data.check(field.root)
    found = field.judge(report)
    for kind in ("near-duplicate", "near-in-two-parts"):  # drawn pictures look alike by design only
        assert sorted(map(sorted, found[kind])) == sorted(map(sorted, field.expected[kind]))
    assert report.files == 150 + 5 + 13
    assert report.serious
    assert not data.check(field.root, near=False).of("near-duplicate", "near-in-two-parts")


def test_training_over_the_faults_finishes_and_the_report_names_every_file_it_left_out(field, capsys):
    from striate.runs import train_run

    run = train_run(
        str(field.root),
        model="cifar_net_gmp",
        folder=field.root.parent / "run",
        image_size=(32, 32),
        epochs=1,
        verbose=0,
    )
    page = run.report.read_text()
    for path in field.unreadable:
        assert path in page
    assert run.skipped == len(field.unreadable) + 2  # and the notes that lie in train and beside it
    assert "3 empty-file" in page
    assert "wasp" in page


def test_the_cheap_part_finds_what_sizes_and_first_bytes_give_away(field):
    report = quick(field.root)
    for kind in ("empty-file", "not-a-picture", "stray", "few"):
        assert sorted(sorted(f.files) for f in report.of(kind)) == sorted(map(sorted, field.expected[kind])), kind
    assert set(report.kinds) == {"empty-file", "not-a-picture", "stray", "few", "uneven"}


def test_a_clean_folder_has_no_findings(tmp_path):
    classes(tmp_path / "clean", [drawn(i) for i in range(80)])
    report = data.check(tmp_path / "clean")
    assert not report.findings
    assert str(report).endswith("80 pictures, 2 parts (train, validation), 2 classes: nothing found")
    assert report.counts == {"train": {"ant": 28, "bee": 28}, "validation": {"ant": 12, "bee": 12}}


def test_a_zip_is_checked_like_its_folder(field):
    packed = field.root.parent / "photos.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(field.root.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(field.root))
    inside = data.check(packed).kinds
    outside = data.check(field.root).kinds
    assert inside == outside | {"few": 1}  # an empty folder is not in the zip


def test_a_class_that_train_lacks_is_named(tmp_path):
    paths = classes(tmp_path, [drawn(i) for i in range(60)])
    (tmp_path / "val" / "fly").mkdir()
    shutil.copy(paths[-1], tmp_path / "val" / "fly" / "a.jpg")
    (finding,) = data.check(tmp_path).of("unknown-class")
    assert finding.files == (str(tmp_path / "val" / "fly"),)


def test_a_csv_names_missing_files_odd_labels_and_rows_that_repeat(tmp_path):
    for i in range(12):
        drawn(i).save(tmp_path / f"{i}.png")
    rows = [f"{i}.png,{i % 2}" for i in range(12)] + ["gone.png,1", "3.png,1", "4.png,1", "5.png,x"]
    (tmp_path / "list.csv").write_text("file,label\n" + "\n".join(rows) + "\n7.png,-1\n")
    report = data.check(tmp_path / "list.csv", few=3)
    named = {kind: [f.files[0].rsplit("/", 1)[1] for f in report.of(kind)] for kind in report.kinds}
    assert named["unreadable"] == ["gone.png"]
    assert named["label-range"] == ["5.png", "7.png"]
    assert named["duplicate"] == ["3.png"]
    assert named["in-two-classes"] == ["4.png", "5.png", "7.png"]
    assert data.check(tmp_path, few=3).layout == "csv"  # a flat folder with one list in it
    over = [Path(f.files[0]).stem for f in data.check(tmp_path, classes=1, few=0).of("label-range")]
    assert sorted(over) == ["1", "11", "3", "4", "5", "5", "7", "7", "9"]


def test_the_page_shows_the_pictures_and_escapes_names(tmp_path):
    (tmp_path / "a & <b>").mkdir()
    (tmp_path / "c").mkdir()
    for name in ("a & <b>/1.jpg", "a & <b>/2.jpg"):
        drawn(3).save(tmp_path / name)
    drawn(4).save(tmp_path / "c" / "1.jpg")
    (tmp_path / "c" / "empty.jpg").touch()
    page = write_data_report(tmp_path / "page.html", data.check(tmp_path)).read_text()
    assert page.count("data:image/jpeg;base64") == 2
    assert "a &amp; &lt;b&gt;/1.jpg" in page
    assert "<b>/1.jpg" not in page
    assert "c/empty.jpg" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_command_prints_a_table_or_json_and_strict_gives_one(field, capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["data", "check", *map(str, arguments)])
        out = capsys.readouterr()
        return ended.value.code, out.out, out.err

    code, text, err = run(field.root, "--html", field.root.parent / "page.html")
    assert (code, err) == (0, "")
    assert "empty-file" in text
    assert (field.root.parent / "page.html").is_file()
    code, text, _ = run(field.root, "--json", "--no-near")
    told = json.loads(text)
    assert told["kinds"]["empty-file"] == 3
    assert {"kind", "severity", "files", "detail"} == set(told["findings"][0])
    assert run(field.root, "--strict")[0] == 1
    code, _, err = run(field.root / "nowhere")
    assert code == 2
    assert err.count("\n") == 1


def test_faulty_arguments_and_empty_folders_are_told(tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        data.check(tmp_path)
    with pytest.raises(ArgumentError, match="few"):
        data.check(tmp_path, few=-1)
    (tmp_path / "a.bin").write_bytes(b"1")
    with pytest.raises(DataError, match="is no folder"):
        data.check(tmp_path / "a.bin")


def test_the_end_of_a_file_is_known_without_decoding():
    image = drawn(1)
    for kind, options in (("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("GIF", {})):
        content = encoded(image, kind, **options)
        assert whole(content)
        assert not whole(content[: len(content) - len(content) // 8])
    assert whole(encoded(image) + b"\0" * 50)  # cameras write things after the end
    thumbnail = encoded(image.resize((16, 16)))  # a whole picture in the header of another
    header = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    photo = encoded(image)
    assert whole(photo[:2] + header + photo[2:])
    assert not whole(photo[:2] + header + photo[2:-200])


@real
@pytest.mark.slow
def test_forty_faults_among_two_thousand_photos(tmp_path):
    """Quarters of the photos, which share no pixel: a few near duplicates that were not sown are allowed."""
    root, quarters = tmp_path / "photos", []
    for path in sorted([*(DATA / "imagenet-samples").glob("*.jpg"), *(DATA / "hymenoptera").rglob("*.jpg")]):
        image = Image.open(path).convert("RGB")
        w, h = image.width // 2, image.height // 2
        quarters += [image.crop((x, y, x + w, y + h)) for x, y in ((0, 0), (w, 0), (0, h))]
    random.Random(0).shuffle(quarters)
    made = Field(root, classes(root, quarters[:1980]))
    made.sow_forty()
    assert 1995 <= sum(path.is_file() for path in root.rglob("*")) <= 2005
    report = data.check(root)
    made.judge(report)
    false = [f for f in report.of("near-duplicate", "near-in-two-parts") if set(f.files) not in made.expected[f.kind]]
    assert len(false) <= 3

    from striate.runs import train_run

    run = train_run(str(root), model="cifar_net_gmp", folder=tmp_path / "run", image_size=(32, 32), epochs=1, verbose=0)
    page = run.report.read_text()
    assert all(path in page for path in made.unreadable)
    assert run.skipped == len(made.unreadable) + 2


@real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["hymenoptera", "imagenet-samples"])
def test_real_photos_give_no_false_alarm(name):
    assert set(data.check(DATA / name, few=0).kinds) == set()


def test_a_data_set_is_checked_by_its_name_with_the_labels_that_only_the_name_says(tmp_path, monkeypatch):
    labels = np.arange(12, dtype=np.uint8).repeat(100).reshape(30, 40)
    for i, part in enumerate(("train", "val")):
        for kind, values in (("images", np.random.RandomState(i).randint(0, 256, (30, 40, 3))), ("masks", labels)):
            (tmp_path / "camvid" / part / kind).mkdir(parents=True)
            Image.fromarray(values.astype(np.uint8)).save(tmp_path / "camvid" / part / kind / "a.png")
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path))
    report = data.check("camvid")
    assert report.path == str(tmp_path / "camvid")
    assert (report.files, report.of("label-range")) == (2, [])
    assert data.check(tmp_path / "camvid", classes=11).of("label-range")
    assert not data.check(tmp_path / "camvid", classes=11, ignored=11).of("label-range")


def _film(folder, name, count, rng, step=1):
    """Frames (60 x 80) of a camera that moves over a soft picture, `step` pixels in each."""
    wide = Image.fromarray(rng.randint(0, 256, (6, 8 + count, 3)).astype(np.uint8)).resize((80 + step * count, 60), 2)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        wide.crop((i * step, 0, i * step + 80, 60)).save(folder / f"{name}_{30 * i + 6690:05}.png")


def test_frames_of_a_film_are_told_in_one_note_and_copies_all_the_same(tmp_path):
    rng = np.random.RandomState(0)
    _film(tmp_path / "street", "drive", 12, rng)
    for i in range(12):  # other pictures, numbered as well, with a copy of one far from it
        noise = Image.fromarray(rng.randint(0, 256, (6, 8, 3)).astype(np.uint8)).resize((80, 60), 2)
        noise.save(tmp_path / "street" / f"photo{i}.png")
    with Image.open(tmp_path / "street" / "photo2.png") as one:
        one.resize((160, 120)).save(tmp_path / "street" / "photo11.png")
    report = data.check(tmp_path)
    (film,) = report.of("frames")
    assert film.severity == "note"
    assert {Path(file).stem.partition("_")[0] for file in film.files} == {"drive"}
    assert len(film.files) >= 8
    assert "run" in film.detail
    (copy,) = report.of("near-duplicate")
    assert sorted(Path(file).name for file in copy.files) == ["photo11.png", "photo2.png"]


def test_frames_of_one_film_in_two_parts_stay_a_warning(tmp_path):
    _film(tmp_path / "train" / "street", "drive", 12, np.random.RandomState(0))
    there = sorted((tmp_path / "train" / "street").iterdir())
    (tmp_path / "val" / "street").mkdir(parents=True)
    for file in there[1::2]:
        file.rename(tmp_path / "val" / "street" / file.name)
    report = data.check(tmp_path)
    assert report.of("near-in-two-parts")
    assert not report.of("frames")


def test_a_pair_of_copies_with_neighbouring_numbers_is_no_film(tmp_path):
    rng = np.random.RandomState(0)
    (tmp_path / "street").mkdir()
    for i in range(8):
        Image.fromarray(rng.randint(0, 256, (6, 8, 3)).astype(np.uint8)).resize((80, 60), 2).save(
            tmp_path / "street" / f"{i}.png"
        )
    with Image.open(tmp_path / "street" / "3.png") as one:
        one.resize((160, 120)).save(tmp_path / "street" / "4.png")
    report = data.check(tmp_path)
    assert len(report.of("near-duplicate")) == 1
    assert not report.of("frames")
