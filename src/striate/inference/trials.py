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
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from striate.backend.processor import bfloat16_units, processor
from striate.described import whole
from striate.doors.arrays import read_npz, write_npz
from striate.doors.parsing import parse_json
from striate.doors.processes import python
from striate.doors.reading import opened
from striate.doors.writing import temporary_folder
from striate.errors import ArgumentError, StriateError, unknown
from striate.extras import installed
from striate.inference.predict import outputs_of
from striate.ship.cascade import Cascade, deciding, margins, unsure_below
from striate.ship.choose import CASCADES, KINDS, QUICK, TORCH, named
from striate.ship.quantization import twin_of
from striate.ship.quantization_report import PREDICTED, AnswersBeside, beside, judged, numbered, reported, says_little
from striate.wording import inner, memory

CANDIDATES = ("onnxruntime", "openvino", "openvino-bf16", "int8", "openvino-int8", "torch", "torch-bf16")
BATCHES = (1, 16)
_PARTS = (16, 4, 1)  # samples at a time, of which the fastest is taken
_FEW = 200  # pictures, of which one is more than the allowance
_BURST = 0.3  # seconds for which an engine answers at a time
_CHECKED = 512  # pictures whose answers are compared
_HELD = 1 << 26  # numbers of all answers of an engine that are kept meanwhile
_GIVEN = 1 << 26  # bytes of inputs that are answered again and again to take the time

# What a child does: one engine of a saved model, which for each line on stdin works for some time.
_CHILD = "from striate.models import load_model; from striate.inference.trials import serve; serve(load_model)"


@dataclass(frozen=True)
class EngineRow:
    """What one engine does on this machine.

    engine       its name, as ``predict(x, engine=…)`` takes it
    unsure       what it is not sure of, 32 bits answer again: the two likeliest classes' probabilities are in a ratio of no
                 more than exp(unsure); None: nothing is
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
    unsure: float | None = None
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

    @property
    def name(self) -> str:
        """What it is called: "int8", or "int8+float32" where 32 bits answer again."""
        return named(self.engine, self.unsure)


@dataclass(frozen=True)
class EngineTable:
    """Engines beside each other.

    processor    the kind of processor
    checked      pictures whose answers were compared
    rows         an `EngineRow` for each engine
    fastest      the `EngineRow.name` of the one that ``engine="fast"`` means from now on
    alike        whether those pictures are all the same one, of which nothing follows for others
    silent       of boxes: whether no engine finds anything in them
    """

    processor: str
    checked: int
    rows: tuple[EngineRow, ...]
    fastest: str
    alike: bool = False
    silent: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The fields by their names as plain values for JSON, the rows as dicts."""
        return asdict(self)

    def __str__(self) -> str:
        head = ["engine", "1 at a time", "16 at a time", "difference", "same answer", "accuracy", "start", "memory"]
        lines = [head]
        for row in self.rows:
            if row.missing:
                continue
            right = "-" if row.accuracy is None else f"{row.accuracy:.2%}"
            mark = " *" if row.name == self.fastest else "" if row.allowed else " (costs too much)"
            lines.append(
                [
                    row.name + mark,
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
        if all(row.accuracy is None for row in self.rows):
            said.append("no labels of classes, so no accuracy: only the same answers count")
        few = f", which are few: one is {1 / self.checked:.1%} of them" if self.checked < _FEW else ""
        return "\n".join(
            [
                f"{self.processor}; answers compared on {self.checked}{few}{says_little(self)}",
                *said,
                f'* engine="fast": {self.fastest}',
            ]
        )


@dataclass(frozen=True)
class _Tried:
    """An engine that was compared: its name, the margin below which 32 bits answer again, and what came of it."""

    engine: str
    unsure: float | None
    found: AnswersBeside


def tune_engine(
    model: Any,
    pictures: Any,
    labels: Any = None,
    *,
    points: float = 0.2,
    agreement: float = 0.995,
    engines: Sequence[str] | None = None,
    calibration: Any = None,
    rounds: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> EngineTable:
    """Measure a model's engines on this machine; the fastest inside the allowance is what ``engine="fast"`` means then.

    model         with weights as they are now
    pictures      inputs like those to come, whatever ``predict`` takes; the answers to the first 512 are compared
    labels        their classes; of a Dataset its own
    points        percentage points of accuracy that an engine may cost, where there are labels
    agreement     part of answers that have to be those of 32 bits
    engines       their names; None: all that there are
    calibration   inputs that set the ranges of an 8-bit twin where the model has none yet; None: `pictures`
    rounds        how often each has its turn
    progress      called with (rounds done, of how many)

    The fastest is the one with the highest product of its rates for one picture and for 16.  Of an engine in 16 or 8 bits
    that costs too much, where the network gives each input one of several classes, there is a second row: 32 bits answer
    again what it is least sure of, just as much as brings it inside the allowance on these inputs.  A twin that was made
    here stays only if it is in the fastest.

    Raises ArgumentError for an unknown engine and for a model whose layers are its own, DataError for what does not fit the
    network.
    """
    asked = check_tuning(engines, points, agreement, rounds, progress)
    examples, truth, ignored = judged(model, pictures, labels)
    examples, truth = examples.part(slice(0, _CHECKED)), None if truth is None else truth[:_CHECKED]
    ranged = examples if calibration is None else model.intake.examples(calibration)
    why = {name: _lacks(model, name) for name in asked}
    twin = [name for name in asked if name in KINDS and KINDS[name][1] == "int8" and not why[name]]
    made = None
    if twin and model._engine.saved_int8(model.graph.check()) is None:
        try:
            made = twin_of(model, ranged)
            model._engine.keep(model, made[0])
        except StriateError as error:
            why |= dict.fromkeys(twin, str(error))
    kept = False
    try:
        tried = _compared(model, asked, why, (examples, truth, ignored), points, agreement)
        found = next((each.found for each in tried if each.engine in twin), None)
        if made is not None and found is not None:
            made[0].report = reported(found, made[1], calibration is None, made[2], len(made[0].content))
        with temporary_folder() as folder:
            _keep(model, examples, folder)
            given = {named(each.engine, each.unsure): (each.engine, each.unsure) for each in tried}
            measured = _measured(folder, given, rounds, progress)
        rows = [_row(each, measured[named(each.engine, each.unsure)], points, agreement) for each in tried]
        rows += [EngineRow(name, missing=said) for name, said in why.items() if said]
        rows.sort(key=lambda row: asked.index(row.engine))
        allowed = [row for row in rows if row.allowed]
        if not allowed:
            said = "; ".join(f"{row.name}: {row.missing or _cost(row)}" for row in rows)
            raise ArgumentError(f"tune_engine: no engine stays inside the allowance ({said}).")
        best = max(allowed, key=lambda row: row.rate_1 * row.rate_16)
        kept = best.engine in twin
    finally:
        if made is not None and not kept:
            model._engine.keep(model, None)
    model._engine.choose(model, best.engine, best.parts, best.unsure)
    little = {name: any(getattr(each.found, name) for each in tried) for name in ("alike", "silent")}
    return EngineTable(processor(), len(examples), tuple(rows), best.name, **little)


def _cost(row: EngineRow) -> str:
    lost = "" if row.points is None else f", {row.points:.2g} points of accuracy lost"
    return f"costs too much, the same answer to {row.agreement:.2%}{lost}"


def check_tuning(
    engines: Any = None, points: Any = 0.2, agreement: Any = 0.995, rounds: Any = 5, progress: Any = None
) -> tuple[str, ...]:
    """The names of the engines that are to be measured.

    engines, points, agreement, rounds, progress   as for ``tune_engine``

    Raises ArgumentError for arguments that are none.
    """
    whole("tune_engine", "rounds", rounds)
    for name, value in {"points": points, "agreement": agreement}.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ArgumentError(f"tune_engine: {name}={value!r} must be a number of at least 0.")
    if agreement > 1:
        raise ArgumentError(f"tune_engine: agreement={agreement!r} is a part of 1, such as 0.995 for 99.5 %.")
    if engines is not None and (isinstance(engines, str) or not isinstance(engines, Sequence) or not engines):
        raise ArgumentError(f"tune_engine: engines={engines!r} must be a list of names, of {', '.join(CANDIDATES)}.")
    if progress is not None and not callable(progress):
        raise ArgumentError(f"tune_engine: progress={progress!r} must be a function of (rounds done, of how many).")
    asked = CANDIDATES if engines is None else tuple(dict.fromkeys(engines))
    for name in asked:
        if name in CASCADES:
            raise ArgumentError(
                f'tune_engine: "{name}" is measured with "{name.partition("+")[0]}", where that costs too much alone; ask '
                "for the latter."
            )
        if name not in CANDIDATES:
            raise unknown("engine", name, CANDIDATES)
    return asked


def _compared(
    model: Any,
    asked: Sequence[str],
    why: dict[str, str],
    judged: tuple[Any, np.ndarray | None, int | None],
    points: float,
    agreement: float,
) -> list[_Tried]:
    """The answers of each engine beside those of 32 bits; why one cannot answer is written into `why`."""
    examples, truth, ignored = judged
    graph = model.graph.check()

    def pick(name: str) -> Any:
        return model._engine.pick(model, name, len(examples), examples.pixels)

    floats = _once(model, examples, pick("onnxruntime"))
    tried = []
    for name in asked:
        if why[name]:
            continue
        try:
            engine = pick(name)
        except StriateError as error:
            why[name] = str(error)
            continue
        answers = _once(model, examples, engine)
        found = beside(model, examples, truth, ignored, (floats, answers), "tune_engine")
        tried.append(_Tried(name, None, found))
        output = deciding(graph)
        if name in QUICK and output is not None and not _inside(found, points, agreement):
            both = [np.concatenate([part[output] for part in each(examples, PREDICTED)]) for each in (floats, answers)]
            likely = [each.argmax(-1) for each in both]
            right = None
            if truth is not None:
                numbers = numbered(truth, likely[0].shape, "tune_engine", model.answers.classes, ignored)
                right = likely[0] == numbers, likely[1] == numbers
            unsure = unsure_below(margins(both[1], False), likely[0] == likely[1], right, agreement, points)
            if unsure is not None:
                sure = pick(next(other for other, kind in KINDS.items() if kind == (KINDS[name][0], "float32")))
                again = partial(_outputs, model, Cascade(engine, sure, output, False, unsure))
                found = beside(model, examples, truth, ignored, (floats, again), "tune_engine")
                tried.append(_Tried(name, unsure, found))
    return tried


def _inside(found: AnswersBeside, points: float, agreement: float) -> bool:
    """Whether an engine's answers stay inside the allowance."""
    lost = _lost(found)
    return found.agreement >= agreement and (lost is None or lost <= points + 1e-9)


def _lost(found: AnswersBeside) -> float | None:
    """Percentage points of accuracy that an engine costs; None without labels."""
    was, now = found.accuracy
    return None if was is None or now is None else 100 * (was - now)


def _once(model: Any, examples: Any, engine: Any) -> Callable[[Any, int], Iterator[list[np.ndarray]]]:
    """What gives an engine's outputs for the examples; they are computed once if they are not large."""
    if len(examples) * sum(prod(shape) for shape in model.graph.output_shapes) > _HELD:
        return partial(_outputs, model, engine)
    kept: dict[int, list[list[np.ndarray]]] = {}

    def outputs(examples: Any, count: int) -> Iterator[list[np.ndarray]]:
        if count not in kept:
            kept[count] = [[np.array(each) for each in part] for part in _outputs(model, engine, examples, count)]
        yield from kept[count]

    return outputs


def _outputs(model: Any, engine: Any, examples: Any, count: int) -> Iterator[list[np.ndarray]]:
    return outputs_of(model, examples, count, engine)


def _lacks(model: Any, name: str) -> str:
    """Why an engine cannot be measured here; "" where it can."""
    runtime, precision = KINDS[name] if name in KINDS else ("torch", TORCH[name])
    if not installed(runtime):
        return f"{runtime} is not installed: pip install 'striate[{runtime}]'"
    if precision == "bfloat16" and not bfloat16_units():
        return "this processor has no units for 16 bits (AVX-512 BF16 or AMX)"
    return ""


def _keep(model: Any, examples: Any, folder: Path) -> None:
    try:
        model.save(folder / "model", include_optimizer=False)
    except StriateError as error:
        raise ArgumentError(f"tune_engine: engines are measured on the saved model, and {inner(error)}") from error
    some = examples.arrays(slice(0, 1))
    count = max(max(BATCHES), min(len(examples), _GIVEN // sum(x.nbytes for x in some)) // max(BATCHES) * max(BATCHES))
    some = examples.arrays(slice(0, count))
    write_npz(folder / "inputs.npz", {f"x{i}": np.resize(x, (count, *x.shape[1:])) for i, x in enumerate(some)})


def _row(tried: _Tried, taken: dict[str, Any] | str, points: float, agreement: float) -> EngineRow:
    if isinstance(taken, str):
        return EngineRow(tried.engine, tried.unsure, missing=taken)
    found = tried.found
    return EngineRow(
        tried.engine,
        tried.unsure,
        taken["rates"][0],
        taken["rates"][1],
        taken["parts"],
        found.difference,
        found.agreement,
        found.accuracy[1],
        _lost(found),
        taken["start"],
        taken["bytes"],
        _inside(found, points, agreement),
    )


# -- measuring -------------------------------------------------------------------------------------------------------------
def _measured(
    folder: Path,
    given: dict[str, tuple[str, float | None]],
    rounds: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    """What each engine's process said, by what it is called: its figures, or why it has none."""
    found: dict[str, Any] = {}
    with ExitStack() as open_ones:
        children = {}
        for name, told in given.items():
            child = open_ones.enter_context(_child(folder, *told))
            said = _said(child)
            if "unreadable" in said:
                why = said["unreadable"].removeprefix(f"{folder / 'model'}: ")
                raise ArgumentError(
                    "tune_engine: each engine is measured in a process of its own, which has none of your layers: "
                    f'{inner(why)}. Such a model answers by engine="auto".'
                )
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
def _child(folder: Path, name: str, unsure: float | None) -> Iterator[Any]:
    import torch

    threads = torch.get_num_threads()
    told = json.dumps({"folder": str(folder), "engine": name, "unsure": unsure, "threads": threads, "burst": _BURST})
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = python(_CHILD, told, text=True, **pipes)
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
    except StriateError as error:
        print(json.dumps({"unreadable": str(error)}), flush=True)
        return
    try:
        held = read_npz(Path(told["folder"], "inputs.npz"))
        xs = [held[f"x{i}"] for i in range(len(held))]
        model._engine.choose(model, told["engine"], 1 << 30, told["unsure"])
        worker = _Worker(model, xs, {"batch_size": max(BATCHES), "engine": "fast"}, told["burst"])
        before, started = _held(), time.perf_counter()
        worker.step(1)
        start = time.perf_counter() - started
        taken = max(0, _held() - before)
        parts = worker.best_parts()
        print(json.dumps({"start": start, "bytes": taken, "parts": parts}), flush=True)
    except StriateError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    for line in sys.stdin:
        print(json.dumps({"rate": worker.rate(BATCHES[int(line)])}), flush=True)


def _held() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        with opened("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, StriateError):
        return 0


class _Worker:
    """Inputs that are answered one batch after the other, again and again."""

    def __init__(self, model: Any, xs: list[np.ndarray], how: dict[str, Any], burst: float) -> None:
        self.model, self.xs, self.how, self.burst, self.at = model, xs, how, burst, 0

    def step(self, count: int) -> None:
        """Answer the next so many, which divide 16."""
        some = [x[self.at : self.at + count] for x in self.xs]
        self.at = (self.at + count) % len(self.xs[0])
        self.model.predict(some[0] if len(some) == 1 else some, **self.how)

    def rate(self, count: int) -> float:
        """Samples a second, in batches of so many, for a while."""
        self.at = self.at // count * count
        done, started = 0, time.perf_counter()
        while True:
            self.step(count)
            done += count
            passed = time.perf_counter() - started
            if passed >= self.burst:
                return done / passed

    def best_parts(self) -> int:
        """How many of a batch the engine should work on at a time, which it then does."""
        rates = {}
        for parts in _PARTS:
            self.how["batch_size"] = parts
            self.step(max(BATCHES))  # the first of a size prepares it
            rates[parts] = self.rate(max(BATCHES))
        self.how["batch_size"] = max(rates, key=rates.__getitem__)
        return int(self.how["batch_size"])
