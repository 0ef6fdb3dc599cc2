"""What a stage of transfer learning reached, and the table of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.wording import plural


@dataclass
class Stage:
    """What one stage reached.

    name             which stage it is
    accuracy, loss   on the validation part
    seconds          it took
    note             what else is to be said
    trainable        weights that learnt
    epochs           passes over the training part; 0 where features made them needless
    kept             whether the saved model is of this stage
    """

    name: str
    accuracy: float
    loss: float
    seconds: float
    trainable: int
    epochs: int = 0
    note: str = ""
    kept: bool = False

    @property
    def rank(self) -> tuple[float, float]:
        """What stages are compared by: the accuracy, then the lower loss."""
        return self.accuracy, -self.loss


def which(unfreeze: int | str) -> str:
    """What stage 3 trains, in words."""
    if isinstance(unfreeze, str):
        return f"from {unfreeze} on"
    return "last stage" if unfreeze == 1 else f"last {plural(unfreeze, 'stage')}"


def line(stage: Stage, named: bool = True) -> str:
    text = f"accuracy {stage.accuracy:.2%}, loss {stage.loss:.4f}, {plural(stage.trainable, 'weight')} learnt"
    text += f", {plural(stage.epochs, 'epoch')}" if stage.epochs else ""
    text += f", {stage.seconds:.1f} s" + (f" ({stage.note})" if stage.note else "")
    return f"{stage.name}: {text}" if named else text


def table(stages: Sequence[Stage], scratch: Stage | None = None) -> str:
    """The stages, what each gained over the best before it, and which one was kept."""
    rows: list[tuple[str, ...]] = [("stage", "accuracy", "gained", "loss", "weights learnt", "epochs", "seconds", "")]
    best: float | None = None
    for stage in stages:
        gained = "" if best is None else f"{100 * (stage.accuracy - best):+.2f}"
        best = stage.accuracy if best is None else max(best, stage.accuracy)
        rows.append(_row(stage, gained, "kept" if stage.kept else ""))
    if scratch is not None:
        rows.append(_row(scratch, "", "for contrast"))
    wide = [max(len(row[i]) for row in rows) for i in range(8)]
    lines = []
    for name, *cells, mark in rows:
        figures = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, wide[1:7], strict=True))
        lines.append(f"{name:<{wide[0]}}  {figures}  {mark}".rstrip())
    return "\n".join(lines)


def _row(stage: Stage, gained: str, mark: str) -> tuple[str, ...]:
    return (
        stage.name,
        f"{stage.accuracy:.2%}",
        gained,
        f"{stage.loss:.4f}",
        f"{stage.trainable:,}",
        str(stage.epochs or "-"),
        f"{stage.seconds:.1f}",
        mark,
    )
