"""Features: the pictures once through the frozen base, and onto disk (``data/feature_rows.py``)."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Dataset, Preprocessing, Skipped
from striate.data.feature_rows import FeatureRows, identity
from striate.data.pictures.decode import describe
from striate.data.pictures.workers import in_order
from striate.doors.reading import read_bytes
from striate.errors import ArgumentError, DataError, without_name
from striate.intake.outputs import final_activation
from striate.model import Model
from striate.ship.choose import KINDS, TORCH, check_engine, prove_engine
from striate.wording import plural

if TYPE_CHECKING:
    from striate.ship import Engine, Quantized

_CHUNK = 8  # pictures that a thread decodes and computes at a time: their largest map stays in its cache


@dataclass
class Features:
    """What a frozen base makes of pictures.

    data        the features as ``x``, float32 (N, D), with the labels, classes and paths that the pictures had; what
                could not be read is in ``data.skipped``
    computed    how many pictures went through the base now
    from_disk   how many were there from an earlier run
    seconds     what it took, reading and decoding included
    file        where they are kept, or None
    """

    data: Dataset
    computed: int
    from_disk: int
    seconds: float
    file: Path | None

    @property
    def x(self) -> np.ndarray:
        """The features, float32 (N, D), or (N, H, W, C) of a base that ends in maps."""
        return self.data.x


def base_of(
    base: Model | str, weights: str | os.PathLike[str] | None = None, variant: dict[str, Any] | None = None
) -> Model:
    """A base without a head: a model as it is, or a zoo name with weights.

    Raises ArgumentError for a name without weights, and for a model that still has its classes.
    """
    if isinstance(base, str):
        from striate.zoo import create, names

        if base not in names() and Path(base).exists():
            raise ArgumentError(
                f"{base}: the base is an architecture by its name, with weights. A saved model of your own goes in from "
                'Python, without its classes: m = load_model("…"), then st.Model(m.input, m.tensor("…")) as the base.'
            )
        if weights is None:
            raise ArgumentError(
                f"{base}: features of weights that never learnt anything are of no use. Give weights: a file, "
                "keras, torchvision or timm."
            )
        given = weights if isinstance(weights, str) else os.fspath(weights)
        model = create(base, weights=given, include_top=False, pooling="avg", **(variant or {}))
    else:
        if weights is not None or variant:
            raise ArgumentError("weights and variant go with an architecture's name; a model has its own.")
        model = base.predictor
    graph = model.graph.check()
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(graph.input_shapes[0]) != 3:
        raise ArgumentError(f"{model.name or 'the base'}: a base takes one picture (H, W, C) and has one output.")
    last = graph.outputs[0].node.layer
    if final_activation(graph.outputs[0]) is not None:
        raise ArgumentError(
            f'{model.name or "the base"} ends in its classes ("{graph.name(last)}"), and features come from before them. '
            'Create it with include_top=False, pooling="avg", or cut it: st.Model(m.input, m.tensor("…")).'
        )
    return model


def features(
    base: Model | str,
    data: Dataset | Sequence[Any],
    *,
    weights: str | os.PathLike[str] | None = None,
    mirrored: bool = False,
    engine: str = "auto",
    cache: bool | str | os.PathLike[str] = True,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """The output of a frozen base for each picture, computed once and then read from disk.

    base        a model without a head, or an architecture's name with `weights`
    data        a Dataset of uint8 pictures, or a list of picture files (paths, bytes): these are decoded on the way, as
                the base's preprocessing says, and one that cannot be read is left out and named
    mirrored    of the pictures with left and right exchanged
    engine      "auto": in 32 bits; "fast": the fastest that ``base.tune_engine(pictures)`` found on this kind of processor;
                or one by its name, as for ``predict``
    cache       True: in STRIATE_CACHE, else ~/.cache/striate, under features/; a folder; or False
    progress    called as progress(pictures done, pictures in all)

    Each thread decodes a few pictures and takes them through the network, so no core waits for another.  The files may
    be deleted at any time.  Raises ArgumentError for a base that still has its classes, an unknown engine and one that is
    not installed or not made yet, DataError where no picture can be read.
    """
    started = time.perf_counter()
    check_engine(engine)
    model = base_of(base, weights)
    intake = model.intake
    if isinstance(data, Dataset):
        if data.x.dtype != np.uint8 or data.x.ndim != 4:
            raise DataError(
                f"{data.name}: has {data.kind} of shape {data.shape}; a base takes uint8 pictures (H, W, C)."
            )
        data = intake.prepared(data)
        intake = intake.learning_from(data)
    elif not len(data):
        raise DataError("no pictures to compute features of.")
    preprocessing = intake.preprocessing or Preprocessing()
    how = _named(model, engine)
    precision = TORCH[how] if how in TORCH else KINDS[how][1]
    int8 = model._engine.quantized(model.graph.check()) if precision == "int8" else None
    also = b"" if precision == "float32" else how.encode() if int8 is None else how.encode() + int8.content
    told = identity(model, preprocessing, also)
    store = FeatureRows(model.name or "base", told, cache)
    net = _Frozen(model, preprocessing, f"{how} {told}", how, int8)
    sources: Any = data.x if isinstance(data, Dataset) else data
    decode = None if isinstance(data, Dataset) else intake.one

    def work(numbers: range) -> list[tuple[bytes, Any]]:
        known = [_read(sources[i], decode, mirrored, store) for i in numbers]
        return net.fill(known) if net.parallel else known

    rows: list[np.ndarray] = []
    fresh: dict[bytes, np.ndarray] = {}
    kept: list[int] = []
    skipped: list[Skipped] = []
    computed = 0
    chunks = [range(i, min(i + _CHUNK, len(sources))) for i in range(0, len(sources), _CHUNK)]
    for numbers, part in zip(chunks, in_order(work, chunks, net.threads), strict=True):
        for i, (key, result) in zip(numbers, part if net.parallel else net.fill(part), strict=True):
            if isinstance(result, str):
                skipped.append(Skipped(describe(sources[i]), result))
                continue
            if key not in store.rows:
                computed += 1
                fresh[key] = result
            rows.append(result)
            kept.append(i)
        if progress is not None:
            progress(numbers.stop, len(sources))
    if not rows:
        raise DataError(
            f"none of the {plural(len(sources), 'picture')} can be read. The first, {skipped[0].path}: {skipped[0].reason}"
        )
    store.add(fresh)
    x = np.stack(rows)
    if isinstance(data, Dataset):
        made = Dataset(x, data.labels, data.classes, data.name, paths=data.paths, skipped=data.skipped)
    else:
        names = tuple(describe(sources[i]) for i in kept)
        made = Dataset(x, name="features", paths=names, skipped=tuple(skipped))
    return Features(made, computed, len(rows) - computed, time.perf_counter() - started, store.file)


def _read(
    source: Any, decode: Callable[[Any], np.ndarray] | None, mirrored: bool, store: FeatureRows
) -> tuple[bytes, Any]:
    """(key, row) of a picture that is on disk; else (key, its pixels), or why there are none.

    The bytes that are hashed are the bytes that are decoded, so a file that changes meanwhile cannot mislead.
    """
    if isinstance(source, str | os.PathLike):
        try:
            source = read_bytes(source)
        except DataError as error:
            return b"", without_name(error, source)
    array = isinstance(source, np.ndarray)
    told = f"mirrored {mirrored}, {(source.shape, source.dtype.str) if array else 'file'}"
    digest = hashlib.blake2b(told.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(source).data if array else source)
    key = digest.digest()
    if key in store.rows:
        return key, store.rows[key]
    if decode is None:
        pixels = source
    else:
        try:
            pixels = decode(source)
        except DataError as error:
            return key, without_name(error, describe(source))
    return key, pixels[:, ::-1] if mirrored else pixels


class _Frozen:
    """The base, ready to compute: one engine that every thread runs on a core of its own, or torch where that is not to
    be had (weights on an accelerator)."""

    def __init__(self, model: Model, preprocessing: Preprocessing, told: str, how: str, int8: Quantized | None) -> None:
        import torch

        self.model, self.preprocessing, self.told, self.how, self.int8 = model, preprocessing, told, how, int8
        self.threads = max(1, torch.get_num_threads())
        on_cpu = all(t.device.type == "cpu" for t in model.module.parameters())
        self.parallel = how not in TORCH and (on_cpu or how != "onnxruntime")

    def fill(self, known: list[tuple[bytes, Any]]) -> list[tuple[bytes, Any]]:
        """Rows in the place of pixels."""
        missing = [i for i, (_, what) in enumerate(known) if isinstance(what, np.ndarray) and what.dtype == np.uint8]
        if not missing:
            return known
        rows = self._run(np.stack([known[i][1] for i in missing]))
        filled = list(known)
        for i, row in zip(missing, rows, strict=True):
            filled[i] = known[i][0], row
        return filled

    def _run(self, x: np.ndarray) -> np.ndarray:
        if not self.parallel:
            how = self.how if self.how in TORCH else "torch"
            return np.asarray(self.model.predict(Dataset(x, preprocessing=self.preprocessing), engine=how))
        with _making:
            if self.told not in _engines:
                while len(_engines) > 1:
                    _engines.pop(next(iter(_engines)))
                _engines[self.told] = self._engine()
            engine = _engines[self.told]
        return engine.predict([x])[0]

    def _engine(self) -> Engine:
        from striate.ship import Engine
        from striate.ship.in_torch import InTorch

        runtime, precision = KINDS[self.how]
        runs: dict[str, Any] = {"threads": 1, "runtime": runtime, "callers": self.threads}
        if self.int8 is not None:
            twin, engine = self.int8, self.int8.engine(self.preprocessing, **runs)
            prove_engine(engine, self.how, lambda: twin.engine(self.preprocessing))
            return engine
        graph = self.model.graph
        engine = Engine.of(graph, self.preprocessing, precision=precision, **runs)
        prove_engine(
            engine, self.how, lambda: InTorch(graph, self.model.module, self.preprocessing, precision="float32")
        )
        return engine


def _named(model: Model, engine: str) -> str:
    """The engine by its own name."""
    if engine == "fast":
        found = model._engine.measured(model.graph.check())
        engine = model._engine.unmeasured() if found is None else str(found["engine"])
    return "onnxruntime" if engine == "auto" else engine


# The latest engines, by what they compute: a base takes a tenth of a second to prepare.
_engines: dict[str, Engine] = {}
_making = threading.Lock()
