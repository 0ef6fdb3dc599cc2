"""What every peer of the prediction benches does before and after the network, and how its figures are taken."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

MEAN, STD = np.float32(0.5), np.float32(0.5)


def pictures(count: int) -> np.ndarray:
    """uint8 (count, 224, 224, 3), as they come out of a decoder: photos where they are there, else noise."""
    from PIL import Image, ImageOps

    folder = Path(os.environ.get("STRIATE_DATA") or Path.home() / ".striate" / "data") / "imagenet-samples"
    files = sorted(folder.glob("*.jpg"))[:count] if folder.is_dir() else []
    if not files:
        return np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)
    some = [np.asarray(ImageOps.fit(Image.open(file).convert("RGB"), (224, 224))) for file in files]
    return np.resize(np.stack(some), (count, 224, 224, 3))


def normalised(batch: np.ndarray) -> np.ndarray:
    """float32 (N, 224, 224, 3)."""
    return (batch.astype(np.float32) / 255 - MEAN) / STD


def channels_first(batch: np.ndarray) -> np.ndarray:
    """float32 (N, 3, 224, 224)."""
    return np.ascontiguousarray(normalised(batch).transpose(0, 3, 1, 2))


def top5(probabilities: np.ndarray) -> list[list[tuple[int, float]]]:
    """The five likeliest classes of each picture, with their probabilities."""
    order = np.argsort(-probabilities, axis=1)[:, :5]
    return [[(int(i), float(row[i])) for i in best] for best, row in zip(order, probabilities, strict=True)]


def softmax(scores: np.ndarray) -> np.ndarray:
    out = np.exp(scores - scores.max(axis=1, keepdims=True))
    return out / out.sum(axis=1, keepdims=True)


def serve(predict: Callable[[np.ndarray], np.ndarray], batch: int, count: int, **says: object) -> None:
    """For every line on stdin: `count` pictures in batches, from bytes to the five likeliest; prints pictures a second, and
    a second of processor time."""
    x = pictures(max(batch, 128))
    at = 0
    for _ in sys.stdin:
        started, busy = time.perf_counter(), time.process_time()
        for _ in range(count // batch):
            top5(predict(x[at : at + batch]))
            at = (at + batch) % len(x)
        rate, work = count / (time.perf_counter() - started), count / (time.process_time() - busy)
        print(json.dumps({"rate": rate, "work": work, **says}), flush=True)
