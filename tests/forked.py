"""Python processes of their own that need no start: they are forked from one that has imported torch and the commands.

``Forked`` is what ``subprocess.Popen`` is of ``[sys.executable, "-u", "-c", code, *arguments]``.  Where the start is the
point (imports, an odd environment, closed streams) a test starts its process itself.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
import warnings
from functools import cache
from pathlib import Path
from typing import Any

READY = (
    "import accelerate, matplotlib.pyplot, optuna, pydantic, scipy, sklearn.datasets, sympy\n"
    "import torch.fx.experimental.proxy_tensor\n"
    "import striate.cli.main, striate.pages.run, striate.runs, striate.train.loop"
)


class Forked:
    """A process that runs code.

    code        its text
    arguments   are its ``sys.argv[1:]``
    cwd         where it works; None: here
    env         its environment; None: this one's
    strict      warnings are errors
    """

    def __init__(
        self, code: str, *arguments: object, cwd: object = None, env: Any = None, strict: bool = False
    ) -> None:
        self._server = _server()
        asked = {
            "code": code, "arguments": [str(one) for one in arguments], "cwd": str(cwd or os.getcwd()),
            "env": dict(os.environ if env is None else env), "strict": strict,
        }  # fmt: skip
        content = json.dumps(asked).encode()
        out, err = os.pipe(), os.pipe()
        self._server.sendall(len(content).to_bytes(4, "big"))
        socket.send_fds(self._server, [b"x"], [out[1], err[1]])
        self._server.sendall(content)
        os.close(out[1])
        os.close(err[1])
        self.stdout, self.stderr = open(out[0]), open(err[0])  # noqa: SIM115
        self.pid = _number(self._server)
        self.returncode: int | None = None

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.communicate()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still prints until its end; killed after so many seconds, which is a failure."""
        late = threading.Timer(timeout or 300, self.kill)
        late.start()
        said: list[str] = []
        if not self.stderr.closed:
            reader = threading.Thread(target=lambda: said.append(self.stderr.read()))
            reader.start()
            printed = self.stdout.read()
            reader.join()
            self.stdout.close()
            self.stderr.close()
        else:
            printed = ""
        if self.returncode is None:
            self.returncode = _number(self._server)
        late.cancel()
        return printed, "".join(said)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has, and nobody has asked yet how
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def run(code: str, *arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:
    """``subprocess.run`` with what it prints; arguments as ``Forked``."""
    with Forked(code, *arguments, **how) as process:
        printed, said = process.communicate()
    assert process.returncode is not None
    return subprocess.CompletedProcess([code, *arguments], process.returncode, printed, said)


def run_script(path: Path, *arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:
    """A file as ``python FILE``; arguments as ``Forked``."""
    code = "import runpy, sys\nsys.argv.pop(0)\nsys.path.insert(0, os.path.dirname(sys.argv[0]))\n"
    return run(f"import os\n{code}runpy.run_path(sys.argv[0], run_name='__main__')", path, *arguments, **how)


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    here = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})"
    code = f"{here}\n{READY}\nimport forked\nforked._serve({theirs.fileno()})"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, pass_fds=[theirs.fileno()])
    theirs.close()

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


def _number(server: socket.socket) -> int:
    return int.from_bytes(_exactly(server, 4), "big", signed=True)


def _exactly(server: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        part = server.recv(count - len(content))
        if not part:
            raise EOFError("the other side has ended")
        content += part
    return content


def _serve(number: int) -> None:
    """Fork one process after the other, each when it is asked for, and tell its number and how it ended."""
    asked = socket.socket(fileno=number)
    while True:
        try:
            size = _number(asked)
        except EOFError:
            return
        _, (out, err), _, _ = socket.recv_fds(asked, 1, 2)
        wanted = json.loads(_exactly(asked, size))
        pid = os.fork()
        if not pid:
            asked.close()
            _child(wanted, out, err)
        os.close(out)
        os.close(err)
        asked.sendall(pid.to_bytes(4, "big"))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        asked.sendall(status.to_bytes(4, "big", signed=True))


def _child(wanted: Any, out: int, err: int) -> None:
    code = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = (open(stream, "w", buffering=1, closefd=False) for stream in (1, 2))  # noqa: SIM115
        os.environ.clear()
        os.environ.update(wanted["env"])
        os.chdir(wanted["cwd"])
        sys.path[0] = ""
        sys.argv = ["-c", *wanted["arguments"]]
        warnings.resetwarnings()
        if wanted["strict"]:
            warnings.simplefilter("error")
        main = sys.modules["__main__"]
        main.__dict__.clear()
        main.__dict__.update({"__name__": "__main__", "__builtins__": __builtins__})
        exec(compile(wanted["code"], "<string>", "exec"), main.__dict__)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Exception, KeyboardInterrupt):  # what Python prints of it, and its exit code
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        os._exit(code)
