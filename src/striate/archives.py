"""Zip files that others have packed: what reading one may raise."""

from __future__ import annotations

import zipfile
import zlib

#: What a zip file that is cut, damaged, locked or packed by an unknown method raises while it is opened and read.
#: RuntimeError stands for a password, and for NotImplementedError, which is one; ValueError for a text that is none.
NOT_WHOLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
