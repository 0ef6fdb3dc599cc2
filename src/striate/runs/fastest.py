"""The engines of a trained model, measured on a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.inference.trials import check_tuning
from striate.runs.judging import held_out, without_labels

if TYPE_CHECKING:
    from striate.inference import EngineTable
    from striate.model import Model


def tune_run(
    model: Model,
    data: str | None = None,
    *,
    shift: int | None = None,
    options: dict[str, Any] | None = None,
    **how: Any,
) -> EngineTable:
    """``Model.tune_engine`` on the held-out part of a data set.

    model     a trained model; what is found is what ``predict(x, engine="fast")`` means, and ``save`` keeps it
    data      a data set's name, a folder or a file; None: what the model was trained on.  Pictures that lie in a folder
              without a class's around them have no labels, and only how far answers agree counts
    shift     added to class numbers without names, as for ``judge_run``
    options   of the reader, such as label_column
    how       points, agreement, engines, rounds and progress of ``Model.tune_engine``

    An 8-bit twin, where the model has none, takes its ranges from the training part.  Raises ArgumentError, DataError as
    ``judge_run`` does, and ArgumentError as ``Model.tune_engine`` does.
    """
    check_tuning(**how)  # before data are read
    pictures = without_labels(data, shift=shift, **(options or {}))
    if pictures is not None:
        return model.tune_engine(pictures, **how)
    held = held_out(model, data, str(model.name), shift=shift, **(options or {}))
    return model.tune_engine(held.data, calibration=held.rest, **how)
