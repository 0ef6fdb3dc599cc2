"""Losses and metrics on arrays: the cases that Keras answered once, and striate answers again."""

from __future__ import annotations

from typing import Any

import numpy as np


def wave(*shape: int, step: float = 1.7, scale: float = 2.0) -> np.ndarray:
    return (np.sin(step * np.arange(np.prod(shape)) + step) * scale).reshape(shape).astype(np.float32)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


N, C = 12, 4
IDS = np.arange(N) * 7 % C
ONEHOT = np.eye(C, dtype=np.float32)[IDS]
LOGITS = wave(N, C) + 0.8 * ONEHOT
PROB = softmax(LOGITS)
BITS = (wave(N, 3, step=2.9) > 0).astype(np.float32)
SCORE = (1 / (1 + np.exp(-wave(N, 3, step=0.9, scale=3) - BITS))).astype(np.float32)
LINE, POINT = BITS[:, 0], SCORE[:, 0]
A, B = wave(N, 3, step=2.3), wave(N, 3, step=0.7)
MAP_IDS = np.arange(2 * 3 * 4).reshape(2, 3, 4) * 5 % 3
MAP = softmax(wave(2, 3, 4, 3, step=1.1) + np.eye(3, dtype=np.float32)[MAP_IDS])
SAID = MAP.argmax(-1)
EACH = 0.5 + np.abs(wave(N, step=0.6))  # a weight per sample

DATA: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "classes": (ONEHOT, PROB),
    "class numbers": (IDS, PROB),
    "class logits": (ONEHOT, LOGITS),
    "number logits": (IDS, LOGITS),
    "labels": (BITS, SCORE),
    "yes or no": (LINE, POINT),
    "column": (LINE[:, None], POINT[:, None]),
    "label logits": (BITS, wave(N, 3, step=0.9, scale=3)),
    "values": (A, B),
    "positive": (np.abs(A) + 0.1, np.abs(B) + 0.1),
    "line": (A[:, 0], B[:, 0]),
    "flat": (A[:, 0], B[:, :1]),
    "equal": (np.round(A), np.round(B)),
    "map numbers": (MAP_IDS, SAID),
    "map scores": (np.eye(3, dtype=np.float32)[MAP_IDS], MAP),
    "map classes": (MAP_IDS, MAP),
    "map values": (wave(2, 3, 4, 3, step=2.3), MAP),
    "embeddings": (IDS, wave(N, 5) / np.linalg.norm(wave(N, 5), axis=1, keepdims=True)),
}
SHORT = {name: (0.5 + np.abs(wave(len(y), step=0.6))).astype(np.float32) for name, (y, _) in DATA.items()}

METRICS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("Accuracy", {}, ["equal", "map numbers"]),
    ("BinaryAccuracy", {}, ["labels", "yes or no", "column", "label logits"]),
    ("BinaryAccuracy", {"threshold": 0.3}, ["labels"]),
    ("CategoricalAccuracy", {}, ["classes", "class logits", "labels", "map scores"]),
    ("SparseCategoricalAccuracy", {}, ["class numbers", "number logits", "map classes"]),
    ("TopKCategoricalAccuracy", {"k": 2}, ["classes", "map scores"]),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, ["class numbers", "map classes"]),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, ["sorted"]),
    *[(kind, {}, ["labels", "yes or no", "column", "classes"]) for kind in ("TruePositives", "FalsePositives")],
    *[(kind, {}, ["labels", "yes or no", "label logits"]) for kind in ("TrueNegatives", "FalseNegatives")],
    ("TruePositives", {"thresholds": [0.7, 0.2, 0.5]}, ["labels"]),
    ("FalseNegatives", {"thresholds": [0.0, 0.5, 1.0]}, ["labels"]),
    ("Precision", {}, ["labels", "yes or no", "column", "classes", "label logits", "map scores"]),
    ("Precision", {"thresholds": [0.8, 0.1]}, ["labels"]),
    ("Precision", {"top_k": 2}, ["classes", "labels"]),
    ("Precision", {"top_k": 2, "thresholds": 0.4}, ["classes"]),
    ("Precision", {"class_id": 1}, ["labels", "classes"]),
    ("Precision", {"class_id": 1, "top_k": 2}, ["classes"]),
    ("Recall", {}, ["labels", "yes or no", "column", "classes"]),
    ("Recall", {"thresholds": [0.2, 0.6]}, ["labels"]),
    ("Recall", {"top_k": 1}, ["classes"]),
    ("Recall", {"class_id": 2}, ["labels"]),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, ["labels", "yes or no"]),
    ("SensitivityAtSpecificity", {"specificity": 0.6, "num_thresholds": 1}, ["labels"]),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4, "num_thresholds": 20}, ["labels"]),
    ("PrecisionAtRecall", {"recall": 0.5}, ["labels"]),
    ("RecallAtPrecision", {"precision": 0.5, "class_id": 1}, ["labels"]),
    ("AUC", {}, ["labels", "yes or no", "column", "classes"]),
    ("AUC", {"curve": "PR"}, ["labels", "yes or no"]),
    ("AUC", {"curve": "PR", "num_thresholds": 20}, ["labels"]),
    ("AUC", {"num_thresholds": 3}, ["labels"]),
    ("AUC", {"thresholds": [0.3, 0.9]}, ["labels"]),
    ("AUC", {"summation_method": "majoring"}, ["labels"]),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, ["labels"]),
    ("AUC", {"curve": "PRGAIN"}, ["labels"]),
    ("AUC", {"multi_label": True}, ["labels"]),
    ("AUC", {"multi_label": True, "curve": "PR", "label_weights": [1.0, 2.0, 0.5]}, ["labels"]),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5]}, ["labels"]),
    ("AUC", {"from_logits": True}, ["label logits"]),
    ("F1Score", {}, ["classes", "labels"]),
    ("F1Score", {"average": "macro"}, ["classes"]),
    ("F1Score", {"average": "micro", "threshold": 0.4}, ["classes", "labels"]),
    ("FBetaScore", {"beta": 2.0, "average": "weighted"}, ["classes"]),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, ["map numbers"]),
    ("BinaryIoU", {"threshold": 0.4}, ["labels"]),
    ("BinaryIoU", {"target_class_ids": [1]}, ["labels"]),
    ("MeanIoU", {"num_classes": 3}, ["map numbers"]),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1}, ["map numbers"]),
    ("MeanIoU", {"num_classes": 2}, ["map numbers"]),
    ("MeanIoU", {"num_classes": 3, "sparse_y_pred": False}, ["map classes"]),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [1]}, ["map scores"]),
    ("OneHotMeanIoU", {"num_classes": 3}, ["map scores"]),
    *[
        (kind, {}, ["values", "line", "flat", "map values"])
        for kind in ("MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "LogCoshError")
    ],
    ("MeanAbsolutePercentageError", {}, ["values"]),
    ("MeanSquaredLogarithmicError", {}, ["positive"]),
    ("CosineSimilarity", {}, ["values", "map values"]),
    ("CosineSimilarity", {"axis": 1}, ["map values"]),
    ("R2Score", {}, ["values"]),
    ("R2Score", {"class_aggregation": None}, ["values"]),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, ["values"]),
    ("PearsonCorrelation", {}, ["values", "map values"]),
    ("PearsonCorrelation", {"axis": 0}, ["values"]),
    ("ConcordanceCorrelation", {}, ["values"]),
    ("Hinge", {}, ["labels", "values"]),
    ("SquaredHinge", {}, ["labels"]),
    ("CategoricalHinge", {}, ["class logits"]),
    ("KLDivergence", {}, ["classes"]),
    ("Poisson", {}, ["positive"]),
    ("BinaryCrossentropy", {}, ["labels"]),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ["label logits"]),
    ("CategoricalCrossentropy", {}, ["classes", "map scores"]),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ["class logits"]),
    ("SparseCategoricalCrossentropy", {}, ["class numbers", "map classes"]),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, ["class numbers", "map classes"]),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 0}, ["number logits"]),
]
DATA["sorted"] = (IDS, np.argsort(-PROB, 1))
SHORT["sorted"] = SHORT["classes"]
UNWEIGHTED = {  # where Keras itself has none, or takes whole weights only
    "IoU",
    "BinaryIoU",
    "MeanIoU",
    "OneHotIoU",
    "OneHotMeanIoU",
}

LOSSES: list[tuple[str, dict[str, Any], list[str]]] = [
    *[
        (kind, {}, ["values", "line", "flat", "map values"])
        for kind in ("MeanSquaredError", "MeanAbsoluteError", "LogCosh", "CosineSimilarity", "Huber")
    ],
    ("MeanAbsolutePercentageError", {}, ["values"]),
    ("MeanSquaredLogarithmicError", {}, ["positive"]),
    ("Huber", {"delta": 0.4}, ["values"]),
    ("CosineSimilarity", {"axis": 1}, ["map values"]),
    ("Poisson", {}, ["positive"]),
    ("KLDivergence", {}, ["classes", "map scores"]),
    ("Hinge", {}, ["labels", "values"]),
    ("SquaredHinge", {}, ["labels", "values"]),
    ("CategoricalHinge", {}, ["class logits"]),
    ("BinaryCrossentropy", {}, ["labels", "map scores", "column"]),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, ["label logits"]),
    ("BinaryCrossentropy", {"axis": 1}, ["map scores"]),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5}, ["labels"]),
    ("BinaryFocalCrossentropy", {"from_logits": True}, ["label logits"]),
    ("CategoricalCrossentropy", {}, ["classes", "map scores"]),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ["class logits"]),
    ("CategoricalCrossentropy", {"axis": 1}, ["map scores"]),
    ("CategoricalFocalCrossentropy", {"alpha": 0.5, "gamma": 1.0}, ["classes", "map scores"]),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ["class logits"]),
    ("SparseCategoricalCrossentropy", {}, ["class numbers", "map classes"]),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, ["class numbers", "map classes"]),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 0}, ["number logits"]),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, ["class numbers"]),
    ("Dice", {}, ["map scores"]),
    ("Dice", {"axis": (1, 2)}, ["map scores"]),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, ["map scores"]),
    ("Tversky", {"alpha": 0.3, "beta": 0.7, "axis": (1, 2, 3)}, ["map scores"]),
    ("Circle", {}, ["embeddings"]),
    ("Circle", {"gamma": 8.0, "margin": 0.2, "remove_diagonal": False}, ["embeddings"]),
]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"]


def key(*parts: Any) -> str:
    """A case's name in the file of answers."""
    return " ".join(str(part) for part in parts)


def halves(y: np.ndarray) -> tuple[slice, slice]:
    """Two batches of unequal size."""
    cut = max(1, len(y) // 3)
    return slice(0, cut), slice(cut, None)
