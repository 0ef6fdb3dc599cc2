"""A part of ``make fuzz``, always the same inputs: each is answered, or refused in one line, within its limits."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_sound_inputs_are_accepted_bombs_refused_and_changed_ones_answered_or_refused_in_words(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    asked = [sys.executable, "-m", "fuzz", "--sound", "--count", "1500", "--seed", "14", "--json"]
    ran = subprocess.run(asked, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    told = json.loads(ran.stdout)
    assert not told["findings"], json.dumps(told["findings"], indent=1)
    sound, changed, hostile = told["sound"], told["formats"], {"picture foreign", "bombs"}
    assert hostile <= sound.keys()
    assert all(counts.get("accepted", 0) for name, counts in sound.items() if name not in hostile)
    assert min(len(sound), len(changed)) > 60
    assert all(sum(counts.get(kind, 0) for kind in ("accepted", "refused")) for counts in changed.values())


def test_an_input_depends_on_its_seed_and_number_alone(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from fuzz.mutate import changed

    sound = [b'{"a": [1, 2, {"b": "c"}]}', b"P5 2 2 255 abcd" * 9]
    for hints in ((), ("json",), ("picture",), ("table", "xml")):
        first, second = (
            [changed(random.Random(f"3 x {i}"), sound[i % 2], sound, hints) for i in range(60)] for _ in "ab"
        )
        assert first == second
        assert len(set(first)) > 40


def test_a_picture_is_reached_behind_its_sums(monkeypatch):
    import io

    from PIL import Image

    monkeypatch.syspath_prepend(str(ROOT))
    from fuzz.mutate import png_sums

    content = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(content, "PNG")
    broken = bytearray(content.getvalue())
    broken[18] ^= 1  # the width
    assert png_sums(content.getvalue()) == content.getvalue()
    assert Image.open(io.BytesIO(png_sums(bytes(broken)))).width != 4


def test_what_takes_the_inputs_can_write_to_its_own_folder_alone(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT))
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom fuzz import child\n"
        "own, other = map(Path, sys.argv[1:])\nchild._home = str(own)\nchild.confine(own)\nsys.addaudithook(child._watch)\n"
        "(own / 'a').write_text('x')\n"
        "acts = lambda: (other / 'a').write_text(''), lambda: os.replace(own / 'a', other / 'b'), lambda: os.system('ls')\n"
        "for act in acts:\n"
        "    try:\n        act()\n        print('done')\n    except OSError:\n        print('refused')\n"
    )
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    asked = [sys.executable, "-c", code, str(own), str(other)]
    ran = subprocess.run(asked, capture_output=True, text=True, env=environment, check=False)
    assert ran.stdout.split() == ["refused"] * 3, ran.stderr
    assert not list(other.iterdir())
