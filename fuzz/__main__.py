"""``python -m fuzz``: changed inputs for every format and command, and a table of what came of them.

python -m fuzz --count 100000 --seed 1              all formats
python -m fuzz --format "saved model" --count 2000  one format
python -m fuzz --seed 1 --format VOC --number 17    one input again, with its traceback; --keep writes it to a folder
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")


def main() -> int:
    """Run; exits with 1 where anything is bad."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of all choices")
    parser.add_argument("--count", type=int, help="of inputs (10,000; none beside --sound)")
    parser.add_argument("--first", type=int, default=0, help="the first number of each format")
    parser.add_argument("--format", action="append", default=[], help="a row of the table (all); repeatable")
    parser.add_argument(
        "--command", action="append", default=[], help="a command, such as 'data check' (all); repeatable"
    )
    parser.add_argument("--number", type=int, help="one input of one format, with its traceback")
    parser.add_argument("--sound", action="store_true", help="first the sound inputs, unchanged, which are accepted")
    parser.add_argument("--keep", help="with --number, the folder that its files are written to")
    parser.add_argument("--processes", type=int, default=1, help="beside each other")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    asked = parser.parse_args()
    from fuzz import parent
    from fuzz.formats import FORMATS

    here = os.getcwd()
    root = parent.begin()
    try:
        wanted = {*asked.format, *(f"striate {name}" for name in asked.command)}
        unknown = wanted - {form.name for form in FORMATS}
        if unknown:
            parser.error(
                f"no such format: {', '.join(unknown)}. There are: {', '.join(form.name for form in FORMATS)}."
            )
        forms = [form for form in FORMATS if not wanted or form.name in wanted]
        if asked.number is not None:
            return again(
                asked.seed, forms[0].name, asked.number, Path(here, asked.keep) if asked.keep else root / "one"
            )
        outcomes = {}
        if asked.sound:
            outcomes["sound"] = parent.run(
                asked.seed, parent.plan_sound(forms), root, asked.processes, telling(asked, True)
            )
        if asked.count or not asked.sound:
            tasks = parent.plan(forms, asked.count or 10_000, asked.first)
            outcomes["formats"] = parent.run(asked.seed, tasks, root, asked.processes, telling(asked, False))
    finally:
        os.chdir(here)
        shutil.rmtree(root, ignore_errors=True)
    print(as_json(outcomes, asked.seed) if asked.json else "\n\n".join(map(table, outcomes.values())))
    return int(any(outcome.findings for outcome in outcomes.values()))


def telling(asked: argparse.Namespace, sound: bool) -> Callable[[str, int, str, str], None]:
    """What prints each kind of finding as it comes, once; --json has them all."""
    alike: set[str] = set()

    def told(name: str, number: int, verdict: str, said: str) -> None:
        which = number if sound else ""
        kind = f"{verdict} {name} {which} {re.sub(r'[^a-zA-Z]+', ' ', said.split(': ')[0])[:120]}"
        if kind in alike:
            return
        alike.add(kind)
        print(
            f'{verdict}: --seed {asked.seed} --format "{name}" --number {number}\n    {said}',
            file=sys.stderr,
            flush=True,
        )

    return told


def again(seed: int, name: str, number: int, folder: Path) -> int:
    """Write one input and read it, so that a traceback shows, confined as all are."""
    from fuzz import child, parent
    from fuzz.formats import FORMATS
    from striate.errors import StriateError

    target, _ = parent.input_at(seed, name, number, folder)
    print(f"{folder / target}: {os.path.getsize(folder / target):,} bytes", flush=True)
    process = os.fork()
    if process == 0:
        with child.ended():
            child.alone(folder)
            try:
                next(form for form in FORMATS if form.name == name).use(folder, target)
                print("accepted")
            except StriateError as refusal:
                print(f"refused: {refusal}")
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def table(outcome) -> str:
    """A row for each format."""
    from fuzz.child import VERDICTS

    heads = ["format", "inputs", *VERDICTS, "per s", "slowest", "largest"]
    rows = []
    for name, tally in outcome.tallies.items():
        count = sum(tally.counts.values())
        figures = [str(tally.counts[verdict]) for verdict in VERDICTS]
        rows.append(
            [name, f"{count:,}", *figures, f"{count / max(tally.seconds, 1e-3):,.0f}", f"{tally.slowest:.1f} s",
             f"{tally.largest / 2**20:,.0f} MiB"]
        )  # fmt: skip
    sums = [sum(tally.counts[verdict] for tally in outcome.tallies.values()) for verdict in VERDICTS]
    rows.append(["all", f"{sum(sums):,}", *map(str, sums), f"{sum(sums) / max(outcome.wall, 1e-3):,.0f}", "", ""])
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in [heads, *rows]
    ]
    return "\n".join(lines)


def as_json(outcomes, seed: int) -> str:
    """The tables ("sound", "formats") and the findings of all as JSON."""
    tables = {
        which: {
            name: {
                **tally.counts,
                "cpu_seconds": round(tally.seconds, 2),
                "slowest": round(tally.slowest, 2),
                "largest": tally.largest,
            }
            for name, tally in outcome.tallies.items()
        }
        for which, outcome in outcomes.items()
    }
    seconds = round(sum(outcome.wall for outcome in outcomes.values()), 1)
    findings = [
        dict(zip(("format", "number", "verdict", "said"), each, strict=True))
        for outcome in outcomes.values()
        for each in outcome.findings
    ]
    return json.dumps({"seed": seed, "seconds": seconds, **tables, "findings": findings}, indent=1)


if __name__ == "__main__":
    sys.exit(main())
