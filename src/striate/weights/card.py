"""The model card: what a saved model is, for people."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate.data.learnt import LEARNT
from striate.size import Size
from striate.visible import visible
from striate.weights.bundle import Bundle
from striate.wording import plural

LONG = 40  # layers beyond which the card has the totals of the size table only
_FEW = 6  # entries of a fact beyond which equal ones are counted
_ANSWERS = {"localize": "localizer", "segment": "segmenter", "detect": "detector"}


def model_card(name: str, bundle: Bundle, size: Size) -> str:
    """Markdown with the model's labels, figures, training, preprocessing and size.

    name     of the model
    bundle   what is saved
    size     of the network
    """
    lines = [f"# {_plain(_title(name, bundle.training))}", ""]
    if bundle.metrics:
        lines += ["## Figures", "", *_rows(bundle.metrics), ""]
    if bundle.labels:
        shown = ", ".join(bundle.labels[:40]) + (" …" if len(bundle.labels) > 40 else "")
        lines += [f"## Classes ({len(bundle.labels)})", "", _plain(shown), ""]
    if bundle.training:
        lines += ["## Training", "", *_rows(bundle.training), ""]
    if bundle.preprocessing:
        lines += ["## Preprocessing", "", *_rows(bundle.preprocessing), ""]
    if bundle.decoding:
        lines += ["## Decoding", "", *_rows(bundle.decoding), ""]
    long = len(size.rows) > LONG
    table = visible(size.totals() if long else str(size), lines=True)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", table)), default=0))
    lines += ["## Size", "", fence, table, fence, ""]
    if long:
        lines += [f"`striate size` with this folder prints the table of all {plural(len(size.rows), 'layer')}.", ""]
    lines += ["## Use", "", "```python", "import striate as st", "", 'model = st.models.load_model("this folder")']
    task = bundle.training.get("task")
    if task in ("localize", "segment", "detect"):
        lines += [f'answers = st.tasks.{task}(model, ["photo.jpg"])  # in the photo\'s own pixels', "```", ""]
    else:
        lines += ["probabilities = model.predict(pictures)", "```", ""]
    return "\n".join(lines)


def _title(name: str, training: Mapping[str, Any]) -> str:
    """The model's name; where it has none of its own, what it is and what it learnt from."""
    what, data = _ANSWERS.get(str(training.get("task"))), training.get("data")
    if name != "functional" or what is None or not data:
        return name
    return f"{what.capitalize()} trained on {Path(str(data)).name}"


def told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts for people: (name, value in words), without what nobody asked for and what is for programs.

    facts   by name
    """
    rows = []
    for key, value in facts.items():
        if key == LEARNT or value is None or value in ({}, []):
            continue
        if isinstance(value, float):
            said = f"{value:.4g}"
        elif isinstance(value, str | int):
            said = str(value)
        elif isinstance(value, Mapping) and len(value) > _FEW and all(isinstance(one, float) for one in value.values()):
            said = ", ".join(f"{one:.4g} for {plural(n, 'layer')}" for one, n in Counter(value.values()).items())
        else:
            said = json.dumps(value, default=str)
        rows.append((str(key), said))
    return rows


def _rows(facts: Mapping[str, Any]) -> list[str]:
    return ["| | |", "| --- | --- |", *(f"| {_plain(key)} | {_plain(said[:300])} |" for key, said in told(facts))]


def _plain(text: str) -> str:
    """A text, such as the name of a class, as it stands in Markdown: no tag, no link, no cell, no code."""
    text = visible(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([`|]|(?<=\])[(\[:])", r"\\\1", text.replace("\\", "\\\\"))
