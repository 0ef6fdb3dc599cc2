"""Networks to edit, edits, and the comparison of what a page is told of them with what size says."""

from __future__ import annotations

import json
from typing import Any

import striate as st
from striate import layers
from striate.graph import from_json, to_json
from striate.page.workshop import changed
from striate.size import measure, opened_rows


def inside() -> st.Model:
    """Networks in networks, a layer that is called twice, several inputs and outputs, an auxiliary one."""
    inner = st.Sequential([layers.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same", name="c")], name="inner")
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    a, b = layers.Input((8, 8, 4), name="a"), layers.Input((8, 8, 4), name="class")
    x = shared(inner(inner(a)))
    y = layers.Add()([shared(b), x])
    out = layers.Dense(3, kernel_initializer=st.initializers.HeNormal(seed=3))(layers.Flatten()(y))
    return st.Model({"a": a, "b": b}, out, auxiliary=[(layers.Dense(3, name="2nd")(layers.Flatten()(x)), 0.3)])


def edit(do: str, **said: Any) -> str:
    return json.dumps({"do": do, **said})


def after(graph: st.graph.Graph | dict[str, Any], change: str) -> dict[str, Any]:
    description = graph if isinstance(graph, dict) else to_json(graph)
    return json.loads(changed(json.dumps(description), change))


def assert_is_sizes(told: dict[str, Any], description: dict[str, Any]) -> None:
    """Every number that the page is told is the one that striate gives for the description."""
    assert_is_graphs(told, from_json(description))


def assert_is_graphs(told: dict[str, Any], graph: st.graph.Graph) -> None:
    size, rows = measure(graph), opened_rows(graph)
    assert told["totals"] == {key: getattr(size, key) for key in told["totals"]}
    assert [layer["name"] for layer in told["layers"]] == [row.name for row in rows]
    for layer, row in zip(told["layers"], rows, strict=True):
        assert layer["shape"] == list(row.output_shape)
        assert (layer["weights"], layer["buffers"], layer["mults"]) == (row.weights, row.buffers, row.mults)
        assert layer["field"] == (None if row.receptive_field is None else list(row.receptive_field))
        assert layer["misfit"] == row.misfit


def executed(text: str) -> st.Model:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["model"]
