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
from striate.tasks.kinds import task_named, task_of
from striate.tasks.task import check_task
from striate.wording import plural

# Passes over the drawn scenes of each task, and how the scenes are drawn.
SCENES: dict[str, tuple[int, dict[str, Any]]] = {
    "localize": (25, {"count": 1200, "shapes": (1, 1)}),
    "segment": (10, {"count": 1200, "target": "masks"}),
    "detect": (25, {"count": 1200}),
}


def demo(
    folder: str | os.PathLike[str] | None = None,
    *,
    task: str | None = None,
    seed: int = 0,
    say: Callable[[str], Any] = print,
) -> Run:
    """Train the ``digits`` recipe and show every stage: the data, the sizes, one layer's sums, learning, a report.

    folder  where the run goes (runs/demo)
    task    "localize", "segment" or "detect": the same on drawn scenes; None or "classify": the digits
    say     what prints a line

    Raises ArgumentError for a task that is none.
    """
    check_task(task)
    if task not in (None, "classify"):
        return _scenes(str(task), folder, seed, say)
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
        page=True,
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
    say(f"7. Look into it: {run.page}")
    say("   one file for a browser: every map for any picture, the arithmetic of each number, and the test digits")
    say(f"   Ask it:    striate predict {run.folder} picture.png")
    return run


def _scenes(task: str, folder: str | os.PathLike[str] | None, seed: int, say: Callable[[str], Any]) -> Run:
    """The demonstration of a task that finds things, on scenes that are drawn for it."""
    epochs, options = SCENES[task]
    splits = load("scenes", **options)
    say(f"1. The data: scenes, drawn for this\n{splits.train.summary()}\n")
    say(f"2. Learning {task_named(task).line} ({epochs} epochs; the test scenes are not shown to it)")
    run = train_run(
        "scenes",
        task=task,
        epochs=epochs,
        folder=folder or Path("runs") / f"demo-{task}",
        seed=seed,
        splits=splits,
        batch_size=16,
        verbose="auto" if say is print else 0,
    )
    assert splits.test is not None
    figures = "  ".join(f"{name} {value:.3f}" for name, value in run.scores.items() if isinstance(value, float))
    say(f"\n3. On {plural(len(splits.test), 'scene')} it never saw: {figures}\n")
    kind, names = task_of(run.model), run.model.intake.class_names(run.model.answers.classes)
    for i, answer in enumerate(kind.answers(run.model, list(splits.test.x[:3]))):
        there = kind.told(kind.truth(splits.test, i, names), truth=True)
        say(f"  there is: {there}\n  the network says: {kind.told(answer)}\n")
    say(f"4. Open it up: {run.report}")
    say("   the curves, the figures of each class, the worst scenes with what is there and what was said")
    say(f"   Ask it:    striate predict {run.folder} picture.png --draw answers")
    return run


def ascii_art(picture: Any) -> str:
    """A grey picture as text, dark to bright."""
    marks = " .:-=+*#%@"
    return "\n".join("  " + "".join(marks[int(v) * 9 // 255] * 2 for v in row) for row in picture)
