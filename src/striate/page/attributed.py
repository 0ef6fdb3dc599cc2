"""What a page cannot compute of why a network answers so: maps of other methods for some pictures, and verdicts on all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Attributed:
    """Explanations of a network's answers to some of a page's pictures, by ``look.attributions``.

    places     what the page's address calls each picture: "sample-0", "held-out-3"
    classes    number of the class that each was explained for
    maps       int8 (pictures, H, W) by the method's name: -127..127, what speaks for the class and against
    verdicts   (whether it passes, in a sentence) of the sanity check by the method's name, also of those that the page
               computes itself
    """

    places: Sequence[str]
    classes: Sequence[int]
    maps: Mapping[str, np.ndarray]
    verdicts: Mapping[str, tuple[bool, str]]

    def for_page(self) -> tuple[dict[str, Any], bytes]:
        """What the page is told, JSON-ready, and the maps, method by method and picture by picture."""
        told = {
            "pictures": [list(pair) for pair in zip(self.places, self.classes, strict=True)],
            "maps": list(self.maps),
            "verdicts": {name: list(verdict) for name, verdict in self.verdicts.items()},
        }
        return told, b"".join(each.astype(np.int8).tobytes() for each in self.maps.values())
