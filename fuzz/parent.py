"""The processes that take the inputs: started, watched, and begun anew where one crashes or hangs."""

from __future__ import annotations

import json
import os
import pickle
import select
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fuzz import child
from fuzz.formats import FORMATS, preload
from fuzz.harness import Format
from fuzz.seeds import everything, put

BATCH = 1_500  # inputs of one process: what libraries keep does not add up
WAIT = 180.0  # seconds that one input may take by the clock, on a machine that does other things too


@dataclass
class Tally:
    """What came of the inputs of one format.

    counts    inputs by verdict
    seconds   of CPU, all together
    slowest   seconds of CPU of the slowest
    largest   bytes of the largest
    """

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seconds: float = 0.0
    slowest: float = 0.0
    largest: int = 0


@dataclass
class Outcome:
    """What came of all.

    tallies    by format
    findings   (format, number, verdict, what was said) of each bad one
    wall       seconds by the clock
    """

    tallies: dict[str, Tally]
    findings: list[tuple[str, int, str, str]]
    wall: float


def sound_files(place: Path) -> None:
    """Give every format its sound files, made by a process of their own: what trains here leaves threads behind."""
    file = place / "sound"
    process = os.fork()
    if process == 0:
        with child.ended():
            file.write_bytes(pickle.dumps(everything(place / "making")))
    if os.waitpid(process, 0)[1]:
        sys.exit("fuzz: the sound files could not be made.")
    found = pickle.loads(file.read_bytes())
    shutil.rmtree(place / "making")
    for form in FORMATS:
        form.seeds = [each for each in found.get(form.name, ()) if each.targets]
    FORMATS[:] = [form for form in FORMATS if form.seeds]


def plan(forms: Sequence[Format], count: int, first: int = 0) -> list[tuple[str, int]]:
    """(format, number) of `count` inputs, shared out as the formats' shares say, from number `first` on.

    forms   the formats
    count   of inputs
    first   the first number of each
    """
    whole = sum(form.share for form in forms)
    tasks = []
    for form in forms:
        tasks += [(form.name, first + i) for i in range(max(1, round(count * form.share / whole)))]
    return tasks


def plan_sound(forms: Sequence[Format]) -> list[tuple[str, int]]:
    """(format, number) of each sound input, which must be accepted.

    forms   the formats
    """
    return [(form.name, -1 - i) for form in forms for i in range(len(child.sound(form)))]


def run(
    seed: int,
    tasks: Sequence[tuple[str, int]],
    place: Path,
    processes: int = 1,
    told: Callable[..., None] | None = None,
) -> Outcome:
    """Hand out all inputs, in processes beside each other.

    seed        of all choices
    tasks       (format, number) of each
    place       a folder for all of them
    processes   beside each other
    told        called as told(format, number, verdict, what was said) for each bad one
    """
    started = time.perf_counter()
    waiting = [list(tasks[i : i + BATCH]) for i in range(0, len(tasks), BATCH)]
    outcome = Outcome({}, [], 0.0)
    running: dict[int, _Process] = {}
    free = [place / f"process{i}" for i in range(processes)]
    while waiting or running:
        while waiting and free:
            begun = _Process(seed, waiting.pop(0), free.pop())
            running[begun.pipe] = begun
        ready, _, _ = select.select(list(running), [], [], 1.0)
        for pipe in list(running):
            process = running[pipe]
            for name, number, verdict, said, seconds, taken in process.read() if pipe in ready else process.overdue():
                _count(outcome, name, number, verdict, said, seconds, taken, told)
            if process.ended:
                del running[pipe]
                free.append(process.folder)
                if process.left:
                    waiting.insert(0, process.left)
    outcome.wall = time.perf_counter() - started
    return outcome


def _count(
    outcome: Outcome, name: str, number: int, verdict: str, said: str, seconds: float, taken: int,
    told: Callable[..., None] | None,
) -> None:  # fmt: skip
    tally = outcome.tallies.setdefault(name, Tally())
    tally.counts[verdict] += 1
    tally.seconds += seconds
    tally.slowest, tally.largest = max(tally.slowest, seconds), max(tally.largest, taken)
    if verdict in child.BAD:
        outcome.findings.append((name, number, verdict, said))
        if told is not None:
            told(name, number, verdict, said)


class _Process:
    """A child, the inputs that it has still to take, and the one that it is at."""

    def __init__(self, seed: int, tasks: list[tuple[str, int]], folder: Path) -> None:
        self.left, self.folder, self.ended = tasks, folder, False
        self.pipe, write = os.pipe()
        self._rest, self._since = b"", time.monotonic()
        self._begun = False
        self.number = os.fork()
        if self.number == 0:
            try:
                os.close(self.pipe)
                child.work(seed, tasks, folder, write)
            finally:
                import traceback

                os.write(write, json.dumps(["failed", traceback.format_exc()]).encode() + b"\n")
                os._exit(70)
        os.close(write)

    def read(self) -> Iterator[tuple[str, int, str, str, float, int]]:
        """What has come of inputs since the last time."""
        content = os.read(self.pipe, 1 << 16)
        if not content:
            yield from self._gone()
            return
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            record = json.loads(line)
            if record[0] == "failed":
                sys.exit(f"fuzz: {record[1]}")
            self._since, self._begun = time.monotonic(), len(record) == 2
            if len(record) > 2:
                self.left.pop(0)
                yield tuple(record)  # type: ignore[misc]

    def overdue(self) -> Iterator[tuple[str, int, str, str, float, int]]:
        """End a child that says nothing any more."""
        if time.monotonic() - self._since > WAIT:
            os.kill(self.number, signal.SIGKILL)
            self._since = time.monotonic()
        yield from ()

    def _gone(self) -> Iterator[tuple[str, int, str, str, float, int]]:
        _, status = os.waitpid(self.number, 0)
        os.close(self.pipe)
        self.ended = True
        shutil.rmtree(self.folder, ignore_errors=True)
        if not status:
            return
        name, number = self.left.pop(0)
        if not os.WIFSIGNALED(status):
            yield name, number, "crashed", f"the process ended itself with {os.waitstatus_to_exitcode(status)}", 0.0, 0
            return
        by = signal.Signals(os.WTERMSIG(status)).name
        slow = by in ("SIGPROF", "SIGKILL")
        yield name, number, "slow" if slow else "crashed", f"ended by {by}", child.KILL if slow else 0.0, 0


def begin(place: str | None = None) -> Path:
    """A folder for all, in memory where there is such a place, with the sound files read."""
    preload()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    root = Path(tempfile.mkdtemp(prefix="striate-fuzz-", dir=place or memory)).resolve()
    sound_files(root)
    return root


def input_at(seed: int, name: str, number: int, folder: Path) -> tuple[str, str]:
    """Write one input into a folder; (what is changed in it, the format's name)."""
    form = next(each for each in FORMATS if each.name == name)
    chosen, target, content = child.made(seed, form, number)
    put(folder, chosen, target, content)
    return target, form.name
