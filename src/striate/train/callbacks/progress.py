"""A line that shows how far training is, as Keras prints it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from striate.errors import ArgumentError
from striate.messages import is_interactive_logging_enabled, log
from striate.train.callbacks.base import Callback, Logs

WIDTH = 20  # characters of a full bar
PERIOD = 0.1  # seconds between two drawings


class ProgressBar(Callback):
    """Prints how far an epoch is, and its figures; ``fit`` adds one unless its `verbose` is 0.

    ``469/469 ━━━━━━━━━━━━━━━━━━━━ 7s 15ms/step - accuracy: 0.9900 - loss: 0.0300 - val_loss: 0.0400``

    From the left: batches done and in all; while the epoch runs the time that it will still take, and when it has ended the
    time that it took, validation included; the time per batch of training; the figures over the epoch so far.

    verbose    1: a bar that moves, drawn at most 10 times a second; 2: one line for each epoch, when it has ended; 0:
               nothing; "auto", the default, is 1.  Where the output is neither a terminal nor a notebook, 1 is as 2
    stream     a text file to print to; None, the default: standard output, or after ``utils.disable_interactive_logging()``
               Python's logging, a line an epoch

    Raises ArgumentError for another `verbose`.
    """

    last = True

    def __init__(self, verbose: int | str = "auto", stream: TextIO | None = None) -> None:
        if verbose not in ("auto", 0, 1, 2):
            raise ArgumentError(f"verbose={verbose!r}: give 0, 1, 2 or 'auto'.")
        if verbose == "auto":
            verbose = 1 if is_interactive_logging_enabled() or stream is not None else 2
        self.verbose = int(verbose)
        self.stream = stream
        self._moving = False
        self._training = False
        self._next = 0.0
        self._start = self._done = 0.0
        self._seen = 0

    # -- hooks -----------------------------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs = None) -> None:
        self._training = True

    def on_train_end(self, logs: Logs = None) -> None:
        if self._moving and self._seen:  # broken off within an epoch
            self._print("\n")
        self._training, self._seen = False, 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        epochs = self.params.get("epochs")
        self._begin()
        if self.verbose and epochs != 1:
            self._print(f"Epoch {epoch + 1}/{epochs}\n" if epochs else f"Epoch {epoch + 1}\n")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._done = now = time.perf_counter()
        self._seen = batch + 1
        if now >= self._next and self._moving:
            self._next = now + PERIOD
            self._draw(now, logs or {}, finished=False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs or {})

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._training:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._training:
            self.on_train_batch_end(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._training:
            self._finish(logs or {})

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self.on_train_batch_end(batch)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish({})

    # -- drawing ---------------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        out = self._out()
        self._moving = self.verbose == 1 and not self._logs() and (out.isatty() or "ipykernel" in sys.modules)
        self._start = self._done = time.perf_counter()
        self._next, self._seen = self._start + PERIOD, 0

    def _finish(self, logs: Mapping[str, Any]) -> None:
        if self.verbose and self._seen:
            self._draw(time.perf_counter(), logs, finished=True)
        self._seen = 0

    def _draw(self, now: float, logs: Mapping[str, Any], *, finished: bool) -> None:
        steps = self.params.get("steps")
        if finished and steps is None:
            steps = self._seen
        per_step = (self._done - self._start) / max(self._seen, 1)
        seconds = now - self._start if finished or steps is None else per_step * (steps - self._seen)
        counted = f"{self._seen:{len(str(steps))}d}/{steps}" if steps else f"{self._seen:7d}/Unknown"
        text = " - ".join([f"{_clock(seconds)} {_per_step(per_step)}", *_figures(logs)])
        filled = int(WIDTH * self._seen / steps) if steps else 0
        bar = self._bar()
        if not self._moving:
            self._print(f"{counted} {bar * filled} {text}\n")
            return
        room = shutil.get_terminal_size().columns - len(counted) - WIDTH - 2
        if not finished and len(text) > room:
            text = text[: max(room - 1, 0)]
        if _colours():
            counted, full = f"\x1b[1m{counted}\x1b[0m", f"\x1b[32m{bar * filled}\x1b[0m"
            line = f"{counted} {full}\x1b[37m{bar * (WIDTH - filled)}\x1b[0m {text}"
        else:
            line = f"{counted} {bar * filled}{' ' * (WIDTH - filled)} {text}"
        self._print(f"\r\x1b[K{line}{chr(10) if finished else ''}")

    def _out(self) -> TextIO:
        return sys.stdout if self.stream is None else self.stream

    def _bar(self) -> str:
        try:
            "━".encode(getattr(self._out(), "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return "="
        return "━"

    def _logs(self) -> bool:
        return self.stream is None and not is_interactive_logging_enabled()

    def _print(self, text: str) -> None:
        if self._logs():
            log(text.rstrip("\n"))
            return
        out = self._out()
        out.write(text)
        out.flush()


ProgbarLogger = ProgressBar  # Keras' name


def _colours() -> bool:
    return not os.environ.get("NO_COLOR")


def _figures(logs: Mapping[str, Any]) -> list[str]:
    """``name: value``, by name, the learning rate last."""
    keys = sorted(logs, key=lambda key: (key == "learning_rate", key))
    return [f"{key}: {_number(logs[key])}" for key in keys]


def _number(value: Any) -> str:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{' '.join(_number(v) for v in value)}]"
    value = float(value)
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole >= 60 else f"{whole}s"


def _per_step(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"
