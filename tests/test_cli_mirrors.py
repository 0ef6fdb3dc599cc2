"""The command line has the names and the defaults of Python's functions: what one takes, the other takes."""

import inspect
from enum import Enum
from pathlib import Path

import pytest
import typer

from striate import Model, data, draw, runs, size, tasks, transfer, zoo
from striate.cli.main import app
from striate.demo import demo

# command: (the functions that it hands its arguments to,
#           arguments that only the command has, arguments that only Python has)
SHOWN = {"json", "help"}
CREATED = {"input_shape", "classes", "variant"}  # of the network, for zoo.create; tested below
MIRRORS = {
    "size": ([size.measure], {"model", "classic", *CREATED}, {"graph", "name"}),
    "explain": ([size.explain, Model.explain], {"model", "weights", *CREATED}, {"graph", "self"}),
    "draw": ([draw.svg, draw.window_svg], {"model", "output", "diff", "source", *CREATED}, {"graph", "title"}),
    "demo": ([demo], set(), {"say"}),
    "train": (
        [runs.train_run],
        {"image_size", "classes", "ignored", "tune", "resume"},  # --resume is runs.resume_run
        {"verbose", "callbacks", "splits", "resume", "options"},  # options: of data.folder, such as image_size
    ),
    "transfer": (
        [transfer.fit],
        {"resume"},  # transfer.resume_transfer
        {"dropout", "patience", "verbose", "say", "resume"},
    ),
    "page": ([runs.page_of_run], {"model", "output", "weights", *CREATED}, {"run", "path", "progress"}),
    "data check": ([data.check], {"weights", "page", "strict"}, {"progress"}),
    "predict": (
        [tasks.classify, tasks.classify_files],
        # top: 1 a line for a folder; engine: the fastest where it was measured; the last four are of models that find things
        {"text", "weights", "variant", "others", "out", "top", "engine", "draw", "least", "format", "beside"},
        {"progress", "top", "engine"},
    ),
}


CALLED = {"sources": "pictures"}  # pictures or texts


def commands(group, above=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above}{name} ")
        else:
            yield above + name, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def plain(value):
    """A default as both sides say it: 1 for "1", None for nothing."""
    value = value.value if isinstance(value, Enum) else value
    if callable(value):
        value = None
    if value in ([], (), None, {}):
        return None
    if isinstance(value, Path) or (isinstance(value, str) and value.isdecimal()):
        return str(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("command", MIRRORS)
def test_a_command_has_the_arguments_and_defaults_of_the_function_behind_it(command):
    functions, only_here, only_python = MIRRORS[command]
    parameters = {CALLED.get(name, name): p for f in functions for name, p in inspect.signature(f).parameters.items()}
    options = {option.name: option for option in COMMANDS[command].params if option.name not in SHOWN}
    assert set(options) - only_here == set(parameters) - only_python
    for name in set(options) & set(parameters) - only_here:
        default = parameters[name].default
        if default is inspect.Parameter.empty:
            continue  # the command may ask for it otherwise, such as --resume in place of the data
        assert plain(options[name].default) == plain(default), name


@pytest.mark.parametrize("command", ["size", "explain", "draw"])
def test_a_named_network_is_made_as_zoo_create_makes_it(command):
    parameters = inspect.signature(zoo.create).parameters
    options = {option.name: option for option in COMMANDS[command].params}
    for name in CREATED - {"variant"}:
        assert plain(options[name].default) == plain(parameters[name].default)


def test_options_are_spelt_as_the_arguments_are():
    """``--batch-size`` is batch_size; what is spelt otherwise is listed here."""
    otherwise = {"data check page": "--html", "others": "--with", "beside": "--pictures"}
    for name, command in COMMANDS.items():
        if name.startswith("look "):
            continue  # tests/test_look_signatures.py
        for option in command.params:
            if option.param_type_name == "option" and option.name != "help":
                usual = otherwise.get(option.name, "--" + option.name.replace("_", "-"))
                spelt = otherwise.get(f"{name} {option.name}", usual)
                assert spelt in option.opts, (name, option.opts)
