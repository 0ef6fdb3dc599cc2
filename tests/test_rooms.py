"""The shape of the code: a room imports only from rooms above it, and sizing never loads torch."""

import ast
import functools
import graphlib
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from sources import SOURCE, parsed

# docs/design.md explains the order; data flows down.
ORDER = [
    "visible",
    "errors",
    "extras",
    "wording",
    "annotations",
    "guard",
    "doors",
    "shown",
    "messages",
    "interrupts",
    "version",
    "seed",
    "configs",
    "described",
    "data_format",
    "mixed_precision",
    "graph",
    "primitives",
    "ops",
    "random",
    "activations",
    "layers",
    "constraints",
    "initializers",
    "regularizers",
    "variables",
    "size",
    "draw",
    "backend",
    "logistic",
    "config",
    "data",
    "intake",
    "train",
    "weights",
    "ship",
    "inference",
    "page",
    "model",
    "sequential",
    "models",
    "saving",
    "callbacks",
    "losses",
    "metrics",
    "optimizers",
    "zoo",
    "utils",
    "preprocessing",
    "datasets",
    "applications",
    "recipes",
    "report",
    "tasks",
    "look",
    "pages",
    "runs",
    "tune",
    "transfer",
    "demo",
    "cli",
    "__main__",
]


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(file: Path) -> list[tuple[int, str]]:
    """(line, room) of every import of striate in a file, also those inside functions."""
    found = []
    typing_only: set[ast.AST] = set()
    tree = parsed(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            typing_only |= set(ast.walk(node))
        if node in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "striate":
            names = [f"striate.{a.name}" for a in node.names] if node.module == "striate" else [node.module]
            found += [(node.lineno, room(name)) for name in names]
        if isinstance(node, ast.Import):
            found += [(node.lineno, room(a.name)) for a in node.names if a.name.split(".")[0] == "striate"]
    return found


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def test_every_room_has_its_place_in_the_order():
    rooms = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in FILES}
    assert rooms - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_a_room_imports_only_from_rooms_above_it(file):
    mine = ORDER.index(file.relative_to(SOURCE).parts[0].removesuffix(".py"))
    above = {*ORDER[: mine + 1]}  # what the package's front door gathers, such as Model, is imported from its room
    assert not [f"line {line}: {name}" for line, name in imports(file) if name not in above]


def module_of(file: Path) -> str:
    return ".".join(["striate", *file.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")


MODULES = {module_of(file): file for file in [SOURCE / "__init__.py", *FILES]}


def imported(file: Path) -> set[str]:
    """The modules of the package that a file imports, also inside functions, but for those that only types need."""
    tree = parsed(file)
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for branch in node.body
        for inner in ast.walk(branch)
    }
    names: set[str] = set()
    for node in set(ast.walk(tree)) - typing_only:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in whole}
    return names & {*MODULES} - {module_of(file)}


def test_no_module_imports_what_imports_it():
    try:
        graphlib.TopologicalSorter({name: imported(file) for name, file in MODULES.items()}).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a cycle of imports: {' <- '.join(error.args[1])}")


def test_a_class_name_stands_for_one_thing():
    """Shared is the name of a layer by the primitive that it is and the torch module that runs it, and that of a loss by
    its metric, which Keras calls so."""
    homes: dict[str, set[str]] = {}
    for file in FILES:
        for node in parsed(file).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, set()).add(str(file.relative_to(SOURCE)))
    families = [("layers/", "primitives/", "backend/", "graph/lowering"), ("train/losses/", "train/metrics/")]

    def one_thing(files: set[str]) -> bool:
        family = next((f for f in families if all(file.startswith(f) for file in files)), ())
        return len(files) == 1 or len({start for start in family for file in files if file.startswith(start)}) == len(
            files
        )

    assert not {name: sorted(files) for name, files in homes.items() if not one_thing(files)}


PACKAGES = [name for name, file in MODULES.items() if file.name == "__init__.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_hides_behind_something_of_its_name(package):
    """``from striate.data import check`` and ``import striate.data.check`` must not be two things."""
    room = importlib.import_module(package)
    below = {name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == package}
    for name in below:
        importlib.import_module(f"{package}.{name}")
    hidden = [name for name in below if not isinstance(getattr(room, name), types.ModuleType)]
    assert not hidden


def test_what_a_message_says_makes_something_can_be_called():
    """A module of a function's name is not that function: ``tasks.detector.detector`` makes a detector."""
    said = {
        name
        for file in MODULES.values()
        for name in re.findall(r"\btasks((?:\.\w+)+)`* (?:makes|counts)", file.read_text())
    }
    assert len(said) >= 3
    for name in said:
        room = importlib.import_module("striate.tasks")
        assert callable(functools.reduce(getattr, name[1:].split("."), room)), f"tasks{name}"


def loaded(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after running `code`."""
    script = f"import sys\n{code}\nprint('\\n' + ' '.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(out.splitlines()[-1].split())


DEEP = {
    "class": "Sequential",
    "layers": [{"class": "Input", "shape": [32, 32, 3]}]
    + [{"class": "Conv2D", "filters": 16, "kernel_size": 3, "padding": "same", "activation": "relu"}] * 120
    + [{"class": "Flatten"}, {"class": "Dense", "units": 10}],
}


@pytest.mark.parametrize("what", ["import", "help", "size", "models", "explain"])
def test_sizing_loads_no_torch(what, tmp_path):
    file = tmp_path / "deep.json"
    file.write_text(json.dumps(DEEP))
    arguments = {
        "help": ["--help"],
        "size": ["size", str(file)],
        "models": ["models"],
        "explain": ["explain", str(file), "conv2d_3"],
    }
    if what == "import":
        modules = loaded("import striate")
    else:
        call = f"try: main({arguments[what]!r})\nexcept SystemExit as e: assert not e.code"
        modules = loaded(f"from striate.cli.main import main\n{call}")
    assert "striate.graph" in modules
    assert not modules & {"torch", "torchmetrics", "accelerate", "matplotlib", "sklearn"}


@pytest.mark.parametrize(
    ("what", "most"), [("", 700_000), ("from striate.cli.main import main; main(['--help'])", 1_600_000)]
)
def test_starting_takes_little_work(what, most):
    script = (
        f"import contextlib, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"from steps import steps\nwith contextlib.suppress(SystemExit), steps({most}):\n    import striate; {what}"
    )
    subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)


def test_what_measures_and_draws_takes_names_that_there_are():
    script = (
        "import importlib, pkgutil\n"
        "for package in ('bench', 'docs', 'fuzz'):\n"
        "    found = [module.name for module in pkgutil.iter_modules([package]) if module.name != '__main__']\n"
        "    assert found\n"
        "    for name in found: importlib.import_module(f'{package}.{name}')"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=SOURCE.parents[1])


def test_what_asks_other_libraries_takes_names_that_there_are():
    """The oracles, which run where those libraries are: what they import from striate, within functions too."""
    lost, count = [], 0
    for file in sorted((Path(__file__).parent / "oracles").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "striate":
                module = importlib.import_module(node.module)
                for alias in node.names:
                    count += 1
                    name = f"{node.module}.{alias.name}"
                    is_module = hasattr(module, "__path__") and importlib.util.find_spec(name) is not None
                    if not is_module and not hasattr(module, alias.name):
                        lost.append(f"{file.name}:{node.lineno} {name}")
    assert not lost
    assert count > 10


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("constraints", "layers.constraints"),
        ("initializers", "layers.initializers"),
        ("regularizers", "layers.regularizers"),
        ("optimizers.schedules", "train.schedules"),
    ],
)
def test_what_lecture_code_imports_from_is_the_module_itself(name, home):
    code = f"import sys, striate; from striate.{name} import *; import striate.{name}, striate.{home}; "
    code += f"assert striate.{name} is striate.{home} is sys.modules['striate.{name}']"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
