"""The 8-bit twin of a trained model, made and measured on a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.runs.judging import held_out, without_labels

if TYPE_CHECKING:
    from striate.model import Model
    from striate.ship import QuantizationReport


def quantize_run(
    model: Model,
    data: str | None = None,
    *,
    samples: int = 128,
    method: str = "minmax",
    shift: int | None = None,
    **options: Any,
) -> QuantizationReport:
    """``Model.quantize`` on the training part of a data set, with what it cost on the held-out part.

    model     a trained model; its twin answers ``predict(x, engine="int8")``, and ``save`` keeps it
    data      a data set's name, a folder or a file; None: what the model was trained on.  Pictures that lie in a folder
              without a class's around them have no labels, and the report tells how far the answers agree
    samples   pictures of the training part that set the ranges of the activations
    method    how ranges come from what was seen: "minmax", "entropy" or "percentile"
    shift     added to class numbers without names, as for ``judge_run``
    options   of the reader, such as label_column

    Where the data set has one part, the samples are among the pictures that it is measured on, and the report says so.
    Raises ArgumentError, DataError as ``judge_run`` does, and ArgumentError for a layer that ONNX cannot say.
    """
    pictures = without_labels(data, shift=shift, **options)
    if pictures is not None:
        return model.quantize(pictures, samples=samples, method=method)
    held = held_out(model, data, str(model.name), shift=shift, **options)
    if held.rest is None:
        return model.quantize(held.data, samples=samples, method=method)
    return model.quantize(held.rest, check=held.data, samples=samples, method=method)
