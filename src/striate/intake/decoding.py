"""How a network's rows of boxes become detections: the settings, which belong to the model as its preprocessing does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any

from striate.errors import ArgumentError, DataError, nearest

#: The score below which nothing is said where none was chosen; COCO's figures want it as low.
USUAL_LEAST = 0.05


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """What is done to rows of boxes and scores before anyone sees them.  The model and every file of it hold this object.

    least       scores below it say nothing, 0 to 1; None: none was chosen, and 0.05 serves (`threshold`)
    overlap     of two boxes of a class that overlap by more than this (IoU) only the surer stays, 0 to 1
    most        how many stay in a picture, at least 1
    considered  how many of the surest of a picture are looked at, at least 1

    Raises DataError for values out of range.
    """

    least: float | None = None
    overlap: float = 0.6
    most: int = 300
    considered: int = 1000

    def __post_init__(self) -> None:
        for name in ("least", "overlap"):
            value = getattr(self, name)
            if name == "least" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
                raise DataError(f"decoding: {name} is a number from 0 to 1, not {value!r}.")
            object.__setattr__(self, name, float(value))
        for name in ("most", "considered"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise DataError(f"decoding: {name} is a whole number of at least 1, not {value!r}.")
            object.__setattr__(self, name, int(value))

    @property
    def threshold(self) -> float:
        """The score below which nothing is said: `least`, or 0.05 where none was chosen."""
        return USUAL_LEAST if self.least is None else self.least

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``from_dict`` gives an equal object back."""
        return asdict(self)

    def told(self) -> dict[str, Any]:
        """The same with the score that holds in `least`, and whether it was `chosen`: for files that others read."""
        return self.to_dict() | {"least": self.threshold, "chosen": self.least is not None}

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Decoding:
        """The object that ``to_dict`` described; a missing key has its default.

        description   the dictionary

        Raises DataError for an unknown key or a value out of range.
        """
        if not isinstance(description, Mapping):
            raise DataError(f"decoding: a description is a dictionary, not a {type(description).__name__}.")
        known = [field.name for field in fields(cls)]
        for key in description:
            if key not in known:
                raise DataError(
                    f'decoding: unknown key "{key}".{nearest(str(key), known)} Known: {", ".join(known)}. '
                    "A newer striate may have written it."
                )
        return cls(**description)


def as_decoding(settings: Any, what: str) -> Decoding:
    """`settings`, which are a Decoding.  Raises ArgumentError where they are not.

    settings   as they were given
    what       they are, for the message
    """
    if not isinstance(settings, Decoding):
        raise ArgumentError(f"{what} is a tasks.found.Decoding, such as Decoding(least=0.3), not {settings!r}.")
    return settings
