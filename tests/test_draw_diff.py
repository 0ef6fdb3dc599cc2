"""Differences of two networks: each kind is found, nothing else is reported, both directions agree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate import layers as L
from striate.draw import Diff, diff
from striate.graph import Graph, Input, Network, chain


class _Nested(Network):
    """A stand-in for a model used as a layer; not registered."""

    abstract = True

    def __init__(self, graph: Graph, name: str | None = None) -> None:
        super().__init__(graph, name)


def stack(*, first=32, extra=(), head=10, **dense) -> Graph:
    layers = [
        L.Conv2D(first, 3, activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(64, 3, activation="relu"),
        *extra,
        L.GlobalMaxPooling2D(),
        L.Dense(head, **dense),
    ]
    return chain(layers, (32, 32, 3))


def resnet(blocks: int, link: bool = True) -> Graph:
    x = start = Input((16, 16, 8))
    for _ in range(blocks):
        y = L.Conv2D(8, 3, padding="same")(L.ReLU()(L.Conv2D(8, 3, padding="same")(x)))
        x = L.ReLU()(L.Add()([x, y]) if link else y)
    return Graph([start], [L.Dense(10)(L.GlobalAveragePooling2D()(x))])


def told(found: Diff) -> list[tuple]:
    return [(c.what, c.name_a, c.name_b, c.fields) for c in found.changes]


def mirrored(found: Diff) -> list[str]:
    """What ``diff(b, a)`` must say, given ``diff(a, b)``."""
    what = {"added": "removed", "removed": "added"}
    changes = [
        (what.get(c.what, c.what), c.name_b, c.name_a, sorted((k, (y, x)) for k, (x, y) in c.fields.items()))
        for c in found.changes
    ]
    return sorted(map(repr, changes))


def check_both_ways(a: Graph, b: Graph) -> Diff:
    found, back = diff(a, b), diff(b, a)
    assert mirrored(found) == sorted(repr((*said, sorted(fields.items()))) for *said, fields in told(back))
    assert found.unchanged == back.unchanged
    json.dumps(found.to_dict())
    by = sum(
        (c.fields.get("weights", (0, 0))[1] or 0) - (c.fields.get("weights", (0, 0))[0] or 0) for c in found.changes
    )
    assert by == found.totals["weights"][1] - found.totals["weights"][0]
    return found


@pytest.mark.parametrize("make", [stack, lambda: resnet(3), lambda: resnet(2, link=False)])
def test_a_network_built_twice_is_the_same(make):
    found = check_both_ways(make(), make())
    assert found.same
    assert found.changes == []
    assert "same network" in str(found)
    assert found.to_dict()["same"] is True


def test_an_inserted_layer_is_added_and_only_it():
    found = check_both_ways(stack(), stack(extra=[L.BatchNormalization()]))
    assert told(found) == [
        ("added", None, "batch_normalization", {"output shape": (None, (13, 13, 64)), "weights": (None, 128)})
    ]
    assert found.totals["buffers"] == (0, 128)
    assert found.unchanged == 6
    assert found.added[0].says == "BatchNormalization"


def test_a_removed_layer_shifts_automatic_names_without_being_reported():
    a = chain([L.Conv2D(8, 3), L.Conv2D(16, 3), L.Conv2D(32, 3)], (32, 32, 3))
    b = chain([L.Conv2D(8, 3), L.Conv2D(32, 3)], (32, 32, 3))
    found = check_both_ways(a, b)
    assert [(c.what, c.name) for c in found.changes] == [("removed", "conv2d_1"), ("affected", "conv2d_2 → conv2d_1")]
    assert found.affected[0].fields == {"output shape": ((26, 26, 32), (28, 28, 32)), "weights": (4640, 2336)}


def test_a_changed_field_says_from_what_to_what_and_what_it_affects():
    found = check_both_ways(stack(first=32), stack(first=48))
    assert told(found) == [
        (
            "changed",
            "conv2d",
            "conv2d",
            {"filters": (32, 48), "output shape": ((30, 30, 32), (30, 30, 48)), "weights": (896, 1344)},
        ),
        ("affected", "max_pooling2d", "max_pooling2d", {"output shape": ((15, 15, 32), (15, 15, 48))}),
        ("affected", "conv2d_1", "conv2d_1", {"weights": (18496, 27712)}),
    ]
    assert [c.name for c in found.changed] == ["conv2d"]
    assert [c.name for c in found.affected] == ["max_pooling2d", "conv2d_1"]


@pytest.mark.parametrize(
    ("field", "to"),
    [
        ("activation", "softmax"),
        ("use_bias", False),
        ("kernel_initializer", "he_normal"),
        ("kernel_regularizer", "l2"),
        ("trainable", False),
    ],
)
def test_each_field_of_a_layer_counts(field, to):
    found = check_both_ways(stack(), stack(**{field: to}))
    assert [c.name for c in found.changes] == ["dense"]
    assert found.changes[0].fields[field][1] == to


def test_values_that_mean_the_same_are_the_same():
    a = chain([L.MaxPooling2D(2), L.Conv2D(4, 3), L.Dense(3, activation=None)], (8, 8, 3))
    b = chain([L.MaxPooling2D((2, 2), strides=2), L.Conv2D(4, (3, 3)), L.Dense(3, activation="linear")], (8, 8, 3))
    assert check_both_ways(a, b).same


def test_given_names_pair_layers_and_a_new_name_is_a_change():
    a = chain([L.Dense(8, name="one"), L.Dense(9, name="two")], (4,))
    b = chain([L.Dense(9, name="two"), L.Dense(10, name="three")], (4,))
    assert [(c.what, c.name) for c in check_both_ways(a, b).changes] == [
        ("removed", "one"),
        ("affected", "two"),
        ("added", "three"),
    ]
    renamed = check_both_ways(stack(), stack(name="head"))
    assert told(renamed) == [("changed", "dense", "head", {"name": ("dense", "head")})]


def test_a_layer_of_the_same_name_but_another_kind_is_changed():
    a = chain([L.Conv2D(8, 3, name="stem")], (8, 8, 3))
    b = chain([L.SeparableConv2D(8, 3, name="stem")], (8, 8, 3))
    (change,) = check_both_ways(a, b).changes
    assert change.what == "changed"
    assert change.fields["kind"] == ("Conv2D", "SeparableConv2D")


def test_whole_blocks_are_removed_as_blocks():
    found = check_both_ways(resnet(4), resnet(3))
    assert [c.what for c in found.changes] == ["removed"] * 5
    assert sorted(c.says for c in found.removed) == ["Add", *["Conv2D 3x3, 8, same"] * 2, *["ReLU"] * 2]


def test_residual_links_that_come_or_go_show_as_their_add_and_what_its_follower_now_takes():
    found = check_both_ways(resnet(1, link=True), resnet(1, link=False))
    assert [(c.what, c.name_a) for c in found.changes] == [("removed", "add"), ("changed", "re_lu_1")]
    assert found.changed[0].fields == {"inputs": (["add"], ["conv2d_1"])}


def test_other_wiring_of_the_same_layers_is_found():
    def net(order: int) -> Graph:
        x = Input((4,))
        a, b = L.Dense(4, name="a")(x), L.Dense(4, name="b")(x)
        pair = [L.ReLU(name="r")(a if order else b), L.Activation("tanh", name="t")(b if order else a)]
        return Graph([x], [L.Concatenate(name="c")(pair), L.Add(name="s")(pair[:: 1 if order else -1])])

    found = check_both_ways(net(0), net(1))
    assert told(found) == [
        ("changed", "r", "r", {"inputs": (["b"], ["a"])}),
        ("changed", "t", "t", {"inputs": (["a"], ["b"])}),
    ]  # the sum took its inputs in another order too, which makes no difference


def test_swapped_inputs_count_where_the_order_matters():
    def net(turn: int) -> Graph:
        x, y = Input((4,), name="x"), Input((4,), name="y")
        return Graph([x, y], [L.Subtract(name="s")([x, y][::turn])])

    assert told(check_both_ways(net(1), net(-1))) == [("changed", "s", "s", {"inputs": (["x", "y"], ["y", "x"])})]


def test_sharing_that_comes_or_goes_is_found():
    def net(shared: bool) -> Graph:
        x, y = Input((4,), name="x"), Input((4,), name="y")
        one = L.Dense(4, name="one")
        two = one if shared else L.Dense(4, name="two")
        return Graph([x, y], [L.Add()([one(x), two(y)])])

    found = check_both_ways(net(True), net(False))
    assert not found.same
    fields = {key: pair for c in found.changes for key, pair in c.fields.items()}
    assert fields["shares weights with"] == ("one", None)
    assert found.totals["weights"] == (20, 40)


def test_inputs_and_outputs_are_compared():
    def net(shape=(8, 8, 3), dtype="float32", early=False) -> Graph:
        x = Input(shape, dtype=dtype)
        y = L.Conv2D(4, 3, padding="same")(x)
        z = L.ReLU()(y)
        return Graph([x], [z, y] if early else [z])

    shapes = check_both_ways(net(), net((16, 16, 3)))
    assert shapes.changes[0].fields["shape"] == ([8, 8, 3], [16, 16, 3])
    assert check_both_ways(net(), net(dtype="uint8")).changes[0].fields["dtype"] == ("float32", "uint8")
    outputs = check_both_ways(net(), net(early=True))
    assert outputs.other == {"outputs": (["re_lu"], ["re_lu", "conv2d"])}
    assert not outputs.same
    assert "(outputs)" in str(outputs)


def test_nested_networks_are_compared_layer_by_layer():
    def net(units: int) -> Graph:
        inner = Input((4,))
        cell = _Nested(Graph([inner], [L.Dense(4)(L.Dense(units)(inner))]), "cell")
        x = Input((4,))
        return Graph([x], [cell(cell(x))])

    found = check_both_ways(net(5), net(6))
    assert [c.name for c in found.changed] == ["cell/dense", "cell#2/dense"]
    assert found.totals["weights"] == (49, 58)


def test_a_fault_is_part_of_the_difference():
    whole = chain([L.Conv2D(4, 3), L.Conv2D(4, 3)], (8, 8, 3))
    broken = chain([L.Conv2D(4, 3), L.Conv2D(4, 9)], (8, 8, 3))
    found = diff(whole, broken)
    assert found.other["fault"][0] is None
    assert "larger than its 6x6 input" in found.other["fault"][1]


def test_the_table_reads_well():
    a = stack(activation="softmax")
    b = stack(first=48, extra=[L.BatchNormalization()], activation="softmax", kernel_regularizer="l2", name="head")
    assert str(diff(a, b, ("old", "new"))) == TABLE.strip("\n")


TABLE = """
old → new: 1 added, 2 changed, 2 affected, 2 unchanged
-----------------------------------------------------------------------------------
   layer                what                old           new
-----------------------------------------------------------------------------------
~  conv2d               filters             32            48
                        output shape        (30, 30, 32)  (30, 30, 48)
                        weights             896           1,344
   max_pooling2d        output shape        (15, 15, 32)  (15, 15, 48)
   conv2d_1             weights             18,496        27,712
+  batch_normalization  BatchNormalization                (13, 13, 64), 128 weights
~  dense → head         name                dense         head
                        kernel_regularizer  none          l2
-----------------------------------------------------------------------------------
   in all               layers              5             6 (+1)
                        weights             20,042        29,834 (+9,792)
                        buffers             0             128 (+128)
                        mults               3,893,248     5,839,552 (+1,946,304)
"""


_kinds = {
    "conv": lambda n: L.Conv2D(4 * n, 3, padding="same"),
    "strided": lambda n: L.Conv2D(4 * n, 3, strides=1 + n % 2, padding="same"),
    "norm": lambda n: L.BatchNormalization(),
    "relu": lambda n: L.ReLU(),
    "named": lambda n: L.Dense(4, name=f"dense_{n}"),
}
_chains = st.lists(st.tuples(st.sampled_from(sorted(_kinds)), st.integers(1, 3)), max_size=14)


def _chain(words) -> Graph:
    used: set[str] = set()
    layers = []
    for kind, n in words:
        layer = _kinds[kind](n)
        if layer.name is None or layer.name not in used:
            used.add(layer.name)
            layers.append(layer)
    return chain([L.InputLayer(input_shape=(64, 64, 3)), *layers])


@settings(max_examples=150, deadline=None)
@given(_chains, _chains)
def test_any_two_chains_differ_alike_both_ways_and_add_up(one, two):
    a, b = _chain(one), _chain(two)
    found = check_both_ways(a, b)
    assert found.unchanged + len(found.changed) + len(found.affected) + len(found.removed) == len(a.nodes)
    assert found.unchanged + len(found.changed) + len(found.affected) + len(found.added) == len(b.nodes)
    assert found.same == (not found.changes)
    described = [[(layer.kind, layer.config()) for layer in graph.layers] for graph in (a, b)]
    assert found.same == (described[0] == described[1] and a.nodes[-1].shape == b.nodes[-1].shape)
    assert str(found)


@settings(max_examples=100, deadline=None)
@given(_chains, st.integers(0, 14), st.sampled_from(sorted(_kinds)))
def test_one_inserted_layer_adds_exactly_one(words, at, kind):
    a, b = _chain(words), _chain([*words[:at], ("relu", 1), *words[at:]])
    found = check_both_ways(a, b)
    assert [c.what for c in found.changes] == ["added"]
    assert found.added[0].says == "ReLU"
