"""Keras' policies of numbers: what ``compile`` takes where it is not told a precision."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, unknown
from striate.guard import guard

PRECISIONS = {"float32": "float32", "mixed_bfloat16": "bf16", "mixed_float16": "fp16"}
_INSTEAD = {"float16": "mixed_float16", "bfloat16": "mixed_bfloat16", "float64": "float32"}


class Policy:
    """In which numbers a network computes, and in which it keeps its weights.

    name    "float32", "mixed_bfloat16" or "mixed_float16": weights stay float32, and training computes in 16 bits where
            that is safe, which GPUs do faster; float16 with the loss scaled; None: the one that is set now

    Raises ArgumentError for another name.
    """

    name: str

    def __init__(self, name: str | None = None) -> None:
        name = global_policy().name if name is None else name
        if name in _INSTEAD:
            raise ArgumentError(f'policy "{name}": weights are always float32; use "{_INSTEAD[name]}".')
        if name not in PRECISIONS:
            raise unknown("policy", str(name), PRECISIONS)
        self.name = name

    @property
    def compute_dtype(self) -> str:
        """The numbers that are computed with: "float32", "bfloat16" or "float16"."""
        return self.name.removeprefix("mixed_")

    @property
    def variable_dtype(self) -> str:
        """The numbers of the weights: "float32"."""
        return "float32"

    def get_config(self) -> dict[str, str]:
        """The arguments by name."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, str]) -> Policy:
        """The policy of a ``get_config``.

        config    arguments by name

        Raises ArgumentError for another name.
        """
        return cls(**config)

    def __repr__(self) -> str:
        return f'Policy("{self.name}")'

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Policy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


DTypePolicy = Policy  # Keras 3's name

_policy = Policy("float32")


def set_global_policy(policy: str | Policy) -> None:
    """The policy of every ``compile`` from now on that is not told a precision.

    policy    a name or a Policy

    Raises ArgumentError for an unknown name.
    """
    global _policy
    _policy = policy if isinstance(policy, Policy) else Policy(policy)


def global_policy() -> Policy:
    """The policy that holds now."""
    return _policy


def precision() -> str:
    """What ``compile(precision=)`` is unless it is given: "float32", "bf16" or "fp16"."""
    return PRECISIONS[_policy.name]


set_dtype_policy = set_global_policy
dtype_policy = global_policy

guard(__name__)
