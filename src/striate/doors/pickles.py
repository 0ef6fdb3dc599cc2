"""Whether a pickle is a plain tree: nothing in it stands within itself, or twice a level a hundred levels deep.

Such a value takes a hash, a print or a walk for ever, though a few hundred bytes say it and no code is run.
"""

from __future__ import annotations

import io
import os
import pickletools
from typing import BinaryIO

from striate.doors.packed import is_zip, opened_zip, read_member
from striate.doors.reading import opened
from striate.errors import BundleError, StriateError

_MOST = 20_000_000  # values, those counted again that stand in several places
_PICKLES = 5  # of the old format of torch: what it is, how it is kept, and the values
_POPPED = {
    "TUPLE1": 1,
    "TUPLE2": 2,
    "TUPLE3": 3,
    "REDUCE": 2,
    "NEWOBJ": 2,
    "NEWOBJ_EX": 3,
    "BINPERSID": 1,
    "STACK_GLOBAL": 2,
}
_TO_MARK = {"TUPLE", "LIST", "DICT", "FROZENSET", "INST", "OBJ"}
_ADDED = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}
_ADDED_TO_MARK = {"APPENDS", "SETITEMS", "ADDITEMS"}
_NOTHING = {"PROTO", "FRAME", "STOP", "READONLY_BUFFER"}


def check_torch_pickle(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> None:
    """Raise `kind` for a file of ``torch.save`` whose values, written out, would be more than twenty million.

    path   of the file
    kind   the class of the error

    What is no pickle is left to whoever reads it.
    """
    where = os.fspath(path)
    if is_zip(path):
        with opened_zip(path, where, kind) as archive:
            for entry in archive.filelist:
                if entry.filename.endswith("data.pkl"):
                    check_pickle(io.BytesIO(read_member(archive, entry, where, kind=kind)), where, kind)
        return
    with opened(path, kind=kind) as file:
        for _ in range(_PICKLES):
            if not check_pickle(file, where, kind):
                return


def check_pickle(file: BinaryIO, where: str, kind: type[StriateError]) -> bool:
    """Whether a whole pickle begins here; the file stands behind it then.

    file    to read from
    where   what a message calls it
    kind    the class of the error

    Raises `kind` for values that would be more than twenty million.
    """
    stack: list[list[int] | None] = []  # of each value how many stand in it; None is a mark
    memo: dict[int, list[int]] = {}

    def popped(count: int | None) -> int:
        """How many stand in the topmost values: so many, or those down to the mark."""
        whole = 0
        while count is None or count > 0:
            top = stack.pop()
            if top is None:
                if count is None:
                    return whole
                raise IndexError
            whole += top[0]
            count = None if count is None else count - 1
        return whole

    try:
        for opcode, argument, _ in pickletools.genops(file):
            name = opcode.name
            if name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
                top = stack[-1]
                if top is not None:
                    memo[len(memo) if argument is None else int(argument)] = top
            elif name in ("BINGET", "LONG_BINGET", "GET"):
                stack.append(memo[int(argument)])  # type: ignore[arg-type]
            elif name == "MARK":
                stack.append(None)
            elif name in _POPPED or name in _TO_MARK:
                stack.append([1 + popped(_POPPED.get(name))])
            elif name in _ADDED or name in _ADDED_TO_MARK:
                more = popped(_ADDED.get(name))
                holder = stack[-1]
                assert holder is not None
                holder[0] += more
            elif name == "POP":
                stack.pop()
            elif name == "POP_MARK":
                popped(None)
            elif name == "DUP":
                stack.append(stack[-1])
            elif name not in _NOTHING:
                stack.append([1])
                continue
            if stack and stack[-1] is not None and stack[-1][0] > _MOST:
                raise kind(
                    f"{where} is damaged: it holds one value within the other more often than any file of weights."
                )
    except StriateError:
        raise
    except (ValueError, IndexError, KeyError, AssertionError, TypeError, RecursionError):
        return False
    return True
