"""Decoded pictures on disk: taken from there when nothing changed, made anew when and where something did."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from striate import data
from striate.data import Dataset, Preprocessing
from striate.data.feature_rows import FeatureRows
from striate.data.pictures import cache
from striate.data.pictures.decode_all import decode_all
from striate.data.pictures.workers import in_order
from striate.errors import DataError, Note

KEPT: Path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    global KEPT
    KEPT = tmp_path / "cache" / "pictures"
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve noise pictures of two classes, and a broken one."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            noise = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "photos" / name / f"{i}.png")
    (tmp_path / "photos" / "cat" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "photos"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded."""
    seen: list[str] = []
    real = Preprocessing.pixels

    def pixels(self: Preprocessing, source: object) -> np.ndarray:
        seen.append(Path(str(source)).name if isinstance(source, str | Path) else "bytes")
        return real(self, source)

    monkeypatch.setattr(Preprocessing, "pixels", pixels)
    return seen


def read(photos: Path, size: int = 8, **options: object) -> Dataset:
    found = data.folder(photos, size, **({"cache": True} | options))  # type: ignore[arg-type]
    assert isinstance(found, Dataset)
    return found


def same(a: Dataset, b: Dataset) -> None:
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.y, b.y)
    assert (a.paths, a.skipped, a.preprocessing) == (b.paths, b.skipped, b.preprocessing)


def test_second_time_nothing_is_decoded_and_all_is_as_without_a_cache(photos: Path, opened: list[str]) -> None:
    plain = read(photos, cache=False)
    assert len(opened) == 13
    assert not KEPT.exists()
    same(read(photos), plain)
    opened.clear()
    again = read(photos)
    same(again, plain)
    assert opened == []
    assert isinstance(again.x, np.memmap)
    assert not again.x.flags.writeable
    assert [Path(s.path).name for s in again.skipped] == ["broken.png"]


def test_only_what_was_added_changed_or_repaired_is_decoded(photos: Path, opened: list[str]) -> None:
    read(photos)
    red = Image.new("RGB", (30, 20), "red")
    red.save(photos / "cat" / "3.png")
    red.save(photos / "cat" / "25.png")
    (photos / "dog" / "0.png").unlink()
    (photos / "dog" / "5.png").rename(photos / "dog" / "7.png")
    red.save(photos / "cat" / "broken.png")
    opened.clear()
    found = read(photos)
    assert sorted(opened) == ["25.png", "3.png", "7.png", "broken.png"]
    same(found, read(photos, cache=False))
    assert not found.skipped
    opened.clear()
    read(photos)
    assert opened == []


def test_same_size_but_another_time_counts_as_changed(photos: Path, opened: list[str]) -> None:
    read(photos)
    at = (photos / "cat" / "0.png").stat()
    os.utime(photos / "cat" / "0.png", ns=(at.st_atime_ns, at.st_mtime_ns + 1))
    opened.clear()
    read(photos)
    assert opened == ["0.png"]


@pytest.mark.parametrize(
    "other",
    [
        Preprocessing.pictures(9, 3),
        Preprocessing.pictures(8, 1),
        Preprocessing.pictures(8, 3, resize="pad"),
        Preprocessing.pictures(8, 3, resize="crop", shorter_side=10),
        Preprocessing.pictures(8, 3, interpolation="bicubic"),
    ],
)
def test_other_pixels_are_another_file(photos: Path, other: Preprocessing) -> None:
    read(photos)
    same(read(photos, preprocessing=other), read(photos, preprocessing=other, cache=False))
    assert len(list(KEPT.iterdir())) == 2


def test_other_arithmetic_is_the_same_file(photos: Path, opened: list[str]) -> None:
    read(photos)
    opened.clear()
    other = Preprocessing(image_size=(8, 8), channels=3, order="bgr", mean=(1.0, 2.0, 3.0))
    assert read(photos, preprocessing=other).preprocessing == other
    assert opened == []


def test_zip_members_are_known_by_checksum(photos: Path, tmp_path: Path, opened: list[str]) -> None:
    path = tmp_path / "photos.zip"

    def pack() -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(photos.rglob("*.png")):
                archive.write(file, file.relative_to(photos))

    pack()
    first = data.read_zip(path, 8, cache=True)
    Image.new("RGB", (30, 20), "red").save(photos / "dog" / "2.png")
    pack()
    opened.clear()
    second = data.read_zip(path, 8, cache=True)
    assert opened == ["bytes"]
    assert isinstance(first, Dataset)
    assert isinstance(second, Dataset)
    assert (first.x != second.x).any(axis=(1, 2, 3)).sum() == 1
    assert (second.x[8] == [255, 0, 0]).all()


def test_csv_remembers_missing_files_until_they_come(photos: Path, tmp_path: Path, opened: list[str]) -> None:
    (tmp_path / "list.csv").write_text("file,label\nphotos/cat/0.png,a\nlater.png,b\nphotos/dog/1.png,b\n")
    for _ in range(2):
        found = data.read_csv(tmp_path / "list.csv", 8, cache=True)
        assert [Path(s.path).name for s in found.skipped] == ["later.png"]
    assert sorted(opened) == ["0.png", "1.png", "later.png"]
    Image.new("RGB", (3, 3), "red").save(tmp_path / "later.png")
    found = data.read_csv(tmp_path / "list.csv", 8, cache=True)
    assert len(found) == 3
    assert opened[3:] == ["later.png"]


def test_parts_of_one_list_have_a_file_each(photos: Path, opened: list[str]) -> None:
    names = [str(path) for path in sorted(photos.rglob("?.png"))]
    for part in (names[:6], names[6:], names[:6], names[6:]):
        decode_all(part, Path, Preprocessing.pictures(8, 3), str(photos), cache=True)
    assert len(opened) == 12
    assert len(list(KEPT.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "index", "header", "longer", "empty", "pixel"])
def test_damage_is_noticed_and_mended(photos: Path, opened: list[str], damage: str) -> None:
    plain = read(photos)
    (file,) = KEPT.iterdir()
    content = bytearray(file.read_bytes())
    del plain
    if damage == "cut":
        content = content[:-100]
    elif damage == "index":
        content[-200] ^= 1
    elif damage == "header":
        content[70] ^= 1
    elif damage == "longer":
        content[128:128] = b"more"
    elif damage == "pixel":
        content[200] ^= 1
    else:
        content.clear()
    file.write_bytes(content)
    opened.clear()
    with pytest.warns(Note, match="the pixels kept there are damaged, so the pictures are decoded again"):
        same(read(photos), read(photos, cache=False))
    assert len(opened) == 26
    read(photos)
    assert len(opened) == 26


def test_no_flipped_bit_gives_wrong_pixels(photos: Path) -> None:
    plain = read(photos, cache=False)
    read(photos)
    (file,) = KEPT.iterdir()
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        for at in rng.integers(0, len(whole), 20):
            content = bytearray(whole)
            content[at] ^= 1 << int(rng.integers(8))
            file.write_bytes(content)
            np.testing.assert_array_equal(read(photos).x, plain.x)


def test_large_files_are_compared_again_when_somebody_touched_them(
    photos: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read(photos, cache=False)
    read(photos)
    compared: list[int] = []
    real = zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda *given: compared.append(1) or real(*given))
    monkeypatch.setattr(cache, "_ALWAYS", 0)
    read(photos)
    assert compared
    compared.clear()
    read(photos)
    assert not compared
    (file,) = KEPT.iterdir()
    content, at = bytearray(file.read_bytes()), file.stat()
    content[200] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(at.st_atime_ns, at.st_mtime_ns))
    opened.clear()
    with pytest.warns(Note, match="damaged"):
        same(read(photos), plain)
    assert len(opened) == 13


def test_another_file_of_the_same_size_and_time_counts_as_changed(photos: Path, opened: list[str]) -> None:
    place = photos / "cat" / "0.png"
    read(photos)
    at, content = place.stat(), bytearray(place.read_bytes())
    place.write_bytes(content)
    os.utime(place, ns=(at.st_atime_ns, at.st_mtime_ns))  # as cp -p does it
    opened.clear()
    read(photos)
    assert opened == ["0.png"]


def test_the_file_is_one_that_numpy_reads(photos: Path) -> None:
    found = read(photos)
    (file,) = KEPT.iterdir()
    np.testing.assert_array_equal(np.load(file, mmap_mode="r"), found.x)


def test_breaking_off_leaves_nothing(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(shape: object) -> bytes:
        assert [file.suffix for file in KEPT.iterdir()] == [".part"]
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "_npy_header", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(photos)
    assert not list(KEPT.iterdir())


def test_killed_while_writing_leaves_nothing_under_the_name(photos: Path) -> None:
    program = f"""
import os, signal
from striate import data
from striate.data.feature_rows import FeatureRows
from striate.data.pictures import cache
real = os.replace
os.replace = lambda *a: os.kill(os.getpid(), 9)
data.folder({str(photos)!r}, 8, cache=True)
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=60)
    assert ended.returncode == -9
    assert [file.suffix for file in KEPT.iterdir()] == [".part"]
    same(read(photos), read(photos, cache=False))
    (left,) = KEPT.glob(".*.part")
    os.utime(left, (0, 0))
    read(photos, 9)
    assert not left.exists()


def test_two_at_once_do_no_harm(photos: Path) -> None:
    plain, found = read(photos, cache=False), []
    threads = [threading.Thread(target=lambda: found.append(read(photos))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for one in found:
        same(one, plain)
    assert len(list(KEPT.iterdir())) == 1


def test_pixels_that_another_process_keeps_at_this_moment_are_not_called_damaged(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read(photos)
    (file,) = KEPT.iterdir()
    file.rename(tmp_path / "whole")
    real = cache.read

    def late(path: Path) -> cache.Kept | None:
        found = real(path)
        if path == file and (tmp_path / "whole").exists():
            (tmp_path / "whole").rename(file)
        return found

    monkeypatch.setattr(cache, "read", late)
    same(read(photos), plain)  # a note would be an error


TWICE = """
import hashlib, json, sys, warnings
import numpy as np
from striate import data
from striate.data.feature_rows import FeatureRows
warnings.simplefilter("error")
print("ready", flush=True)
for line in sys.stdin:
    turn, one = line.split()
    found = data.folder(sys.argv[1], 8, cache=True)
    pixels = hashlib.sha256(np.ascontiguousarray(found.x)).hexdigest()
    rows = FeatureRows("base", "told", sys.argv[2])
    rows.add({f"{turn:>8}{one}{i:07}".encode(): np.full(4, int(turn), np.float32) for i in range(50)})
    print(json.dumps([pixels, type(found.x).__name__, len(found.skipped)]), flush=True)
"""


@pytest.mark.slow
def test_two_processes_that_keep_the_same_pictures_and_features_at_once_lose_nothing(photos: Path, tmp_path: Path):
    def begun() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TWICE, str(photos), str(tmp_path / "features")]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    rng = np.random.default_rng(1)
    with begun() as one, begun() as other:
        two = {"a": one, "b": other}
        assert [each.stdout.readline() for each in two.values()] == ["ready\n"] * 2  # type: ignore[union-attr]
        for turn in range(40):
            if turn % 2:  # all of it is there but one picture
                noise = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
                Image.fromarray(noise).save(photos / "cat" / f"{turn % 6}.png")
            elif KEPT.exists():
                for file in KEPT.iterdir():
                    file.unlink()
            for name, each in two.items():
                each.stdin.write(f"{turn} {name}\n")  # type: ignore[union-attr]
                each.stdin.flush()  # type: ignore[union-attr]
            said = [json.loads(each.stdout.readline()) for each in two.values()]  # type: ignore[union-attr]
            plain = hashlib.sha256(np.ascontiguousarray(read(photos, cache=False).x)).hexdigest()
            assert said == [[plain, "memmap", 1]] * 2
            assert [file.suffix for file in KEPT.iterdir()] == [".npy"]
        for each in two.values():
            each.communicate("")
    rows = FeatureRows("base", "told", tmp_path / "features").rows
    assert len(rows) == 40 * 2 * 50
    for key, row in rows.items():
        assert (row == int(key[:8])).all()


def test_a_full_disk_does_not_stop_the_reading(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = read(photos, cache=False)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    same(read(photos), plain)
    assert not list(KEPT.iterdir())


def test_no_room_is_said_when_asked_for_and_passed_over_otherwise(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "room_for", lambda size: False)
    with pytest.raises(DataError, match="has no room for that"):
        read(photos)
    monkeypatch.setattr(cache, "worth_keeping", lambda stamps: True)
    assert not isinstance(read(photos, cache=None).x, np.memmap)


def test_without_being_asked_only_large_sets_within_the_limit_are_kept(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not isinstance(read(photos, cache=None).x, np.memmap)
    monkeypatch.setattr(cache, "_MANY_BYTES", 10_000)
    assert isinstance(read(photos, cache=None).x, np.memmap)
    monkeypatch.setattr(cache, "LIMIT", 1_000)
    assert not isinstance(read(photos, 9, cache=None).x, np.memmap)
    assert isinstance(read(photos, 9).x, np.memmap)


def test_least_recently_used_goes_first(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {}
    for i, size in enumerate((8, 9, 10)):
        read(photos, size)
        (new,) = set(KEPT.iterdir()) - set(sizes.values())
        sizes[size] = new
        for used in (new, cache._seen(new)):
            if used.exists():
                os.utime(used, (i, i))
    read(photos, 8)
    monkeypatch.setattr(cache, "LIMIT", sum(file.stat().st_size for file in sizes.values()))
    read(photos, 11)
    left = set(KEPT.iterdir())
    assert sizes[9] not in left
    assert sizes[8] in left
    assert len(left) in (2, 3)


def test_sets_larger_than_memory_are_read_from_disk(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 1_000}[name])
    with pytest.raises(DataError, match="cache=True"):
        read(photos, cache=False)
    found = read(photos)
    monkeypatch.setattr(cache, "_IN_MEMORY", 100)
    monkeypatch.setattr(cache, "_AT_ONCE", 400)
    files = set(KEPT.iterdir())
    parts = found.split(0.25, seed=0)
    assert parts.validation is not None
    for part in (parts.train, parts.validation, found[2:5]):
        assert isinstance(part.x, np.memmap)
        numbers = [found.paths.index(path) for path in part.paths or ()]  # type: ignore[union-attr]
        np.testing.assert_array_equal(part.x, np.asarray(found.x)[numbers])
    assert set(KEPT.iterdir()) == files
    mask = np.arange(len(found)) % 2 == 0
    np.testing.assert_array_equal(found.subset(mask).x, np.asarray(found.x)[mask])


def test_batches_read_the_map_without_a_copy_or_a_warning(photos: Path) -> None:
    found = read(photos)
    assert data.Batches(found, 4)._xs[0].data_ptr() == found.x.ctypes.data
    plain = read(photos, cache=False)
    for (a, _), (b, _) in zip(data.Batches(found, 5, seed=3), data.Batches(plain, 5, seed=3), strict=True):
        assert torch.equal(a, b)


# -- workers ------------------------------------------------------------------------------------------------------------
def test_pictures_are_the_same_for_any_number_of_workers(photos: Path, tmp_path: Path) -> None:
    plain = read(photos, cache=False, workers=0)
    for count in (1, 3):
        same(read(photos, cache=False, workers=count), plain)
        same(read(photos, cache=True, workers=count), plain)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for file in photos.rglob("*.png"):
            archive.write(file, file.relative_to(photos))
    packed = data.read_zip(tmp_path / "photos.zip", 8, cache=False, workers=2)
    assert isinstance(packed, Dataset)
    np.testing.assert_array_equal(packed.x, plain.x)
    assert [s.reason for s in packed.skipped] == [s.reason for s in plain.skipped]


def test_batches_are_the_same_for_any_number_of_workers(photos: Path) -> None:
    found = read(photos)

    def batches(workers: int) -> list[torch.Tensor]:
        own = data.Batches(found, 5, seed=1, workers=workers)
        still = data.Batches(found, 5, shuffle=False, workers=workers)
        one = [t for epoch in range(3) for pair in own.epoch(epoch, start=epoch % 2) for t in pair if t is not None]
        return one + [t for b in still.batches() for t in (*b.xs, *b.ys)]

    first = batches(0)
    for count in (1, 3):
        for a, b in zip(first, batches(count), strict=True):
            assert torch.equal(a, b)


def test_processes_need_no_main_guard_and_end_with_their_parent(photos: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import json\nfrom striate import data\n"
        f"found = data.folder({str(photos)!r}, 8, cache=False, workers=2)\n"
        "print(json.dumps(int(found.x.sum())))\n"
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert json.loads(ended.stdout) == read(photos).x.sum()


def test_a_worker_that_dies_is_done_without(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.data.pictures.workers._COMMAND", "raise SystemExit")
    same(read(photos, cache=False, workers=2), read(photos, cache=False, workers=0))


def test_pictures_come_in_order_and_not_far_ahead() -> None:
    begun: list[int] = []

    def make(i: int) -> int:
        begun.append(i)
        return i * i

    results = in_order(make, range(100), 2)
    assert [next(results) for _ in range(10)] == [i * i for i in range(10)]
    assert max(begun) <= 10 + 2 * 2
    assert list(results) == [i * i for i in range(10, 100)]


def test_what_was_no_picture_is_tried_again_once_another_decoder_is_there(monkeypatch):
    good = io.BytesIO()
    Image.new("RGB", (8, 8)).save(good, "PNG")
    files, asked = {"a": good.getvalue(), "b": b"no picture"}, []

    def fetch(name: str) -> bytes:
        asked.append(name)
        return files[name]

    def found() -> list[int]:
        asked.clear()
        prepared = Preprocessing(image_size=(8, 8), channels=3)
        return decode_all(["a", "b"], fetch, prepared, "w", cache=True, stamp=lambda _: "9:same", workers=0)[1]

    monkeypatch.setattr(cache, "decoders", list)
    assert (found(), sorted(asked)) == ([0], ["a", "b"])
    assert (found(), asked) == ([0], [])
    files["b"] = files["a"]  # what it is to a decoder that knows it
    monkeypatch.setattr(cache, "decoders", lambda: ["pillow_heif"])
    assert (found(), asked) == ([0, 1], ["b"])
    assert (found(), asked) == ([0, 1], [])
