"""Figures that say how good a network is.  Keras 3's names, arguments and numbers.

    metric = metrics.Precision(class_id=1)
    metric.update_state(y_true, y_pred, sample_weight)    one batch; cheap, no figure is computed
    metric.result()                                       a scalar, or a tensor with one figure per class
    metric(y_true, y_pred)                                both
    metric.reset_state()                                  forget all batches
    metrics.mean_squared_error(y_true, y_pred)            the functions: one number a sample

Arrays and tensors are channels-last.  A metric judges what the network gives, as in Keras: where that is logits, say
from_logits=True.  The training loop makes a metric ready with ``resolve``, hands it batches with ``update``, and reads
``results()``, {name: float}.  ``needs_probabilities`` says whether outputs without their last softmax will not do.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from striate import configs
from striate.described import from_keras_config
from striate.errors import ArgumentError, unknown
from striate.guard import guard
from striate.intake.outputs import Outputs
from striate.train import losses
from striate.train.losses.functional import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from striate.train.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from striate.train.metrics.areas import (
    AUC,
)
from striate.train.metrics.base import (
    Metric,
)
from striate.train.metrics.counts import (
    SEPARATE,
    F1Score,
    FBetaScore,
    Precision,
    Recall,
)
from striate.train.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    LossMetric,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from striate.train.metrics.reductions import (
    Mean,
    MeanMetric,
    MeanMetricWrapper,
    Sum,
)
from striate.train.metrics.regions import (
    BinaryIoU,
    ConfusionMatrix,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from striate.train.metrics.regression import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    R2Score,
    concordance_correlation,
    pearson_correlation,
)
from striate.train.metrics.report import (
    ClassReport,
    confusion_matrix,
    interval,
    per_class_report,
)
from striate.train.metrics.thresholds import (
    FalseNegatives,
    FalsePositives,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ClassReport",
    "ConcordanceCorrelation",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "LossMetric",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetric",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "NAMES",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "confusion_matrix",
    "deserialize",
    "direction",
    "fitting",
    "get",
    "hinge",
    "huber",
    "interval",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "name_apart",
    "pearson_correlation",
    "per_class_report",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

NAMES: dict[str, tuple[type[Metric], dict[str, Any]]] = {
    "f1": (F1Score, {"average": "macro"}),
    "f1_macro": (F1Score, {"average": "macro"}),
    "f1_micro": (F1Score, {"average": "micro"}),
    "accuracy": (Accuracy, {}),
    "acc": (Accuracy, {}),
    "binary_accuracy": (BinaryAccuracy, {}),
    "categorical_accuracy": (CategoricalAccuracy, {}),
    "sparse_categorical_accuracy": (SparseCategoricalAccuracy, {}),
    "top_k_categorical_accuracy": (TopKCategoricalAccuracy, {}),
    "sparse_top_k_categorical_accuracy": (SparseTopKCategoricalAccuracy, {}),
    "mean": (Mean, {}),
    "sum": (Sum, {}),
    "precision": (Precision, {}),
    "recall": (Recall, {}),
    "f1_score": (F1Score, {}),
    "fbeta_score": (FBetaScore, {}),
    "auc": (AUC, {}),
    "true_positives": (TruePositives, {}),
    "true_negatives": (TrueNegatives, {}),
    "false_positives": (FalsePositives, {}),
    "false_negatives": (FalseNegatives, {}),
    "mean_iou": (MeanIoU, {}),
    "binary_iou": (BinaryIoU, {}),
    "binary_io_u": (BinaryIoU, {}),
    "confusion_matrix": (ConfusionMatrix, {}),
    "root_mean_squared_error": (RootMeanSquaredError, {}),
    "rmse": (RootMeanSquaredError, {}),
    "mean_squared_error": (MeanSquaredError, {}),
    "mse": (MeanSquaredError, {}),
    "MSE": (MeanSquaredError, {}),
    "mean_absolute_error": (MeanAbsoluteError, {}),
    "mae": (MeanAbsoluteError, {}),
    "MAE": (MeanAbsoluteError, {}),
    "mean_absolute_percentage_error": (MeanAbsolutePercentageError, {}),
    "mape": (MeanAbsolutePercentageError, {}),
    "MAPE": (MeanAbsolutePercentageError, {}),
    "mean_squared_logarithmic_error": (MeanSquaredLogarithmicError, {}),
    "msle": (MeanSquaredLogarithmicError, {}),
    "MSLE": (MeanSquaredLogarithmicError, {}),
    "log_cosh_error": (LogCoshError, {}),
    "logcosh": (LogCoshError, {}),
    "cosine_similarity": (CosineSimilarity, {}),
    "r2_score": (R2Score, {}),
    "pearson_correlation": (PearsonCorrelation, {}),
    "concordance_correlation": (ConcordanceCorrelation, {}),
    "hinge": (Hinge, {}),
    "squared_hinge": (SquaredHinge, {}),
    "categorical_hinge": (CategoricalHinge, {}),
    "kl_divergence": (KLDivergence, {}),
    "poisson": (Poisson, {}),
    "binary_crossentropy": (BinaryCrossentropy, {}),
    "bce": (BinaryCrossentropy, {}),
    "BCE": (BinaryCrossentropy, {}),
    "categorical_crossentropy": (CategoricalCrossentropy, {}),
    "sparse_categorical_crossentropy": (SparseCategoricalCrossentropy, {}),
}
_F1 = ("f1", "f1_macro", "f1_micro")  # of outputs that are a yes or no of their own, each above one half is an answer


def get(identifier: Any) -> Any:
    """The metric of a name such as ``accuracy`` or ``top5``, a description, a Metric, a loss, or a function.

    The name of a loss, such as ``huber``, is its mean over the samples.  A function is called as ``(y_true, y_pred)``
    with torch tensors, channels-last, and returns one number, or one per sample.  None stays None.  Raises ArgumentError.

    identifier   one of these
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        return _named(identifier)
    if isinstance(identifier, Mapping):
        return Metric.from_dict(identifier) if "class" in identifier else deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, losses.Loss):
        return LossMetric(identifier)
    if isinstance(getattr(identifier, "loss", None), type) and not isinstance(identifier, type):  # one of our functions
        return LossMetric(identifier.loss(), name=identifier.__name__)
    if callable(identifier) and not isinstance(identifier, type):
        return MeanMetricWrapper(identifier)
    raise ArgumentError(
        f"a metric is a name such as 'accuracy', an object such as AUC(), or a function, not {identifier!r}."
    )


def _named(name: str) -> Metric:
    top = re.fullmatch(r"top[-_]?(\d+)(_accuracy)?", name)
    if top:
        return TopKCategoricalAccuracy(int(top[1]), name=name)
    if name in NAMES:
        kind, options = NAMES[name]
        return kind(**{"name": name, **options})
    if name in Metric.classes and not _takes_another(Metric.classes[name]):
        return Metric.classes[name]()
    if losses.find(name):
        return LossMetric(losses.get(name), name=name)
    raise unknown("metric", name, {*NAMES, "top5", "mse", "mae"})


def _takes_another(kind: type[Metric]) -> bool:
    """Whether a class is made of a function or of a loss, so that its name alone says too little."""
    return kind in (MeanMetricWrapper, LossMetric)


def serialize(metric: Any) -> dict[str, Any]:
    """A JSON-ready description of a metric: its class's name under "class_name", its arguments under "config".

    metric    what ``get`` takes

    Raises ArgumentError for what is no metric.
    """
    return configs.serialize(get(metric))  # type: ignore[no-any-return]


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Metric:
    """The metric of a description.

    config            what ``serialize`` made, or a name
    custom_objects    classes and functions of your own by their names

    Raises ArgumentError for one that is not known.
    """
    return from_keras_config(Metric, get, config, custom_objects)  # type: ignore[no-any-return]


def resolve(spec: Any, loss: losses.Loss, output_shape: tuple[int, ...], activation: str | None = None) -> Metric:
    """The metric of `spec` made ready for a network.

    spec            what ``get`` takes
    loss            the one that the network is trained with
    output_shape    channels-last, without the batch
    activation      the function that the network ends in, such as "sigmoid"; None where it is not known

    The name "accuracy" is BinaryAccuracy for one output and CategoricalAccuracy for several, whatever the loss is, as in
    Keras: outputs are compared as they are.  A metric that is named is told under that name, "AUC" as "AUC".

    Raises ArgumentError for an unknown metric, or one that does not go with the shape.
    """
    if isinstance(spec, str) and spec.lower() in ("accuracy", "acc"):
        metric: Metric = (BinaryAccuracy if output_shape[-1] == 1 else CategoricalAccuracy)(name=spec)
    elif spec in _F1 and (output_shape[-1] == 1 or loss.separate or activation in SEPARATE):
        options = NAMES[spec][1]
        metric = F1Score(**options, threshold=0.5, name=spec, from_logits=loss.from_logits and activation is None)
    else:
        metric = get(spec)
        if isinstance(spec, str):
            metric.name = spec
    metric.bind(loss, tuple(output_shape), activation)
    return metric


def fitting(outputs: Outputs, loss: losses.Loss) -> Metric:
    """The share of right answers, named "accuracy", whatever a network ends in: logits are no trap, ignored labels left out.

    outputs    what the network's output is: ``model.answers``
    loss       the one that it is trained or judged with
    """
    if outputs.count == 1 or loss.separate:
        return BinaryAccuracy(name="accuracy", from_logits=loss.from_logits and outputs.activation is None)
    return CategoricalAccuracy(name="accuracy", ignore_class=getattr(loss, "ignore_class", None))


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


guard(__name__)
