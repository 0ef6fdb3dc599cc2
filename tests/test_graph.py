"""The graph of a network: any wiring, names and chains."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from graphs import batch_for, names, networks, outputs_of, three, weights
from hypothesis import given

from striate import layers
from striate.backend import build, to_source
from striate.errors import ArgumentError, ShapeError
from striate.graph import Graph, Input, Layer, Network, chain, every_layer, from_json, to_json
from striate.graph.layer import snake_case
from striate.model import Model

pytestmark = pytest.mark.usefixtures("one_thread")


# -- random networks -------------------------------------------------------------------------------------------------
@given(networks())
def test_a_random_network_goes_through_json_and_computes_the_same(graph: Graph) -> None:
    text = json.dumps(to_json(graph))
    again = from_json(text).check()
    assert json.dumps(to_json(again)) == text
    assert names(again) == names(graph)
    assert [again.label(node) for node in again.nodes] == [graph.label(node) for node in graph.nodes]
    assert (again.input_shapes, again.output_shapes) == (graph.input_shapes, graph.output_shapes)
    assert weights(again) == weights(graph)
    one, other = build(graph).eval(), build(again).eval()
    other.load_state_dict(one.state_dict())
    for a, b in zip(outputs_of(one, batch_for(graph)), outputs_of(other, batch_for(graph)), strict=True):
        assert torch.equal(a, b)


@given(networks())
def test_a_random_network_prints_source_that_computes_the_same(graph: Graph) -> None:
    module = build(graph).eval()
    space: dict[str, Any] = {}
    exec(to_source(module), space)
    printed = space["Network"]().eval()
    printed.load_state_dict(module.state_dict())
    assert len(list(printed.parameters())) == len(list(module.parameters()))  # shared ones once
    for a, b in zip(outputs_of(module, batch_for(graph)), outputs_of(printed, batch_for(graph)), strict=True):
        torch.testing.assert_close(a, b)


@given(networks())
def test_nodes_follow_their_inputs_and_labels_tell_them_apart(graph: Graph) -> None:
    place = {node.serial: i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        assert all(place[t.node.serial] < place[node.serial] for t in node.inputs)
    labels = [graph.label(node) for node in graph.nodes]
    assert len(set(labels)) == len(labels)
    assert sorted(label for label in labels if "#" not in label) == sorted(names(graph))
    assert sum(map(graph.first_call, graph.nodes)) == len(graph.layers)
    for node in graph.nodes:
        assert graph.node(graph.label(node)) is node
    for layer in graph.layers:
        assert graph.layer(graph.name(layer)) is layer


@given(networks())
def test_a_flattened_network_opens_every_nested_one_and_keeps_shapes_and_weights(graph: Graph) -> None:
    flat = graph.flat()
    assert [flat.shapes[i] for i in flat.inputs] == graph.input_shapes
    assert [flat.shapes[i] for i in flat.outputs] == graph.output_shapes
    made = set(flat.inputs)
    for node in flat.nodes:
        assert not isinstance(node.layer, Network)
        assert made.issuperset(node.inputs)
        assert node.input_shapes == tuple(flat.shapes[i] for i in node.inputs)
        assert node.shape == flat.shapes[node.outputs[0]]
        made |= set(node.outputs)
    assert len({node.name for node in flat.nodes}) == len(flat.nodes)
    counted = sum(
        w.size for node in flat.nodes if node.first for w in node.layer.parameters(*node.input_shapes).values()
    )
    assert counted == weights(graph) == sum(p.numel() for p in build(graph).parameters())
    assert sum(node.layer.mults(*node.input_shapes) for node in flat.nodes) == sum(
        node.layer.mults(*node.input_shapes) for node in graph.nodes
    )


# -- wiring ----------------------------------------------------------------------------------------------------------
def test_a_branch_and_its_merge_compute_both_ways() -> None:
    x = Input((5,))
    graph = Graph([x], [layers.Add()([layers.Dense(5)(x), x])])
    module = build(graph)
    given = torch.randn(3, 5)
    torch.testing.assert_close(module(given), module.dense(given) + given)
    assert not graph.is_sequential
    assert Graph([x], [layers.ReLU()(layers.Dense(2)(x))]).is_sequential


def test_a_shared_layer_has_its_weights_once_and_adds_up_its_gradients() -> None:
    a, b = Input((4,)), Input((4,))
    shared = layers.Dense(3)
    graph = Graph([a, b], [layers.Subtract()([shared(a), shared(b)])])
    assert [graph.label(node) for node in graph.nodes] == [
        "input_layer",
        "input_layer_1",
        "dense",
        "dense#2",
        "subtract",
    ]
    assert weights(graph) == 4 * 3 + 3
    module = build(graph)
    assert list(module.state_dict()) == ["dense.weight", "dense.bias"]
    x, y = torch.randn(6, 4), torch.randn(6, 4)
    module(x, y).sum().backward()
    torch.testing.assert_close(module.dense.weight.grad, (x - y).sum(0).expand(3, 4))
    torch.testing.assert_close(module.dense.bias.grad, torch.zeros(3))


def test_a_nested_model_shares_its_weights_between_all_its_calls() -> None:
    start = Input((4,))
    inner = Model(start, layers.Dense(4, activation="relu")(start), name="inner")
    x = Input((4,))
    graph = Graph([x], [inner(inner(x))])
    module = build(graph)
    assert list(module.state_dict()) == ["inner.dense.weight", "inner.dense.bias"]
    given = torch.randn(3, 4)
    w, b = module.state_dict().values()
    once = (given @ w.T + b).relu()
    torch.testing.assert_close(module(given), (once @ w.T + b).relu())
    assert build(inner.graph).dense.weight is module.inner.dense.weight
    assert every_layer(graph) == [graph.layers[0], *inner.graph.layers]


def test_several_inputs_and_outputs_come_in_the_order_they_were_given() -> None:
    a, b = Input((2,), name="a"), Input((3,), name="b")
    left, right = layers.Dense(4)(a), layers.Dense(5)(b)
    module = build(Graph([b, a], [right, left, a]))
    x, y = torch.randn(1, 2), torch.randn(1, 3)
    first, second, third = module(y, x)
    assert (first.shape, second.shape) == ((1, 5), (1, 4))
    assert third is x


def test_a_nested_model_with_two_outputs_gives_both_by_their_number() -> None:
    start = Input((4,))
    inner = Model(start, [layers.Dense(2)(start), layers.Dense(3)(start)], name="heads")
    x = Input((4,))
    two, three = inner(x)
    graph = Graph([x], [layers.Concatenate()([three, two])])
    description = to_json(graph)
    assert description["layers"][-1]["inputs"] == ["heads:1", "heads"]
    module = build(from_json(description))
    assert module(torch.randn(2, 4)).shape == (2, 5)


def test_an_input_that_nothing_reads_is_allowed_and_still_asked_for() -> None:
    a, b = Input((2,)), Input((3,))
    graph = Graph([a, b], [layers.Dense(1)(b)])
    assert build(graph)(torch.zeros(1, 2), torch.zeros(1, 3)).shape == (1, 1)


def test_the_same_numbers_under_another_name_are_not_lost() -> None:
    x = Input((3,))
    graph = Graph([x], [x, layers.Flatten()(x), layers.Activation("linear")(x)])
    given = torch.randn(2, 3)
    assert all(out is given for out in build(graph)(given))


def test_an_output_that_depends_on_an_input_not_given_names_it() -> None:
    a, b = Input((2,), name="left"), Input((2,), name="right")
    with pytest.raises(ArgumentError, match=r'depends on the input "right" of shape \(2,\), .* Add it to inputs='):
        Graph([a], [layers.Add()([a, b])])


def test_a_model_starts_at_inputs_only() -> None:
    x = Input((2,))
    middle = layers.Dense(3)(x)
    with pytest.raises(ArgumentError, match=r"a model starts at layers\.Input"):
        Graph([middle], [layers.Dense(1)(middle)])


def test_a_shared_layer_refuses_other_channels() -> None:
    cases: list[tuple[Layer, tuple[int, ...], tuple[int, ...], str]] = [
        (layers.Conv2D(4, 3), (8, 8, 3), (8, 8, 2), r"weight \(4, 2, 3, 3\) where its first call made \(4, 3, 3, 3\)"),
        (layers.Dense(4), (3,), (2,), r"weight \(4, 2\) where its first call made \(4, 3\)"),
        (layers.BatchNormalization(center=False, scale=False), (3,), (2,), r"running_mean \(2,\)"),
        (layers.EuclideanRBF(2), (3,), (2,), r"weight \(2, 2\) where its first call made \(2, 3\)"),
    ]
    for layer, first, second, message in cases:
        layer(Input(first))
        with pytest.raises(ShapeError, match=rf'^{layer.kind} "\w+": is shared, but this call needs weights {message}'):
            layer(Input(second))


def test_a_shared_layer_takes_other_sizes() -> None:
    layer = layers.PartialConv2D([[0], [0, 1]], 3)
    small, large = Input((5, 5, 2)), Input((7, 9, 4))
    graph = Graph([small, large], [layer(small), layer(large)])
    assert graph.output_shapes == [(3, 3, 2), (5, 7, 2)]
    one, other = build(graph)(torch.randn(1, 2, 5, 5), torch.randn(1, 4, 7, 9))
    assert (one.shape, other.shape) == ((1, 2, 3, 3), (1, 2, 5, 7))


def test_a_nested_model_takes_only_the_size_it_was_built_for() -> None:
    start = Input((4, 4, 1))
    inner = Model(start, layers.Conv2D(2, 3)(start), name="inner")
    with pytest.raises(ShapeError, match=r'"inner": was built for input \(4, 4, 1\), it got \(5, 4, 1\)'):
        inner(Input((5, 4, 1)))


def test_thousands_of_layers_need_no_recursion() -> None:
    x = start = Input((4,))
    for i in range(2000):
        x = layers.Dense(4)(x) if i % 50 == 0 else layers.ReLU()(x)
    graph = Graph([start], [x])
    assert len(graph.nodes) == len(graph.flat().nodes) + 1 == 2001
    assert names(graph)[-1] == "re_lu_1959"
    again = from_json(to_json(graph)).check()
    module = build(again)
    given = torch.randn(1, 4, requires_grad=True)
    module(given).sum().backward()
    assert given.grad is not None
    assert to_source(module).count("F.relu") == 1960
    with pytest.raises(ShapeError, match=r'Conv2D "conv2d": takes \(height'):
        layers.Conv2D(1, 1)(x)
    assert chain([layers.ReLU(input_shape=(2,)), *(layers.ReLU() for _ in range(2000))]).is_sequential


# -- names -----------------------------------------------------------------------------------------------------------
def test_automatic_names_count_from_the_first_of_each_class_anew_in_every_graph() -> None:
    expected = ["input_layer", "conv2d", "max_pooling2d", "conv2d_1", "max_pooling2d_1", "conv2d_2", "max_pooling2d_2"]
    assert names(three()) == expected
    assert names(three()) == expected  # the same code gives the same names, however often it runs


def test_names_follow_the_order_in_which_the_network_was_written_not_that_of_its_outputs() -> None:
    x = Input((2,))
    first, second = layers.Dense(1), layers.Dense(1)
    a, b = first(x), second(x)
    graph = Graph([x], [b, a])
    assert (graph.name(first), graph.name(second)) == ("dense", "dense_1")


def test_classes_are_spelled_as_keras_spells_them() -> None:
    spelled = {  # keras.src.utils.naming.to_snake_case of Keras 3.15.1
        "ReLU": "re_lu",
        "LeakyReLU": "leaky_re_lu",
        "ELU": "elu",
        "Conv1DTranspose": "conv1d_transpose",
        "SeparableConv2D": "separable_conv2d",
        "GlobalAveragePooling2D": "global_average_pooling2d",
        "L2Pooling1D": "l2_pooling1d",
        "UpSampling2D": "up_sampling2d",
        "EuclideanRBF": "euclidean_rbf",
        "BatchNormalization": "batch_normalization",
        "InputLayer": "input_layer",
    }
    assert {kind: snake_case(kind) for kind in spelled} == spelled


def test_a_chosen_name_is_kept_and_automatic_ones_make_room() -> None:
    x = start = Input((2,))
    for name in (None, "dense_1", None, "dense", None):
        x = layers.Dense(2, name=name)(x)
    assert names(Graph([start], [x])) == ["input_layer", "dense_2", "dense_1", "dense_3", "dense", "dense_4"]


def test_a_name_from_an_earlier_model_stays_where_it_is_free() -> None:
    graph = three()
    kept = graph.layer("conv2d_2")
    x = Input((8, 8, 2))
    later = Graph([x], [layers.Conv2D(2, 1)(layers.Conv2D(2, 1)(kept(x)))])  # the first here, but named already
    assert names(later) == ["input_layer", "conv2d_2", "conv2d", "conv2d_1"]
    one, other = layers.Conv2D(2, 1), layers.Conv2D(2, 1)
    for layer in (one, other):
        Graph([x], [layer(x)])
    both = Graph([x], [layers.Add()([one(x), other(x)])])
    assert (both.name(one), both.name(other)) == ("conv2d", "conv2d_1")


def test_two_layers_of_one_name_are_refused_with_both_classes() -> None:
    x = Input((2,))
    with pytest.raises(ArgumentError, match=r'two layers are named "twin" \(Dense and ReLU\). Give each its own name'):
        Graph([x], [layers.ReLU(name="twin")(layers.Dense(2, name="twin")(x))])


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    graph = three()
    with pytest.raises(ArgumentError, match=r'unknown layer name "conv2_1". Did you mean "conv2d_1"'):
        graph.layer("conv2_1")
    with pytest.raises(ArgumentError, match=r'unknown layer name "max_poling2d". Did you mean "max_pooling2d"'):
        graph.node("max_poling2d")


def test_an_error_while_calling_names_the_layer_as_the_model_would() -> None:
    x = Input((8, 8, 1))
    for _ in range(3):
        x = layers.Conv2D(2, 3)(x)
    with pytest.raises(ShapeError, match=r'^Conv2D "conv2d_3": a 3x3 window is larger than its 2x2 input'):
        layers.Conv2D(2, 3)(x)
    with pytest.raises(ShapeError, match=r'^Conv2D "last": a 3x3 window is larger'):
        layers.Conv2D(2, 3, name="last")(x)


# -- chains ----------------------------------------------------------------------------------------------------------
def test_a_chain_is_the_graph_of_layers_one_after_the_other() -> None:
    graph = chain([layers.Conv2D(2, 3, input_shape=(5, 5, 1)), layers.Flatten(), layers.Dense(3)])
    assert graph.is_sequential
    assert graph.output_shapes == [(3,)]
    assert graph.fault is None
    assert graph.check() is graph
    graph = chain([Input((4,), name="start").node.layer, layers.Dense(3)])
    assert names(graph) == ["start", "dense"]
    graph = chain([layers.Dense(3)], input_shape=(7,))
    assert graph.input_shapes == [(7,)]
    graph = chain([layers.Embedding(9, 2, input_length=5)])
    assert graph.inputs[0].dtype == "int64"


def test_a_chain_without_layers_or_input_is_not_yet_a_graph() -> None:
    assert chain([]) is None
    assert chain([layers.Dense(3)]) is None


def test_a_chain_that_breaks_off_keeps_the_layers_before() -> None:
    stack = [layers.Conv2D(2, 3, input_shape=(6, 6, 1)), layers.Conv2D(2, 3), layers.Conv2D(2, 3), layers.Flatten()]
    graph = chain(stack)
    assert names(graph) == ["input_layer", "conv2d", "conv2d_1"]
    assert graph.output_shapes == [(2, 2, 2)]
    assert (graph.fault.name, graph.fault.kind) == ("conv2d_2", "Conv2D")
    assert str(graph.fault.error).startswith('Conv2D "conv2d_2": a 3x3 window is larger than its 2x2 input.')
    with pytest.raises(ShapeError, match='Conv2D "conv2d_2"'):
        graph.check()


def test_a_chain_refuses_a_merge_and_a_model_of_two_outputs() -> None:
    graph = chain([layers.Dense(2, input_shape=(3,)), layers.Add()])
    assert str(graph.fault.error) == 'Add "add": merges two or more inputs, given as one list; it got 1.'
    x = Input((2,))
    pair = Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)], name="pair")
    graph = chain([layers.Dense(2, input_shape=(3,)), pair])
    assert graph.fault.name == "pair"
    assert "returns 2 outputs; use a functional Model, Sequential takes one." in str(graph.fault.error)


def test_calls_and_tensors_show_what_they_are() -> None:
    x = Input((5, 4, 3))
    graph = Graph([x], [layers.Conv2D(2, 3)(x)])
    assert repr(graph.nodes[-1]) == "<call of Conv2D -> (None, 3, 2, 2)>"
    assert repr(x) == "<tensor (None, 5, 4, 3) of InputLayer>"
    assert (x.dtype, graph.outputs[0].dtype) == ("float32", "float32")
