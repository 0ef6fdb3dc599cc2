"""Odd machines: other locales, no home folder, a cache or a folder for temporary files that cannot be written to."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.feature_rows import FeatureRows
from striate.doors.places import cache_folder, data_folder, may_write, own_temporary
from striate.errors import Note


def told(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """A command in an environment with these variables; None takes one away."""
    given = {name: value for name, value in os.environ.items() if environment.get(name, "") is not None}
    given |= {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, *arguments], env=given, capture_output=True, text=True, errors="replace", check=False
    )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("Käse", "Brot"):
        (tmp_path / "ph" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (8, 8), (40 * i, 90, 9)).save(tmp_path / "ph" / name / f"{i}.png")
    return tmp_path / "ph"


LOCALES = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": None},
]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_command_prints_signs_that_the_terminal_does_not_have(locale):
    code = (
        "import sys; from striate.cli.main import app, main\n"
        "app.command('say')(lambda: print('K\\xe4se \\udce9 \\u2026'))\nmain(['say'])"
    )
    done = told("-c", code, **locale)
    assert (done.returncode, done.stdout) == (0, "K\\xe4se \\udce9 \\u2026\n"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
def test_output_that_the_terminal_has_no_signs_for_is_escaped(photos, locale):
    done = told("-m", "striate.cli.main", "data", "check", str(photos), **locale)
    assert "Traceback" not in done.stderr
    assert "Brot" in done.stdout
    assert r"\xe4" in done.stdout or r"\xc3\xa4" in done.stdout  # or its bytes
    done = told("-m", "striate.cli.main", "data", "check", str(photos / "Käse" / "nichts"), **locale)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("striate: ")


@pytest.mark.parametrize("home", [None, "", "/nowhere"])
def test_without_a_home_folder_striate_begins(home, tmp_path):
    code = (
        "import striate; from striate.doors.places import *; import os\n"
        "assert cache_folder() and data_folder() and os.environ['MPLCONFIGDIR'] != '/.cache/striate/matplotlib'"
    )
    done = told("-c", code, HOME=home, STRIATE_CACHE=None, MPLCONFIGDIR=None, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_places_without_a_home_folder_are_this_users_own(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", "")
    monkeypatch.delenv("STRIATE_CACHE", raising=False)
    mine = own_temporary()
    assert cache_folder("a") == mine / "a"
    assert data_folder("b") == mine / "data" / "b"
    assert mine.stat().st_mode & 0o077 == 0
    mine.rmdir()
    mine.symlink_to(tmp_path)  # another user was first
    assert own_temporary() != mine
    assert own_temporary() == own_temporary()
    mine.unlink()
    mine.mkdir()
    mine.chmod(0o777)
    assert own_temporary() != mine


def test_a_cache_that_cannot_be_written_to_only_slows_down(photos, tmp_path):
    (tmp_path / "file").write_text("")
    assert not may_write(tmp_path / "file" / "cache")
    assert may_write(tmp_path / "new" / "cache")
    code = (
        "import striate.data as d, os; from striate.data.pictures import cache; cache._MANY_BYTES = 1\n"
        f"print(len(d.load({str(photos)!r}, image_size=(8, 8)).train))\n"
        "import matplotlib.font_manager"
    )
    for gone in ({"STRIATE_CACHE": str(tmp_path / "file" / "cache")}, {"TMPDIR": str(tmp_path / "none")}):
        done = told("-W", "error", "-c", code, **({"MPLCONFIGDIR": None} | gone))
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "6", "")


def test_no_flipped_bit_gives_wrong_features(tmp_path):
    rows = {bytes([i] * 16): np.arange(8, dtype=np.float32) + i for i in range(5)}
    FeatureRows("base", "told", tmp_path).add(rows)
    (file,) = tmp_path.glob("*.npz")
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    with pytest.warns(Note, match="the features kept there are damaged, so they are computed again"):
        assert not FeatureRows("base", "told", tmp_path).rows
    rng, lost = np.random.default_rng(0), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        for at in range(0, len(whole), 9):
            content = bytearray(whole)
            content[at] ^= 1 << int(rng.integers(8))
            file.write_bytes(content)
            read = FeatureRows("base", "told", tmp_path).rows
            lost += not read
            for key, row in read.items():
                np.testing.assert_array_equal(row, rows[key])
    assert lost > len(whole) / 20
