"""``keras.config``: settings that scripts read and set, as far as there is something to set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.data_format import image_data_format, set_image_data_format
from striate.errors import ArgumentError
from striate.guard import guard
from striate.messages import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from striate.mixed_precision import dtype_policy, set_dtype_policy

if TYPE_CHECKING:
    from striate.backend.keras_names import epsilon, floatx, set_epsilon, set_floatx

__all__ = [
    "backend",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]


def backend() -> str:
    """The library that computes: "torch"."""
    return "torch"


def disable_traceback_filtering() -> None:
    """Nothing: tracebacks are whole."""


def enable_traceback_filtering() -> None:
    """Nothing: tracebacks are whole."""


def is_traceback_filtering_enabled() -> bool:
    """False: tracebacks are whole."""
    return False


def enable_unsafe_deserialization() -> None:
    """Raises ArgumentError: code in files is never run."""
    raise ArgumentError("code in files is never run; give what is your own by name: load_model(…, custom_objects={…}).")


def __getattr__(name: str) -> Any:
    """Keras-2's functions of ``striate.backend``, which needs torch."""
    if name in ("epsilon", "floatx", "set_epsilon", "set_floatx"):
        import importlib

        return getattr(importlib.import_module("striate.backend"), name)
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, __all__)
    raise AttributeError(f"module 'striate.config' has no attribute {name!r}.{hint}")


guard(__name__)
