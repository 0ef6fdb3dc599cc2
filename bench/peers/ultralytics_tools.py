"""ultralytics, kept quiet and to itself: no look for updates, nothing sent, nothing brought, all files in a folder.

That is decided when it is imported, so peers import it from here alone.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

FOLDER = tempfile.TemporaryDirectory()
os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": FOLDER.name}
os.chdir(FOLDER.name)  # where it puts what it writes unasked

import bare_torchvision  # noqa: E402  (before torchvision)
import torchvision  # noqa: E402
import ultralytics  # noqa: E402
from ultralytics import YOLO, settings  # noqa: E402
from ultralytics.utils import LOGGER  # noqa: E402
from ultralytics.utils.nms import TorchNMS  # noqa: E402
from ultralytics.utils.torch_utils import get_flops  # noqa: E402

__all__ = ["FOLDER", "NETWORKS", "YOLO", "get_flops", "passes"]

NETWORKS = Path(ultralytics.__file__).parent / "cfg" / "models"
LOGGER.setLevel(logging.ERROR)
settings.update({name: False for name, value in settings.items() if value is True})
if bare_torchvision.LIBRARY is not None:
    torchvision.ops.nms = TorchNMS.nms  # its own, which gives the same


def passes(model: YOLO, clock: Callable[[], AbstractContextManager[None]], **how: Any) -> None:
    """A pass of training for every line on stdin, within one long training; with the last of them the process ends.

    clock   makes what times a pass
    how     the training's settings, beside those that all have here: AdamW, no accumulation, 32 bits, this process alone
    """
    running = ExitStack()

    def begin(_trainer: object) -> None:
        if not sys.stdin.readline():
            raise SystemExit
        running.enter_context(clock())

    model.add_callback("on_train_epoch_start", begin)
    model.add_callback("on_fit_epoch_end", lambda _trainer: running.close())
    model.train(
        **how,
        nbs=how["batch"],
        epochs=1000,
        optimizer="AdamW",
        lr0=1e-3,
        hsv_h=0.0,
        hsv_s=0.0,
        amp=False,
        workers=0,
        device="cpu",
        save=False,
        plots=False,
        verbose=False,
        project=FOLDER.name,
    )
