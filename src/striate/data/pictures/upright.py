"""The way up of a picture: the orientation that its EXIF data say, and the picture turned by it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

_filters_lock = threading.RLock()


class Turn(NamedTuple):
    """What makes a picture upright: its sides exchanged, then mirrored left-right, then top-bottom."""

    swapped: bool = False
    left_right: bool = False
    top_bottom: bool = False


ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4
_TURNS = {
    2: Turn(False, True, False),
    3: Turn(False, True, True),
    4: Turn(False, False, True),
    5: Turn(True, False, False),
    6: Turn(True, True, False),
    7: Turn(True, True, True),
    8: Turn(True, False, True),
}


@contextmanager
def without_warnings(kind: type[Warning] = Warning) -> Iterator[None]:
    """Pillow warns where a header is odd; a file either gives a picture or a DataError.  Locked: filters are global.

    kind   of the warnings that are not shown
    """
    with _filters_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", kind)
        yield


def turn_of(image: Image.Image) -> Turn:
    """The turn that an opened picture still needs, from its EXIF data; none where they are missing or broken."""
    try:
        with without_warnings():
            return _TURNS.get(int(image.getexif().get(ORIENTATION, 1)), Turn())
    except Exception:  # a broken EXIF block is no reason to refuse the picture
        return Turn()


def upright(image: Image.Image) -> Image.Image:
    """The picture turned and mirrored as EXIF asks; TIFF files did so in load."""
    from PIL import Image

    image.load()
    turn, ways = turn_of(image), Image.Transpose
    if turn.swapped:
        how = {
            (False, False): ways.TRANSPOSE,
            (True, False): ways.ROTATE_270,
            (True, True): ways.TRANSVERSE,
            (False, True): ways.ROTATE_90,
        }[turn.left_right, turn.top_bottom]
    elif turn.left_right:
        how = ways.ROTATE_180 if turn.top_bottom else ways.FLIP_LEFT_RIGHT
    elif turn.top_bottom:
        how = ways.FLIP_TOP_BOTTOM
    else:
        return image
    return image.transpose(how)
