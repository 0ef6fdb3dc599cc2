"""Which engine is the fastest on this machine, and what it costs: candidates take turns, each in a process of its own.

Two runtimes in one process slow each other down, since threads that have nothing to do wait in loops.  What counts is the
speed within a round, of which the order turns; figures are medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from striate.described import whole
from striate.doors.arrays import read_npz, write_npz
from striate.doors.parsing import parse_json
from striate.doors.reading import opened
from striate.doors.writing import temporary_folder
from striate.errors import ArgumentError, StriateError, unknown
from striate.extras import installed
from striate.inference.predict import outputs_of
from striate.ship.choose import KINDS
from striate.ship.quantization_report import beside, judged
from striate.ship.runtimes import bfloat16_units, processor
from striate.wording import inner, memory

CANDIDATES = ("onnxruntime", "openvino", "openvino-bf16", "int8", "openvino-int8", "torch")
BATCHES = (1, 16)
_PARTS = (16, 4, 1)  # samples at a time, of which the fastest is taken
_BURST = 0.3  # seconds
_CHECKED = 512  # pictures whose answers are compared

# What a child does: one engine of a saved model, which for each line on stdin works for some time.
_CHILD = "from striate.models import load_model; from striate.inference.trials import serve; serve(load_model)"


@dataclass(frozen=True)
class EngineRow:
    """What one engine does on this machine.

    engine       its name, as ``predict(x, engine=…)`` takes it
    rate_1       pictures a second, one at a time
    rate_16      pictures a second, 16 at a time
    parts        samples that it works on at a time, of those 16, which was the fastest
    difference   the largest difference of any output from that of "onnxruntime", which computes in 32 bits
    agreement    part of pictures with the same answer
    accuracy     part of right answers, or None without labels
    points       by how many percentage points the accuracy is lower than in 32 bits, or None
    start        seconds until the first answer, the imports not among them
    bytes        of memory that it took, the model not among it
    allowed      whether it stays inside the allowance
    missing      why it has no figures; "" where it has
    """

    engine: str
    rate_1: float = 0.0
    rate_16: float = 0.0
    parts: int = 16
    difference: float = 0.0
    agreement: float = 1.0
    accuracy: float | None = None
    points: float | None = None
    start: float = 0.0
    bytes: int = 0
    allowed: bool = False
    missing: str = ""


@dataclass(frozen=True)
class EngineTable:
    """Engines beside each other.

    processor    the kind of processor
    checked      pictures whose answers were compared
    rows         an `EngineRow` for each engine
    fastest      the name of the one that ``engine="fast"`` means from now on
    """

    processor: str
    checked: int
    rows: tuple[EngineRow, ...]
    fastest: str

    def to_dict(self) -> dict[str, Any]:
        """The fields by their names as plain values for JSON, the rows as dicts."""
        return asdict(self)

    def __str__(self) -> str:
        head = ["engine", "1 at a time", "16 at a time", "difference", "same answer", "accuracy", "start", "memory"]
        lines = [head]
        for row in self.rows:
            if row.missing:
                continue
            right = "" if row.accuracy is None else f"{row.accuracy:.2%}"
            mark = " *" if row.engine == self.fastest else "" if row.allowed else " (costs too much)"
            lines.append(
                [
                    row.engine + mark,
                    f"{row.rate_1:.1f} /s",
                    f"{row.rate_16:.1f} /s",
                    f"{row.difference:.2g}",
                    f"{row.agreement:.2%}",
                    right,
                    f"{row.start:.2f} s",
                    memory(row.bytes),
                ]
            )
        wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
        said = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, wide, strict=True))
            )
            for line in lines
        ]
        said += [f"{row.engine}: {row.missing}" for row in self.rows if row.missing]
        return "\n".join(
            [f"{self.processor}; answers compared on {self.checked}", *said, f'* engine="fast": {self.fastest}']
        )


def tune_engine(
    model: Any,
    pictures: Any,
    labels: Any = None,
    *,
    points: float = 0.2,
    agreement: float = 0.995,
    engines: Sequence[str] | None = None,
    rounds: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> EngineTable:
    """Measure a model's engines on this machine; the fastest inside the allowance is what ``engine="fast"`` means then.

    model       with weights as they are now
    pictures    inputs like those to come, whatever ``predict`` takes; the answers to the first 512 are compared
    labels      their classes; of a Dataset its own
    points      percentage points of accuracy that an engine may cost, where there are labels
    agreement   part of answers that have to be those of 32 bits
    engines     their names; None: all that there are
    rounds      how often each has its turn
    progress    called with (rounds done, of how many)

    The fastest is the one with the highest product of its rates for one picture and for 16.  Raises ArgumentError for an
    unknown engine and for a model whose layers are its own, DataError for what does not fit the network.
    """
    rounds = whole("tune_engine", "rounds", rounds)
    for name, value in {"points": points, "agreement": agreement}.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ArgumentError(f"tune_engine: {name}={value!r} must be a number of at least 0.")
    if engines is not None and (isinstance(engines, str) or not isinstance(engines, Sequence) or not engines):
        raise ArgumentError(f"tune_engine: engines={engines!r} must be a list of names, of {', '.join(CANDIDATES)}.")
    if progress is not None and not callable(progress):
        raise ArgumentError(f"tune_engine: progress={progress!r} must be a function of (rounds done, of how many).")
    asked = CANDIDATES if engines is None else tuple(engines)
    for name in asked:
        if name not in CANDIDATES:
            raise unknown("engine", name, CANDIDATES)
    examples, truth, ignored = judged(model, pictures, labels)
    examples, truth = examples.part(slice(0, _CHECKED)), None if truth is None else truth[:_CHECKED]
    why = {name: _lacks(model, name) for name in asked}
    able = [name for name in asked if not why[name]]
    with temporary_folder() as folder:
        _keep(model, examples, folder)
        measured = _measured(folder, able, rounds, progress)
    floats = model._engine.pick(model, "onnxruntime", len(examples), examples.pixels)
    rows = []
    for name in asked:
        if name in measured and not isinstance(measured[name], str):
            other = model._engine.pick(model, name, len(examples), examples.pixels)
            both = [partial(_outputs, model, engine) for engine in (floats, other)]
            found = beside(model, examples, truth, ignored, both, "tune_engine")
            rows.append(_row(name, measured[name], found, points, agreement))
        else:
            rows.append(EngineRow(name, missing=why[name] or measured[name]))
    allowed = [row for row in rows if row.allowed]
    if not allowed:
        said = "; ".join(f"{row.engine}: {row.missing or 'costs too much'}" for row in rows)
        raise ArgumentError(f"tune_engine: no engine stays inside the allowance ({said}).")
    best = max(allowed, key=lambda row: row.rate_1 * row.rate_16)
    model._engine.choose(model, best.engine, best.parts)
    return EngineTable(processor(), len(examples), tuple(rows), best.engine)


def _outputs(model: Any, engine: Any, examples: Any, count: int) -> Iterator[list[np.ndarray]]:
    return outputs_of(model, examples, count, engine)


def _lacks(model: Any, name: str) -> str:
    """Why an engine cannot be measured here; "" where it can."""
    if name == "torch":
        return ""
    runtime, precision = KINDS[name]
    if not installed(runtime):
        return f"{runtime} is not installed: pip install 'striate[{runtime}]'"
    if precision == "bfloat16" and not bfloat16_units():
        return "this processor has no units for 16 bits (AVX-512 BF16 or AMX)"
    if precision == "int8" and model._engine.saved_int8(model.graph.check()) is None:
        return "the model has no 8-bit twin: call quantize(pictures), or striate quantize"
    return ""


def _keep(model: Any, examples: Any, folder: Path) -> None:
    try:
        model.save(folder / "model", include_optimizer=False)
    except StriateError as error:
        raise ArgumentError(f"tune_engine: engines are measured on the saved model, and {inner(error)}") from error
    some = examples.arrays(slice(0, max(BATCHES)))
    write_npz(folder / "inputs.npz", {f"x{i}": np.resize(x, (max(BATCHES), *x.shape[1:])) for i, x in enumerate(some)})


def _row(name: str, taken: dict[str, Any], found: Any, points: float, agreement: float) -> EngineRow:
    was, now = found.accuracy
    lost = None if was is None or now is None else 100 * (was - now)
    return EngineRow(
        name,
        taken["rates"][0],
        taken["rates"][1],
        taken["parts"],
        found.difference,
        found.agreement,
        now,
        lost,
        taken["start"],
        taken["bytes"],
        found.agreement >= agreement and (lost is None or lost <= points + 1e-9),
    )


# -- measuring -------------------------------------------------------------------------------------------------------------
def _measured(
    folder: Path, names: Sequence[str], rounds: int, progress: Callable[[int, int], None] | None
) -> dict[str, Any]:
    """What each engine's process said: its figures, or why it has none."""
    found: dict[str, Any] = {}
    with ExitStack() as open_ones:
        children = {}
        for name in names:
            child = open_ones.enter_context(_child(folder, name))
            said = _said(child)
            if "error" in said:
                found[name] = said["error"]
            else:
                children[name], found[name] = child, said
        rates: dict[str, list[list[float]]] = {name: [[] for _ in BATCHES] for name in children}
        for turn in range(rounds):
            order = list(children)
            order = order[turn % len(order) :] + order[: turn % len(order)] if order else []
            for i in range(len(BATCHES)):
                for name in order:
                    rates[name][i].append(_asked(children[name], i)["rate"])
            if progress is not None:
                progress(turn + 1, rounds)
    for name, each in rates.items():
        found[name]["rates"] = [statistics.median(one) for one in each]
    return found


@contextmanager
def _child(folder: Path, name: str) -> Iterator[Any]:
    import torch

    told = json.dumps({"folder": str(folder), "engine": name, "threads": torch.get_num_threads()})
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _asked(process: Any, which: int) -> dict[str, Any]:
    try:
        process.stdin.write(f"{which}\n")
        process.stdin.flush()
    except OSError:
        return {"rate": 0.0}
    return {"rate": 0.0} | _said(process)


def _said(process: Any) -> dict[str, Any]:
    line = process.stdout.readline()
    if not line:
        return {"error": "its process ended, perhaps for want of memory"}
    return parse_json(line, "an engine's process")  # type: ignore[no-any-return]


def serve(load_model: Callable[..., Any]) -> None:
    """A child's life: make the engine that the command line names, say what that took, then work when told.

    load_model   reads a saved model
    """
    import torch

    told = parse_json(sys.argv[1], "what to measure")
    torch.set_num_threads(told["threads"])
    try:
        model = load_model(Path(told["folder"], "model"), compile=False)
        held = read_npz(Path(told["folder"], "inputs.npz"))
        xs = [held[f"x{i}"] for i in range(len(held))]
        before, started = _held(), time.perf_counter()
        how = {"batch_size": max(BATCHES), "engine": told["engine"]}
        _answer(model, xs, 1, how)
        start = time.perf_counter() - started
        taken = max(0, _held() - before)
        parts = _best_parts(model, xs, how)
        how["batch_size"] = parts
        print(json.dumps({"start": start, "bytes": taken, "parts": parts}), flush=True)
    except StriateError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    for line in sys.stdin:
        print(json.dumps({"rate": _rate(model, xs, BATCHES[int(line)], how)}), flush=True)


def _held() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        with opened("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, StriateError):
        return 0


def _answer(model: Any, xs: list[np.ndarray], count: int, how: dict[str, Any]) -> None:
    some = [x[:count] for x in xs]
    model.predict(some[0] if len(some) == 1 else some, **how)


def _rate(model: Any, xs: list[np.ndarray], count: int, how: dict[str, Any]) -> float:
    """Samples a second, in batches of so many, for a while."""
    done, started = 0, time.perf_counter()
    while True:
        _answer(model, xs, count, how)
        done += count
        passed = time.perf_counter() - started
        if passed >= _BURST:
            return done / passed


def _best_parts(model: Any, xs: list[np.ndarray], how: dict[str, Any]) -> int:
    rates = {}
    for parts in _PARTS:
        _answer(model, xs, max(BATCHES), how | {"batch_size": parts})  # the first of a size prepares it
        rates[parts] = _rate(model, xs, max(BATCHES), how | {"batch_size": parts})
    return max(rates, key=rates.__getitem__)
