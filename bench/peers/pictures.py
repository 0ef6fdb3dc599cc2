"""What every peer of the prediction benches does before and after the network, and how its figures are taken."""

import json
import sys
import time
from collections.abc import Callable

import numpy as np

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def pictures(count: int) -> np.ndarray:
    """uint8 (count, 224, 224, 3), as they come out of a decoder."""
    return np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)


def normalised(batch: np.ndarray) -> np.ndarray:
    """float32 (N, 224, 224, 3)."""
    return (batch.astype(np.float32) / 255 - MEAN) / STD


def top5(probabilities: np.ndarray) -> list[list[tuple[int, float]]]:
    """The five likeliest classes of each picture, with their probabilities."""
    order = np.argsort(-probabilities, axis=1)[:, :5]
    return [[(int(i), float(row[i])) for i in best] for best, row in zip(order, probabilities, strict=True)]


def softmax(scores: np.ndarray) -> np.ndarray:
    out = np.exp(scores - scores.max(axis=1, keepdims=True))
    return out / out.sum(axis=1, keepdims=True)


def serve(predict: Callable[[np.ndarray], np.ndarray], batch: int, count: int) -> None:
    """For every line on stdin: `count` pictures in batches, from bytes to the five likeliest; prints pictures a second."""
    x = pictures(max(batch, 16))
    for _ in sys.stdin:
        started = time.perf_counter()
        for i in range(count // batch):
            first = i * batch % len(x)
            top5(predict(x[first : first + batch]))
        print(json.dumps({"rate": count / (time.perf_counter() - started)}), flush=True)
