"""The command line and Python say the same: names, defaults and words of every argument that both have."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence

import pytest

from striate import look
from striate.cli.look import TECHNIQUES, made
from striate.cli.signatures import signature

# Python's own: objects that no command line can hold
PYTHON_ONLY = {"labels", "loss", "direction", "progress", "path", "title", "model"}
# techniques that take functions or arrays of other techniques
NO_COMMAND = {"activations", "sanity", "scores", "tapped"}


def python(name: str) -> inspect.Signature:
    technique = TECHNIQUES[name]
    return inspect.signature(getattr(importlib.import_module(technique.module), technique.function))


def plain(value: object) -> object:
    """A default in one form: the command line keeps lists."""
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_command_has_the_names_and_defaults_of_its_function(name):
    options = {parameter.name: parameter for parameter in made(name).params}
    for argument in python(name).parameters.values():
        if argument.name not in options:
            assert argument.name in PYTHON_ONLY, f"{name}: {argument.name} is no option"
            continue
        option = options[argument.name]
        dashed = "--" + argument.name.replace("_", "-")
        assert argument.name in ("model", "code") or dashed in option.opts
        if argument.default is inspect.Parameter.empty:
            assert option.required or argument.name == "pictures"  # whose absence is said in words of its own
        else:
            wanted = (argument.default,) if option.multiple and isinstance(argument.default, str) else argument.default
            assert plain(option.default) == plain(wanted), f"{name} {dashed}"


@pytest.mark.parametrize("name", TECHNIQUES)
def test_the_signature_read_from_the_source_is_that_of_the_function(name):
    technique = TECHNIQUES[name]
    read = {argument.name: argument for argument in signature(technique.module, technique.function).arguments}
    true = python(name).parameters
    assert list(read) == list(true)
    for argument in true.values():
        assert read[argument.name].required == (argument.default is inspect.Parameter.empty)
        if not read[argument.name].required:
            assert read[argument.name].default == argument.default


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_option_of_a_technique_says_what_the_docstring_says(name):
    for option in made(name).params:
        assert option.help or option.name == "help", f"{name}: --{option.name} has no help"


def test_every_technique_of_the_room_is_a_command():
    functions = {each for each in look.__all__ if inspect.isfunction(getattr(look, each))}
    commands = {technique.function for technique in TECHNIQUES.values() if technique.module.startswith("striate.look")}
    assert commands == functions - NO_COMMAND


@pytest.mark.parametrize("name", sorted(set(look.__all__) - {"Look", "Tap", "Trajectory", "tapped"}))
def test_arguments_have_the_same_names_in_the_same_order_everywhere(name):
    order = ["model", "pictures", "target", "layer"]
    last = ["batch_size", "seed", "progress"]
    arguments = list(inspect.signature(getattr(look, name)).parameters.values())
    names = [argument.name for argument in arguments]
    assert [each for each in names if each in order] == names[: sum(each in order for each in names)]
    assert [each for each in order if each in names] == names[: sum(each in order for each in names)]
    ending = [each for each in last if each in names]
    assert names[len(names) - len(ending) :] == ending
    for argument in arguments:
        if argument.name in last:
            assert argument.kind is inspect.Parameter.KEYWORD_ONLY
    strange = {"image", "images", "data", "x", "y", "picture", "layers", "names", "n", "top_k", "callback", "rng"}
    assert not strange & set(names)
