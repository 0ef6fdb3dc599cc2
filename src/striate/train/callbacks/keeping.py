"""Callbacks that hold more than figures: the state of a training, so that it can be interrupted, and averaged weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from striate.described import described, whole
from striate.doors.arrays import read_state, write_state
from striate.doors.locks import locked
from striate.doors.writing import remove, rename
from striate.errors import ArgumentError, BundleError
from striate.train.callbacks.base import Callback, Logs
from striate.wording import inner

FILE, BEFORE = "latest.pt", "latest.pt.bkp"


@described
class BackupAndRestore(Callback):
    """Keeps the state of a training in a folder, so that the same call of ``fit`` goes on after a crash or a kill.

    Kept are the weights, the optimizer with its schedule, and the epoch: a training that was broken off within an epoch
    begins that epoch again.  ``fit(resume=folder)`` keeps the place within the epoch, the order of the samples and the
    random numbers too, and so ends at the very weights of an unbroken run.

    backup_dir           the folder, of this training alone; a Path or a text
    save_freq            "epoch", the default: after each epoch; a whole number n: after every n-th batch too
    double_checkpoint    True: the state before the last one stays as well, should the last one be damaged; by default False
    delete_checkpoint    True, the default: the folder goes when the training has ended as it should

    Raises ArgumentError for another `save_freq`; when training begins, BundleError for a state that is damaged or of another
    network.
    """

    backup_dir: str | os.PathLike[str]
    save_freq: str | int = "epoch"
    double_checkpoint: bool = False
    delete_checkpoint: bool = True

    def __post_init__(self) -> None:
        if not self.backup_dir:
            raise ArgumentError("BackupAndRestore: backup_dir is empty; give a folder.")
        self._folder = Path(self.backup_dir)
        self._every = 0 if self.save_freq == "epoch" else whole("BackupAndRestore", "save_freq", self.save_freq)
        if self._every:
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]
        self._seen = self._current_epoch = self._last_batch_seen = 0
        self.begin_with = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Put the kept state back, where there is one; `logs` is not read.  Raises BundleError for a damaged one."""
        files = [self._folder / name for name in (FILE, BEFORE)]
        there = [file for file in files if file.exists()]
        self.begin_with = 0
        for file in there:
            try:
                state = _read(file)
            except BundleError:
                if file is there[-1]:
                    raise
                continue
            self._put_back(state, file)
            return

    def _put_back(self, state: dict[str, Any], file: Path) -> None:
        trainer = self.model._trainer
        try:
            trainer.module.load_state_dict(state["weights"])
            trainer.optimizer.load_state_dict(state["optimizer"])
            trainer.plan.optimizer.load_state_dict(state["settings"])
            self._current_epoch = self.begin_with = int(state["epoch"])
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise BundleError(
                f"{file} is not a state of this training ({inner(said)}). Delete it, or give another backup_dir."
            ) from None

    def _after_batch(self, batch: int, logs: Logs = None) -> None:
        self._seen, self._last_batch_seen = self._seen + 1, batch
        if self._seen % self._every == 0:
            self._save()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._current_epoch = epoch + 1
        self._save()

    def _save(self) -> None:
        trainer = self.model._trainer
        file = self._folder / FILE
        state = {
            "epoch": self._current_epoch,
            "weights": dict(trainer.module.state_dict()),
            "optimizer": trainer.optimizer.state_dict(),
            "settings": trainer.plan.optimizer.state_dict(),
        }
        with locked(self._folder, "the training"):
            if self.double_checkpoint and file.exists():
                rename(file, self._folder / BEFORE)
            write_state(file, state, advice="What was saved before stays; free some space and go on.")

    def on_train_end(self, logs: Logs = None) -> None:
        """Delete the folder, unless an error has ended the training; `logs` is not read."""
        if self.delete_checkpoint and not self.params.get("broken"):
            remove(self._folder)


def _read(file: Path) -> dict[str, Any]:
    """A kept state.  Raises BundleError for a damaged one."""
    state = read_state(file, advice="Delete it to begin the training anew.")
    if not isinstance(state, dict) or "epoch" not in state:
        raise BundleError(f"{file} is not the state of a training.")
    return state


@described
class SwapEMAWeights(Callback):
    """Evaluates and predicts with the moving average of the weights that an optimizer with ``use_ema=True`` keeps.

    Training goes on with the weights themselves.

    swap_on_epoch    True: the average also stands in the model at the end of each epoch, so that ModelCheckpoint, which must
                     come later in the list, saves it; False, the default: only during evaluation and prediction

    Raises ArgumentError, when it is first to swap, for an optimizer that keeps no average.
    """

    swap_on_epoch: bool = False

    def __post_init__(self) -> None:
        self._inside = False

    def _swap(self, inside: bool) -> None:
        optimizer = self.model.optimizer
        if not optimizer.use_ema:
            raise ArgumentError("SwapEMAWeights: the optimizer keeps no average: give it use_ema=True.")
        if self._inside != inside:
            optimizer.swap_averages()
            self._inside = inside

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)
            if epoch == (self.params.get("epochs") or 0) - 1:
                self.model.optimizer.keep_weights_as_averages()

    def on_test_begin(self, logs: Logs = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: Logs = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._swap(False)
