"""The arithmetic of one number in words: small tables of what is read, the weights and the products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from striate.inference.products import Products
from striate.wording import plural

_MAPS = 3  # of a window that are printed number by number
_ABREAST = 5  # cells of a window's row, up to which numbers, weights and products stand side by side
_TERMS = 10  # of a long sum that are printed


def place_text(place: tuple[int, ...]) -> str:
    """A place as ``(3, 4, 2)``."""
    return f"({', '.join(map(str, place))})"


def lines_of(made: Products) -> list[str]:
    """What is read, the products and what they come to, line by line."""
    lines = [f"{'reads':<11} {made.sees}"]
    if made.numbers.ndim > 1 and made.numbers[..., 0].size == 1 < made.numbers.size:  # a 1x1 window: a row of numbers
        weights = None if made.weights is None else made.weights.reshape(-1)
        made = replace(made, numbers=made.numbers.reshape(-1), weights=weights, there=None)
    if made.numbers.ndim > 1:
        lines += _window(made)
    else:
        lines += _terms(made)
    return [*lines, "", *_ending(made)]


def _number(value: float) -> str:
    return f"{value + 0.0:.4g}"  # no -0


def _window(made: Products) -> list[str]:
    """The window, map by map: numbers, weights and products as they lie."""
    maps = made.numbers.shape[-1]
    sums = made.products.reshape(-1, maps).sum(axis=0)
    shown = list(range(maps)) if maps <= _MAPS else sorted(np.argsort(-np.abs(sums), kind="stable")[:_MAPS].tolist())
    lines = []
    for c in shown:
        tables = [("numbers", made.numbers[..., c])]
        if made.weights is not None:
            tables += [("weights", made.weights[..., c]), ("products", made.products[..., c])]
        head = f"map {c} of the window" if maps > 1 else "the window"
        lines += ["", head, *_tables(tables, made.there)]
        if made.weights is not None:
            lines.append(f"  the products add up to {_number(sums[c])}")
    if len(shown) < maps:
        rest = sums.sum() - sums[shown].sum()
        few = f"these {len(shown)} weigh most"
        lines += ["", f"the other {plural(maps - len(shown), 'map')} ({few}) add up to {_number(rest)}"]
    return lines


def _tables(tables: Sequence[tuple[str, np.ndarray]], there: np.ndarray | None) -> list[str]:
    """Small tables side by side, or one below the other where they are wide; outside the input stands a dot."""
    blocks = []
    for name, table in tables:
        flat = table.reshape(-1, table.shape[-1])
        seen = None if there is None else there.reshape(flat.shape)
        cells = [
            [
                "." if seen is not None and not seen[i, j] and name != "weights" else _number(v)
                for j, v in enumerate(row)
            ]
            for i, row in enumerate(flat)
        ]
        wide = max(len(cell) for row in cells for cell in row)
        rows = ["  ".join(cell.rjust(wide) for cell in row) for row in cells]
        blocks.append([name.ljust(len(rows[0])), *rows])
    if tables[0][1].shape[-1] > _ABREAST:
        return [f"  {line}".rstrip() for block in blocks for line in block]
    wides = [max(map(len, block)) for block in blocks]
    return [
        "  " + "    ".join(line.ljust(w) for line, w in zip(row, wides, strict=True)).rstrip()
        for row in zip(*blocks, strict=True)
    ]


def _terms(made: Products) -> list[str]:
    """A long sum: those of its terms that weigh most, one a line."""
    products = made.products
    count = len(products)
    if count == 1:
        return []
    weighty = products if made.how == "max" else np.abs(products)
    shown = np.argsort(-weighty, kind="stable")[:_TERMS] if count > _TERMS else np.arange(count)
    lines = [""]
    for i in sorted(shown.tolist()):
        said = f"  {i:>5d}  {_number(made.numbers[i]):>10s}"
        if made.weights is not None:
            said += f" · {_number(made.weights[i]):>10s} = {_number(products[i]):>10s}"
        lines.append(said)
    if len(shown) < count and made.how in ("sum", "mean"):
        rest = products.sum() - products[shown].sum()
        lines.append(f"  the other {plural(count - len(shown), 'number')} (these weigh most) add up to {_number(rest)}")
    elif len(shown) < count:
        lines.append(f"  and {plural(count - len(shown), 'smaller number')}")
    return lines


def _ending(made: Products) -> list[str]:
    """What is done with the products, and what comes out."""
    products = made.products.reshape(-1)
    added, said = float(products.sum()), f"= {made.total:.6g}"
    if made.how == "mean":
        return [f"{'mean':<11} {_number(added)} / {made.divisor} {said}"]
    if made.how != "sum":
        return [f"{made.how:<11} {made.total:.6g}"]
    what = plural(len(products), "number" if made.weights is None else "product")
    line = f"of {what}" if len(products) > 1 else what
    if len(products) == 1 and made.weights is not None:
        line = f"{_number(float(made.numbers.reshape(-1)[0]))} · {_number(float(made.weights.reshape(-1)[0]))}"
    elif made.numbers.ndim > 1 and 1 < made.numbers.shape[-1] <= _MAPS:
        line = _added(made.products.reshape(-1, made.numbers.shape[-1]).sum(axis=0))
    if made.bias is None:
        return [f"{'sum':<11} {line} {said}"]
    return [f"{'sum':<11} {line} = {added:.6g}", f"{'bias':<11} {_added(np.array([added, made.bias]))} {said}"]


def _added(values: np.ndarray) -> str:
    """``1.2 + 3 - 0.4``."""
    rest = [f"{'-' if value < 0 else '+'} {_number(abs(value))}" for value in values[1:].tolist()]
    return " ".join([_number(float(values[0])), *rest])
