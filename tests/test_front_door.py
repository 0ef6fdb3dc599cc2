"""One front door: ``import striate as st`` reaches every room, without loading one before it is used."""

import ast
import importlib

import pytest
from sources import SOURCE, parsed
from test_rooms import ORDER, loaded

import striate as st

# Rooms behind a public name: st.Model, st.Sequential, st.optimizers, st.backend and its like; and the command line.
BEHIND = {
    "archives",
    "data_format",
    "described",
    "extras",
    "model",
    "sequential",
    "train",
    "page",
    "pages",
    "demo",
    "cli",
    "seed",
    "version",
    "__main__",
}
BEHIND |= {"annotations", "doors", "guard", "interrupts", "logistic", "visible", "wording"}
ROOMS = [name for name in ORDER if name not in BEHIND]


@pytest.mark.parametrize("name", ROOMS)
def test_every_room_is_an_attribute_of_the_package(name):
    assert getattr(st, name) is importlib.import_module(f"striate.{name}")
    assert name in st.__all__
    assert name in dir(st)


def test_the_package_exports_nothing_that_is_not_there():
    assert sorted(st.__all__) == sorted(set(st.__all__))
    for name in st.__all__:
        getattr(st, name)


def test_editors_are_told_of_every_room():
    """Type checkers and editors see what is imported under TYPE_CHECKING, not what ``__getattr__`` gives."""
    tree = parsed(SOURCE / "__init__.py")
    known = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(st.__all__) <= known | defined


@pytest.mark.parametrize(
    ("wrong", "right"), [("taks", "tasks"), ("optimisers", "optimizers"), ("Sequental", "Sequential")]
)
def test_a_name_that_is_not_there_is_said_with_the_nearest(wrong, right):
    with pytest.raises(AttributeError, match=f"no attribute '{wrong}'.*Did you mean \"{right}\""):
        getattr(st, wrong)


def test_private_names_are_not_guessed_at():
    assert not hasattr(st, "__wrapped__")
    with pytest.raises(AttributeError, match=r"has no attribute '_taks'\.$"):
        st._taks


def test_a_room_is_loaded_when_it_is_first_used():
    before = loaded("import striate as st; dir(st)")
    assert not before & {"torch", "striate.look", "striate.tasks", "striate.zoo"}
    assert "striate.zoo" in loaded("import striate as st; st.zoo")
