"""What a file of weights had, what the network wanted, and how they went together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from striate.graph import Shape
from striate.shown import Shown


@dataclass(frozen=True)
class Match:
    """An array of the network, the one of the file that it gets, and the shapes here and there."""

    here: str
    there: str
    shape: Shape
    shape_there: Shape


@dataclass(frozen=True)
class Unused:
    """An array of the file that the network has no place for; `harmless` where that is as it should be."""

    there: str
    reason: str
    harmless: bool


@dataclass
class MatchReport(Shown):
    """How the arrays of a file and of a network go together.

    path, format    the file and what it is
    source          whose names were used: "torchvision resnet50", or "the network's own names"
    matched         what fits
    mismatched      the same name, another shape
    missing         (name here, name looked for) that the file lacks
    unused          what the file has besides
    notes           conversions, and what was set without the file
    """

    path: str
    format: str
    source: str
    matched: list[Match] = field(default_factory=list)
    mismatched: list[Match] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def surplus(self) -> list[Unused]:
        """What should not be left over."""
        return [entry for entry in self.unused if not entry.harmless]

    @property
    def fits(self) -> bool:
        """Every array of the network found, in its shape, and nothing left over that should not be."""
        return bool(self.matched) and not (self.mismatched or self.missing or self.surplus)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "path": self.path,
            "format": self.format,
            "source": self.source,
            "fits": self.fits,
            "matched": [_row(match) for match in self.matched],
            "mismatched": [_row(match) for match in self.mismatched],
            "missing": [{"here": here, "there": there} for here, there in self.missing],
            "unused": [{"there": u.there, "reason": u.reason, "harmless": u.harmless} for u in self.unused],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        rows = [
            ("matched", len(self.matched), []),
            (
                "mismatched",
                len(self.mismatched),
                [f"{m.here} {m.shape}, file {m.shape_there}" for m in self.mismatched],
            ),
            ("missing", len(self.missing), [here for here, _ in self.missing]),
            ("unused", len(self.unused), [f"{u.there} ({u.reason})" for u in self.unused]),
        ]
        lines = [f"{self.path}: {self.format}, by {self.source}"]
        lines += [f"  {what:<11}{count:>6}{'  ' + few(names) if names else ''}" for what, count, names in rows]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def _row(match: Match) -> dict[str, Any]:
    return {
        "here": match.here,
        "there": match.there,
        "shape": list(match.shape),
        "shape_there": list(match.shape_there),
    }


def few(names: Iterable[str], most: int = 2) -> str:
    """The first of several names, and that there are more."""
    listed = list(names)
    return ", ".join(listed[:most]) + (" …" if len(listed) > most else "")
