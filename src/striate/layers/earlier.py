"""What Keras 1 said otherwise where one word for another does not say it: sides of windows as two numbers."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, note
from striate.graph.part import NetworkPart
from striate.guard import shown

_INITIALIZERS = ("uniform", "lecun_uniform", "normal", "identity", "orthogonal", "zero", "glorot_", "he_")
_WORDS = {
    "nb_row",
    "nb_col",
    "border_mode",
    "subsample",
    "dim_ordering",
    "init",
    "bias",
    "W_regularizer",
    "b_regularizer",
}


def _is_number(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def refuse_rows_and_columns(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Look at the unnamed arguments of a convolution: Keras 1 gave (nb_filter, nb_row, nb_col, init …).

    kind           the class, for the message
    args, kwargs   as it is called

    Raises ArgumentError, with the new line, where another argument is of Keras 1 too.  Else a third number is the stride, as
    in Keras 3; an odd one that is no less than the window, without a padding behind it, is said once.
    """
    if len(args) < 3 or not all(map(_is_number, args[1:3])):
        return
    rows, columns = int(args[1]), int(args[2])
    old = len(args) > 3 and isinstance(args[3], str) and args[3].startswith(_INITIALIZERS)
    if old or _WORDS & kwargs.keys():
        former = NetworkPart.formerly
        behind = zip(("kernel_initializer", "activation"), args[3:5], strict=False) if old else ()
        said = [f"{args[0]!r}, ({rows}, {columns})", *(f"{name}={value!r}" for name, value in behind)]
        for key, value in kwargs.items():
            row = former.get(key, f"{key}=")
            today = row[1](value) if isinstance(row, tuple) else {row.rstrip("="): value}
            said += [f"{name}={shown(one)}" for name, one in today.items()]
        raise ArgumentError(
            f"{kind}({', '.join(map(shown, args[:3]))}, …) is Keras 1's (filters, rows, columns); the third is the stride "
            f"now. Write {kind}({', '.join(said)})."
        )
    if len(args) == 3 and columns >= max(rows, 3) and columns % 2:
        note(
            f"{kind}({args[0]!r}, {rows}, {columns}): the third number is the stride, as in Keras 3. "
            f"Keras 1's window of {rows}x{columns} is {kind}({args[0]!r}, ({rows}, {columns}))."
        )


def with_kernel_size(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments with ``nb_row`` and ``nb_col`` as one ``kernel_size``.

    kind    the class, for the message
    given   arguments by name
    """
    if not {"nb_row", "nb_col"} <= given.keys():
        return given
    note(f"{kind}: nb_row= and nb_col= are called kernel_size=(nb_row, nb_col) now.")
    return {key: value for key, value in given.items() if key not in ("nb_row", "nb_col")} | {
        "kernel_size": (given["nb_row"], given["nb_col"])
    }
