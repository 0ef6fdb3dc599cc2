"""Lets torchvision be imported where its compiled part does not load, as beside a torch for the CPU alone.

Its Python part gives torch the shapes of two operators, which therefore have to be there.  Import this before it.
"""

import importlib.util
from pathlib import Path

import torch


def declared() -> torch.library.Library | None:
    """The two operators without kernels, for as long as this object is kept; None where torchvision's own load."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise SystemExit("torchvision is not installed.")
    try:
        torch.ops.load_library(Path(found.origin).with_name("_C.so"))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None


LIBRARY = declared()
