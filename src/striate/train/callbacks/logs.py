"""Callbacks that keep the figures: in memory, and in a file as CSV."""

from __future__ import annotations

import csv
import html
import os
from collections.abc import Mapping
from typing import Any

from striate.described import described
from striate.doors.parsing import parse_table
from striate.doors.reading import as_text, read_bytes
from striate.doors.writing import appended, written
from striate.errors import ArgumentError, BundleError
from striate.train.callbacks.base import Callback, Logs


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


def _table(where: str, separator: str) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a table of epochs.  Raises BundleError for what is no such table."""
    text = as_text(read_bytes(where, kind=BundleError, links=False), where, BundleError)
    columns, rows, broken = parse_table(text, where, separator, kind=BundleError)
    if broken or (columns and columns[0] != "epoch"):
        raise BundleError(f"{where} is damaged: it is no table of epochs any more. Delete it to begin anew.")
    return columns, [dict(zip(columns, row, strict=True)) for _, row in rows]


def history_in(file: str | os.PathLike[str]) -> dict[str, list[float]]:
    """The figures of every epoch that ``CSVLogger`` wrote, by name; NaN where an epoch has none.

    file   the table

    Columns of words are left out.  Raises BundleError for what is no such table.
    """
    columns, rows = _table(os.fspath(file), ",")
    history: dict[str, list[float]] = {}
    for name in columns[1:]:
        try:
            history[name] = [float("nan") if row[name] == "NA" else float(row[name]) for row in rows]
        except ValueError:
            continue
    return history


@described
class CSVLogger(Callback):
    """Writes the figures to a CSV file, a row for each epoch, as soon as the epoch ends.

    The first column is ``epoch``, counted from 0; then one for each figure, in the order of their names.  A figure that
    comes only in a later epoch gets a new last column.  Where an epoch has no such figure stands NA.

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
        with appended(self.filename, ArgumentError):
            pass
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
        with appended(self.filename) as file:
            csv.DictWriter(file, self._columns, "NA", delimiter=self.separator).writerow(row)
        self._rows += 1

    def _read(self) -> tuple[list[str], list[dict[str, str]]]:
        """The columns and rows that are there.  Raises BundleError for what is no table of figures."""
        return _table(os.fspath(self.filename), self.separator)

    def _write(self, columns: list[str], rows: list[dict[str, str]]) -> None:
        with written(self.filename, newline="") as file:
            if columns:
                writer = csv.DictWriter(file, columns, "NA", delimiter=self.separator, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)
        self._columns = columns

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the rows that were there when the training was saved; later ones are removed and come anew.

        state    what ``state_dict`` gave: ``rows``, how many there were

        Raises BundleError for a table that is damaged.
        """
        columns, rows = self._read()
        self._rows = min(int(state["rows"]), len(rows))
        self._write(columns, rows[: self._rows])
        self._started = True
