"""Figures that say how good a network is.  Keras 3's names; torch tensors, channels first.

    metric = metrics.resolve("accuracy", loss, output_shape)
    metric.update(y_true, y_pred)      one batch; cheap, no figure is computed
    metric.result()                    a float (a list of floats where it is one per class)
    metric.results()                   {name: float}, one entry per class where there are several; for the logs
    metric.reset()                     forget all batches

A metric that only compares scores (accuracy, precision, …) takes logits as well as probabilities;
``needs_probabilities`` says which one is needed.

Means (accuracy, top-k, errors) are running sums on the device.  Precision, recall, F1, IoU and the confusion matrix are
shares of what torchmetrics counts, which gets the predictions in large pieces: its update costs 40 µs or more per call.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from striate.errors import ArgumentError, unknown
from striate.train import losses
from striate.train.metrics.areas import AUC
from striate.train.metrics.base import FunctionMetric, MeanMetric, Metric
from striate.train.metrics.confusion import ConfusionMatrix, F1Score, FBetaScore, MeanIoU, Precision, Recall
from striate.train.metrics.means import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CosineSimilarity,
    LossMetric,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from striate.train.metrics.report import ClassReport, confusion_matrix, interval, per_class_report

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "ClassReport",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FunctionMetric",
    "LossMetric",
    "MeanAbsoluteError",
    "MeanIoU",
    "MeanMetric",
    "MeanSquaredError",
    "Metric",
    "NAMES",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "confusion_matrix",
    "direction",
    "get",
    "interval",
    "name_apart",
    "per_class_report",
    "resolve",
]

NAMES: dict[str, tuple[type[Metric], dict[str, Any]]] = {
    "accuracy": (Accuracy, {}),
    "acc": (Accuracy, {}),
    "binary_accuracy": (BinaryAccuracy, {}),
    "categorical_accuracy": (CategoricalAccuracy, {}),
    "sparse_categorical_accuracy": (SparseCategoricalAccuracy, {}),
    "top_k_categorical_accuracy": (TopKCategoricalAccuracy, {}),
    "sparse_top_k_categorical_accuracy": (SparseTopKCategoricalAccuracy, {}),
    "precision": (Precision, {}),
    "recall": (Recall, {}),
    "f1": (F1Score, {"average": "macro"}),
    "f1_macro": (F1Score, {"average": "macro"}),
    "f1_micro": (F1Score, {"average": "micro"}),
    "f1_score": (F1Score, {}),
    "fbeta_score": (FBetaScore, {}),
    "auc": (AUC, {}),
    "mean_iou": (MeanIoU, {}),
    "confusion_matrix": (ConfusionMatrix, {}),
    "cosine_similarity": (CosineSimilarity, {}),
    "root_mean_squared_error": (RootMeanSquaredError, {}),
    "rmse": (RootMeanSquaredError, {}),
}


def get(spec: Any) -> Metric:
    """The metric of a name such as ``accuracy`` or ``top5``, a description, a Metric, a loss, or a function.

    The name of a loss, such as ``mse``, is its mean over the samples.  A function is called as ``(y_true, y_pred)``
    with torch tensors and returns one number, or one per sample.  Raises ArgumentError.

    spec    one of these
    """
    if isinstance(spec, Metric):
        return spec
    if isinstance(spec, str):
        return _named(spec)
    if isinstance(spec, Mapping):
        return Metric.from_dict(spec)
    if isinstance(spec, type) and issubclass(spec, Metric):
        return spec()
    if isinstance(spec, losses.Loss):
        return LossMetric(spec)
    if callable(spec) and not isinstance(spec, type):
        return FunctionMetric(spec)
    raise ArgumentError(f"a metric is a name such as 'accuracy', an object such as AUC(), or a function, not {spec!r}.")


def _named(name: str) -> Metric:
    top = re.fullmatch(r"top[-_]?(\d+)(_accuracy)?", name)
    if top:
        return TopKCategoricalAccuracy(int(top[1]), name=name)
    if name in NAMES:
        kind, options = NAMES[name]
        return kind(**{"name": name, **options})
    if name in Metric.classes and not issubclass(Metric.classes[name], (FunctionMetric, LossMetric)):
        return Metric.classes[name]()
    if losses.find(name):
        return LossMetric(losses.get(name), name=name)
    raise unknown("metric", name, {*NAMES, "top5", "mse", "mae"})


def resolve(spec: Any, loss: losses.Loss, output_shape: tuple[int, ...], activation: str | None = None) -> Metric:
    """The metric of `spec` made ready for a network.

    spec            what ``get`` takes
    loss            the one that the network is trained with
    output_shape    channels-last, without the batch
    activation      the function that the network ends in, such as "sigmoid"; None where it is not known

    Raises ArgumentError for an unknown metric, or one that does not go with the shape.
    """
    metric = get(spec)
    metric.bind(loss, tuple(output_shape), activation)
    return metric


def name_apart(metrics: Iterable[Metric]) -> None:
    """Give metrics that share a name names of their own, so that the logs hold them all: auc, auc_1, as in Keras.

    metrics    those of one output
    """
    taken: set[str] = set()
    for metric in metrics:
        names = itertools.chain([metric.name], (f"{metric.name}_{i}" for i in itertools.count(1)))
        metric.name = next(name for name in names if name not in taken)
        taken.add(metric.name)


def direction(name: str) -> str | None:
    """Whether more of a figure is better, ``"max"``, or less, ``"min"``; None when the name does not tell.

    name    as in the logs: with ``val_``, the output's name, a class's number
    """
    name = re.sub(r"_\d+$", "", name.removeprefix("val_"))  # without the number of the class
    if name.endswith("loss"):
        return "min"
    for known in (name, *(name.split("_", i)[-1] for i in range(1, name.count("_") + 1))):  # output_name + metric
        try:
            return _named(known).direction
        except ArgumentError:
            continue
    return None
