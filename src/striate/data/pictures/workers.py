"""Work done ahead in threads and in processes; what comes out is in the order of what went in, whoever did it."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from striate.data.pictures.decode import describe
from striate.data.pictures.preprocess import Preprocessing
from striate.doors.processes import python
from striate.errors import DataError, without_name

T = TypeVar("T")
R = TypeVar("R")
Pixels = np.ndarray | str  # a picture, or why there is none
Decoder = Callable[[list[Any]], list[Pixels]]

# Not multiprocessing: its children run the user's script once more up to where it would start them, and a script
# without ``if __name__ == "__main__"`` cannot stand that.
# And only the few modules that decode: the packages are entered without what they import for their users.
_COMMAND = """
import sys, types
for name, path in zip(("striate", "striate.data", "striate.data.pictures"), sys.argv[1:]):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from striate.data.pictures.workers import _serve
_serve()
"""


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(make: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """make(item) of each item, in their order, begun up to 2 * `threads` ahead; without threads when it is asked for."""
    if threads < 1:
        yield from map(make, items)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="striate-ahead")
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def decoded(
    names: Sequence[str], fetch: Callable[[str], Any], preprocessing: Preprocessing, threads: int, processes: int
) -> Generator[Pixels, None, None]:
    """``preprocessing.pixels(fetch(name))`` of each name, or why there is none, decoded in threads of this process and in
    processes of their own.
    """

    def here(sources: list[Any]) -> list[Pixels]:
        return [_pixels(source, preprocessing) for source in sources]

    free: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
    helpers: list[_Process] = []

    def work(chunk: Sequence[str]) -> list[Pixels]:
        sources = [_fetched(name, fetch) for name in chunk]
        decoder = free.get()
        try:
            return decoder(sources)
        except (OSError, EOFError, pickle.PickleError):  # the process has ended: killed, or no Python can be started
            decoder = here
            return here(sources)
        finally:
            free.put(decoder)

    # Large enough for a process's answers to be rare, small enough for all of them to end at about the same time.
    height, width = preprocessing.image_size or (1024, 1024)
    size = max(1, min(256 if processes else 32, (16 << 20) // (height * width * 3)))
    chunks = (names[i : i + size] for i in range(0, len(names), size))
    try:
        for _ in range(processes):
            helpers.append(_Process(preprocessing))
            free.put(helpers[-1])
        for _ in range(threads):
            free.put(here)
        for results in in_order(work, chunks, threads + processes):
            yield from results
    finally:
        for helper in helpers:
            helper.close()


def _fetched(name: str, fetch: Callable[[str], Any]) -> Any:
    """A picture's source, or the error that there was instead."""
    if fetch is Path:
        return name  # twenty millionths of a second for each file otherwise, a fifth of what a tiny one takes
    try:
        return fetch(name)
    except DataError as error:
        return DataError(without_name(error, name))


def _pixels(source: Any, preprocessing: Preprocessing) -> Pixels:
    if isinstance(source, DataError):
        return str(source)
    try:
        return preprocessing.pixels(source)
    except DataError as error:
        return without_name(error, describe(source))


def _packed(results: list[Pixels]) -> tuple[np.ndarray | list[np.ndarray], dict[int, str]]:
    """The pictures, as one array where they are of one shape, and why others are none: quicker to send than each alone."""
    reasons = {i: result for i, result in enumerate(results) if isinstance(result, str)}
    pictures = [result for result in results if isinstance(result, np.ndarray)]
    return np.stack(pictures) if len({each.shape for each in pictures}) == 1 else pictures, reasons


class _Process:
    """A Python process that decodes what it is sent."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        here = Path(__file__).parent
        places = (here.parent.parent, here.parent, here)
        self._child = python(_COMMAND, *map(str, places), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._preprocessing: Preprocessing | None = preprocessing

    def __call__(self, sources: list[Any]) -> list[Pixels]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        if self._preprocessing is not None:
            pickle.dump(self._preprocessing, self._child.stdin, protocol=5)
            self._preprocessing = None
        pickle.dump(sources, self._child.stdin, protocol=5)
        self._child.stdin.flush()
        pixels, reasons = pickle.load(self._child.stdout)
        rows = iter(pixels)
        return [reasons[i] if i in reasons else next(rows) for i in range(len(sources))]

    def close(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.kill()  # it holds nothing that would have to be put in order
        self._child.wait()
        self._child.stdout.close()
        with suppress(OSError):  # what was not sent has nowhere to go
            self._child.stdin.close()


def _serve() -> None:
    """A helper's main loop: until the pipe ends, as it does whatever way the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    read, write = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a decoder prints is no answer
    preprocessing = None
    try:
        preprocessing = pickle.load(read)
        while True:
            sources = pickle.load(read)
            pickle.dump(_packed([_pixels(source, preprocessing) for source in sources]), write, protocol=5)
            write.flush()
    except (EOFError, BrokenPipeError):
        os._exit(0)  # without the interpreter's end, which would flush into a closed pipe
