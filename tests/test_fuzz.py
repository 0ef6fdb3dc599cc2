"""A part of ``make fuzz``, always the same inputs: each is answered, or refused in one line, within its limits."""

from __future__ import annotations

import random
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
