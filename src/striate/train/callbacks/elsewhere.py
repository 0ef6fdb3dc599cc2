"""Callbacks that give the figures to another program: TensorBoard, or a server of the user's own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from striate.described import described, whole
from striate.errors import ArgumentError, note, unknown
from striate.extras import extra
from striate.train.callbacks.base import Callback, Logs

_ELSEWHERE = {
    "profile_batch": "torch.profiler measures a step",
    "embeddings_freq": "look.neighbours and look.feature_map show what is near what",
    "embeddings_metadata": "look.neighbours and look.feature_map show what is near what",
}


@described
class TensorBoard(Callback):
    """Writes the figures for TensorBoard: ``tensorboard --logdir logs`` shows them as curves.

    After each epoch ``epoch_loss``, ``epoch_accuracy``, … and ``epoch_learning_rate``, drawn against the epoch, counted
    from 0; after each evaluation ``evaluation_loss_vs_iterations``, …, drawn against the updates.  Those of training are in
    `log_dir`/train and those of validation in `log_dir`/validation, under the same names, so that their curves overlay.

    log_dir                   folder of the figures; by default "logs"
    histogram_freq            epochs after which the values of every weight are written as histograms; 0, the default: never
    write_graph               True, the default, as Keras has it: nothing is written; ``model.draw`` draws the network
    write_images              with `histogram_freq`, every weight as a picture too, its smallest value black and its largest
                              white; False, the default: not
    write_steps_per_second    also ``epoch_steps_per_second`` and ``batch_steps_per_second``; False, the default: not
    update_freq               "epoch", the default: figures after each epoch only; "batch": also ``batch_loss``, … after each
                              batch, drawn against the number of batches so far; a whole number n: these after every n-th

    profile_batch, embeddings_freq, embeddings_metadata    Keras' arguments, at its defaults only

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
        if self._every or self.write_steps_per_second:
            self.on_train_batch_begin = self._batch_begins  # type: ignore[method-assign]
            self.on_train_batch_end = self._batch_ends  # type: ignore[method-assign]
        self._writers: dict[str, Any] = {}
        self._training = False
        self._seen = 0
        self._begun = self._batch_begun = 0.0

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            module = extra("torch.utils.tensorboard", "tensorboard", "TensorBoard")
            self._writers[run] = module.SummaryWriter(os.path.join(self.log_dir, run))
        return self._writers[run]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_train_begin(self, logs: Logs = None) -> None:
        self._training = True
        self._writer("train")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._begun = time.perf_counter()

    def _batch_begins(self, batch: int, logs: Logs = None) -> None:
        self._batch_begun = time.perf_counter()

    def _batch_ends(self, batch: int, logs: Logs = None) -> None:
        self._seen += 1
        figures = dict(logs or {}) if self._every and self._seen % self._every == 0 else {}
        if self.write_steps_per_second:
            figures["steps_per_second"] = 1 / (time.perf_counter() - self._batch_begun)
        for key, value in figures.items():
            self._writer("train").add_scalar(f"batch_{key}", value, self._seen)

    def on_test_end(self, logs: Logs = None) -> None:
        for key, value in (logs or {}).items():
            step = int(self.model.optimizer.iterations)
            self._writer("validation").add_scalar(f"evaluation_{key}_vs_iterations", value, step)
        if not self._training:
            self._close()

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
            for weight in self.model.weights:
                self._write_weight(weight.path, np.asarray(weight.numpy()), epoch)
        for writer in self._writers.values():
            writer.flush()

    def _write_weight(self, path: str, array: np.ndarray, epoch: int) -> None:
        self._writer("train").add_histogram(f"{path}/histogram", array, epoch)
        pictures = _pictures(array) if self.write_images else None
        if pictures is not None:
            self._writer("train").add_images(f"{path}/image", pictures, epoch, dataformats="NHWC")

    def on_train_end(self, logs: Logs = None) -> None:
        self._training = False
        self._close()

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self._seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._seen = int(state["seen"])


def _pictures(array: np.ndarray) -> np.ndarray | None:
    """A weight as pictures (N, H, W, 1) or (N, H, W, 3) from 0 to 1; None where it has too many axes."""
    flat = np.atleast_1d(np.squeeze(array))
    if flat.ndim == 1:
        flat = flat[None, :, None, None]
    elif flat.ndim == 2:
        flat = (flat.T if flat.shape[0] > flat.shape[1] else flat)[None, :, :, None]
    elif flat.ndim == 3:  # a picture for each kernel
        flat = np.moveaxis(flat, -1, 0)[..., None]
    if flat.ndim != 4 or flat.shape[-1] not in (1, 3, 4):
        return None
    low, high = float(flat.min()), float(flat.max())
    return (flat - low) / (high - low or 1.0)


@described
class RemoteMonitor(Callback):
    """Sends the figures of each epoch to a server of your own, as an HTTP POST.  The library requests must be installed.

    root            address of the server; by default "http://localhost:9000", this machine
    path            where on it, put behind `root`; by default "/publish/epoch/end/"
    field           the field of the form that holds the figures as JSON; by default "data".  Not looked at with
                    `send_as_json`
    headers         HTTP headers by name; None, the default: none
    send_as_json    True: the JSON is the content itself; False, the default: a form

    Sent are ``epoch``, counted from 0, and the logs of the epoch, nothing else.  Where no server answers, a note says so and
    the training goes on.
    Raises ArgumentError, after an epoch, where requests is not installed.
    """

    root: str = "http://localhost:9000"
    path: str = "/publish/epoch/end/"
    field: str = "data"
    headers: Mapping[str, str] | None = None
    send_as_json: bool = False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Send the figures of `epoch`, which `logs` holds.  Raises ArgumentError where requests is not installed."""
        try:
            import requests
        except ImportError:
            raise ArgumentError("RemoteMonitor needs the library requests: pip install requests.") from None
        figures = {key: value.item() if hasattr(value, "item") else value for key, value in (logs or {}).items()}
        told = {"epoch": epoch, **figures}
        address = self.root + self.path
        try:
            if self.send_as_json:
                requests.post(address, json=told, headers=self.headers)
            else:
                requests.post(address, {self.field: json.dumps(told)}, headers=self.headers)
        except requests.exceptions.RequestException:
            note(f"Could not reach RemoteMonitor root server at {self.root}; the training goes on.")
