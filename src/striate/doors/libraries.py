"""What other packages do unasked when they are imported, said once to leave it.

Nothing is sent anywhere and nothing is written outside run folders, the cache and the folder for temporary files: these
packages would call home, or keep files in the home folder, unless told not to before they are imported.
"""

from __future__ import annotations

import os

#: package -> what it would do; the variables of the environment that say no
QUIET: dict[str, tuple[str, dict[str, str]]] = {
    "onnxruntime": ("reports its use and keeps a device id", {"ORT_DISABLE_TELEMETRY": "1"}),
    "huggingface_hub": ("reports its use", {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}),
}


def quiet() -> None:
    """Set those variables, unless the user has set them.  ``import striate`` calls it."""
    for _, variables in QUIET.values():
        for name, value in variables.items():
            os.environ.setdefault(name, value)
