"""``Progbar``: a bar for loops of a script's own, drawn by the bar that ``fit`` has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from striate.errors import ArgumentError
from striate.train.callbacks import ProgressBar


class Progbar:
    """A line that shows how far a loop is.  In a notebook or a file that is not a terminal it is one line at the end.

    target             how many steps there are; None: not known
    width              taken as Keras has it
    verbose            1: a bar that moves; 2: one line at the end; 0: nothing
    interval           taken as Keras has it
    stateful_metrics   names of figures that are shown as they are; the others are averaged over the steps
    stateless_metrics  instead: names of the figures that are averaged
    unit_name          taken as Keras has it

    Raises ArgumentError for both lists of names.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError("Progbar takes stateful_metrics or stateless_metrics, not both.")
        self.target = target
        self._bar = ProgressBar(verbose)
        self._bar.params = {"steps": target}
        self._as_they_are = set(stateful_metrics or ())
        self._averaged = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, float]] = {}
        self._seen = 0
        self._open = False

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show a step.

        current    how many steps are done
        values     (name, figure) pairs of this step
        finalize   whether it was the last; None: where `current` has reached the target
        """
        if not self._open:
            self._bar.on_test_begin()
            self._open = True
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            total, count = self._sums.get(name, (0.0, 0.0))
            plain = name in self._as_they_are or (self._averaged is not None and name not in self._averaged)
            self._sums[name] = (float(value), 1.0) if plain else (total + float(value) * steps, count + steps)
        self._seen = current
        logs = {name: total / count for name, (total, count) in self._sums.items()}
        self._bar.on_test_batch_end(current - 1, logs)
        if finalize or (finalize is None and self.target is not None and current >= self.target):
            self._bar.on_test_end(logs)
            self._open = False

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done, with the figures of ``update`` as `values`."""
        self.update(self._seen + n, values)
