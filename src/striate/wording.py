"""Numbers, counts and shapes in words, as tables, explanations and messages print them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Shape = tuple[int, ...]


def by(sizes: Iterable[int]) -> str:
    """``32x32x3``; one number alone is ``1``."""
    return "x".join(map(str, sizes)) or "1"


def dot(sizes: Iterable[int]) -> str:
    """``32·32·3``; one number alone is ``1``."""
    return "·".join(map(str, sizes)) or "1"


def number(value: float) -> str:
    """A whole number with thousands separators; a fraction with as few digits as it needs (at most 4)."""
    return f"{int(value):,}" if value == int(value) else f"{value:.4f}".rstrip("0")


def plural(count: int, what: str, does: str = "") -> str:
    """``1 row``, ``2 rows``, ``1 class is``, ``2 classes are``, ``1,000 rows``.

    count   how many
    what    the noun in the singular, its adjectives before it
    does    the verb after it, as it goes with one; "": none
    """
    return f"{count:,} {what if count == 1 else many(what)}{does and ' '}{verb(count, does)}"


def some(part: int, whole: int, what: str) -> str:
    """``1 row``, ``all 3 rows``, ``24 of 30 rows``: how many of them are meant.

    part    how many
    whole   how many there are
    what    the noun in the singular, its adjectives before it
    """
    if part == whole:
        return plural(whole, what) if whole == 1 else f"all {plural(whole, what)}"
    return f"{part:,} of {plural(whole, what)}"


def verb(count: int, does: str) -> str:
    """The verb `does`, as it goes with one, as it goes with `count`: is or are, fits or fit."""
    irregular = {"is": "are", "was": "were", "has": "have"}
    return does if count == 1 else irregular.get(does, does.removesuffix("s"))


def many(noun: str) -> str:
    """The plural of a noun: rows, classes, boxes, entries."""
    if noun.endswith(("s", "x", "ch", "sh")) and not noun.endswith("epoch"):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeou" else f"{noun}s"


def inner(said: object) -> str:
    """What an error or a reason says, without its full stop: to stand within a sentence of ours."""
    return str(said).strip().rstrip(".")


def listed(items: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def memory(count: int) -> str:
    """Bytes in the largest unit that leaves a number of at least 1: ``12.0 MiB``."""
    value, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{count:,} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def lasting(seconds: float) -> str:
    """A time in the unit that people use for it: ``0.4 s``, ``40 s``, ``3 min``, ``1 h 20 min``.

    seconds   how long
    """
    if seconds < 90:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Rows of cells as lines with columns two spaces apart; `right` says which columns end at their right edge."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines
