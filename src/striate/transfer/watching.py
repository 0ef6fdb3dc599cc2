"""What watches over the stages of a transfer: where a stage ends, its table of epochs, and how long it may still take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from striate.train.callbacks import Callback, CSVLogger
from striate.wording import lasting


class Log(CSVLogger):
    """The table of epochs, with the number of the stage; a stage that goes on adds to what it had written."""

    def __init__(self, filename: Path, append: bool, stage: int) -> None:
        super().__init__(filename, append=append)
        self.stage, self.own = stage, 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, {**(logs or {}), "stage": self.stage})
        self.own += 1

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Keep so many rows of this stage, and all of the others."""
        columns, rows = self._read()
        own = [row for row in rows if row.get("stage") == str(self.stage)]
        dropped = own[state["rows"] :]
        self._write(columns, [row for row in rows if row not in dropped])
        self.own = min(state["rows"], len(own))


class Best(Callback):
    """Ends a stage at its best epoch, by the rank that stages have, `patience` epochs after loss or rank last improved."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_train_begin(self, logs: Any = None) -> None:
        self.rank, self.loss, self.wait = (-1.0, 0.0), math.inf, 0
        self.weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        accuracy, loss = logs["val_accuracy"], logs["val_loss"]
        better = (accuracy, -loss) > self.rank
        self.wait = 0 if better or loss < self.loss else self.wait + 1
        self.loss = min(self.loss, loss)
        if better:
            self.rank, self.weights = (accuracy, -loss), self.model.get_weights()
        if self.wait >= self.patience:
            self.model.stop_training = True

    def state_dict(self) -> dict[str, Any]:
        return {"rank": list(self.rank), "loss": self.loss, "wait": self.wait, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        rank = state["rank"]
        self.rank, self.loss, self.wait, self.weights = (
            (rank[0], rank[1]),
            state["loss"],
            state["wait"],
            state["weights"],
        )

    def on_train_end(self, logs: Any = None) -> None:
        if self.weights is not None:
            self.model.set_weights(self.weights)


class Rest(Callback):
    """Says after the first epoch how long the stage may still take."""

    def __init__(self, stage: str, say: Callable[[str], Any]) -> None:
        self.stage, self.say = stage, say

    def on_train_begin(self, logs: Any = None) -> None:
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        left = int(self.params["epochs"]) - 1
        if epoch == 0 and left:
            once = time.perf_counter() - self.begun
            self.say(f"{self.stage}: {lasting(once)} an epoch, so {lasting(left * once)} more at most")


class Until(Callback):
    """Stops when the time is up."""

    def __init__(self, seconds: float) -> None:
        self.end = time.perf_counter() + seconds

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if time.perf_counter() > self.end:
            self.model.stop_training = True
