"""SQLite databases, opened by their path and by nothing else: no name is taken for an address or an option."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from striate.errors import BundleError, StriateError
from striate.wording import inner

_BEGINS = b"SQLite format 3\0"


def database(
    path: str | os.PathLike[str], kind: type[StriateError] = BundleError, *, advice: str = "Delete it to begin anew."
) -> Callable[[], sqlite3.Connection]:
    """What opens a database each time it is called; a new one is made where none is there.

    path     of the file
    kind     the class of the error
    advice   the end of its message

    Raises `kind` for a link, for what is no database and for one whose pages do not fit together.
    """
    place = Path(os.path.abspath(path))
    if place.is_symlink() or (place.exists() and not place.is_file()):
        raise kind(f"{path} is no file of its own. {advice}")

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(place, timeout=30, check_same_thread=False)

    try:
        if place.exists() and place.stat().st_size:
            with place.open("rb") as file:
                if file.read(len(_BEGINS)) != _BEGINS:
                    raise kind(f"{path} is damaged (it is no database). {advice}")
        connection = connect()
        try:
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise kind(f"{path} is damaged or cannot be opened ({inner(error)}). {advice}") from None
    if said != "ok":
        raise kind(f"{path} is damaged ({inner(said)}). {advice}")
    return connect
