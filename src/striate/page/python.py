"""What of striate a page carries, so that it can size a changed network by the package's own rules."""

from __future__ import annotations

import ast
from importlib import resources
from importlib.util import resolve_name

_BEGINS = "striate.page.workshop"


def carried_modules() -> dict[str, str]:
    """The modules that the workshop imports when it is imported, and those that these do: file names with their text.

    None of them needs a package that does not come with Python.
    """
    found: dict[str, str] = {}
    left = [_BEGINS]
    while left:
        name = left.pop()
        file = _file(name)
        if file is None or file in found:
            continue
        found[file] = text = resources.files("striate").joinpath(*file.split("/")[1:]).read_text("utf-8")
        package = name if file.endswith("__init__.py") else name.rpartition(".")[0]
        left += _imported(ast.parse(text), package)
        left += [name.rpartition(".")[0]]
    return dict(sorted(found.items()))


def _file(module: str) -> str | None:
    """The file of a module of striate; None where there is none, or it is another's."""
    path = module.split(".")
    if path[0] != "striate":
        return None
    for file in ([*path, "__init__.py"], [*path[:-1], f"{path[-1]}.py"]):
        if resources.files("striate").joinpath(*file[1:]).is_file():
            return "/".join(file)
    return None


def _imported(tree: ast.Module, package: str) -> list[str]:
    """What a module imports as it is imported itself: not within functions, and not for type checkers alone."""
    names = []
    for node in _at_once(tree.body):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            begin = resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
            names += [begin, *(f"{begin}.{alias.name}" for alias in node.names)]
    return names


def _at_once(body: list[ast.stmt]) -> list[ast.stmt]:
    found = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            found += _at_once([*node.body, *node.orelse])
        elif isinstance(node, ast.Try | ast.ClassDef | ast.With):
            found += _at_once(node.body)
    return found
