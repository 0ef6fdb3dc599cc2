"""Every reader, and every command that opens a picture, gives a file the same pixels and the same label, or names it."""

from __future__ import annotations

import io
import json
import os
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_data_tiff import tiff

import striate as st
from striate import data, layers, look
from striate.cli.main import main
from striate.data import Preprocessing
from striate.data.pictures.formats import EXTENSIONS, PICTURES, TGA
from striate.errors import DataError
from striate.tasks import classify_files

HEIGHT, WIDTH = 10, 12
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
GREY = COLOUR[..., 0]
READ = Preprocessing.pictures((8, 8), 3)
pytestmark = pytest.mark.filterwarnings("ignore::striate.errors.Note")  # of TIFF files with several pages


def saved(values: np.ndarray, mode: str | None, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(values)
    (image if mode is None else image.convert(mode)).save(file, kind, **options)
    return file.getvalue()


#: The format of each ending that files are written in here.
KINDS = {one[1:]: kind for kind in EXTENSIONS.keys() - {"AVIF", "HEIC", "ICO"} for one in EXTENSIONS[kind]}
KINDS |= {one[1:]: "TGA" for one in TGA} | {"dib": "DIB"}
ENDINGS = sorted(KINDS)
MODES = {"bits": "1", "grey": "L", "palette": "P", "clear": "RGBA"}

#: Files by their names, which are read: every ending, in capitals too, every mode and depth.
READABLE = {f"e_{end}.{end}": saved(COLOUR, None, KINDS[end]) for end in ENDINGS}
READABLE |= {f"c_{end}.{end.upper()}": saved(COLOUR, None, KINDS[end]) for end in ENDINGS}
READABLE |= {f"m_{name}.png": saved(COLOUR, mode, "PNG") for name, mode in MODES.items()}
READABLE |= {f"m_{name}.tif": saved(COLOUR, mode, "TIFF") for name, mode in MODES.items()}
READABLE["m_ink.jpg"] = saved(COLOUR, "CMYK", "JPEG")
READABLE["m_grey.jpg"] = saved(COLOUR, "L", "JPEG")
for bits in (8, 10, 12, 14, 16):
    whole = np.rint(GREY / 255 * ((1 << bits) - 1))
    for white, order in ((0, "<"), (1, ">")):
        READABLE[f"t_{bits}_{white}.tif"] = tiff(whole, bits, white, order)
READABLE["t_pages.tiff"] = tiff(GREY, 8, pages=3)
READABLE["t_16.png"] = saved(GREY.astype(np.uint16) * 257, None, "PNG")
_turned = Image.Exif()
_turned[0x0112] = 6
READABLE["x_turned.jpg"] = saved(COLOUR.transpose(1, 0, 2).copy(), None, "JPEG", exif=_turned)
READABLE["x_called_otherwise.jpg"] = saved(COLOUR, None, "PNG")

#: Files that no reader takes.
BROKEN = {
    "b_empty.png": b"",
    "b_text.jpg": b"<html>not here</html>",
    "b_cut.jpg": saved(COLOUR, None, "JPEG")[:-40],
    "b_cut.png": saved(COLOUR, None, "PNG")[:-40],
    "b_floats.tif": tiff(GREY / 255, 32, kind=3),
    "b_signed.TIF": tiff(np.rint(GREY / 4), 16, kind=2),
    "b_photoshop.psd": b"8BPS" + bytes(50),
    "b_drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "b_pdf.png": b"%PDF-1.4" + bytes(50),
}
FILES = READABLE | BROKEN
CLASS = {name: ("ant", "bee")[i % 2] for i, name in enumerate(FILES)}


def truth(name: str) -> np.ndarray | None:
    """The pixels of a file by itself, (8, 8, 3); None where it is refused."""
    try:
        return READ.pixels(FILES[name])
    except DataError:
        return None


def spread(folder: Path) -> Path:
    for name, content in FILES.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def in_folders(root: Path) -> Path:
    for name, content in FILES.items():
        (root / CLASS[name]).mkdir(parents=True, exist_ok=True)
        (root / CLASS[name] / name).write_bytes(content)
    return root


def in_a_zip(root: Path) -> Path:
    root.mkdir(parents=True)
    with zipfile.ZipFile(root / "set.zip", "w") as file:
        for name, content in FILES.items():
            file.writestr(f"{CLASS[name]}/{name}", content)
    return root / "set.zip"


def in_a_table(root: Path) -> Path:
    spread(root / "all")
    rows = "\n".join(["file,label", *(f"all/{name},{CLASS[name]}" for name in FILES)])
    (root / "list.csv").write_text(rows)
    return root / "list.csv"


def beside_a_table(root: Path) -> Path:
    spread(root)
    (root / "list.csv").write_text("\n".join(["file,label", *(f"{name},{CLASS[name]}" for name in FILES)]))
    return root


def own_stems() -> dict[str, str]:
    """Names of which no two are alike before the ending, where an annotation is found by that: {ours: theirs}."""
    return {name: f"{Path(name).stem}_{i}{Path(name).suffix}" for i, name in enumerate(FILES)}


def in_voc(root: Path) -> Path:
    for folder in ("JPEGImages", "Annotations"):
        (root / folder).mkdir(parents=True)
    box = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>6</xmax><ymax>6</ymax></bndbox>"
    for name, own in own_stems().items():
        (root / "JPEGImages" / own).write_bytes(FILES[name])
        thing = f"<object><name>{CLASS[name]}</name>{box}</object>"
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        text = f"<annotation><filename>{own}</filename>{size}{thing}</annotation>"
        (root / "Annotations" / own).with_suffix(".xml").write_text(text)
    return root


def in_coco(root: Path) -> Path:
    spread(root / "all")
    images = [{"id": i, "file_name": f"all/{name}", "width": WIDTH, "height": HEIGHT} for i, name in enumerate(FILES)]
    found = [
        {
            "id": i,
            "image_id": i,
            "category_id": 1 + (CLASS[name] == "bee"),
            "bbox": [2, 2, 4, 4],
            "area": 16,
            "iscrowd": 0,
        }
        for i, name in enumerate(FILES)
    ]
    kinds = [{"id": 1, "name": "ant"}, {"id": 2, "name": "bee"}]
    (root / "all.json").write_text(json.dumps({"images": images, "annotations": found, "categories": kinds}))
    return root / "all.json"


def in_yolo(root: Path) -> Path:
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("ant\nbee\n")
    for name, own in own_stems().items():
        (root / "images" / own).write_bytes(FILES[name])
        (root / "labels" / own).with_suffix(".txt").write_text(f"{int(CLASS[name] == 'bee')} .5 .5 .5 .5\n")
    return root


READERS = {
    "folders": (data.folder, in_folders),
    "zip": (data.read_zip, in_a_zip),
    "table": (data.read_csv, in_a_table),
    "voc": (data.read_voc, in_voc),
    "coco": (data.read_coco, in_coco),
    "yolo": (data.read_yolo, in_yolo),
}


def name_of(path: str) -> str:
    """The file of ours that a path is, whatever number a reader's layout put behind it."""
    plain = Path(path)
    if plain.name in FILES:
        return plain.name
    return f"{plain.stem.rpartition('_')[0]}{plain.suffix}"


@pytest.mark.parametrize("packed", ["read", "loaded"])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_gives_every_file_its_pixels_and_its_label_or_names_it(reader, packed, tmp_path):
    read, write = READERS[reader]
    place = write(tmp_path / "set")
    found = read(place, preprocessing=READ) if packed == "read" else data.load(place, preprocessing=READ).train
    names = [name_of(path) for path in found.paths]
    assert sorted(names) == sorted(READABLE)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(found.x[i], truth(name), err_msg=name)
        number = found.y[i] if found.boxes is None else found.box_labels[i][0]
        assert found.classes[number] == CLASS[name]
    left_out = {name_of(skipped.path): skipped.reason for skipped in found.skipped}
    assert set(left_out) == set(BROKEN)
    assert all(len(reason) > 10 for reason in left_out.values())
    if packed == "loaded":
        report = data.check(place, near=False, few=0)
        kinds = {"empty-file", "not-a-picture", "broken", "truncated"}
        assert {name_of(file) for finding in report if finding.kind in kinds for file in finding.files} == set(BROKEN)
        assert sum(report.usable.values()) == len(READABLE)


def test_every_ending_of_a_format_that_is_read_is_that_of_a_picture():
    Image.init()
    kinds = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF", "ICO", "PCX"}
    assert {ending for ending, kind in Image.registered_extensions().items() if kind in kinds} <= PICTURES
    assert {
        ".jif",
        ".jfi",
        ".jfif",
        ".pjpeg",
        ".pjp",
    } <= PICTURES  # what browsers and operating systems call a JPEG too


def test_masks_are_found_for_pictures_of_every_ending_and_have_them_too(tmp_path):
    lossless = sorted(end for end, kind in KINDS.items() if kind in ("PNG", "BMP", "TGA", "PCX", "TIFF"))
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for end in ENDINGS:
        (tmp_path / "images" / f"{end}.{end}").write_bytes(saved(COLOUR, None, KINDS[end]))
    for i, end in enumerate(ENDINGS):
        ending = lossless[i % len(lossless)]
        (tmp_path / "masks" / f"{end}.{ending}").write_bytes(saved(GREY // 128, None, KINDS[ending]))
    found = data.read_masks(tmp_path, preprocessing=READ, classes=["ground", "thing"])
    assert sorted(Path(path).name for path in found.paths) == sorted(f"{end}.{end}" for end in ENDINGS)
    assert not found.skipped


@pytest.mark.parametrize("ending", ["jif", "jfif", "pjpeg", "JPG", "jpe", "tif", "tiff", "png", "bmp"])
def test_an_array_is_saved_as_what_the_name_ends_in(ending, tmp_path):
    st.utils.save_img(tmp_path / f"a.{ending}", COLOUR)
    with Image.open(tmp_path / f"a.{ending}") as image:
        assert image.format == KINDS[ending.lower()]


def test_a_table_beside_its_pictures_is_read_as_its_path_is(tmp_path):
    place = beside_a_table(tmp_path / "set")
    by_folder, by_path = (data.load(each, preprocessing=READ).train for each in (place, place / "list.csv"))
    np.testing.assert_array_equal(by_folder.x, by_path.x)
    np.testing.assert_array_equal(by_folder.y, by_path.y)


def probe() -> st.Model:
    """A network that gives back what it gets, and a classifier on it."""
    st.set_seed(0)
    inputs = layers.Input((8, 8, 3))
    model = st.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten(name="seen")(inputs)))
    model.preprocessing, model.labels = READ, ["ant", "bee"]
    return model


def test_prediction_looks_and_arithmetic_see_the_pixels_that_the_readers_see(tmp_path, capsys):
    model, place = probe(), in_folders(tmp_path / "set")
    x = READ.normalise(np.stack([truth(name) for name in READABLE]))
    wanted = dict(zip(READABLE, model.predict(x, verbose=0), strict=True))
    answers = {Path(answer.path).name: answer for answer in classify_files(model, place, 2)}
    assert set(answers) == set(FILES)
    for name, answer in answers.items():
        if name in BROKEN:
            assert answer.error
            continue
        found = {guess.label: guess.probability for guess in answer.guesses}
        assert [found["ant"], found["bee"]] == pytest.approx(wanted[name], abs=1e-5)
    files = [str(place / CLASS[name] / name) for name in READABLE]
    np.testing.assert_array_equal(look.activations(model, files, "seen")["seen"], x.reshape(len(x), -1))
    for name in ("t_12_0.tif", "c_jfif.JFIF", "m_clear.png", "x_turned.jpg"):
        told = model.explain("seen", picture=str(place / CLASS[name] / name), at=(17,))
        assert f"{x.reshape(len(x), -1)[list(READABLE).index(name), 17]:.3g}"[:4] in str(told)
    model.save(tmp_path / "run")
    for name in ("b_empty.png", "b_cut.jpg", "b_floats.tif"):
        with pytest.raises(SystemExit) as ended:
            main(
                [
                    "look",
                    "saliency",
                    str(tmp_path / "run"),
                    str(place / CLASS[name] / name),
                    "--out",
                    str(tmp_path / "s.png"),
                ]
            )
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("striate: ")
        assert name in error
        assert error.count("\n") == 1


# -- masks ----------------------------------------------------------------------------------------------------------------
LABELS = RNG.integers(0, 4, (HEIGHT, WIDTH)).astype(np.uint8)
WHITE = (LABELS > 1).astype(np.uint8)
_palette = Image.fromarray(LABELS)
_palette.putpalette(list(range(12)))


def _of(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


#: Masks by their names: (content, labels).
MASKS = {
    "grey.png": (saved(LABELS, None, "PNG"), LABELS),
    "grey_capital.PNG": (saved(LABELS, None, "PNG"), LABELS),
    "palette.png": (_of(_palette, "PNG"), LABELS),
    "colours_alike.png": (saved(np.repeat(LABELS[..., None], 3, 2), None, "PNG"), LABELS),
    "clear.png": (saved(np.dstack([LABELS, np.full_like(LABELS, 255)]), None, "PNG"), LABELS),
    "sixteen.png": (saved(LABELS.astype(np.uint16), None, "PNG"), LABELS),
    "grey.bmp": (saved(LABELS, None, "BMP"), LABELS),
    "grey.tif": (tiff(LABELS, 8), LABELS),
    "twelve.tif": (tiff(LABELS, 12), LABELS),
    "sixteen.TIFF": (tiff(LABELS, 16, order=">"), LABELS),
    "lossless.webp": (saved(np.repeat(LABELS[..., None], 3, 2), None, "WEBP", lossless=True), LABELS),
    "grey.pgm": (saved(LABELS, None, "PPM"), LABELS),
    "colours.png": (saved(COLOUR, None, "PNG"), None),
    "floats.tif": (tiff(LABELS / 3, 32, kind=3), None),
    "blurred.jpg": (saved(LABELS, None, "JPEG"), None),
    "smaller.png": (saved(LABELS[:5], None, "PNG"), None),
    "empty.png": (b"", None),
}


def test_a_mask_gives_its_labels_in_whatever_way_it_was_saved_without_loss_or_is_named(tmp_path):
    for i, (name, (content, _)) in enumerate(MASKS.items()):
        for folder, told in (("images", saved(COLOUR, None, "PNG")), ("masks", content)):
            (tmp_path / folder).mkdir(exist_ok=True)
            ending = ".png" if folder == "images" else Path(name).suffix
            (tmp_path / folder / f"{i:02}_{Path(name).stem}{ending}").write_bytes(told)
    found = data.read_masks(tmp_path)
    read = {Path(path).stem: y for path, y in zip(found.paths, found.y, strict=True)}
    whole = {f"{i:02}_{Path(name).stem}" for i, (name, (_, y)) in enumerate(MASKS.items()) if y is not None}
    assert set(read) == whole
    for name, y in read.items():
        np.testing.assert_array_equal(y, LABELS, err_msg=name)
    named = {Path(skipped.path).stem for skipped in found.skipped}
    assert named == {f"{i:02}_{Path(name).stem}" for i, (name, (_, y)) in enumerate(MASKS.items()) if y is None}
    report = data.check(tmp_path, near=False, few=0)
    assert sum(report.usable.values()) == len(whole)
    assert named <= {Path(file).stem for finding in report for file in finding.files}


@pytest.mark.parametrize("part_first", [True, False])
def test_black_and_white_is_decided_once_for_all_parts_and_ways_of_saving(part_first, tmp_path):
    saving = {
        "0.png": saved(255 * WHITE, None, "PNG"),
        "1.png": _of(Image.fromarray(WHITE.astype(bool)), "PNG"),
        "2.bmp": saved(255 * WHITE, None, "BMP"),
        "3.tif": tiff(255 * WHITE, 8),
    }
    for part in ("train", "val", "test"):
        for name, content in saving.items():
            alone = {"train": content, "val": content, "test": saved(np.full_like(WHITE, 255), None, "PNG")}[part]
            if name == "1.png" and part == "test":
                continue
            for folder, told in (("images", saved(COLOUR, None, "PNG")), ("masks", alone)):
                place = tmp_path / part / folder if part_first else tmp_path / folder / part
                place.mkdir(parents=True, exist_ok=True)
                own = f"{name[0]}.png" if folder == "images" or part == "test" else name
                (place / own).write_bytes(told)
    parts = data.read_masks(tmp_path)
    for part in (parts.train, parts.validation):
        for path, y in zip(part.paths, part.y, strict=True):
            np.testing.assert_array_equal(y, WHITE, err_msg=path)
    assert np.unique(parts.test.y).tolist() == [1]


# -- labels ---------------------------------------------------------------------------------------------------------------
NAMES = [
    "0",
    "1",
    "2",
    "10",
    "11",
    "1_1",
    "007",
    "3.0",
    "cat",
    " dog",
    "Käfer",
    "1e3",
    "½",
    "true",
    "None",
    "a,b",
    "-1",
]


def written(name: str, form: str) -> str:
    return unicodedata.normalize(form, name)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("draw", range(12))
def test_a_class_has_one_number_in_folders_zips_and_tables_and_in_every_part(draw, form, tmp_path):
    rng = np.random.default_rng(draw)
    names = [NAMES[i] for i in rng.choice(len(NAMES), int(rng.integers(2, 7)), replace=False)]
    parts = {"train": names, "val": [names[i] for i in rng.permutation(len(names))[: max(1, len(names) - 1)]]}
    rows, picture = ["file,label,split"], saved(COLOUR, None, "PNG")
    wanted = {}
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for part, own in parts.items():
            for i, name in enumerate(own):
                for twin in range(2):
                    file = tmp_path / "set" / part / written(name, form) / f"{part}_{i}_{twin}.png"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(picture)
                    archive.write(file, file.relative_to(tmp_path / "set"))
                    cell = f'"{name}"' if "," in name else f" {name} "
                    rows.append(f"set/{part}/{written(name, form)}/{file.name}".replace(",", "\0") + f",{cell},{part}")
                    wanted[file.name] = " ".join(unicodedata.normalize("NFC", name).split())
    by_folder = data.load(tmp_path / "set", image_size=(8, 8))
    table = "\n".join('"' + row.split(",", 1)[0].replace("\0", ",") + '",' + row.split(",", 1)[1] for row in rows)
    (tmp_path / "list.csv").write_text(table, encoding="utf-8")
    by_zip = data.load(tmp_path / "set.zip", image_size=(8, 8))
    by_table = data.load(tmp_path / "list.csv", image_size=(8, 8), classes=by_folder.train.classes)
    for read in (by_folder, by_zip, by_table):
        assert read.train.classes == read.validation.classes == by_folder.train.classes
        for part in (read.train, read.validation):
            assert {os.path.basename(path): part.classes[y] for path, y in zip(part.paths, part.y, strict=True)} == {
                name: label
                for name, label in wanted.items()
                if name.startswith((part is read.train and "train") or "val")
            }


def test_what_is_wrong_with_a_label_is_named_by_reader_and_check(tmp_path):
    for i in range(4):
        (tmp_path / f"{i}.png").write_bytes(saved(COLOUR, None, "PNG"))
    (tmp_path / "list.csv").write_text("file,label\n0.png,0\n1.png,1\n2.png,cat\n3.png,-1\n")
    found = data.read_csv(tmp_path / "list.csv")
    assert [Path(path).name for path in found.paths] == ["0.png", "1.png"]
    assert found.y.tolist() == [0, 1]
    assert {Path(skipped.path).name for skipped in found.skipped} == {"2.png", "3.png"}
    report = data.check(tmp_path / "list.csv", near=False, few=0)
    assert {Path(file).name for finding in report.of("label-range") for file in finding.files} == {"2.png", "3.png"}
