"""Callbacks that keep the figures: in memory, and in files as CSV and for TensorBoard."""

from __future__ import annotations

import csv
import html
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate.described import described, whole
from striate.errors import ArgumentError, unknown
from striate.train.callbacks.base import Callback, Logs
from striate.wording import inner


class History(Callback):
    """Keeps the figures of all epochs.  ``fit`` adds one to every training, and returns it.

    ``history`` maps each figure to a list, one number for each epoch that gave it: ``history["val_loss"][-1]`` is that of
    the last.  ``epoch`` has the epochs' numbers, counted from 0.  Takes no arguments.
    """

    last = True

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)

    def _repr_html_(self) -> str:
        """A row for each epoch."""
        rows = ["".join(f"<th>{html.escape(name)}</th>" for name in ("epoch", *self.history))]
        for i, epoch in enumerate(self.epoch):
            cells = [str(epoch + 1), *(f"{v[i]:.4g}" if i < len(v) else "" for v in self.history.values())]
            rows.append("".join(f"<td>{cell}</td>" for cell in cells))
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"

    def state_dict(self) -> dict[str, Any]:
        return {"history": {key: list(values) for key, values in self.history.items()}, "epoch": list(self.epoch)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.history = {key: list(values) for key, values in state["history"].items()}
        self.epoch = list(state["epoch"])


@described
class CSVLogger(Callback):
    """Writes the figures to a CSV file, a row for each epoch, as soon as the epoch ends.

    The first column is ``epoch``, counted from 0; then one for each figure, in the order of their names.  A figure that
    comes only in a later epoch gets a new last column, empty in the rows above.

    filename     of the table; folders that are missing are made
    separator    one character, between the columns; by default a comma
    append       True: add rows to a table that is there; False, the default: write it anew

    Raises ArgumentError for another separator, or a place that cannot be written to.
    """

    filename: str | os.PathLike[str]
    separator: str = ","
    append: bool = False

    def __post_init__(self) -> None:
        self.filename = os.fspath(self.filename)
        if not isinstance(self.separator, str) or len(self.separator) != 1:
            raise ArgumentError(f"CSVLogger: separator is one character, not {self.separator!r}.")
        self._columns: list[str] = []
        self._rows = 0
        self._started = False  # the file is emptied by the first epoch that ends, not by a resumed one

    def on_train_begin(self, logs: Logs = None) -> None:
        """Look whether the table can be written, and read it with `append`; `logs` is not read.

        Raises ArgumentError when it cannot be written.
        """
        self._started = self.append
        self._rows = 0
        try:
            Path(self.filename).parent.mkdir(parents=True, exist_ok=True)
            with open(self.filename, "a", encoding="utf-8"):
                pass
        except OSError as error:
            raise ArgumentError(f"CSVLogger: {self.filename} cannot be written: {inner(error.strerror)}.") from None
        if self.append:
            self._columns, rows = self._read()
            self._rows = len(rows)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        row: dict[str, Any] = {"epoch": epoch, **(logs or {})}
        if not self._started:
            self._write([], [])
            self._started = True
        if not self._columns:
            self._write(["epoch", *sorted(key for key in row if key != "epoch")], [])
        elif new := sorted(key for key in row if key not in self._columns):
            self._write([*self._columns, *new], self._read()[1])
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, delimiter=self.separator).writerow(row)
        self._rows += 1

    def _read(self) -> tuple[list[str], list[dict[str, str]]]:
        with open(self.filename, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, delimiter=self.separator)
            return list(reader.fieldnames or []), list(reader)

    def _write(self, columns: list[str], rows: list[dict[str, str]]) -> None:
        part = f"{os.fspath(self.filename)}.part"
        with open(part, "w", newline="", encoding="utf-8") as file:
            if columns:
                writer = csv.DictWriter(file, columns, delimiter=self.separator, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)
        os.replace(part, self.filename)
        self._columns = columns

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the rows that were there when the training was saved; later ones are removed and come anew.

        state    what ``state_dict`` gave: ``rows``, how many there were
        """
        columns, rows = self._read()
        self._rows = min(int(state["rows"]), len(rows))
        self._write(columns, rows[: self._rows])
        self._started = True


_ELSEWHERE = {
    "write_images": "look.filters shows the kernels",
    "profile_batch": "torch.profiler measures a step",
    "embeddings_freq": "look.neighbours and look.feature_map show what is near what",
    "embeddings_metadata": "look.neighbours and look.feature_map show what is near what",
}


@described
class TensorBoard(Callback):
    """Writes the figures for TensorBoard: ``tensorboard --logdir logs`` shows them as curves.

    After each epoch ``epoch_loss``, ``epoch_accuracy``, … and ``epoch_learning_rate``, drawn against the epoch, counted
    from 0.  Those of training are in `log_dir`/train and those of validation in `log_dir`/validation, under the same names,
    so that their curves overlay.

    log_dir                   folder of the figures; by default "logs"
    histogram_freq            epochs after which the values of every weight are written as histograms; 0, the default: never
    write_graph               True, the default, as Keras has it: nothing is written; ``model.draw`` draws the network
    write_steps_per_second    also ``epoch_steps_per_second``; False, the default: not
    update_freq               "epoch", the default: figures after each epoch only; "batch": also ``batch_loss``, … after each
                              batch, drawn against the number of batches so far; a whole number n: these after every n-th

    write_images, profile_batch, embeddings_freq, embeddings_metadata    Keras' arguments, at its defaults only

    Raises ArgumentError for another `update_freq`, and for what Keras has and striate has not.
    """

    log_dir: str | os.PathLike[str] = "logs"
    histogram_freq: int = 0
    write_graph: bool = True
    write_images: bool = False
    write_steps_per_second: bool = False
    update_freq: str | int = "epoch"
    profile_batch: int | str | tuple[int, int] = 0
    embeddings_freq: int = 0
    embeddings_metadata: Any = None

    def __post_init__(self) -> None:
        for name, instead in _ELSEWHERE.items():
            if getattr(self, name) not in (None, False, 0, "0"):
                raise ArgumentError(f'TensorBoard: striate has no argument "{name}" (Keras has): {instead}.')
        self.histogram_freq = whole("TensorBoard", "histogram_freq", self.histogram_freq, 0)
        if isinstance(self.update_freq, str):
            if self.update_freq not in ("epoch", "batch"):
                raise unknown("TensorBoard update_freq", self.update_freq, ("epoch", "batch"))
            self._every = 1 if self.update_freq == "batch" else 0
        else:
            self._every = whole("TensorBoard", "update_freq", self.update_freq)
        if self._every:
            self.on_train_batch_end = self._batch  # type: ignore[method-assign]
        self._writers: dict[str, Any] = {}
        self._seen = 0
        self._begun = 0.0

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            from torch.utils.tensorboard import SummaryWriter

            self._writers[run] = SummaryWriter(os.path.join(self.log_dir, run))
        return self._writers[run]

    def on_train_begin(self, logs: Logs = None) -> None:
        self._writer("train")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._begun = time.perf_counter()

    def _batch(self, batch: int, logs: Logs = None) -> None:
        self._seen += 1
        if self._seen % self._every == 0:
            for key, value in (logs or {}).items():
                self._writer("train").add_scalar(f"batch_{key}", value, self._seen)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        figures = {"learning_rate": float(self.model.optimizer.learning_rate), **(logs or {})}
        for key, value in figures.items():
            run = "validation" if key.startswith("val_") else "train"
            self._writer(run).add_scalar(f"epoch_{key.removeprefix('val_')}", value, epoch)
        steps = self.params.get("steps")
        if self.write_steps_per_second and steps:
            rate = steps / (time.perf_counter() - self._begun)
            self._writer("train").add_scalar("epoch_steps_per_second", rate, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for name, tensor in self.model.module.state_dict().items():
                if tensor.is_floating_point():
                    self._writer("train").add_histogram(name.replace(".", "/"), tensor, epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self._seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._seen = int(state["seen"])
