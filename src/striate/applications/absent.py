"""Applications of Keras that the zoo does not have, each with the nearest that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate.utils.refusals import refused

NEAREST = {
    **dict.fromkeys(("MobileNetV3Small", "MobileNetV3Large"), "MobileNetV2"),
    **{f"EfficientNetB{i}": "EfficientNetB0" for i in range(1, 8)},
    **{f"EfficientNetV2{size}": "EfficientNetB0" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **{f"ConvNeXt{size}": "ConvNeXtTiny" for size in ("Small", "Base", "Large", "XLarge")},
}


def absent(name: str) -> Callable[..., Any]:
    """What stands for an application that is not there: calling it raises ArgumentError, which names the nearest."""
    return refused(f"applications.{name}", f"The nearest that it has is applications.{NEAREST[name]}.")
