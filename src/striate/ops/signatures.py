"""The rows of ``table`` as signatures."""

from __future__ import annotations

import ast
import inspect

from striate.ops.table import ROWS


def signature_of(line: str) -> tuple[str, inspect.Signature, str]:
    """The name, the signature and the words of a row.

    line   such as ``sum(x, axis=None)   the sum over axes``
    """
    name, rest = line.split("(", 1)
    inside, about = rest.split(")", 1)
    parameters = []
    for text in inside.split(", "):
        key, _, default = text.partition("=")
        kind = inspect.Parameter.VAR_POSITIONAL if key[0] == "*" else inspect.Parameter.POSITIONAL_OR_KEYWORD
        start = ast.literal_eval(default) if default else inspect.Parameter.empty
        parameters.append(inspect.Parameter(key.lstrip("*"), kind, default=start))
    return name, inspect.Signature(parameters), about.strip()


def _rows() -> dict[str, tuple[inspect.Signature, str]]:
    found = {}
    for line in ROWS.replace("\\\n", "").strip().splitlines():
        name, signature, about = signature_of(line)
        found[name] = signature, about
    return found


SIGNATURES = _rows()
