"""The printed tables of small architectures, one or two a family, kept as text; ``pytest --refresh`` writes them anew."""

import re
from pathlib import Path

import pytest

from striate import zoo

GOLDEN = Path(__file__).parent / "golden"
LARGE = 100  # layers from which a table is too long to be looked at; those totals are checked in test_zoo.py
NAMES = [name for name in zoo.names() if (GOLDEN / f"{name}.txt").exists()]


def test_every_short_table_is_kept(request):
    for name in zoo.names():
        short = len(zoo.create(name).layers) < LARGE
        if request.config.getoption("--refresh") and short:
            (GOLDEN / f"{name}.txt").touch()
        assert (GOLDEN / f"{name}.txt").exists() == short, name


@pytest.mark.parametrize("name", NAMES)
def test_the_size_table_is_the_one_last_looked_at(name, request):
    text = f"{zoo.create(name).size(batch_size=32)}\n"
    file = GOLDEN / f"{name}.txt"
    if request.config.getoption("--refresh"):
        file.write_text(text)
    assert file.read_text() == text, "look at the difference, then refresh with `pytest --refresh`"


@pytest.mark.parametrize("name", NAMES)
def test_the_columns_of_a_kept_table_add_up_to_its_totals(name):
    text = (GOLDEN / f"{name}.txt").read_text()
    lines = text.splitlines()
    rule = [i for i, line in enumerate(lines) if set(line) == {"-"}]
    heads = lines[rule[0] - 1].split()
    rows = [re.split(r"\s{2,}|(?<=\d) (?=\d)", line.strip()) for line in lines[rule[0] + 1 : rule[1]]]

    def column(head: str) -> int:
        place = heads.index(head)
        return sum(int(row[place].replace(",", "")) for row in rows)

    said = {
        key: int(value.replace(",", ""))
        for key, value in re.findall(r"^(weights|multiplications)\s+([\d,]+)", text, re.M)
    }
    assert column("weights") == said["weights"]
    assert column("multiplications") == said["multiplications"]
