"""Near duplicates: hashes within a radius, and changed copies of a picture."""

import io

import numpy as np
import pytest
from PIL import Image
from soft_pictures import drawn, encoded

from striate.data.checks.duplicates import close_pairs, fingerprint, near_groups


def test_hashes_within_a_radius_are_all_found_without_comparing_all():
    rng = np.random.RandomState(0)
    table = rng.randint(0, 2**63, 400, np.int64).view(np.uint64)
    queries = table.copy()
    for i in range(len(queries)):  # i % 14 bits flipped
        for bit in rng.choice(64, i % 14, replace=False):
            queries[i] ^= np.uint64(1) << np.uint64(bit)
    for radius in (0, 3, 7, 11):
        pairs = {(i, j) for a, b in close_pairs(queries, table, radius) for i, j in zip(a, b, strict=True)}
        distances = np.array([[bin(int(q) ^ int(t)).count("1") for t in table] for q in queries])
        assert pairs == set(zip(*np.nonzero(distances <= radius), strict=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda im: im.resize((40, 40)),
        lambda im: im.convert("L"),
        lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda im: im.crop((20, 16, 200, 160)),
        lambda im: im.crop((0, 10, 184, 150)),
        lambda im: Image.open(io.BytesIO(encoded(im, quality=15))),
        lambda im: im.point(lambda v: min(255, v * 9 // 8)),
    ],
    ids=["resized", "grey", "mirrored", "cropped at two sides", "cropped at three", "jpeg 15", "brighter"],
)
def test_a_changed_copy_is_joined_with_its_picture_and_with_no_other(change):
    pictures = [drawn(i, (200, 160)) for i in range(20)]
    looks = [fingerprint(image) for image in (*pictures, *(change(image) for image in pictures[:10]))]
    assert near_groups(looks) == [[i, 20 + i] for i in range(10)]
