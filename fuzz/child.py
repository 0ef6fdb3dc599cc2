"""One process that takes inputs in turn, within limits, and says of each what came of it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fuzz.formats import FORMATS
from fuzz.harness import Format, WrongError, unclear
from fuzz.mutate import changed
from fuzz.seeds import Seed, put
from striate.doors.libraries import quiet
from striate.errors import StriateError

SECONDS = 5.0  # of CPU for one input
MEMORY = 2 << 30  # bytes above what the process has before
KILL = 12.0  # seconds of CPU after which the system ends the process
MOST = 6 << 30  # bytes that the process may ask for: what is refused there is a MemoryError

#: verdict -> whether it is bad
VERDICTS = {
    "accepted": False, "refused": False, "traceback": True, "unclear": True, "wrong": True, "slow": True, "large": True,
    "crashed": True, "reached out": True, "left over": True,
}  # fmt: skip
BAD = [name for name, bad in VERDICTS.items() if bad]
_reached: list[str] = []
_home = ""


@contextlib.contextmanager
def ended() -> Iterator[None]:
    """The life of a process that was forked: it ends with the block; with 1 and a traceback where anything goes wrong."""
    code = 1
    try:
        yield
        code = 0
    except BaseException:  # a command's SystemExit too: the process must not run on in its parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def made(seed: int, form: Format, number: int) -> tuple[Seed, str, bytes]:
    """The input with this number: the sound files, which of them is changed, and to what.

    seed     of all choices
    form     the format
    number   from 0; -1 and below are the sound files themselves, a target after the other
    """
    if number < 0:
        chosen, target = sound(form)[-1 - number]
        return chosen, target, chosen.files[target]
    rng = random.Random(f"{seed} {form.name} {number}")
    chosen = rng.choice(form.seeds)
    target = rng.choice(chosen.targets)
    same = [
        each.files[name] for each in form.seeds for name in each.targets if Path(name).suffix == Path(target).suffix
    ]
    content = changed(rng, chosen.files[target], same, form.hints_of(target))
    if form.repair is not None:
        files = {**chosen.files, target: content}
        form.repair(files)
        chosen, content = Seed(files, chosen.targets), files[target]
    return chosen, target, content


def sound(form: Format) -> list[tuple[Seed, str]]:
    """The sound inputs of a format, each with every file of it that is changed in others."""
    return [(seed, target) for seed in form.seeds for target in seed.targets]


def confine(folder: Path) -> None:
    """Let the system refuse what an input must not reach: only this folder can be written to, and there is no network.

    folder   this process's own

    Options name files too, so a command that does as it is told could write over anything.  Where the system does not allow
    this (it takes root, or namespaces of users), ``_watch`` alone refuses, which sees what Python opens.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    user, mounts, network = 0x10000000, 0x00020000, 0x40000000
    if libc.unshare(mounts | network | (0 if os.getuid() == 0 else user)):
        return
    private, bind, again, below, readonly = 1 << 18, 1 << 12, 1 << 5, 1 << 14, 1
    libc.mount(b"none", b"/", None, below | private, None)
    own = os.fsencode(folder)
    libc.mount(own, own, None, bind, None)
    for place in (b"/", b"/dev", b"/dev/shm", b"/tmp", b"/run", b"/home", b"/mnt"):  # those that are mounts
        libc.mount(b"none", place, None, bind | again | readonly, None)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    """Note programs that are started, addresses that are asked for and files that are written elsewhere, and refuse them."""
    before = len(_reached)
    _noted(event, args)
    if len(_reached) > before:
        raise PermissionError(1, "not within the folder of this input")


def _noted(event: str, args: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and args[0] == "fc-list":  # matplotlib looks for fonts, once in a process
        return
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn"):
        _reached.append(f"started a program: {event} {args[:2]!r:.80}")
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        _reached.append(f"asked the network: {event} {args[-1]!r:.80}")
    elif event == "open" and isinstance(args[0], str | bytes) and isinstance(args[2], int):
        if args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            _inside("wrote", args[0])
    elif event in (
        "os.remove",
        "os.rename",
        "os.mkdir",
        "os.rmdir",
        "os.symlink",
        "os.link",
        "shutil.rmtree",
        "os.truncate",
    ):
        for each in args[:2]:
            if isinstance(each, str | bytes):
                _inside(event, each)


def _inside(what: str, path: str | bytes) -> None:
    try:
        place = os.path.abspath(os.fsdecode(path))
    except (OSError, ValueError):
        return
    if not place.startswith((_home, "/dev/null", "/proc/self/")):
        _reached.append(f"{what} {place:.100}")


def alone(folder: Path) -> None:
    """Make this process write into a folder alone, and keep its caches and temporary files there.

    folder   where it works
    """
    global _home
    _home = str(folder)
    for name in ("tmp", "cache", "home", "bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.environ |= {"TMPDIR": str(folder / "tmp"), "STRIATE_CACHE": str(folder / "cache"), "HOME": str(folder / "home")}
    for name in ("TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR", "HF_XET_CACHE"):  # set by what ran in this process before
        os.environ.pop(name, None)
    quiet()
    import tempfile

    tempfile.tempdir = None
    gs = folder / "bin" / "gs"
    gs.write_text(f"#!/bin/sh\ntouch {folder}/STARTED\n")
    gs.chmod(0o755)
    confine(folder)
    os.chdir(folder)  # only now: the folder is a mount of its own
    sys.dont_write_bytecode = True  # what Python compiles of our own files is no doing of an input
    sys.addaudithook(_watch)


def work(seed: int, tasks: Sequence[tuple[str, int]], folder: Path, report: int) -> None:
    """Take the inputs and write a line of JSON for each to `report`; does not return.

    seed     of all choices
    tasks    (format, number) of each
    folder   this process's own
    report   a descriptor
    """
    alone(folder)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST, MOST))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    known = {form.name: form for form in FORMATS}
    answers: dict[tuple[str, int], Any] = {}
    for name, number in tasks:
        form = known[name]
        chosen, target, content = made(seed, form, number)
        os.write(report, json.dumps([name, number]).encode() + b"\n")
        answer = None
        if form.same_for(target):
            key = (name, form.seeds.index(chosen))
            if key not in answers:
                answers[key] = _sound(form, chosen, folder)
            answer = answers[key]
        verdict = judged(form, chosen, target, content, folder, answer)
        if number < 0 and (verdict[0] == "refused") != chosen.refused:
            verdict = ("wrong", f"a sound input is {verdict[0]}: {verdict[1]}"[:600], *verdict[2:])
        os.write(report, json.dumps([name, number, *verdict]).encode() + b"\n")
    os._exit(0)


def _sound(form: Format, chosen: Seed, folder: Path) -> Any:
    put(folder / "in", chosen)
    os.chdir(folder / "in")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return form.use(folder / "in", chosen.targets[0])


def judged(
    form: Format, chosen: Seed, target: str, content: bytes, folder: Path, answer: Any = None
) -> tuple[str, str, float, int]:
    """(verdict, what was said, seconds of CPU, bytes) of one input.

    form      its format
    chosen    the sound files
    target    which of them is changed
    content   to what
    folder    to work in
    answer    what the sound files give, where anything else is wrong
    """
    put(folder / "in", chosen, target, content)
    os.chdir(folder / "in")
    _reached.clear()
    before = _memory(True)
    out, err = io.StringIO(), io.StringIO()
    verdict, said = "accepted", ""
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, KILL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            warnings.simplefilter("ignore")
            result = form.use(folder / "in", target)
        if answer is not None and result is not None and result != answer:
            verdict, said = "wrong", f"{target} was changed, and the answer differs without a word"
    except StriateError as error:
        verdict, said = "refused", str(error)
        if why := unclear(said):
            verdict, said = "unclear", f"{why}: {said[:300]!r}"
    except WrongError as error:
        verdict, said = error.verdict, str(error)
    except MemoryError:
        verdict, said = "large", _place()
    except BaseException:  # whatever it is, it is a finding
        verdict, said = "traceback", _place()
    signal.setitimer(signal.ITIMER_PROF, 0)
    seconds, taken = time.process_time() - started, _memory(False) - before
    if (folder / "STARTED").exists():
        (folder / "STARTED").unlink()
        _reached.append("started gs")
    left = [place for each in ("tmp", "home") for place in (folder / each).iterdir()]
    for place in left:
        shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)
    left = [place for place in left if not place.name.startswith("torchinductor_")]  # torch's, made once in a process
    if verdict in ("accepted", "refused"):
        if _reached:
            verdict, said = "reached out", "; ".join(_reached[:3])
        elif seconds > SECONDS:
            verdict, said = "slow", f"{seconds:.1f} s; {said}"
        elif taken > MEMORY:
            verdict, said = "large", f"{taken / 2**30:.1f} GiB; {said}"
        elif left:
            verdict, said = "left over", ", ".join(place.name for place in left[:3])
    return verdict, said[:600], seconds, taken


def _place() -> str:
    """The innermost lines of an exception that are ours, and what it is."""
    kind, error, trace = sys.exc_info()
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if "/striate/" in frame.filename] or frames
    where = " < ".join(f"{frame.filename.split('striate/')[-1]}:{frame.lineno}" for frame in reversed(ours[-3:]))
    return f"{getattr(kind, '__name__', kind)} at {where}: {str(error)[:160]!r}"


def _memory(reset: bool) -> int:
    """The most memory that this process has had since it was last reset, in bytes."""
    if reset:
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        _trim()
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) << 10
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _trim() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0) if random.random() < 0.01 else None
