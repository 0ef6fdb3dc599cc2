"""The model card: what a saved model is, for people."""

from __future__ import annotations

import json
from typing import Any

from striate.data.learnt import LEARNT
from striate.weights.bundle import Bundle


def model_card(name: str, bundle: Bundle, table: str) -> str:
    """Markdown with the model's labels, figures, training, preprocessing and size table."""
    lines = [f"# {name}", ""]
    if bundle.metrics:
        lines += ["## Figures", "", *_rows(bundle.metrics), ""]
    if bundle.labels:
        shown = ", ".join(bundle.labels[:40]) + (" …" if len(bundle.labels) > 40 else "")
        lines += [f"## Classes ({len(bundle.labels)})", "", shown, ""]
    if bundle.training:
        lines += ["## Training", "", *_rows(bundle.training), ""]
    if bundle.preprocessing:
        lines += ["## Preprocessing", "", *_rows(bundle.preprocessing), ""]
    if bundle.decoding:
        lines += ["## Decoding", "", *_rows(bundle.decoding), ""]
    lines += ["## Size", "", "```", table.rstrip(), "```", ""]
    lines += ["## Use", "", "```python", "import striate as st", "", 'model = st.models.load_model("this folder")']
    task = bundle.training.get("task")
    if task in ("localize", "segment", "detect"):
        lines += [f'answers = st.tasks.{task}(model, ["photo.jpg"])  # in the photo\'s own pixels', "```", ""]
    else:
        lines += ["probabilities = model.predict(pictures)", "```", ""]
    return "\n".join(lines)


def _rows(facts: dict[str, Any]) -> list[str]:
    rows = ["| | |", "| --- | --- |"]
    for key, value in facts.items():
        if key == LEARNT:  # for programs
            continue
        if isinstance(value, float):
            said = f"{value:.4g}"
        elif isinstance(value, str | int):
            said = str(value)
        else:
            said = json.dumps(value)
        rows.append(f"| {key} | {said[:300]} |")
    return rows
