"""The printed module: it needs only torch, and nested models and shared layers stay what they are."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import pytest
import torch
from graphs import net, resnet_like

from striate import layers
from striate.backend import build, to_source
from striate.graph import Graph, Input
from striate.model import Model

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_printed_file_says_what_it_is_and_needs_only_torch() -> None:
    source = to_source(build(resnet_like()), name="Tiny", about='says "what" \\ it is')
    tree = ast.parse(source)
    assert ast.get_docstring(tree) == "says 'what' \\ it is"
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"torch", "torch.nn.functional"}
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["BatchNorm", "Tiny"]
    subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            source + "\nassert Tiny().eval()(torch.zeros(1, 3, 16, 16)).shape == (1, 4, 36, 36)",
        ],
        check=True,
    )


def test_nested_models_become_classes_of_their_own_printed_once() -> None:
    x = Input((4,))
    inner = Model(x, layers.Dense(4)(x), name="two_words")
    y = Input((4,))
    graph = Graph([y], [layers.Add()([inner(y), inner(inner(y))])])
    source = to_source(build(graph))
    assert source.count("class ") == 2
    assert source.count("class TwoWords(nn.Module):") == 1
    assert "self.two_words = TwoWords()" in source


def test_a_layer_shared_with_a_nested_model_stays_shared_in_the_printed_file() -> None:
    shared = layers.Dense(4)
    x = Input((4,))
    inner = Model(x, shared(x), name="inner")
    graph = net((4,), shared, inner)
    module = build(graph)
    space: dict[str, Any] = {}
    exec(to_source(module), space)
    printed = space["Network"]()
    assert printed.dense is printed.inner.dense
    printed.load_state_dict(module.state_dict())
    given = torch.randn(2, 4)
    torch.testing.assert_close(printed(given), module(given))
