"""Work counted in lines of Python that ran: the same number on every machine, where seconds are not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Steps:
    """How many lines have run so far."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def steps(most: float = float("inf")) -> Iterator[Steps]:
    """Count the lines of Python that run inside ``with``, in this thread; an AssertionError as soon as there are more.

    What one line does in C, a regular expression or a product of arrays, counts as one.

    Args:
        most: the lines allowed.
    """
    found = Steps()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            found.count += 1
            if found.count > most:
                sys.settrace(before)
                raise AssertionError(f"more than {most:,} lines of Python")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield found
    finally:
        sys.settrace(before)
