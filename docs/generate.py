"""Write docs/cli.md from the commands themselves.  `make docs` runs it; a test fails when the page is out of date."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer.main

from striate.cli.main import app

PAGE = Path(__file__).parent / "cli.md"


def commands(group: Any, above: str = "") -> dict[str, Any]:
    """Every command by its full name, those of groups such as `data check` too."""
    found = {}
    for name, command in group.commands.items():
        found |= commands(command, f"{above}{name} ") if hasattr(command, "commands") else {above + name: command}
    return found


def reference() -> str:
    """The command line reference as Markdown."""
    group = typer.main.get_command(app)
    lines = ["# Command line", "", "Made by `make docs` from the commands themselves.", ""]
    codes = "Exit codes: 0 done, 1 stopped, 2 a mistake in what was asked (one line says which), or a file\n"
    codes += "among many that could not be read (each is named)."
    lines += [f"Every command takes `--json`. {codes}", ""]
    for name, command in sorted(commands(group).items()):
        lines += [f"## striate {name}", "", inspect.cleandoc(command.help or ""), ""]
        lines += ["| argument | meaning | default |", "| --- | --- | --- |"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            is_option = parameter.param_type_name == "option"
            said = ", ".join([*parameter.opts, *parameter.secondary_opts]) if is_option else parameter.name.upper()
            default = parameter.default
            shown = "required" if parameter.required else "" if default in (None, False, "") else str(default)
            lines.append(f"| `{said}` | {parameter.help} | {shown} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(reference())
    print(f"wrote {PAGE}")
