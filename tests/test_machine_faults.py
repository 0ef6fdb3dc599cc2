"""Faults of the machine under every command that writes: a full disk, no rights, pictures that vanish, odd machines.

Each ends in one line and exit code 2, or is done all the same; what was there stays, and nothing half-written is left.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import layers as L
from striate.cli.main import main
from striate.data.pictures import decode
from striate.errors import Note
from striate.look.paint.ascend import ascend
from striate.models import load_model
from striate.runs import train_run
from striate.runs.folders import settle
from striate.transfer import head

resource = pytest.importorskip("resource")  # limits and rights of POSIX
pytestmark = pytest.mark.slow

TRAIN = "train photos --model net.json --epochs 1 --image-size 16x16"
COMMANDS = {  # by name: what is typed, where `run` is a classifier, `detect` and `segment` runs of these tasks
    "train": f"{TRAIN} --folder new",
    "train over a run": f"{TRAIN} --folder run",
    "tune": f"{TRAIN} --tune 1 --no-report --folder tuned",
    "transfer": "transfer photos --weights base.h5 --variant alpha=0.25 --stages 2 --epochs 1 --folder moved",
    "data check": "data check photos --html page.html",
    "quantize": "quantize run photos --samples 4",
    "quantize to a folder": "quantize run photos --samples 4 -o twin",
    "quantize to a file": "quantize run photos --samples 4 -o twin.onnx",
    "export onnx": "export run -o net.onnx",
    "export keras": "export run -o net.keras",
    "export h5": "export run -o net.h5",
    "export weights": "export run -o net.safetensors",
    "predict csv": "predict run photos -o answers.csv",
    "predict jsonl": "predict run photos -o answers.jsonl",
    "predict boxes": "predict detect photos --least 0 -o boxes.json",
    "predict draw": "predict detect photos --least 0 --draw drawn",
    "predict voc": "predict detect photos --least 0 -o labels --format voc",
    "segment": "segment segment photos -o masks",
    "draw": "draw net.json -o net.svg",
    "models": "models vgg16 -o vgg.svg",
    "look all": "look all run photos/light/0.png --data photos --count 4 -o look.html",
    "look maps": "look maps run --picture photos/light/0.png -o maps.png",
    "look filters": "look filters run -o filters.png",
    "look fixed-filters": "look fixed-filters --picture photos/light/0.png --save fixed -o fixed.png",
    "look adversarial": "look adversarial run --picture photos/light/0.png --epsilon 9 --steps 1 --save bad -o bad.png",
    "look neighbours": "look neighbours run --data photos --k 2 -o near.png",
    "look encode": "look encode run --picture photos/light/0.png --layer conv -o code.bin",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a description, weights and runs, and what each command makes there."""
    folder = tmp_path_factory.mktemp("world")
    for name, level in (("dark", 60), ("light", 200)):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(10):
            pixels = np.clip(np.random.default_rng(i).normal(level, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{i}.png")
    net = st.Sequential(
        [
            L.Conv2D(3, 3, activation="relu", input_shape=(16, 16, 3), name="conv"),
            L.GlobalAveragePooling2D(),
            L.Dense(2, activation="softmax"),
        ]
    )
    (folder / "net.json").write_text(json.dumps(net.description()))
    base = st.zoo.create("mobilenet", alpha=0.25)
    base.module
    base.export_weights(folder / "base.h5", "keras")
    data = str(folder / "photos")
    train_run(data, model=net, epochs=1, folder=folder / "run", report=False, verbose=0, image_size=(16, 16))
    for task in ("detect", "segment"):
        how = {"count": 8, "size": 32, "epochs": 1, "folder": folder / task, "report": False, "verbose": 0}
        train_run("scenes", task=task, **how)  # type: ignore[arg-type]
    return folder


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed is not the point: four steps of each picture that is painted, two strengths of a decay."""
    for name in ("dream", "invert", "maximise"):
        module = importlib.import_module(f"striate.look.paint.{name}")  # of whose function the package has the name
        monkeypatch.setattr(module, "ascend", lambda *args, steps, **more: ascend(*args, steps=min(steps, 4), **more))
    monkeypatch.setattr(head, "DECAYS", head.DECAYS[:2])


@pytest.fixture
def place(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, which is the working one."""
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "place"
    shutil.copytree(world, folder)
    monkeypatch.chdir(folder)
    return folder


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file with its content and every folder, but for locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.name != ".lock"
    }


def call(line: str) -> tuple[int, str]:
    """Run a command here: its exit code and what it printed on standard error."""
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("default", Note)  # a line at a command, whatever tests make of warnings
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(line))
    return int(ended.value.code or 0), said.getvalue()


@pytest.fixture(scope="module")
def made(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, int]]:
    """What a command makes or changes where nothing is wrong: files and their sizes."""
    known: dict[str, dict[str, int]] = {}

    def of(name: str) -> dict[str, int]:
        if name not in known:
            folder = tmp_path_factory.mktemp("made") / "place"
            shutil.copytree(world, folder)
            before = snapshot(folder)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("STRIATE_CACHE", str(folder.parent / "cache"))
                patch.chdir(folder)
                code, said = call(COMMANDS[name])
            assert code == 0, said
            after = snapshot(folder)
            known[name] = {file: len(after[file] or b"") for file in after if before.get(file, 0) != after[file]}
            assert known[name]
        return known[name]

    return of


# What may be there after a command that failed: runs that can be gone on with, answers as far as they came, whole pictures.
BEGUN = ("new*", "run/.again*", "tuned*", "moved*", "answers.*.part", "drawn*", "fixed*", "bad*")


def check(before: dict[str, bytes | None], code: int, said: str) -> None:
    """Raise AssertionError unless a command under a fault was done, or failed in one line and left what was there."""
    assert "Traceback" not in said
    assert code in (0, 2), said
    if code == 0:
        return
    lines = [line for line in said.splitlines() if line.startswith("striate: ")]
    assert len(lines) == 1, said
    assert said.splitlines()[-1] == lines[0]
    for run in ("run", "twin"):
        if Path(run, ".moving").is_dir():  # all of it is written, as the line says
            assert "the next command that writes to this folder puts it there" in lines[0]
            load_model(run) if run == "run" else None
            settle(run)
            load_model(run)
            return
    after = snapshot(Path())
    assert not [file for file in after if file.endswith(".tmp")]
    assert kept(after) == kept(before), lines[0]


def kept(files: dict[str, bytes | None]) -> dict[str, bytes | None]:
    """All but what a command that failed may have begun."""
    return {file: content for file, content in files.items() if not any(fnmatch(file, form) for form in BEGUN)}


def check_again(name: str, made: dict[str, int]) -> None:
    """Raise AssertionError unless the same command, now that nothing is wrong, makes what it always makes."""
    code, said = call(COMMANDS[name])
    assert code == 0, said
    there = snapshot(Path())
    assert not [file for file in made if file not in there]
    assert not [file for file in there if Path(file).name.startswith(".")]


# -- a full disk -------------------------------------------------------------------------------------------------------
@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file gets more bytes than this: whatever writes it, also a library in C, is told so by the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", COMMANDS)
def test_where_files_cannot_grow_a_command_fails_in_one_line_and_can_be_typed_again(name, place, made, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python would keep half of a module
    largest = max(made(name).values())
    failed = 0
    for size in (0, largest // 2, largest - 1):
        before = snapshot(place)
        with files_of_at_most(size):
            code, said = call(COMMANDS[name])
        check(before, code, said)
        failed += code == 2
        if code == 0:  # sizes vary by the digits of a time
            break
    assert failed
    if code == 2:
        check_again(name, made(name))


WRITES = ("open", "replace", "rename", "mkdir", "fsync", "unlink", "rmdir")
SAID = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.EDQUOT)


class Failing:
    """Calls of the system that write, of which the n-th fails; n = 0: none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
        self.count, self.last = 0, last
        for name in WRITES:
            monkeypatch.setattr(os, name, self.around(name, getattr(os, name)))

    def around(self, name: str, true: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any, *args: Any, **kwargs: Any) -> Any:
            if name != "open" or (args and args[0] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
                self.count += 1
                if self.count == self.last:
                    number = SAID[self.last % len(SAID)]
                    raise OSError(number, os.strerror(number), None if isinstance(path, int) else str(path))
            return true(path, *args, **kwargs)

        return called


@pytest.mark.parametrize("name", COMMANDS)
def test_a_call_of_the_system_that_fails_is_one_line_wherever_it_is(name, world, place, made, monkeypatch):
    with monkeypatch.context() as patch:
        whole = Failing(patch, 0)
        assert call(COMMANDS[name])[0] == 0
    for last in sorted({1 + i * (whole.count - 1) // 5 for i in range(6)}):
        for folder in (place, place.parent / "cache"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(world, place)
        os.chdir(place)
        before = snapshot(place)
        with monkeypatch.context() as patch:
            Failing(patch, last)
            code, said = call(COMMANDS[name])
        check(before, code, said)
        if code == 2:
            check_again(name, made(name))


# -- no rights ---------------------------------------------------------------------------------------------------------
_OVERRIDES = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: what lets root pass over the rights of files


@contextmanager
def bound_by_rights() -> Iterator[None]:
    """This thread may do what the rights of files say, also as root; a test that cannot have that is failed."""
    if os.geteuid() != 0:
        yield
        return
    system = ctypes.CDLL(None, use_errno=True)
    head, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert system.capget(head, held) == 0
    without = (ctypes.c_uint32 * 6)(*held)
    without[0] &= ~_OVERRIDES & 0xFFFFFFFF
    assert system.capset(head, without) == 0
    try:
        yield
    finally:
        assert system.capset(head, held) == 0


@pytest.mark.skipif(
    sys.platform != "linux" and os.name == "posix" and os.geteuid() == 0, reason="root is bound on Linux"
)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_must_not_be_written_to_stays_as_it_is(name, place, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = snapshot(place)
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    (place.parent / "cache").mkdir()
    for folder in (*folders, place.parent / "cache"):
        folder.chmod(0o555)
    try:
        with bound_by_rights():
            with pytest.raises(PermissionError):
                (place / "probe").write_text("")
            code, said = call(COMMANDS[name])
    finally:
        for folder in (*folders, place.parent / "cache"):
            folder.chmod(0o755)
    assert (code, said.count("striate: "), "Traceback" in said) == (2, 1, False), said
    assert "Permission denied" in said
    assert snapshot(place) == before


# -- pictures that vanish or change ------------------------------------------------------------------------------------
READING = [name for name, line in COMMANDS.items() if "photos" in line]


def vanish(_: str) -> None:
    shutil.rmtree("photos", ignore_errors=True)


def cut(name: str) -> None:
    os.truncate(name, os.path.getsize(name) // 2)


def grow(name: str) -> None:
    Image.new("L", (70, 50), 128).save(name)


@pytest.mark.parametrize("change", [vanish, cut, grow])
@pytest.mark.parametrize("name", READING)
def test_pictures_that_vanish_or_change_while_they_are_read_are_done_without_or_one_line(
    name, change, world, place, monkeypatch
):
    left = [0]

    def before_it(true: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any, *args: Any, **kwargs: Any) -> Any:
            if str(path).endswith(".png") and "photos" in str(path):
                left[0] -= 1
                if left[0] == 0:
                    change(path)
            return true(path, *args, **kwargs)

        return called

    monkeypatch.setattr(decode, "_from_file", before_it(decode._from_file))
    monkeypatch.setattr(os, "open", before_it(os.open))
    assert call(COMMANDS[name])[0] == 0
    moments = -left[0]
    assert moments
    for moment in sorted({1, moments // 2 + 1, moments}):
        for folder in (place, place.parent / "cache"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(world, place)
        os.chdir(place)
        before = {file: content for file, content in snapshot(place).items() if not file.startswith("photos")}
        left[0] = moment
        code, said = call(COMMANDS[name])
        left[0] = 0
        shutil.rmtree("photos", ignore_errors=True)
        if code == 2 and "could not be read" in said and "striate: " not in said:
            continue  # the answers of the others are written, and of each what was wrong
        check(before, code, said)


# -- odd machines ------------------------------------------------------------------------------------------------------
ODD = """
import io, json, os, shlex, sys
from contextlib import redirect_stdout
from pathlib import Path

def gone(*_, **__):
    raise FileNotFoundError(2, "No such file or directory", "/dev/shm")

def refuse(event, arguments):
    if event == "open" and str(arguments[0]).startswith("/dev/shm"):
        gone()
sys.addaudithook(refuse)
import _multiprocessing, _posixshmem
_posixshmem.shm_open = gone  # what processes share lies in /dev/shm
_multiprocessing.SemLock = type("SemLock", (), {"__new__": gone, "SEM_VALUE_MAX": _multiprocessing.SemLock.SEM_VALUE_MAX})
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from striate.cli.main import main
codes = {}
for name, line in json.loads(sys.stdin.read()).items():
    with redirect_stdout(io.StringIO()):
        try:
            main(shlex.split(line))
        except SystemExit as ended:
            codes[name] = ended.code
print(json.dumps(codes))
"""


def test_all_is_done_on_one_core_without_shared_memory_a_home_and_a_locale(place, made):
    given = {name: value for name, value in os.environ.items() if name not in ("HOME", "STRIATE_CACHE", "LANG")}
    given |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TMPDIR": str(place.parent)}
    done = subprocess.run(
        [sys.executable, "-c", ODD], input=json.dumps(COMMANDS), env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == dict.fromkeys(COMMANDS, 0), done.stderr
    assert "Traceback" not in done.stderr
    there = {undated(file) for file in snapshot(place)}
    for name in COMMANDS:
        assert not [file for file in made(name) if undated(file) not in there and "run/" not in file]


def undated(file: str) -> str:
    """A file's name without the digest of what is in it."""
    return re.sub(r"-[0-9a-f]{12}(?=\.)", "", file)
