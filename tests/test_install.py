"""A plain install brings what docs/install.md says, loads it late, and names what it does without."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import striate as st
from striate import layers
from striate.errors import ArgumentError

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGE = (ROOT / "docs" / "install.md").read_text()


def named(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", each)[0] for each in requirements}


def table(heads: str) -> list[list[str]]:
    """The rows of the table with this head."""
    rows = PAGE.partition(heads)[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_of_packages_is_that_of_the_project():
    rows = table("| package | MB | what for |")
    assert {row[0] for row in rows} == named(PROJECT["dependencies"])
    assert all(row[1].isdigit() and row[2] for row in rows)
    assert round(sum(int(row[1]) for row in rows) / 1000, 1) == float(re.search(r"([\d.]+) GB in all", PAGE)[1])


def test_the_table_of_extras_is_that_of_the_project():
    rows = table("| extra | packages | MB | what for |")
    assert {row[0] for row in rows} == set(PROJECT["optional-dependencies"])
    for name, packages, *_ in rows:
        if packages:
            assert named(packages.split(", ")) == named(PROJECT["optional-dependencies"][name])


def test_training_predicting_and_saving_load_only_what_they_use(tmp_path):
    late = ["sklearn", "scipy", "matplotlib", "jinja2", "rich", "typer", "yaml", "pandas", "torchmetrics"]
    late += ["accelerate", "huggingface_hub", "tensorboard", "optuna"]
    code = f"""
import sys
for name in {late}: sys.modules[name] = None  # whoever imports one of them ends here
import numpy as np, striate as st
from striate import layers
net = [layers.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2, activation="softmax")]
model = st.Sequential(net)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
x, y = np.ones((8, 8, 8, 1), "float32"), np.arange(8) % 2
model.fit(x, y, verbose=0)
model.save({str(tmp_path / "m")!r})
model = st.models.load_model({str(tmp_path / "m")!r})
model.evaluate(x, y, verbose=0)
print(model.predict(x, engine="onnxruntime").shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "(8, 2)\n", done.stderr


def fitted(**options):
    model = st.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", **options.pop("compile", {}))
    model.fit(np.ones((2, 2)), np.ones(2), verbose=0, **options)


@pytest.mark.parametrize(
    ("extra", "module", "use"),
    [
        ("tensorboard", "tensorboard", lambda p: fitted(callbacks=[st.callbacks.TensorBoard(p)])),
        ("hub", "huggingface_hub", lambda p: st.zoo.create("mobilenet", weights="hf:someone/something")),
        ("tune", "optuna", lambda p: st.tune.tune("digits", trials=1, folder=p)),
    ],
)
def test_what_is_missing_is_named_with_how_to_get_it(extra, module, use, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ArgumentError, match=rf"needs {module}: pip install 'striate\[{extra}\]'"):
        use(tmp_path)


def test_several_processes_without_accelerate_are_refused_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(
        ArgumentError, match=r"several processes needs accelerate: pip install 'striate\[distributed\]'"
    ):
        fitted()
