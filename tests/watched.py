"""A command in a process that dies at the first socket, with a home folder of its own and a list of what it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# sitecustomize.py is run by every Python process, and what it forbids holds for the processes that these start.  A system
# call is refused by the kernel, whoever makes it, Python or a library in C; without any rights (seccomp, Linux only).
# Sockets within the machine (AF_UNIX) pass: the C library asks for a user's name by one.
_WATCH = """
import ctypes, os, struct, sys
number, arch = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}.get(os.uname().machine, (None, None))
if number and sys.platform == "linux":
    rules = [(0x20, 0, 0, 4), (0x15, 0, 5, arch), (0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16),
             (0x15, 1, 0, 1), (6, 0, 0, 0x80000000), (6, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    class Program(ctypes.Structure):
        _fields_ = [("count", ctypes.c_ushort), ("rules", ctypes.c_void_p)]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    libc.prctl(38, 1, None, 0, 0)
    program = Program(len(rules), ctypes.addressof(code))
    libc.prctl(22, 2, ctypes.cast(ctypes.pointer(program), ctypes.c_void_p), 0, 0)
told = os.open(os.environ["WATCHED_LIST"], os.O_WRONLY | os.O_APPEND)
roots = tuple(os.environ["WATCHED_ROOTS"].split(os.pathsep))
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def hook(event, args):
    paths = []
    if event == "open" and isinstance(args[2], int) and args[2] & WRITES:
        paths = args[:1]
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.mkfifo", "sqlite3.connect"):
        paths = args[:1]
    elif event in ("os.rename", "os.link", "os.symlink"):
        paths = args[:2]
    elif event.startswith("socket.") and event != "socket.gethostname":
        os.write(told, f"{event} {args}\\n".encode("utf-8", "replace"))
    for path in paths:
        if isinstance(path, (str, bytes, os.PathLike)):
            place = os.path.realpath(os.fsdecode(path))
            if not place.startswith(roots) and not place.startswith(("/dev/", "/proc/")):
                os.write(told, f"{event} {place}\\n".encode("utf-8", "replace"))
sys.addaudithook(hook)
"""


@dataclass(frozen=True)
class Watched:
    """What a command did.

    code     its exit code; that of a socket is -31
    output   what it printed
    told     sockets, and files written outside the run folder, STRIATE_CACHE and TMPDIR, by Python
    home     the files in its home folder, which nobody should have put there
    """

    code: int
    output: str
    told: list[str]
    home: list[str]


def watched(folder: Path, *command: str, **environment: str) -> Watched:
    """Run a command of Python in `folder`/run, with the home folder, STRIATE_CACHE and TMPDIR beside it."""
    for name in ("home", "cache", "tmp", "run", "site"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(_WATCH)
    (folder / "told").write_text("")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")}
    told = {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(folder / "site"), *(path for path in sys.path if path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder / "home"),
        "STRIATE_CACHE": str(folder / "cache"),
        "TMPDIR": str(folder / "tmp"),
        "WATCHED_LIST": str(folder / "told"),
        "WATCHED_ROOTS": os.pathsep.join(os.path.realpath(folder / name) for name in ("cache", "tmp", "run")),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=folder / "run", env=told, capture_output=True, text=True, check=False
    )
    home = sorted(str(path.relative_to(folder / "home")) for path in (folder / "home").rglob("*"))
    return Watched(done.returncode, done.stdout + done.stderr, (folder / "told").read_text().splitlines(), home)


KILLED = -getattr(signal, "SIGSYS", 31)


def sockets_are_watched(folder: Path) -> bool:
    """Whether the kernel here ends a process at its first socket, also at one of a library in C."""
    return watched(folder, "-c", "import ctypes; ctypes.CDLL(None).socket(2, 2, 0)").code == KILLED
