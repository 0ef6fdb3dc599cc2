"""The doors: the only modules that open files, and what they do with faulty ones."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import pickle
import random
import subprocess
import sys
import tarfile
import threading
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sources import SOURCE, parsed
from steps import steps

from striate.data import check
from striate.data.readers.files import folders_in, tree_of_folder
from striate.data.readers.masks import read_masks
from striate.data.readers.scan import table_in
from striate.doors import budgets
from striate.doors.arrays import read_npz, read_state, write_npz, write_state
from striate.doors.locks import grown, locked
from striate.doors.packed import maybe_gzipped, opened_zip, read_member, unpack
from striate.doors.parsing import parse_json, parse_table, parse_xml, read_yaml
from striate.doors.processes import python
from striate.doors.reading import read_bytes, read_text
from striate.doors.writing import appended, atomic_write, json_text, made_aside, moved, new_folder, written
from striate.errors import BundleError, DataError
from striate.utils.pictures import load_img
from striate.visible import visible

# What opens, parses, unpacks, downloads or replaces files, and starts processes.  A method counts whatever it is called on.
CALLS = {
    *("open", "io.open", "os.open", "os.fdopen", "gzip.open", "tarfile.open", "Image.open", "av.open"),
    *("json.load", "json.loads", "yaml.load", "yaml.safe_load", "torch.load", "np.load", "numpy.load", "pickle.load"),
    *("pickle.loads", "h5py.File", "zipfile.ZipFile", "gzip.GzipFile", "safe_open", "load_file", "ET.parse"),
    *("onnx.load", "onnx.load_model", "onnx.load_model_from_string", "onnx.load_from_string", "sqlite3.connect"),
    *("np.save", "np.savez", "torch.save", "urllib.request.urlopen", "urlopen", "requests.get", "requests.post"),
    *("os.replace", "os.rename", "os.unlink", "os.remove", "shutil.rmtree", "shutil.copy", "shutil.copyfile"),
    *("tempfile.mkstemp", "tempfile.mkdtemp", "tempfile.TemporaryFile", "tempfile.TemporaryDirectory"),
    *("subprocess.Popen", "subprocess.run", "subprocess.call", "subprocess.check_output", "os.system", "os.popen"),
    *("tempfile.NamedTemporaryFile", "csv.reader", "csv.DictReader", "expat.ParserCreate", "np.memmap"),
}
METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rename", "open", "extractall"}
# Modules that are doors themselves, of one kind of content, and why.
DOORS = {
    "data/pictures/decode.py": "pictures",
    "data/pictures/cache.py": "decoded pictures, mapped into memory",
    "data/pictures/workers.py": "the pipes of processes of our own that decode",
    "tasks/film.py": "films",
    "train/callbacks/elsewhere.py": "RemoteMonitor: figures to the address that its user names",
}


def opening(module: Path) -> list[str]:
    """The calls in a module that open, parse, unpack or replace files."""
    found = []
    for node in ast.walk(parsed(module)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        method = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
        if name in CALLS or (method and "archive." not in name and "resources" not in name and "files(" not in name):
            found.append(f"{module.relative_to(SOURCE)}:{node.lineno} {name}")
    return found


def test_no_module_but_the_doors_opens_a_file():
    modules = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] != "doors"]
    found = [call for path in modules if str(path.relative_to(SOURCE)) not in DOORS for call in opening(path)]
    assert not found, "\n".join(found)


def test_a_process_of_our_own_runs_nothing_that_lies_in_the_working_folder(tmp_path, monkeypatch):
    for name in ("striate", "json", "numpy", "torch"):
        (tmp_path / f"{name}.py").write_text(f"open({name!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    there = set(os.listdir(tmp_path))
    code = "import sys, json, numpy, striate; print(striate.__file__, *sys.argv[1:])"
    said, _ = python(code, "a b", stdout=subprocess.PIPE, text=True).communicate()
    assert said == f"{SOURCE / '__init__.py'} a b\n"
    assert set(os.listdir(tmp_path)) == there


def test_modules_are_struck_off_when_they_open_nothing_any_more():
    assert not [name for name in DOORS if not (SOURCE / name).is_file() or not opening(SOURCE / name)]


# -- reading -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", ["absent", "folder", "pipe", "device", "long", "nul", "large", "link"])
def test_what_is_no_file_within_its_budget_is_refused_in_words(make, tmp_path):
    place = tmp_path / "x"
    match make:
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "device":
            place = Path("/dev/zero")
        case "long":
            place = tmp_path / ("x" * 300)
        case "nul":
            place = tmp_path / "a\0b"
        case "large":
            place.write_bytes(bytes(11))
        case "link":
            place.symlink_to(place)
    with pytest.raises(DataError, match=r"no such file|not a file|cannot be opened|the limit is 10"):
        read_bytes(place, 10)


def test_a_file_takes_the_memory_that_it_has_and_not_what_it_may_have(tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 1000)
    read_bytes(tmp_path / "a")
    tracemalloc.start()
    assert read_bytes(tmp_path / "a") == b"a" * 1000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22
    if Path("/proc/self/status").exists():  # says to have no bytes, as a file that has just begun to grow
        assert len(read_bytes("/proc/self/status")) > 100
        with pytest.raises(DataError, match="more than the limit of 100 bytes"):
            read_bytes("/proc/self/status", 100)


def test_texts_of_windows_and_excel_are_read(tmp_path):
    for code in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "t").write_bytes("Käse".encode(code))
        assert read_text(tmp_path / "t") == "Käse"
    (tmp_path / "t").write_bytes("Käse".encode("cp1252"))
    assert read_text(tmp_path / "t", tables=True) == "Käse"
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_text(tmp_path / "t")


# -- parsing -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "[" * 101 + "]" * 101,
        "[" * 200_000,
        '{"a":' * 5_000,
        "{",
        "",
        "nan",
    ],
)
def test_json_that_is_none_or_too_much_is_refused(text):
    with pytest.raises(DataError, match=r"^a\.json: "):
        parse_json(text, "a.json")


def test_json_of_other_tools_is_read():
    assert parse_json('{"a": [NaN, Infinity, 1e999, "[[[[[["]}', "x")["a"][3] == "[[[[[["
    assert parse_json(json.dumps(["[" * 300, '\\"[', "9" * 900]), "x") == ["[" * 300, '\\"[', "9" * 900]
    assert parse_json("[" * 100 + "]" * 100, "x")
    assert parse_json(b"\xef\xbb\xbf1", "x") == 1
    told = parse_json(f'[{"9" * 5_000}, -{"9" * 5_000}, 1.5{"0" * 500}, 7, "{"9" * 5_000}"]', "x")
    assert told[:4] == [float("inf"), float("-inf"), 1.5, 7]


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x\n",
        "a: !!python/object/apply:os.system [ls]\nb: &a b",
        "[" * 3_000,
        "- " * 3_000,
        "a: [",
        "\t- x",
        "a: 1\n b: 2",
    ],
)
def test_yaml_is_plain_values_or_nothing(text, tmp_path):
    (tmp_path / "y.yaml").write_text(text)
    with pytest.raises(DataError, match=r"y\.yaml"):
        read_yaml(tmp_path / "y.yaml")


def test_xml_resolves_nothing_and_ends():
    bomb = b'<!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>'
    for text in (bomb, b"<a>" * 5_000, b"<a><b></a>", b"", b"\0", b'<?xml version="1.0" encoding="nope"?><a/>'):
        with pytest.raises(DataError):
            parse_xml(text)
    assert parse_xml(b"<a><b>1</b></a>").findtext("b") == "1"


# -- packed ------------------------------------------------------------------------------------------------------------
def zipped(**files: bytes) -> io.BytesIO:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return content


def test_a_zip_file_is_counted_while_it_is_unpacked(tmp_path):
    content = bytearray(zipped(a=bytes(1 << 20)).getvalue())
    at = content.rindex(b"PK\1\2")
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")  # the header says ten bytes
    for source in (bytes(content), zipped(a=bytes(1 << 20)).getvalue()):
        with opened_zip(io.BytesIO(source), "x") as archive, pytest.raises(DataError, match=r"limit|unpacked"):
            read_member(archive, "a", "x/a", 1000)
    with opened_zip(zipped(a=b"12"), "x") as archive:
        assert read_member(archive, "a", "x/a") == b"12"
        with pytest.raises(DataError, match="no such file"):
            read_member(archive, "b", "x/b")
    for broken in (b"", b"PK", zipped(a=b"1" * 900).getvalue()[:-30]):
        with (
            pytest.raises(BundleError, match="x: is not a whole zip"),
            opened_zip(io.BytesIO(broken), "x", BundleError),
        ):
            pass


def test_a_gzip_is_counted_while_it_is_unpacked(tmp_path):
    place = tmp_path / "a.gz"
    place.write_bytes(gzip.compress(bytes(1 << 22)))
    with pytest.raises(DataError, match="more than the limit"), maybe_gzipped(place, 1 << 20) as file:
        file.read()
    place.write_bytes(gzip.compress(b"12345" * 99)[:-9])
    with pytest.raises(DataError, match="cut off or damaged"), maybe_gzipped(place) as file:
        file.read()
    place.write_bytes(b"plain")
    with maybe_gzipped(place) as file:
        assert file.read() == b"plain"


def test_an_archive_lands_in_its_folder_or_nowhere(tmp_path):
    (tmp_path / "up.zip").write_bytes(zipped(**{"../../out": b"1", "/abs": b"2", "in/a": b"3", "b/": b""}).getvalue())
    unpack(tmp_path / "up.zip", tmp_path / "to")
    assert (tmp_path / "to" / "in" / "a").read_bytes() == b"3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["to", "up.zip"]
    for kind in ("link", "out", "device"):
        with tarfile.open(tmp_path / "a.tar", "w") as packed:
            told = tarfile.TarInfo("../out" if kind == "out" else "x")
            told.type = {"link": tarfile.SYMTYPE, "device": tarfile.CHRTYPE}.get(kind, tarfile.REGTYPE)
            told.linkname = "/etc/passwd"
            packed.addfile(told)
        with pytest.raises(DataError, match="no archive that can be unpacked"):
            unpack(tmp_path / "a.tar", tmp_path / "tar")
        assert not (tmp_path / "tar").exists()
    (tmp_path / "big.zip").write_bytes(zipped(a=bytes(5000)).getvalue())
    with pytest.raises(DataError, match="the limit is 1,000"):
        unpack(tmp_path / "big.zip", tmp_path / "to", 1000)
    assert (tmp_path / "to" / "in" / "a").read_bytes() == b"3"


# -- arrays ------------------------------------------------------------------------------------------------------------
def test_arrays_are_numbers_or_nothing(tmp_path):
    write_npz(tmp_path / "z.npz", {"a": np.arange(3), "b": np.zeros((2, 2))})
    assert read_npz(tmp_path / "z.npz")["b"].shape == (2, 2)
    with pytest.raises(BundleError, match="limit"):
        read_npz(tmp_path / "z.npz", 100)
    np.savez(tmp_path / "o.npz", a=np.array([{}], object))
    with pytest.raises(BundleError, match="no array of numbers"):
        read_npz(tmp_path / "o.npz")
    content = io.BytesIO()
    np.save(content, np.arange(3))
    larger = content.getvalue()[:-30].replace(b"(3,)", b"(9999999999,)")
    (tmp_path / "h.npz").write_bytes(zipped(**{"a.npy": larger}).getvalue())
    with pytest.raises(BundleError, match="no array of numbers"):
        read_npz(tmp_path / "h.npz")


def test_a_state_with_one_wrong_bit_is_refused(tmp_path):
    file = tmp_path / "s.pt"
    written = {"weights": torch.arange(12.0).reshape(3, 4), "step": 3, "told": ["a", (1, 2.5)]}
    write_state(file, written)
    content = file.read_bytes()
    drawn = random.Random(0)
    refused = 0
    for _ in range(150):
        place = drawn.randrange(8 * len(content))
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        try:
            state = read_state(file, advice="Delete it.")
        except BundleError:
            refused += 1
            continue
        assert torch.equal(state.pop("weights"), written["weights"])  # a bit of the padding, or of a date
        assert state == {"step": 3, "told": ["a", (1, 2.5)]}
    assert refused > 75
    for short in (b"", content[:50], content[:-1]):
        file.write_bytes(short)
        with pytest.raises(BundleError, match="damaged"):
            read_state(file)
    with pytest.raises(BundleError, match="no such file"):
        read_state(tmp_path / "none")


def test_arrays_of_a_state_are_what_the_file_holds(tmp_path):
    file = tmp_path / "s.pt"
    torch.save({"a": torch.zeros(1).expand(1 << 40)}, file)  # of four bytes
    with pytest.raises(BundleError, match="damaged"):
        read_state(file)
    write_state(file, {"a": torch.zeros(1 << 20)})
    with zipfile.ZipFile(file) as plain, zipfile.ZipFile(tmp_path / "p.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(BundleError, match="damaged"):
        read_state(tmp_path / "p.pt")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits of the system")
def test_a_full_disk_leaves_the_state_as_it_was(tmp_path):
    code = (
        "import resource, signal, sys, torch; from striate.doors.arrays import write_state\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n    write_state(sys.argv[1], {'a': torch.zeros(100_000)})\nexcept ValueError as error: print(error)"
    )
    write_state(tmp_path / "s.pt", {"a": 1})
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s.pt")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"could not write {tmp_path / 's.pt'}: ")
    assert done.stdout.count("\n") == 1
    assert read_state(tmp_path / "s.pt") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["s.pt"]


# -- writing -----------------------------------------------------------------------------------------------------------
def test_a_file_is_whole_or_not_there(tmp_path):
    place = tmp_path / "sub" / "a"
    atomic_write(place, b"1")
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("x")):

        def fail(temporary: str, error: BaseException = error) -> None:
            Path(temporary).write_bytes(b"half")
            raise error

        with pytest.raises(BundleError if isinstance(error, OSError) else type(error)):
            atomic_write(place, fail)
        assert [path.name for path in place.parent.iterdir()] == ["a"]
        assert place.read_bytes() == b"1"


def test_no_link_is_written_through(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    (tmp_path / "a").symlink_to(other)
    atomic_write(tmp_path / "a", b"1")
    assert other.read_bytes() == b"mine"
    assert not (tmp_path / "a").is_symlink()
    (tmp_path / "log").symlink_to(other)
    with pytest.raises(BundleError, match="could not write"), appended(tmp_path / "log") as file:
        file.write("x")
    assert other.read_bytes() == b"mine"
    (tmp_path / "folder").symlink_to(tmp_path)
    with made_aside(tmp_path / "folder") as aside:
        (aside / "b").write_bytes(b"1")
    assert not (tmp_path / "folder").is_symlink()
    assert other.read_bytes() == b"mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_no_file_takes_the_place_of_a_pipe_a_device_or_a_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "source").write_bytes(b"1")
    for name in ("folder", "pipe", "device"):
        place = tmp_path / name
        before = os.lstat(place)

        def in_pieces(place: Path = place) -> None:
            with written(place) as file:
                file.write("x")

        def for_long(place: Path = place) -> None:
            with grown(place) as file:
                file.write("x")

        for write in (
            partial(atomic_write, place, b"1"),
            in_pieces,
            for_long,
            partial(moved, tmp_path / "source", place),
        ):
            with pytest.raises(BundleError, match="Nothing was changed"):
                write()
        assert os.path.samestat(before, os.lstat(place))
    assert sorted(os.listdir(tmp_path)) == ["device", "folder", "pipe", "source"]


def test_a_folder_is_swapped_in_whole(tmp_path):
    place = tmp_path / "f"
    for content in (b"1", b"2"):
        with made_aside(place) as aside:
            (aside / "a").write_bytes(content)
        assert (place / "a").read_bytes() == content
    with pytest.raises(KeyError), made_aside(place) as aside:
        (aside / "a").write_bytes(bytes([{}[1]]))
    assert (place / "a").read_bytes() == b"2"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    with pytest.raises(DataError, match="is there already"), new_folder(place):
        pass


# -- locks -------------------------------------------------------------------------------------------------------------
def test_one_process_writes_to_a_folder(tmp_path):
    code = (
        "import sys; from striate.doors.locks import locked\n"
        "try:\n    with locked(sys.argv[1], 'training'): print('in')\nexcept ValueError as error: print(error)"
    )

    def other() -> str:
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        return done.stdout

    (tmp_path / ".left.abc.tmp").write_bytes(b"half")
    with locked(tmp_path, "training"), locked(tmp_path, "its evaluation"):
        assert "another process is writing to this folder, so training was not begun" in other()
        refused = []

        def thread() -> None:
            try:
                with locked(tmp_path, "x"):
                    pass
            except BundleError as error:
                refused.append(str(error))

        second = threading.Thread(target=thread)
        second.start()
        second.join()
        assert refused
    assert other() == "in\n"
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import os, sys; from striate.doors.locks import locked\nwith locked(sys.argv[1], 'x'): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=False)
    with locked(tmp_path, "x"):
        pass


def test_budgets_hold_what_real_files_have():
    assert budgets.LABELS > 21_841  # ImageNet's whole tree
    assert len(str(int(sys.float_info.max))) < budgets.DIGITS


# -- what is shown and written --------------------------------------------------------------------------------------------
def test_text_from_outside_cannot_steer_a_terminal_or_forge_a_line():
    assert visible("a\x1b[2J\nstriate: done \u202e\udcff\ud800\x9b") == r"a\x1b[2J\nstriate: done \u202e\xff\ud800\x9b"
    assert visible("Käse 猫 👩\u200d👧") == "Käse 猫 👩\u200d👧"
    assert visible("全角\u3000a\xa0b می\u200cخواهم \U0001fae8") == "全角\u3000a\xa0b می\u200cخواهم \U0001fae8"
    assert visible("fi\xadle\u200b.png\U000e0041") == r"fi\xadle\u200b.png\U000e0041"
    assert visible("a\tb\n\x1b", lines=True) == "a\tb\n\\x1b"
    assert str(DataError("a\nb")) == r"a\nb"
    assert str(pickle.loads(pickle.dumps(BundleError("\x07")))) == r"\x07"


@pytest.mark.parametrize("sign", ["\0", "a", "\0 ", "word ", "\n"])
def test_a_message_of_a_file_without_end_is_short_and_costs_no_more_than_its_length(sign):
    text = "refused: " + sign * 8_000_000 + " copy it again."
    with steps(100_000):
        said = str(DataError(text))
    assert len(said) < 3_000
    assert (said[:9], said[-15:]) == ("refused: ", " copy it again.")


def test_what_is_written_is_text_whatever_a_name_is(tmp_path):
    json.loads(json_text({"a": "\udcff\ud800"}).encode())
    atomic_write(tmp_path / "a", "\udcff\ud800")
    assert (tmp_path / "a").read_bytes() == b"\xff\\ud800"
    with written(tmp_path / "b") as file:
        file.write("\ud800")
    assert (tmp_path / "b").read_bytes() == b"\\ud800"


def test_a_table_is_whole_rows_and_broken_ones():
    table = parse_table('a,b\n1,2\n3\n\n4,"5\n6"\n' + "x" * 200_000 + ",1\n7,8\n", "t")
    assert table.header == ["a", "b"]
    assert [row for _, row in table.rows] == [["1", "2"], ["4", "5\n6"], ["7", "8"]]
    assert [line for line, _ in table.broken] == [3, 7]


def test_no_picture_starts_another_program(tmp_path, monkeypatch):
    left = tmp_path / "mark"
    (tmp_path / "bin").mkdir()
    for name in ("gs", "gswin64c", "convert", "inkscape"):
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\necho > {left}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        for i in range(3):
            Image.new("L", (9, 9), i).save(tmp_path / "set" / folder / f"{i}.png")
    (tmp_path / "set" / "masks" / "0.png").write_bytes(postscript)
    (tmp_path / "set" / "images" / "1.png").write_bytes(postscript)
    check(tmp_path / "set")
    assert len(read_masks(tmp_path / "set", image_size=8)) == 1
    for mode in ("rgb", "rgba", "grayscale"):
        with pytest.raises(DataError):
            load_img(str(tmp_path / "set" / "masks" / "0.png"), mode)
    assert not left.exists()


def test_links_depth_and_bombs_are_bounded(tmp_path):
    place = tmp_path / "a"
    place.mkdir()
    (place / "again").symlink_to(place)
    for i in range(30):  # each level twice as many folders
        (tmp_path / f"d{i}").mkdir()
        for name in ("x", "y"):
            (tmp_path / f"d{i}" / name).symlink_to(tmp_path / f"d{i + 1}")
    (tmp_path / "d30").mkdir()
    (place / "many").symlink_to(tmp_path / "d0")
    here = os.getcwd()
    os.chdir(place)
    try:
        for _ in range(150):
            os.mkdir("n")
            os.chdir("n")
    finally:
        os.chdir(here)
    Image.new("L", (9, 9)).save(place / "a.png")
    tree = tree_of_folder(place)
    assert tree.files == [("a.png",)]
    told = " ".join(skipped.reason for skipped in tree.skipped)
    assert "a link to a folder that it is in" in told
    assert "folders deep" in told
    assert "behind links" in told


def test_links_that_lead_nowhere_are_files_that_cannot_be_opened(tmp_path, monkeypatch):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        Image.new("L", (9, 9)).save(tmp_path / name / "a.png")
        (tmp_path / name / "self.png").symlink_to("self.png")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    (tmp_path / "gone").symlink_to("nowhere")
    assert {("ant", "a.png"), ("bee", "a.png"), ("self",)} <= {*tree_of_folder(tmp_path).files}
    assert folders_in(tmp_path) == ["ant", "bee"]
    assert table_in(tmp_path) is None
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path, "."):
        told = str(check(place))
        assert all(f"{name}/self.png  cannot be opened" in told for name in ("ant", "bee"))


def test_of_a_word_without_end_a_message_shows_its_start_and_its_end():
    said = str(BundleError(f'unknown layer "{"y" * 5_000}". Known: {", ".join(["Conv2D"] * 300)}.'))
    assert said.startswith('unknown layer "' + "y" * 85 + "y")
    assert said.endswith("Conv2D.")
    assert "…" in said
    assert len(said) < 3_000
    assert str(BundleError(f"/a/{'x' * 255}/b: there is no such file.")) == f"/a/{'x' * 255}/b: there is no such file."
