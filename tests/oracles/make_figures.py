"""Writes figures.json: what Keras 3 says of the cases in figures.py.

KERAS_BACKEND=torch python make_figures.py      (the checkout of Keras 3.16.0 at 3422977a5, on torch)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from figures import DATA, LOSSES, METRICS, REDUCTIONS, SHORT, UNWEIGHTED, halves, key


def numbers(value: Any) -> Any:
    return np.asarray(keras.ops.convert_to_numpy(value), np.float64).tolist()


def answered(told: dict[str, Any], name: str, ask: Callable[..., Any], *args: Any) -> None:
    """Store what Keras says, where it says anything: shapes and weights of some cases are not for it."""
    try:
        told[name] = numbers(ask(*args))
    except (ValueError, TypeError, RuntimeError, IndexError, AttributeError) as error:
        print(name, "->", str(error).split("\n")[0][:100])


def losses() -> dict[str, Any]:
    told: dict[str, Any] = {}
    for kind, options, names in LOSSES:
        made = getattr(keras.losses, kind)
        for name in names:
            answered(told, key(kind, options, name), made(**options), *DATA[name])
            for reduction in REDUCTIONS:
                loss = made(**options, reduction=reduction)
                answered(told, key(kind, options, name, reduction), loss, *DATA[name], SHORT[name])
    return told


def metrics() -> dict[str, Any]:
    told: dict[str, Any] = {}
    for kind, options, names in METRICS:
        for name in names:
            for weighted in (False, True):
                if not (weighted and kind in UNWEIGHTED):
                    answered(told, key(kind, options, name, weighted), measured, kind, options, name, weighted)
    return told


def measured(kind: str, options: dict[str, Any], name: str, weighted: bool) -> Any:
    (y, p), metric = DATA[name], getattr(keras.metrics, kind)(**options)
    for part in halves(y):
        metric.update_state(y[part], p[part], sample_weight=SHORT[name][part] if weighted else None)
    return metric.result()


if __name__ == "__main__":
    found = {"keras": keras.__version__, "losses": losses(), "metrics": metrics()}
    Path(__file__).with_name("figures.json").write_text(json.dumps(found, indent=0) + "\n")
