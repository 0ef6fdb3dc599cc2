"""What `make quick` runs: every test, but of those in quick.txt, which take long, only what that file says.

A line is the seconds of all cases of a test function, its name, and what stays: ``all``, ``-`` for nothing, or the one case
that stands for the rest, such as ``[lenet5]``.  ``pytest --measure`` writes the seconds anew and adds what has become long,
with its quickest case; which case tells most is chosen by hand, and kept.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("quick.txt")
LONG = 0.2  # seconds of all cases of a function, from which it has a line


def split(node: str) -> tuple[str, str]:
    """("test_zoo.py::test_x", "[case]") of a test's id."""
    name, bracket, case = node.partition("[")
    return name.rpartition("/")[2], bracket + case


def lines() -> dict[str, str]:
    """What stays of each function that takes long."""
    rows = (line.split(None, 2) for line in FILE.read_text().splitlines())
    return {name: stays for _, name, stays in rows}


def stays(node: str, table: dict[str, str]) -> bool:
    name, case = split(node)
    return table.get(name, "all") in ("all", case)


class Measured:
    """Gathers the seconds of every test, and writes quick.txt at the end."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def pytest_runtest_logreport(self, report: Any) -> None:
        name, case = split(report.nodeid)
        self.seconds[name][case] += report.duration

    def pytest_sessionfinish(self) -> None:
        table = lines()
        rows = []
        for name, cases in sorted(self.seconds.items()):
            total = sum(cases.values())
            if total >= LONG:
                quickest = min(cases, key=lambda case: cases[case]) or "-"
                kept = table.get(name, quickest)
                rows.append(f"{total:.1f} {name} {kept if kept in ('all', '-', *cases) else quickest}")
        FILE.write_text("\n".join(rows) + "\n")
