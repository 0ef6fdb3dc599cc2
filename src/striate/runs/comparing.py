"""Trained networks beside each other: what they cost, how many of the same examples they get right, how fast they are."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from striate.errors import ArgumentError
from striate.model import Model
from striate.runs.judging import judge_run
from striate.size import Beside, beside
from striate.wording import listed, number, plural

ROUNDS = 7


def compare_runs(
    runs: Mapping[str, Model | str | os.PathLike[str]],
    data: str | None = None,
    *,
    speed: bool = False,
    batch_size: int = 1,
    optimizer: str | None = "adam",
    options: Mapping[str, Any] | None = None,
) -> Beside:
    """Networks beside each other, with their accuracy on the same data and the time of a prediction where asked for.

    runs         models, or folders of saved ones, by the names to print
    data         a data set's name, a folder or a file that all are judged on; None: no accuracy
    speed        whether predictions are timed: pictures a second, median of 7 rounds in turns
    batch_size   samples in memory at once, and in a timed prediction
    optimizer    whose state training keeps
    options      of the reader of the data, such as label_column

    Raises ArgumentError for fewer than two, and what ``judge_run`` raises.
    """
    from striate.models import load_model

    models = {name: run if isinstance(run, Model) else load_model(run) for name, run in runs.items()}
    found = beside({name: model.graph for name, model in models.items()}, batch_size=batch_size, optimizer=optimizer)
    measured, notes = {}, []
    if data is not None:
        judged = {name: judge_run(model, data, **(options or {}))[1] for name, model in models.items()}
        counts = {figures["samples"] for figures in judged.values()}
        if len(counts) > 1:
            raise ArgumentError(
                f"{data} is not the same examples for every network: {listed(sorted(map(str, counts)))}."
            )
        shown = [
            key
            for key, value in next(iter(judged.values())).items()
            if isinstance(value, float) and key not in ("samples", "confidence")
        ]
        for key in shown:
            measured[key] = [number(round(figures[key], 4)) if key in figures else "" for figures in judged.values()]
        spans = [figures["interval"] for figures in judged.values() if "interval" in figures]
        if len(spans) == len(judged):
            measured["95 % interval"] = [f"{low:.4f} to {high:.4f}" for low, high in spans]
            apart = max(low for low, _ in spans) > min(high for _, high in spans)
            notes.append(
                f"accuracy on {plural(counts.pop(), 'sample')} of {data}: the intervals "
                + ("lie apart." if apart else "overlap, so which is better is not certain.")
            )
        notes += [f"{name}: {figures['note']}" for name, figures in judged.items() if "note" in figures]
    if speed:
        measured["samples a second"] = [f"{rate:,.0f}" for rate in _rates(list(models.values()), batch_size)]
        notes.append(
            f"samples a second: {plural(batch_size, 'random sample')} at a time on this machine, median of {ROUNDS} rounds."
        )
    return replace(found, measured=measured, notes=tuple(notes))


def _rates(models: list[Model], batch_size: int) -> list[float]:
    """Samples a second of each, taken in turns so that all meet the same load."""
    rng = np.random.default_rng(0)
    data = []
    for model in models:
        if model.arity != 1 or not model.intake.takes_pictures:
            raise ArgumentError(f"speed is for networks of one picture; {model.name} takes something else.")
        data.append(rng.random((batch_size, *model.graph.input_shapes[0]), np.float32))
    seconds: list[list[float]] = [[] for _ in models]
    for again in range(ROUNDS + 2):
        for model, x, taken in zip(models, data, seconds, strict=True):
            started = time.perf_counter()
            model.predict(x, batch_size=batch_size, verbose=0)
            if again > 1:  # the first ones load libraries and fill caches
                taken.append(time.perf_counter() - started)
    return [batch_size / median(taken) for taken in seconds]
