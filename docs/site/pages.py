"""Pages that mkdocs makes when it builds: README, CONTRIBUTING and CHANGELOG from the top folder, and the API reference.

``make site`` builds the site; mkdocs.yml names this file as its hook.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

import striate as st

ROOT = Path(__file__).parent.parent.parent
TOP = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
# The order in which data flows, not the alphabet's.
ROOMS = [
    *("layers", "initializers", "regularizers", "models", "size", "draw", "zoo", "data"),
    *("optimizers", "losses", "metrics", "callbacks", "recipes", "runs", "tune", "transfer"),
    *("tasks", "look", "report", "weights", "ship", "intake", "inference", "backend", "graph", "primitives", "errors"),
]
ROOMS += sorted(name for name in st.__all__ if isinstance(getattr(st, name), types.ModuleType) and name not in ROOMS)


def moved(text: str) -> str:
    """A page of the top folder as a page of the site: its links lead to where the pages lie there."""
    text = re.sub(r"(\]\()docs/", r"\1", text)
    for new, old in TOP.items():
        text = text.replace(f"]({old})", f"]({new})")
    return text


def first_sentence(thing: Any) -> str:
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0].replace("|", r"\|")


def exported(room: types.ModuleType) -> list[tuple[str, Any]]:
    names = getattr(room, "__all__", None)
    if names is None:
        names = [n for n, v in vars(room).items() if n[0] != "_" and getattr(v, "__module__", None) == room.__name__]
    return [(name, getattr(room, name)) for name in names]


def reference() -> dict[str, str]:
    """The pages of the API reference.  Everything stands on one page; others that export it too link there."""
    package = [(name, value) for name, value in exported(st) if not isinstance(value, types.ModuleType)]
    where: dict[int, tuple[str, str]] = {}
    rooms = [f"| [st.{room}]({room}.md) | {first_sentence(getattr(st, room))} |" for room in ROOMS]
    pages = {"api/README.md": page("striate", package, where, rooms)}
    for room in ROOMS:
        pages[f"api/{room}.md"] = page(getattr(st, room).__name__, exported(getattr(st, room)), where)
    return pages


def page(
    module: str, names: list[tuple[str, Any]], where: dict[int, tuple[str, str]], above: Sequence[str] = ()
) -> str:
    """A page: what the room is for, a table of what it exports, then each in full."""
    short = module.replace("striate", "st", 1)
    rows, blocks = [], []
    names = flat(names)
    for name, value in names:  # what has two names is described under its own
        if callable(value) and name.split(".")[-1] == getattr(value, "__name__", name):
            where.setdefault(id(value), (short, address(module, name, value)))
    for name, value in names:
        title = address(module, name, value)
        other, link = where.get(id(value), (short, title)) if callable(value) else (short, title)
        if link != title:
            also = f"the same as `{link.split('.')[-1]}`" if other == short else f"described in {other}"
            rows.append(f"| [`{name}`][{link}] | {first_sentence(value)} ({also}) |")
            continue
        rows.append(f"| [`{name}`][{title}] | {first_sentence(value) if callable(value) else ''} |")
        blocks.append(in_full(title, value) if is_made(value) else f"::: {title}\n")
    about = inspect.getdoc(sys.modules[module]) or ""
    return "\n".join([f"# {short}\n", f"{about}\n", "| name | what |", "| --- | --- |", *above, *rows, "", *blocks])


def is_made(value: Any) -> bool:
    """Whether a function was made from a row of a table, so that no line of source defines it under its name."""
    return isinstance(value, types.FunctionType) and value.__code__.co_name != value.__name__


def in_full(title: str, function: Any) -> str:
    """A function as mkdocstrings would show it: its heading, its call and its docstring, arguments as a table."""
    name, table, text = title.split(".")[-1], [], []
    for line in (inspect.getdoc(function) or "").splitlines():
        argument = re.match(r"([\w*]+(?:, [\w*]+)*) {2,}(\S.*)", line)
        table += [f"| `{argument[1]}` | {argument[2]} |".replace("<", "&lt;")] if argument else []
        text += [] if argument else [line]
    arguments = ["", "| argument | what |", "| --- | --- |", *table] if table else []
    call = f"```python\n{name}{inspect.signature(function)}\n```"
    return "\n".join([f"## `{name}` {{ #{title} }}", "", call, "", *text, *arguments, ""])


def address(module: str, name: str, value: Any) -> str:
    """The dotted name to document; where a submodule hides behind a function of its name, that of its definition."""
    here = f"{module}.{name}"
    return f"{value.__module__}.{value.__qualname__}" if here in sys.modules and callable(value) else here


def flat(names: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Names with those of exported modules, such as ``compare.stacked``, opened."""
    out: list[tuple[str, Any]] = []
    for name, value in names:
        if isinstance(value, types.ModuleType):
            if not hasattr(st, name):
                out += [(f"{name}.{inner}", v) for inner, v in exported(value)]
        else:
            out.append((name, value))
    return out


def on_config(config: Any) -> Any:
    """The pages of the zoo and of the API reference take their places in the navigation."""
    families = sorted(path.name for path in (ROOT / "docs" / "zoo").glob("*.md") if path.name != "README.md")
    more = {"Zoo": [f"zoo/{name}" for name in families], "API": [{f"st.{room}": f"api/{room}.md"} for room in ROOMS]}
    for entry in config.nav:
        for title, pages in entry.items():
            if title in more:
                pages.extend(more[title])
    return config


def on_files(files: Any, config: Any) -> Any:
    """mkdocs asks which files there are: its own, and those made here."""
    for new, old in TOP.items():
        head = "---\nhide: [navigation]\n---\n\n" if new == "index.md" else ""
        files.append(File.generated(config, new, content=head + moved((ROOT / old).read_text())))
    for path, text in reference().items():
        files.append(File.generated(config, path, content=text))
    return files
