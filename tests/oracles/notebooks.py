"""The ConvNet chapters of "Deep Learning with Python", cell by cell, with only the import lines changed.

    STRIATE_NOTEBOOKS=CHECKOUT python tests/oracles/notebooks.py [--only WORD] [--json FILE] [--fails] [--keras]

The notebooks of fchollet/deep-learning-with-python-notebooks are read from the checkout and never copied.  A chapter runs
in a process and a folder of its own.  ``import keras``, ``from keras…`` and ``from tensorflow.keras…`` become imports of
striate; with ``--keras`` they stay Keras', which shows what Keras 3 itself runs under the same conditions.

What would take a network or hours is stood in for: data sets of noise in their true shapes, folders of small pictures
under the names that the cells expect, ``weights=None`` for "imagenet", a fiftieth of the photos, one epoch on two batches.
A cell ends in one of these ways:

    runs      to its end
    refused   striate says in one line that it does not do this
    missing   it uses a name that striate does not have
    crash     an exception that is not striate's
    out       it is not Keras' code on this machine: a shell command, a download, TensorFlow's or JAX' own functions, a
              package that is not installed (keras_hub, kagglehub)

A cell that uses what an earlier cell did not come to make ends as that cell did.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import functools
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np

ENDINGS = ("runs", "refused", "missing", "crash")
CHAPTERS = {
    "1st edition": ("first_edition/2.1-*", "first_edition/5.*"),
    "2nd edition": ("second_edition/chapter0[2789]*",),
    "3rd edition": ("chapter0[2789]*", "chapter1[01]*"),
}
ROWS, BATCHES, LIMIT = 128, 2, 150  # rows of arrays and batches of streams that a fit sees; seconds a cell may take
CHANGED = (  # what is written otherwise: import lines, then what would download, then what would take hours
    (r"^(\s*)from tensorflow import keras\b", r"\1import HERE as keras"),
    (r"^(\s*)import (tensorflow\.)?keras$", r"\1import HERE as keras"),
    (r"^(\s*)from (tensorflow\.)?keras\b", r"\1from HERE"),
    (r"^(\s*)import tensorflow as tf$", r"\1tf = tensorflow"),
    (r"^%%backend torch$", ""),
    (r"weights=(['\"])imagenet\1", "weights=None"),
    (r"/Users/fchollet/Downloads/kaggle_original_data", "train"),
    (r"/Users/fchollet/Downloads", "."),
    (r"/full_path_to_your_log_dir", "logs"),
    (r"\b(1000|1500|2000|2500|1700)\b", lambda m: str(int(m[0]) // 50)),
    (r"^iterations = \d+", "iterations = 1"),
)


class Out(Exception):  # noqa: N818  it is no error
    """What is not Keras' code on this machine."""


class TensorFlow:
    """Stands for the module tensorflow.  It has the one number that scripts give to Keras' own streams."""

    def __init__(self, name: str = "tensorflow") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name == "AUTOTUNE":
            return -1
        if name == "data":
            return TensorFlow("tensorflow.data")
        raise Out(f"{self._name}.{name}")


# -- stand-ins ---------------------------------------------------------------------------------------------------------
def noise(train: int, test: int, shape: tuple[int, ...], classes: int) -> Any:
    """What a data set's load_data gives, in noise."""
    rng = np.random.default_rng(0)

    def load_data(*args: Any, **kwargs: Any) -> Any:
        return tuple(
            (rng.integers(0, 256, (n, *shape), "uint8"), rng.integers(0, classes, n).astype("uint8"))
            for n in (train, test)
        )

    return load_data


def pictures() -> None:
    """The files that cells find on the author's machine: photos of cats and dogs, of pets with their trimaps."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for folder in ("train", "images", "annotations/trimaps"):
        Path(folder).mkdir(parents=True)
    for i in range(60):
        for kind in ("cat", "dog"):
            Image.fromarray(rng.integers(0, 256, (24, 30, 3), "uint8")).save(f"train/{kind}.{i}.jpg")
        Image.fromarray(rng.integers(0, 256, (24, 30, 3), "uint8")).save(f"images/pet_{i}.jpg")
        Image.fromarray(rng.integers(1, 4, (24, 30), "uint8")).save(f"annotations/trimaps/pet_{i}.png")


def get_file(fname: str | None = None, origin: str | None = None, **none: Any) -> str:
    """A picture of noise under the name that was asked for."""
    from PIL import Image

    name = fname or str(origin).rpartition("/")[2]
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), "uint8")).save(name)
    return str(Path(name).resolve())


def shortened(method: Any) -> Any:
    """`fit`, `evaluate` or `predict` on a few rows and one epoch."""

    def short(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: short(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)) and x and hasattr(x[0], "shape"):
            return type(x)(short(v) for v in x)
        if hasattr(x, "take") and hasattr(x, "map"):
            return x.take(BATCHES)
        return x[:ROWS] if hasattr(x, "shape") and hasattr(x, "__getitem__") else x

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        few = {"epochs": 1, "steps_per_epoch": BATCHES, "validation_steps": BATCHES, "steps": BATCHES}
        kwargs = {k: few[k] if k in few else short(v) for k, v in kwargs.items()} | {"verbose": 0}
        return method(self, *map(short, args), **kwargs)

    return call


def prepare(here: str) -> None:
    home = importlib.import_module(here)
    for name, shape in (("mnist", (28, 28)), ("fashion_mnist", (28, 28)), ("cifar10", (32, 32, 3))):
        rows = 50000 if name == "cifar10" else 60000
        importlib.import_module(f"{here}.datasets.{name}").load_data = noise(rows, 10000, shape, 10)  # type: ignore[attr-defined]
    importlib.import_module(f"{here}.utils").get_file = get_file  # type: ignore[attr-defined]
    for name in ("fit", "evaluate", "predict"):
        setattr(home.Model, name, shortened(getattr(home.Model, name)))
    pictures()


# -- one chapter -------------------------------------------------------------------------------------------------------
def cells(file: Path) -> list[str]:
    book = json.loads(file.read_text())
    return ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]


def changed(cell: str, here: str) -> str:
    for old, new in CHANGED:
        cell = re.sub(old, new, cell, flags=re.M)
    return cell.replace("HERE", here)


def made_by(cell: str) -> set[str]:
    """The names that a cell assigns, and the names of files that it writes."""
    names = set()
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(cell)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, ast.alias):
                names.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, ast.Constant) and re.fullmatch(r"[\w.-]+\.(keras|h5|png|jpg)", str(node.value)):
                names.add(str(node.value))
    return names


def run(file: Path, here: str) -> list[tuple[str, str]]:
    """How each cell ended, and why."""
    os.environ.update(MPLBACKEND="Agg", KERAS_BACKEND="torch")
    prepare(here)
    space: dict[str, Any] = {"__name__": "__main__", "tensorflow": TensorFlow()}
    owed: dict[str, tuple[str, str]] = {}  # what cells did not come to make, and how they ended
    ends = []
    for number, cell in enumerate(cells(file)):
        code = changed(cell, here)
        before = dict(space)
        end = attempt(code, space, owed)
        for name in made_by(code):
            if end[0] == "runs" or (name in space and space[name] is not before.get(name)):
                owed.pop(name, None)
            elif not isinstance(before.get(name), (type, types.FunctionType, types.ModuleType)):
                owed[name] = (end[0], f"follows cell {number}")
                space.pop(name, None)
        ends.append(end)
    return ends


def attempt(code: str, space: dict[str, Any], owed: dict[str, tuple[str, str]]) -> tuple[str, str]:
    if re.search(r"^\s*[!%]", code, re.M):
        return "out", re.search(r"^\s*([!%].*)", code, re.M)[1]  # type: ignore[index]

    def late(*none: Any) -> None:
        raise TimeoutError(f"more than {LIMIT} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            exec(compile(code, "cell", "exec"), space)
    except Exception as error:
        return ending(error, owed)
    finally:
        signal.alarm(0)
    return "runs", ""


def ending(error: Exception, owed: dict[str, tuple[str, str]]) -> tuple[str, str]:
    text = f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
    wanted = [error.name] if isinstance(error, NameError) else []
    wanted += [n for n in owed if isinstance(error, (FileNotFoundError, ValueError)) and "." in n and n in str(error)]
    for name in wanted:
        if name in owed:
            return owed[name]
    if isinstance(error, Out):
        return "out", text
    if isinstance(error, ImportError) and not (error.name or "").startswith(("striate", "keras.")):
        return "out", text
    if any("StriateError" in t.__name__ for t in type(error).__mro__):
        return "refused", text
    if isinstance(error, (AttributeError, ImportError)):
        told = re.search(r"[.;:] \w*|write ", str(error)) and "has no attribute" not in str(error)
        return ("refused" if told else "missing"), text
    return "crash", text


# -- all ---------------------------------------------------------------------------------------------------------------
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only notebooks whose path has this in it")
    parser.add_argument("--json", help="write how each cell ended to this file")
    parser.add_argument("--fails", action="store_true", help="print every cell that does not run, and why")
    parser.add_argument("--keras", action="store_true", help="run Keras itself")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    here = "keras" if given.keras else "striate"
    if given.one:
        print("\n" + json.dumps(run(Path(given.one), here)))
        return
    if not os.environ.get("STRIATE_NOTEBOOKS"):
        parser.error("STRIATE_NOTEBOOKS must be the path of a checkout of deep-learning-with-python-notebooks.")
    root, ends = Path(os.environ["STRIATE_NOTEBOOKS"]).resolve(), {}
    for edition, patterns in CHAPTERS.items():
        with tempfile.TemporaryDirectory() as kept:
            for file in (f for p in patterns for f in sorted(root.glob(p + ".ipynb")) if given.only in f.as_posix()):
                ends[f"{edition} | {file.stem}"] = in_a_process(file, Path(kept), given.keras)
    table(ends, given.fails)
    if given.json:
        Path(given.json).write_text(json.dumps(ends, indent=1))


def in_a_process(file: Path, kept: Path, keras: bool) -> list[tuple[str, str]]:
    """A chapter in a process and a folder of its own; what models it saves, later chapters of its edition load."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", str(file), *(["--keras"] if keras else [])]
    with tempfile.TemporaryDirectory() as folder:
        for model in kept.iterdir():
            shutil.copy(model, folder)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{file}: {done.stderr[-2000:]}")
        for model in (*Path(folder).glob("*.keras"), *Path(folder).glob("*.h5")):
            shutil.copy(model, kept)
    return [(how, why) for how, why in json.loads(done.stdout.strip().splitlines()[-1])]


def table(ends: dict[str, list[tuple[str, str]]], fails: bool) -> None:
    total: collections.Counter[str] = collections.Counter()
    if fails:
        for chapter, rows in ends.items():
            for number, (how, why) in enumerate(rows):
                if how != "runs":
                    print(f"{how:8} {chapter} [{number}]: {why}")
    print(f"| edition | chapter | {' | '.join((*ENDINGS, 'out'))} |\n| --- | --- | {' | '.join(['---:'] * 5)} |")
    for chapter, rows in ends.items():
        counts = collections.Counter(how for how, _ in rows)
        total += counts
        print(f"| {chapter} | {' | '.join(str(counts[e]) for e in (*ENDINGS, 'out'))} |")
    print(f"| all | | {' | '.join(str(total[e]) for e in (*ENDINGS, 'out'))} |")


if __name__ == "__main__":
    main()
