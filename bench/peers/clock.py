"""How peers in environments of their own take their figures."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version


def _worked() -> float:
    """Seconds of the processor, of this process and of those that it started and that have ended."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


@contextmanager
def timed(count: int, *packages: str, **says: object) -> Iterator[None]:
    """Print how many of `count` things were done a second, by the clock and by processor time.

    count      of what was done meanwhile
    packages   whose versions stand beside it
    says       what else does
    """
    started, before = time.perf_counter(), _worked()
    yield
    seconds, worked = time.perf_counter() - started, _worked() - before
    versions = {name: version(name) for name in packages}
    print(json.dumps({"rate": count / seconds, "work": count / worked, "versions": versions, **says}), flush=True)
