"""The demonstration: from a description to a trained network and a report, in a minute."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from striate import recipes
from striate.data import load
from striate.runs import Run, train_run
from striate.tasks import classify
from striate.wording import plural


def demo(folder: str | os.PathLike[str] | None = None, *, seed: int = 0, say: Callable[[str], Any] = print) -> Run:
    """Train the ``digits`` recipe and show every stage: the data, the sizes, one layer's sums, learning, a report.

    folder  where the run goes (runs/demo)
    say     what prints a line
    """
    splits = load("digits")
    recipe = recipes.get("digits")
    train, _, test = splits
    assert test is not None
    say(f"1. The data\n{train.summary()}\n{test.summary()}\n")
    model = recipe.model(len(train.classes or ()), train.shape)
    say(f"2. The network and its size\n{model.size(batch_size=recipe.batch_size)}\n")
    first = next(layer for layer in model.layers if layer.window() is not None)
    say(f"3. How one line of the table comes about\n{model.explain(model.graph.name(first))}\n")
    say(f"4. Learning ({recipe.epochs} epochs; the test digits are not shown to it)")
    run = train_run(
        "digits",
        recipe="digits",
        folder=folder or Path("runs") / "demo",
        seed=seed,
        splits=splits,
        verbose="auto" if say is print else 0,
    )
    right = run.scores["accuracy"]
    say(f"\n5. On {plural(len(test), 'digit')} it never saw: {right:.2%} right\n")
    assert test.y is not None
    assert test.classes is not None
    shown = test.x[:3]
    for picture, label, guesses in zip(shown, test.y[:3], classify(run.model, list(shown), top=2), strict=True):
        says = ", ".join(f"{guess.label} {guess.probability:.1%}" for guess in guesses)
        say(f"{ascii_art(picture[..., 0])}\n  it is a {test.classes[label]}; the network says {says}\n")
    say(f"6. Open it up: {run.report}")
    say("   the curves, the confusions, the worst mistakes, the filters and what they respond to")
    say(f"   Ask it:    striate predict {run.folder} picture.png")
    return run


def ascii_art(picture: Any) -> str:
    """A grey picture as text, dark to bright."""
    marks = " .:-=+*#%@"
    return "\n".join("  " + "".join(marks[int(v) * 9 // 255] * 2 for v in row) for row in picture)
