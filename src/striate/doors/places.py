"""Where what can be fetched or made again is kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """A place in the folder that STRIATE_CACHE names, else in ~/.cache/striate.

    parts   of the path below it

    Where there is no home folder, as in some containers, it is below the folder for temporary files.
    """
    named = os.environ.get("STRIATE_CACHE")
    try:
        base = Path(named).expanduser() if named else Path.home() / ".cache" / "striate"
    except RuntimeError:  # HOME is not set and this user is not known
        base = Path(tempfile.gettempdir()) / f"striate-{getattr(os, 'getuid', lambda: 'cache')()}"
    return base.joinpath(*parts)
