"""What other packages do unasked, turned off before they are imported.

Nothing is sent anywhere, and nothing is written outside of run folders, the cache and the folder for temporary files.
docs/security.md lists every package with what it does; tests/test_silence.py watches sockets and the home folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from striate.doors.places import cache_folder, home, may_write, own_temporary

#: What would report to somebody, and the variables that say no.  They hold whatever the user has set.
SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: a device id and a database in the home folder, events to its makers
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub and hf_xet: versions, the tool that called, counts
}

#: What reports for others and asks no variable: openvino, on each import, with a number that it keeps in the home folder.
#: Who imports it does without, as where it is not installed.
REPORTERS = ("openvino_telemetry",)


def quiet() -> None:
    """Set the environment so that no package reports its use or keeps files in the home folder.

    ``import striate`` calls it: most packages look at the environment only when they are imported.
    """
    os.environ.update(SILENT)
    for name in REPORTERS:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # Python's way to say that it cannot be imported
    if not os.environ.get("MPLCONFIGDIR") and not _own_style():
        folder = cache_folder("matplotlib")
        os.environ["MPLCONFIGDIR"] = str(folder if may_write(folder) else own_temporary() / "matplotlib")


def _own_style() -> bool:
    """Whether the user has settings for matplotlib, which stand beside where it would keep its list of fonts."""
    base = os.environ.get("XDG_CONFIG_HOME")
    at_home = home()
    folders = [Path(base, "matplotlib")] if base else [at_home / ".config" / "matplotlib"] if at_home else []
    folders += [at_home / ".matplotlib"] if at_home else []
    for folder in folders:
        try:
            if os.listdir(folder):
                return True
        except OSError:
            continue
    return False


def onnx_runtime() -> ModuleType:
    """The package onnxruntime, imported nowhere else: also events of a session that began without us are off."""
    quiet()
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime  # type: ignore[no-any-return]


def onnx_quantizer() -> None:
    """Make ONNX Runtime's quantizer ready to be imported: onnx names its files by the network card, asked by a socket."""
    import uuid
    from types import SimpleNamespace

    onnx_runtime()
    from onnx import external_data_helper

    if hasattr(external_data_helper, "uuid"):
        drawn: Any = SimpleNamespace(uuid1=uuid.uuid4, uuid4=uuid.uuid4)
        external_data_helper.uuid = drawn


def hugging_face(folder: Path) -> None:
    """What huggingface_hub keeps besides the files that are asked for goes to `folder` too, unless the user said where.

    folder   of the cache

    To be called before it is imported.  Who is signed in is still read from where it puts that.
    """
    quiet()
    os.environ.setdefault("HF_XET_CACHE", str(folder / "xet"))
