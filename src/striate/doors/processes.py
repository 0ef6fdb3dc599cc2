"""Processes of our own: Python again, which imports what this one would and nothing that lies in the working folder."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any


def python(code: str, *arguments: str, **streams: Any) -> subprocess.Popen[Any]:
    """Start Python in a process of its own.

    code        what it runs
    arguments   its ``sys.argv``, from the second on
    streams     stdin, stdout, stderr and text, as ``subprocess.Popen`` takes them

    Without -P it would look for modules in the working folder first, which may be a stranger's.  Raises OSError where the
    system starts no more.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        **streams,
    )
