"""What a row of the table is made of: a format, how commands are run, and how answers are compared."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.seeds import Seed
from striate.errors import StriateError
from striate.visible import visible

LONGEST = 3_000  # letters of a message; names of 255 bytes and what is known instead stand in some

Use = Callable[[Path, str], Any]


class WrongError(Exception):
    """An answer that must not be: `verdict` says of which kind it is."""

    def __init__(self, said: str, verdict: str = "wrong") -> None:
        super().__init__(said)
        self.verdict = verdict


@dataclass
class Format:
    """A kind of input.

    name    of the format
    use     reads it: gets the folder and the path in it of what was changed; what it gives is compared where that must
            be the same
    hints   how its files are changed, by a pattern of their names
    same    patterns of files that carry a sum: whatever is changed in them is refused, made again or has no effect
    share   how many of the inputs are of this format, beside the others
    seeds   the sound files
    repair  makes the other files agree with what was changed, so that sums do not hide what lies behind them
    """

    name: str
    use: Use
    hints: dict[str, tuple[str, ...]]
    same: tuple[str, ...] = ()
    share: float = 1.0
    seeds: list[Seed] = field(default_factory=list)
    repair: Callable[[dict[str, bytes]], None] | None = None

    def hints_of(self, target: str) -> tuple[str, ...]:
        """The ways in which a file is changed."""
        return next((how for pattern, how in self.hints.items() if fnmatch.fnmatch(target, pattern)), ())

    def same_for(self, target: str) -> bool:
        """Whether a change of this file must not change the answer."""
        return any(fnmatch.fnmatch(target, pattern) for pattern in self.same)


def unclear(said: str) -> str:
    """Why a message is not one clear line; "" where it is.

    said   the message
    """
    if not said.strip():
        return "says nothing"
    if "\n" in said:
        return "several lines"
    if visible(said) != said:
        return "signs that a terminal obeys"
    return f"{len(said)} letters" if len(said) > LONGEST else ""


def each(*uses: Callable[[], Any], may_refuse: Callable[[], Any] | None = None) -> Any:
    """Call all; what the last gives, unless one refuses.

    uses         called one after the other
    may_refuse   called too; it may refuse what the others take, in one clear line
    """
    refusal, result = None, None
    if may_refuse is not None:
        try:
            may_refuse()
        except StriateError as error:
            if why := unclear(str(error)):
                raise WrongError(f"{why}: {str(error)[:300]!r}", "unclear") from None
    for use in uses:
        try:
            result = use()
        except StriateError as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    return result


def command(*arguments: str, also: tuple[int, ...] = ()) -> tuple[int, str]:
    """Run the command line in this process; raises WrongError for whatever a user must not see.  (exit code, output)."""
    from striate.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    code: Any = None
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(list(arguments))
    except SystemExit as ended:
        code = ended.code
    said = err.getvalue()
    if code not in (0, 2, *also):
        raise WrongError(f"exit code {code!r} of {arguments[:2]}: {said[-200:]!r}", "unclear")
    # what follows a carriage return in a bar of progress is a new line
    lines = [line for line in re.split(r"[\n\r]", said) if line.strip()]
    mistakes = sum(line.startswith("striate: ") for line in lines)
    # size says in its table what does not fit; predict counts what it could not read
    if code == 2 and mistakes != 1 and (mistakes or not (out.getvalue() or "could not be read" in said)):
        raise WrongError(f"{len(lines)} lines for one mistake: {said[:300]!r}", "unclear")
    for line in (*out.getvalue().splitlines(), *lines):
        if visible(line.replace("\t", " ")) != line.replace("\t", " "):
            raise WrongError(f"signs that a terminal obeys: {line[:200]!r}", "unclear")
    if code == 2:
        raise RefusedError((lines or out.getvalue().strip().splitlines())[-1])
    return code, out.getvalue()


class RefusedError(StriateError):
    """What a command said before it ended with 2."""


def digest(value: Any) -> str:
    """A sum over arrays, tensors, numbers and texts, within lists and dicts."""
    import torch

    total = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, torch.Tensor):
            total.update(f"{part.shape} {part.dtype}".encode())
            part = part.detach().cpu().flatten().clone().view(torch.uint8).numpy()
        if isinstance(part, np.ndarray):
            total.update(f"{part.shape} {part.dtype}".encode() + np.ascontiguousarray(part).tobytes())
        elif isinstance(part, dict):
            for key in sorted(part, key=str):
                total.update(str(key).encode())
                add(part[key])
        elif isinstance(part, list | tuple):
            total.update(f"{len(part)}".encode())
            for one in part:
                add(one)
        else:
            total.update(repr(part).encode())

    add(value)
    return total.hexdigest()


def searched(folder: Path) -> None:
    """Search for settings with two trials in a folder, or take up the search that is there.

    folder   of tune.db
    """
    from striate import data
    from striate.layers import Dense, Flatten
    from striate.models import Sequential
    from striate.seed import set_seed
    from striate.tune import tune

    set_seed(0)
    scenes = data.scenes(12, size=16, seed=0)
    network = Sequential([Flatten(input_shape=(16, 16, 3)), Dense(3, activation="softmax")])
    tune("scenes", 2, folder=folder, model=network, folds=2, epochs=1, splits=data.Splits(scenes, None, scenes))
