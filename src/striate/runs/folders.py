"""The folder of a run: one process writes to it, and a run that begins over another one stands aside until it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path

from striate.doors.locks import locked, missing, remove_empty
from striate.doors.writing import MOVING, move_up, remove
from striate.errors import ArgumentError, BundleError
from striate.weights.bundle import CONTENTS, FIXED
from striate.wording import inner

RUN = "run.json"  # what the run was asked for
ASIDE = ".again"  # the folder in a run's in which a run that begins over it is written
PAGE = "page.html"  # the explorer
FILTERS = "filters.safetensors"  # the first filters through the training
RECORDS = (RUN, "metrics.csv", "report.html", PAGE, FILTERS, "training.pt")  # of a run, beside its model
_KEPT = "tune.db"  # a search may come before the run


def is_part(name: str) -> bool:
    """Whether the files of a saved model or a run are called so.

    name   of a file in its folder
    """
    return name in (*RECORDS, *FIXED, _KEPT) or any(fnmatch(name, one) for one in CONTENTS)


def free_folder(stem: str, root: str | os.PathLike[str] = "runs") -> Path:
    """A folder that is not there yet: `root`/`stem`, or `root`/`stem`-2 … where that is taken."""
    folder, number = Path(root) / stem, 1
    while os.path.lexists(folder):
        number += 1
        folder = Path(root) / f"{stem}-{number}"
    return folder


def under_way(folder: str | os.PathLike[str]) -> Path:
    """Where the latest run of a folder is: in it, or aside while it is not over.

    folder   of the run
    """
    aside = Path(folder) / ASIDE
    return aside if (aside / RUN).is_file() and not aside.is_symlink() else Path(folder)


def settle(folder: str | os.PathLike[str]) -> None:
    """Put into place what a process that was killed at its end had written and not yet put there.

    folder   of the run

    Raises BundleError where another process holds it or it cannot be written to.
    """
    if os.path.lexists(Path(folder) / MOVING):
        with locked(folder, "going on"):
            pass


@contextmanager
def run_folder(
    folder: str | os.PathLike[str] | None, stem: str, doing: str, *, resume: bool = False
) -> Iterator[tuple[Path, Path]]:
    """Hold the folder of a run: (the folder, where the run is written until the block ends).

    folder   of the run, or None: a free one below runs/
    stem     of its name then
    doing    what it is held for, for messages
    resume   go on with the run that is there

    In a new folder the run is written where it stays.  Over a model or a run that is there it is written aside and takes its
    place, all of it, when the block ends; where that fails, what was there stays as it was.

    Raises ArgumentError for a folder with something else in it and for a file, BundleError where another process holds it or
    it cannot be written to.
    """
    with ExitStack() as undo:
        if folder is None:
            above = missing("runs")
            target = _made(stem)
            undo.callback(remove_empty, [target, *above])
        else:
            target = Path(folder)
        check_folder(target)
        with locked(target, doing):
            check_folder(target)
            place = _begun(target, resume)
            with ExitStack() as kept:
                kept.callback(_remove_useless, place, target)
                yield target, place
                kept.pop_all()
            if place != target:
                gone = [*RECORDS, *(name for name in os.listdir(target) if any(fnmatch(name, one) for one in CONTENTS))]
                move_up(place, "model.json", gone)
        undo.pop_all()


def _remove_useless(place: Path, target: Path) -> None:
    """Remove what a run was written to aside of `target`, where it holds nothing that could be gone on with."""
    if place != target and not (place / RUN).is_file():
        remove(place)


def _made(stem: str) -> Path:
    """A new folder; of two processes that want one each gets its own."""
    while True:
        target = free_folder(stem)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.mkdir()
            return target
        except FileExistsError:
            continue
        except OSError as error:
            raise BundleError(
                f"could not write {target}: {inner(error.strerror or error)}. Nothing was changed; choose another place."
            ) from None


def check_folder(target: Path) -> None:
    """Raise ArgumentError where a run cannot go: a file, or a folder with something in it that is no model and no run.

    target   the folder
    """
    if os.path.lexists(target) and not target.is_dir():
        raise ArgumentError(f"{target} is a file; a run is a folder. Choose another.")
    if not target.is_dir() or any((target / own).is_file() for own in ("model.json", RUN)):
        return
    if any(not name.startswith(".") and name != _KEPT for name in os.listdir(target)):
        raise ArgumentError(f"{target} is not empty and holds no model; choose another folder.")


def _begun(target: Path, resume: bool) -> Path:
    aside = target / ASIDE
    if resume and under_way(target) == aside:
        return aside
    remove(aside)
    if resume:
        return target
    if any((target / own).is_file() for own in ("model.json", RUN)):
        aside.mkdir()
        return aside
    for old in RECORDS:
        remove(target / old)
    return target
