import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from striate.data import Dataset, Preprocessing, Splits, check, folder, read_csv, read_zip
from striate.errors import DataError

COLOURS = {"ant": (10, 20, 30), "bee": (200, 100, 0), "cat": (0, 255, 0)}


def paint(path, colour, size=(6, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


@pytest.fixture
def pets(tmp_path):
    """Three classes, made in another order than that of their names: 1 ant, 2 bees, 3 cats, each in its colour."""
    for name, count in (("cat", 3), ("ant", 1), ("bee", 2)):
        for i in range(count):
            paint(tmp_path / "pets" / name / f"{i}.png", COLOURS[name])
    return tmp_path / "pets"


def zipped(root, to, prefix=""):
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, prefix + str(path.relative_to(root)))
    return to


def fails(make, *fragments):
    with pytest.raises(DataError) as caught:
        make()
    for fragment in fragments:
        assert fragment in str(caught.value), str(caught.value)


def test_each_folder_is_a_class_in_sorted_order(pets):
    data = folder(pets)
    assert isinstance(data, Dataset)
    assert data.classes == ("ant", "bee", "cat")
    assert data.class_counts() == {"ant": 1, "bee": 2, "cat": 3}
    assert data.shape == (4, 6, 3)
    for pixels, label, path in zip(data.x, data.y, data.paths, strict=True):
        assert (pixels == COLOURS[data.classes[label]]).all()
        assert f"/{data.classes[label]}/" in path
    assert data.preprocessing == Preprocessing.pictures((4, 6), 3)
    assert data.name == "pets"


def test_pictures_have_the_bits_that_prediction_will_see(pets):
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 30, 3)).astype(np.uint8)).save(pets / "ant" / "0.png")
    data = folder(pets, image_size=(16, 16), channels=1, resize="crop")
    assert data.x.shape == (6, 16, 16, 1)
    for pixels, path in zip(data.x, data.paths, strict=True):
        assert np.array_equal(pixels, data.preprocessing.pixels(path))


def test_many_pictures_keep_their_order(tmp_path):
    for name in ("a", "b"):
        for i in range(60):
            paint(tmp_path / name / f"{i:03}.png", (i, i, i), (2, 2), "L")
    data = folder(tmp_path, channels=1)
    assert data.x[:, 0, 0, 0].tolist() == [*range(60), *range(60)]


def test_unreadable_files_are_left_out_and_listed_with_the_reason(pets):
    whole = (pets / "cat" / "0.png").read_bytes()
    (pets / "cat" / "1.png").write_bytes(whole[:-30])
    (pets / "cat" / "notes.txt").write_text("not a picture")
    (pets / "bee" / "0.png").write_bytes(b"")
    (pets / "cat" / ".DS_Store").write_bytes(b"hidden")
    (pets / ".git").mkdir()
    (pets / "readme.md").write_text("about")
    os.symlink(pets / "gone.png", pets / "bee" / "link.png")
    data = folder(pets)
    assert data.class_counts() == {"ant": 1, "bee": 1, "cat": 2}
    reasons = {os.path.relpath(path, pets): reason for path, reason in data.skipped}
    assert set(reasons) == {"cat/1.png", "cat/notes.txt", "bee/0.png", "bee/link.png", "readme.md"}
    assert reasons["cat/1.png"].startswith("broken picture")
    assert reasons["cat/notes.txt"].startswith("not a picture")
    assert reasons["bee/link.png"] == "there is no such file."
    assert reasons["readme.md"] == "not in a class's folder"
    assert "skipped 5" in data.summary()


def test_a_class_without_a_readable_picture_is_left_out_and_listed(pets):
    for path in (pets / "bee").iterdir():
        path.write_bytes(b"broken")
    (pets / "dog").mkdir()
    data = folder(pets)
    assert data.classes == ("ant", "cat")
    assert (str(pets / "bee"), "no readable picture in it") in data.skipped


def test_pictures_in_folders_below_belong_to_the_class_above(pets):
    paint(pets / "ant" / "outdoors" / "far" / "x.png", COLOURS["ant"])
    assert folder(pets).class_counts()["ant"] == 2


@pytest.mark.parametrize("packed", [False, True])
def test_one_folder_around_all_is_looked_through_on_disk_as_in_a_zip(packed, pets, tmp_path):
    (tmp_path / "set").mkdir()
    pets.rename(tmp_path / "set" / "photos")
    (tmp_path / "set" / "read me.txt").write_text("about")
    (tmp_path / "set" / "photos" / "licence.txt").write_text("free")
    read = folder
    place = tmp_path / "set"
    if packed:
        read, place = read_zip, zipped(place, tmp_path / "set.zip")
    found = read(place)
    assert found.class_counts() == {"ant": 1, "bee": 2, "cat": 3}
    assert {os.path.basename(path) for path, _ in found.skipped} == {"read me.txt", "licence.txt"}
    assert {finding.kind for finding in check(place).findings} <= {
        "stray",
        "few",
        "duplicate",
        "plain",
        "tiny",
        "single",
    }


def test_a_class_with_folders_in_it_beside_an_empty_class_is_not_looked_through(tmp_path):
    for year in ("2021", "2022"):
        paint(tmp_path / "ant" / year / "0.png", COLOURS["ant"])
    (tmp_path / "bee").mkdir()
    fails(lambda: folder(tmp_path), 'one class only, "ant"')


def test_a_link_round_in_a_circle_is_not_followed(pets):
    os.symlink(pets, pets / "ant" / "loop")
    data = folder(pets)
    assert len(data) == 6
    assert any("link" in reason for _, reason in data.skipped)


def test_a_linked_class_folder_is_read(pets, tmp_path):
    paint(tmp_path / "elsewhere" / "x.png", (1, 2, 3))
    os.symlink(tmp_path / "elsewhere", pets / "dog")
    assert folder(pets).class_counts()["dog"] == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_skipped_and_not_waited_for(pets):
    os.mkfifo(pets / "ant" / "pipe.png")
    assert "is not a file" in folder(pets).skipped[0].reason


def test_different_sizes_need_an_image_size(pets):
    paint(pets / "cat" / "2.png", COLOURS["cat"], (9, 9))
    fails(lambda: folder(pets), "4 x 6 x 3", "9 x 9 x 3", "image_size=(224, 224)")
    assert folder(pets, image_size=(5, 5)).shape == (5, 5, 3)


def test_grey_and_colour_without_channels_are_told_apart(pets):
    paint(pets / "cat" / "2.png", COLOURS["cat"], mode="L")
    fails(lambda: folder(pets, channels=None), "4 x 6 x 1", "channels=3")


def test_a_folder_that_is_no_data_set_is_explained(tmp_path, pets):
    fails(lambda: folder(tmp_path / "none"), "no such folder")
    fails(lambda: folder(pets / "ant" / "0.png"), "not a folder")
    fails(lambda: folder(pets / "cat"), "3 files but no folder", "<class>/<picture>")
    (tmp_path / "empty").mkdir()
    fails(lambda: folder(tmp_path / "empty"), "no pictures")
    paint(tmp_path / "one" / "ant" / "0.png", (0, 0, 0))
    fails(lambda: folder(tmp_path / "one"), 'one class only, "ant"')
    (tmp_path / "junk" / "a").mkdir(parents=True)
    (tmp_path / "junk" / "a" / "x.jpg").write_bytes(b"junk")
    fails(lambda: folder(tmp_path / "junk"), "no readable picture in 1 file.", "not a picture")


def test_too_many_pixels_for_the_memory_are_refused_before_decoding(pets, monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda name: 1000 if name == "SC_PHYS_PAGES" else 4096)
    fails(lambda: folder(pets, image_size=(2000, 2000)), "6 pictures of 2000 x 2000", "GiB")


def parted(root, parts):
    for part, classes in parts.items():
        for name, count in classes.items():
            for i in range(count):
                paint(root / part / name / f"{i}.png", COLOURS[name])
    return root


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_folders_of_parts_become_splits(tmp_path, validation):
    parts = {"train": {"ant": 2, "bee": 1, "cat": 1}, validation: {"bee": 2}, "test": {"cat": 1, "ant": 1}}
    splits = folder(parted(tmp_path / "set", parts))
    assert isinstance(splits, Splits)
    assert [len(part) for part in splits] == [4, 2, 2]
    assert {part.classes for part in splits} == {("ant", "bee", "cat")}
    assert splits.validation.y.tolist() == [1, 1]
    for part in splits:
        assert (part.x[:, 0, 0] == [COLOURS[part.classes[y]] for y in part.y]).all()
    assert splits.train.preprocessing == splits.test.preprocessing


def test_train_alone_is_splits_with_one_part(tmp_path):
    splits = folder(parted(tmp_path, {"train": {"ant": 1, "bee": 1}}))
    assert len(splits.train) == 2
    assert splits.validation is None
    assert splits.test is None


def test_a_class_called_train_is_a_class_beside_others(pets):
    paint(pets / "train" / "0.png", (9, 9, 9))
    assert folder(pets).classes == ("ant", "bee", "cat", "train")


def test_parts_that_do_not_fit_together_are_refused(tmp_path):
    fails(
        lambda: folder(parted(tmp_path / "a", {"train": {"ant": 1, "bee": 1}, "val": {"cat": 1}})),
        'the first is "cat"',
        "ant, bee",
    )
    fails(lambda: folder(parted(tmp_path / "b", {"val": {"ant": 1}, "test": {"bee": 1}})), "no train")
    parts = {"train": {"ant": 1, "bee": 1}, "val": {"ant": 1}, "valid": {"bee": 1}}
    fails(lambda: folder(parted(tmp_path / "c", parts)), "both val and valid")
    root = parted(tmp_path / "d", {"train": {"ant": 1, "bee": 1}})
    paint(root / "test" / "0.png", (0, 0, 0))
    fails(lambda: folder(root), "test: has 1 file but no folder")


@pytest.mark.parametrize("prefix", ["", "pets/", "some/where/"])
def test_a_zip_gives_the_same_data_set_as_its_folder(pets, tmp_path, prefix):
    there, here = read_zip(zipped(pets, tmp_path / "pets.zip", prefix)), folder(pets)
    assert np.array_equal(there.x, here.x)
    assert there.y.tolist() == here.y.tolist()
    assert there.classes == here.classes
    assert there.preprocessing == here.preprocessing
    assert there.name == "pets"


def test_a_zip_of_parts_is_splits(tmp_path):
    root = parted(tmp_path / "set", {"train": {"ant": 2, "bee": 1}, "test": {"bee": 2}})
    splits = read_zip(zipped(root, tmp_path / "set.zip"))
    assert [len(splits.train), len(splits.test)] == [3, 2]


def test_a_damaged_member_of_a_zip_is_skipped(pets, tmp_path):
    path = zipped(pets, tmp_path / "pets.zip")
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("cat/1.png")
    data = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len("cat/1.png")
    data[start + 10 : start + 30] = b"\xff" * 20
    path.write_bytes(data)
    read = read_zip(path)
    assert read.class_counts() == {"ant": 1, "bee": 2, "cat": 2}
    assert [os.path.basename(path) for path, _ in read.skipped] == ["1.png"]


def test_a_member_that_unpacks_to_too_much_is_skipped(pets, tmp_path):
    path = zipped(pets, tmp_path / "pets.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("ant/bomb.png", "w") as member:
        for _ in range(260):
            member.write(bytes(1 << 20))
    assert read_zip(path).skipped[0].reason.startswith("unpacks to 272,629,760 bytes")


def test_a_file_that_is_no_zip_or_cut_off_is_refused(pets, tmp_path):
    data = zipped(pets, tmp_path / "pets.zip").read_bytes()
    for end in (0, 10, len(data) // 2, len(data) - 30):
        (tmp_path / "cut.zip").write_bytes(data[:end])
        fails(lambda: read_zip(tmp_path / "cut.zip"), "cut.zip: is not a whole zip file")
    fails(lambda: read_zip(tmp_path / "none.zip"), "no such file")


# CSV


def table(root, text, encoding="utf-8"):
    (root / "labels.csv").write_text(text, encoding=encoding)
    return root / "labels.csv"


def test_a_csv_names_pictures_and_their_classes(pets):
    path = table(
        pets, "id,file,label\n1,cat/0.png,cat\n2,ant/0.png,ant\n\n3,bee/1.png,bee\n4,none.png,bee\n", "utf-8-sig"
    )
    data = read_csv(path)
    assert data.classes == ("ant", "bee", "cat")
    assert data.y.tolist() == [2, 0, 1]
    assert (data.x[:, 0, 0] == [COLOURS["cat"], COLOURS["ant"], COLOURS["bee"]]).all()
    assert [os.path.basename(path) for path, _ in data.skipped] == ["none.png"]


def test_a_csv_with_numbers_keeps_them(pets, tmp_path):
    path = table(tmp_path, "x;y,what\ncat/0.png,7\nant/0.png,0\n")
    data = read_csv(path, file_column="x;y", label_column="what", root=pets, image_size=(3, 3), channels=1)
    assert data.y.tolist() == [7, 0]
    assert data.classes is None
    assert data.shape == (3, 3, 1)
    fails(
        lambda: read_csv(path, file_column="x;y", label_column="what", root=pets, classes=["a", "b"]),
        "the first 7 at index 0",
    )


@pytest.mark.parametrize(
    ("text", "options", "fragment"),
    [
        ("", {}, "no rows"),
        ("file,label\n", {}, "no rows"),
        ("a,b\n1,2\n", {}, "file_column="),
        ("file,b\n1,2\n", {}, "label_column="),
        ("file,label\n1,2\n", {"file_column": "fil"}, 'Did you mean "file"'),
        ("file,label\n1\n", {}, "line 2: 1 cell,"),
        ("file,label\nx.png,dog\n", {"classes": ["cat"]}, '"dog"'),
        ("file,label\nx.png,dog\n", {}, "no readable picture in 1 file."),
    ],
)
def test_a_faulty_csv_is_explained(pets, text, options, fragment):
    fails(lambda: read_csv(table(pets, text), **options), fragment)


def test_a_csv_that_is_no_text_is_refused(pets):
    (pets / "x.csv").write_bytes(b"file,label\n\xff\xfe\0\n")
    fails(lambda: read_csv(pets / "x.csv"), "UTF-8")


GERMAN = [("Datei", "Art", "Länge_mm"), ("cat\\ä.png", "Käfer groß", "3,25"), ("cat\\1.png", "Ameise", "1,5")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_that_german_excel_wrote_is_read(pets, encoding, mark):
    """Its columns have no usual names: one alone is called like pictures, one alone has words that come again."""
    (pets / "cat" / "0.png").rename(pets / "cat" / "ä.png")
    rows = [GERMAN[0], *GERMAN[1:], *GERMAN[1:]]
    path = pets / "Tabelle.csv"
    path.write_bytes("".join(mark.join(row) + "\r\n" for row in rows).encode(encoding))
    data = read_csv(path)
    assert data.classes == ("Ameise", "Käfer groß")
    assert data.y.tolist() == [1, 0, 1, 0]
    assert [os.path.basename(each) for each in data.paths[:2]] == ["ä.png", "1.png"]


def test_which_of_two_likely_columns_has_the_classes_is_asked(pets):
    text = "Datei;Art;Ort\n" + "cat/0.png;a;x\ncat/1.png;b;y\n" * 2
    fails(
        lambda: read_csv(table(pets, text)), "which column has the classes? It has Datei, Art, Ort.", 'Call it "label"'
    )
    fails(
        lambda: read_csv(table(pets, "a;b;c\n1;2;3\n")), 'which column has the pictures? It has a, b, c. Call it "file"'
    )


def test_a_workbook_called_csv_is_named(pets):
    (pets / "x.csv").write_bytes(b"PK\3\4" + b"\0" * 50)
    fails(lambda: read_csv(pets / "x.csv"), "Excel workbook")


def test_pictures_of_a_zip_are_never_written_to_disk(pets, tmp_path, monkeypatch):
    path = zipped(pets, tmp_path / "pets.zip")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    read_zip(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_class_order_of_a_model_can_be_given(pets, tmp_path):
    order = ("cat", "dog", "ant", "bee")
    for data in (folder(pets, classes=order), read_zip(zipped(pets, tmp_path / "pets.zip"), classes=order)):
        assert data.classes == order
        assert data.class_counts() == {"cat": 3, "dog": 0, "ant": 1, "bee": 2}
        for pixels, label in zip(data.x, data.y, strict=True):
            assert (pixels == COLOURS[order[label]]).all()
    fails(lambda: folder(pets, classes=("ant", "cat")), '"bee"', "ant, cat")
