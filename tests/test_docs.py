"""The README and the docs say what is true: their Python runs, their commands print what is shown."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from striate.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_the_python_of_a_page_runs_and_prints_what_it_shows(page, folder, capsys):
    """A block's ``# prints:`` comments (and the lines after them) must be in what it printed."""
    space: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), space)
        printed = capsys.readouterr().out
        for said in re.findall(r"# prints: (.*)", block):
            for part in said.split(" … "):
                assert part.strip() in printed, f"{page.name}: {said!r} is not in {printed!r}"


LEAST = re.compile(r"^<!-- (\w+) is at least ([\d.]+) -->$")


def console(page: Path) -> list[tuple[str, list[str], dict[str, float]]]:
    """(command, lines shown, what a number is at least) of every ``$ striate …`` in a console block.

    A trained network's numbers differ from processor to processor.  A comment above a block says what holds on all:
    ``<!-- accuracy is at least 0.95 -->``; the number that the block shows after that word is an example.
    """
    commands: list[tuple[str, list[str], dict[str, float]]] = []
    inside, least = False, {}
    for line in page.read_text().splitlines():
        if match := LEAST.match(line):
            least[match[1]] = float(match[2])
        elif line.startswith("```"):
            inside, least = line == "```console", {} if inside else least
        elif inside and line.startswith("$ "):
            commands.append((line[2:], [], least))
        elif inside and commands:
            commands[-1][1].append(line)
    return [each for each in commands if each[0].startswith("striate ")]


@pytest.mark.parametrize("page", [p for p in PAGES if console(p)], ids=lambda p: p.name)
def test_the_commands_of_a_page_print_what_it_shows(page, folder, capsys):
    """Lines may leave out parts with ``…``; numbers that change from machine to machine are left out so."""
    for command, shown, least in console(page):
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command)[1:])
        out = capsys.readouterr()
        assert ended.value.code in (0, None), f"{command}: {out.err}"
        printed = [" ".join(line.split()) for line in out.out.splitlines()]
        for line in shown:
            parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
            pattern = ".*".join(parts)
            for word in least:
                pattern = re.sub(rf"\b{word}\\ [\d\\.]+", rf"{word}\\ (?P<{word}>[\\d.]+)", pattern)
            match = next(filter(None, (re.search(pattern, p) for p in printed)), None)
            assert match, f"{command}: no line like {line!r} in\n{out.out}"
            for word, number in match.groupdict().items():
                assert float(number) >= least[word], f"{command}: {word} {number}"


def script(name: str):
    """A module of the docs folder."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_line_reference_is_up_to_date():
    assert (ROOT / "docs" / "cli.md").read_text() == script("generate").reference(), "run `make docs`"


def test_the_pages_of_the_zoo_are_up_to_date():
    pages = script("zoo_pages")
    assert pages.TOTALS.read_text() == pages.totals(), "run `make docs`"
    files = {file.relative_to(pages.FOLDER) for file in pages.FOLDER.rglob("*") if file.is_file()}
    assert files == {Path(file) for file in pages.everything()}, "run `make docs`"
    for file, text in pages.everything().items():
        assert (pages.FOLDER / file).read_text() == text, f"{file}: run `make docs`"


def test_the_page_of_layers_is_up_to_date_and_has_them_all():
    from striate import layers

    pages = script("layer_pages")
    files = {file.relative_to(pages.FOLDER) for file in pages.FOLDER.rglob("*") if file.is_file()}
    made = pages.everything()
    assert files == {Path(file) for file in made}, "run `make docs`"
    for file, text in made.items():
        assert (pages.FOLDER / file).read_text() == text, f"{file}: run `make docs`"
    known = {
        kind.__name__ for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)
    }
    named = set(re.findall(r"^### (\w+)$|`(\w+)`", made["README.md"], flags=re.M))
    assert known <= {name for pair in named for name in pair}


def test_every_test_and_room_that_the_page_of_right_answers_names_is_there():
    text = (ROOT / "docs" / "right_answers.md").read_text()
    named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", text)
    assert len(named) > 25
    for file, function in named:
        content = (ROOT / "tests" / file).read_text()
        assert f"def {function}(" in content if function else content, f"{file}::{function}"
    places = re.findall(r"`([a-z_]+(?:/[a-z_]+)*/?(?:[a-z_]+\.py)?)`", text)
    for place in places:
        if "/" in place and place != "src/striate/":
            assert (ROOT / "src" / "striate" / place).exists(), place


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_figures_of_keras_tests_are_written_by_their_run(monkeypatch, tmp_path):
    """Its modules are found and go with striate as it is, and each table has its place on a page."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "oracles"))
    import keras_tests
    import keras_trainers

    (tmp_path / "version.py").write_text('__version__ = "3.0"')
    ends = {"layers/a_test.py::A::one": ("pass", ""), "layers/a_test.py::A::two": ("differs", "1 is not 2")}
    ends |= {"losses/b_test.py::B::one": ("missing", ""), "losses/c_test.py::C::one": ("out", "")}
    made = keras_tests.figures(ends, tmp_path)
    assert made["sum"] == "Of Keras 3.0, 1 of 3 tests in scope pass, 33.3%; 1 more ask for other fields."
    of_files = ["| `layers/a_test.py` | 1 | 0 | 0 | 1 | 0 | 0 |", "| `losses/b_test.py` | 0 | 1 | 0 | 0 | 0 | 0 |"]
    assert made["by file"].splitlines()[2:] == of_files
    assert made["by room"].splitlines()[-1] == "| all | 1 | 1 | 0 | 1 | 0 | 0 |"
    pages = [page.read_text() for page in keras_tests.PAGES]
    assert {name for name in made if any(f"<!-- table {name} -->" in page for page in pages)} == set(made)
    for page in pages:
        again = keras_tests.written(page, made)
        assert again != page
        assert keras_tests.written(again, made) == again
        assert again.count("<!-- end -->") == page.count("<!-- end -->")
    assert keras_trainers.CompileMetrics(["mae"])
