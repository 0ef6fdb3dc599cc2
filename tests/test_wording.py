"""Counts and quoted reasons stand in messages as in good prose: "1 class", "2 classes", one full stop."""

import ast

import pytest
from sources import SOURCE, parsed

from striate.wording import inner, many, plural, some

COUNTS = ("len", "sum", "int")


def trees() -> dict[str, ast.Module]:
    """Every file of the package."""
    return {str(file.relative_to(SOURCE)): parsed(file) for file in SOURCE.rglob("*.py")}


def called(node: ast.AST) -> str:
    """The name of the function that an expression calls."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def nouns() -> set[str]:
    """The plurals of all nouns that are counted somewhere."""
    return {
        many(str(node.args[1].value).split()[-1])
        for tree in trees().values()
        for node in ast.walk(tree)
        if called(node) == "plural" and isinstance(node.args[1], ast.Constant)
    }


def values_and_what_follows():
    """(file, line, expression, the text after it) of every value put into a text."""
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                for value, after in zip(node.values, node.values[1:], strict=False):
                    if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                        yield file, node.lineno, value.value, str(after.value)


@pytest.mark.parametrize(
    ("count", "noun", "verb", "text"),
    [
        (1, "class", "is", "1 class is"),
        (0, "class", "is", "0 classes are"),
        (2, "box", "", "2 boxes"),
        (1, "box", "", "1 box"),
        (3, "readable picture", "fits", "3 readable pictures fit"),
        (2, "query", "has", "2 queries have"),
        (1000, "batch", "", "1,000 batches"),
        (3, "epoch", "", "3 epochs"),
        (2, "array", "was", "2 arrays were"),
    ],
)
def test_a_noun_and_its_verb_go_with_their_count(count, noun, verb, text):
    assert plural(count, noun, verb) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 1, "1 answer"), (3, 3, "all 3 answers"), (24, 1030, "24 of 1,030 answers")]
)
def test_a_part_of_what_is_counted_is_named_with_the_whole(part, whole, text):
    assert some(part, whole, "answer") == text


def test_no_message_counts_without_asking_for_the_plural():
    known = nouns()
    assert {"classes", "pictures", "boxes", "layers", "weights"} <= known
    found = [
        f"{file}:{line} {ast.unparse(value)}{after[:20]}"
        for file, line, value, after in values_and_what_follows()
        if called(value) in COUNTS and after.startswith(" ") and known & {w.strip(".,;:") for w in after.split()[:1]}
    ]
    assert found == []


def test_no_message_ends_what_another_one_has_ended():
    """A reason or an error that is quoted before a full stop goes through ``inner``."""
    words = ("error", "reason", "why")
    found = [
        f"{file}:{line} {{{ast.unparse(value)}}}{after[:20]}"
        for file, line, value, after in values_and_what_follows()
        if after.startswith(".") and ast.unparse(value).lower().removeprefix("str(").rstrip(")").endswith(words)
        if not called(value)
    ]
    assert found == []
    assert inner(ValueError("no such file.")) == "no such file"
