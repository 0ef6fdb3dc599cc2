"""The explorer of a run that is over: its network, and the pictures that it was judged on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from striate.errors import ArgumentError, DataError, unknown
from striate.look.features.feature_map import METHODS
from striate.runs.first_filters import filters_in
from striate.runs.folders import FILTERS, PAGE
from striate.runs.judging import held_out
from striate.train.callbacks.logs import history_in
from striate.wording import inner


def page_of_run(
    run: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    features: Literal["pca", "tsne"] = "pca",
    editable: bool = True,
    timed: bool = True,
    attributions: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, str]:
    """Write the explorer of a run: its network, maps, and of a classifier of pictures what it says of the held-out ones.

    run        the folder of a run or a saved model
    path       of the file; None: page.html in the folder
    features   how the map of the features is made: "pca", or "tsne", which takes longer and tells groups apart better
    editable   whether a reader can change the network in it and see its sizes anew, which takes 7 MB
    timed      whether each layer's time is measured here and shown, which takes a second or two
    attributions   whether more methods explain a classifier's answers to some of the pictures, with their sanity checks,
                   which takes up to half a minute
    progress   called as progress(done, whole) while methods explain

    Returns the file, and why the held-out pictures are not in it; "" where they are.
    Raises BundleError for a folder without a model and where the file cannot be written, ArgumentError for another map.
    """
    from striate.models import load_model
    from striate.pages import write_model_page, write_run_page

    if features not in METHODS:
        raise unknown("features", str(features), METHODS)
    model = load_model(run)
    target, name = Path(path or Path(run) / PAGE), model.name or Path(run).name
    try:
        held = held_out(model, None, str(run))
        table = Path(run) / "metrics.csv"
        history = history_in(table) if table.is_file() else {}
        history.pop("stage", None)  # of a transfer: no figure
        return write_run_page(
            target,
            model,
            held.data,
            history=history,
            features=features,
            filters=filters_in(Path(run) / FILTERS, model),
            name=name,
            editable=editable,
            timed=timed,
            attributions=attributions,
            progress=progress,
        ), ""
    except (ArgumentError, DataError) as error:
        made = write_model_page(
            target, model, name=name, editable=editable, timed=timed, attributions=attributions, progress=progress
        )
        return made, f"without its data: {inner(error)}"
