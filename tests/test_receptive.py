"""Receptive fields against two other ways to find them: following single cells, and gradients of the real network."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate import layers
from striate.errors import ArgumentError
from striate.graph import Graph, Input, chain
from striate.model import Model
from striate.size import measure, receptive


def hull(cells):
    return (min(cells), max(cells) + 1) if cells else (0, 0)


# -- following single cells -------------------------------------------------------------------------------------------
# A tensor is a list: for each position the set of input cells it depends on.  Positions outside are padding: no cells.
def cell(tensor, i):
    return tensor[i] if 0 <= i < len(tensor) else set()


def windows(tensor, out, stride, before, reach):
    return [set().union(*(cell(tensor, o * stride - before + r) for r in reach)) for o in range(out)]


def same_before(size, stride, span):
    out = -(-size // stride)
    return max((out - 1) * stride + span - size, 0) // 2


def follow(layer, tensor, out):
    """The output cells of a 1-D layer, by its definition, one by one."""
    size = len(tensor)
    if isinstance(layer, layers.Conv1D | layers.MaxPooling1D):
        kernel = (layer.kernel_size if isinstance(layer, layers.Conv1D) else layer.pool_size)[0]
        stride = (layer.strides or layer.pool_size)[0] if isinstance(layer, layers.MaxPooling1D) else layer.strides[0]
        dilation = layer.dilation_rate[0] if isinstance(layer, layers.Conv1D) else 1
        span = (kernel - 1) * dilation + 1
        before = {"valid": 0, "causal": span - 1, "same": same_before(size, stride, span)}.get(layer.padding)
        if before is None:
            before = layer.padding[0][0]
        return windows(tensor, out, stride, before, [k * dilation for k in range(kernel)])
    if isinstance(layer, layers.Conv1DTranspose):
        (kernel,), (stride,) = layer.kernel_size, layer.strides
        painted = [set() for _ in range((size - 1) * stride + kernel + out)]
        for i, cells in enumerate(tensor):
            for k in range(kernel):
                painted[i * stride + k] |= cells
        cut = max((size - 1) * stride + kernel - out, 0) // 2
        return painted[cut : cut + out]
    if isinstance(layer, layers.UpSampling1D):
        return [tensor[o // layer.size] for o in range(out)]
    if isinstance(layer, layers.ZeroPadding1D):
        return [cell(tensor, o - layer.padding[0][0]) for o in range(out)]
    if isinstance(layer, layers.Cropping1D):
        return [tensor[o + layer.cropping[0][0]] for o in range(out)]
    if isinstance(layer, layers.AdaptiveAveragePooling1D):
        return [set().union(*tensor[o * size // out : -(-(o + 1) * size // out)]) for o in range(out)]
    raise AssertionError(layer.kind)


conv = st.builds(
    layers.Conv1D,
    filters=st.just(2),
    kernel_size=st.integers(1, 4),
    strides=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same", "causal", 1]),
)
dilated = st.builds(layers.Conv1D, filters=st.just(2), kernel_size=st.integers(2, 3), dilation_rate=st.integers(2, 3))
pool = st.builds(
    layers.MaxPooling1D,
    pool_size=st.integers(1, 3),
    strides=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)
transposed = st.builds(
    layers.Conv1DTranspose,
    filters=st.just(2),
    kernel_size=st.integers(1, 4),
    strides=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)
moved = st.one_of(
    st.builds(layers.UpSampling1D, size=st.integers(1, 3)),
    st.builds(layers.ZeroPadding1D, padding=st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.builds(layers.Cropping1D, cropping=st.tuples(st.integers(0, 2), st.integers(0, 2))),
)


def built(length, kinds):
    """The chain of those layers that fit, as (graph, layers)."""
    x = y = Input((length, 2))
    used = []
    for layer in kinds:
        try:
            y = layer(y)
        except ValueError:
            continue
        used.append(layer)
    return Graph([x], [y]), used


def gaps(layer):
    """Whether the layer's windows leave cells out: a dilation, or a stride beyond the window."""
    window = layer.window()
    return window is not None and (window.strides > window.span or window.dilation != (1,))


@given(length=st.integers(8, 40), kinds=st.lists(st.one_of(conv, pool, transposed, moved, dilated), max_size=5))
def test_crops_hold_exactly_the_cells_that_positions_depend_on(length, kinds):
    graph, used = built(length, kinds)
    tensor = [{i} for i in range(length)]
    fields = receptive(graph)
    for layer, node in zip(used, graph.nodes[1:], strict=True):
        tensor = follow(layer, tensor, node.shape[0])
        for position, cells in enumerate(tensor):
            (found,) = fields.crop(graph.label(node), position)
            if any(map(gaps, used)):
                low, high = hull(cells)
                assert not cells or (found[0] <= low and high <= found[1])
            else:
                assert found == hull(cells)


@given(kinds=st.lists(st.one_of(conv, dilated, pool), max_size=5))
def test_sizes_jumps_and_centres_are_those_far_from_the_border(kinds):
    graph, used = built(900, kinds)
    tensor = [{i} for i in range(900)]
    fields = receptive(graph)
    for layer, node in zip(used, graph.nodes[1:], strict=True):
        tensor = follow(layer, tensor, node.shape[0])
        field = fields.field(graph.label(node))
        middle = len(tensor) // 2
        (low, high), (after, _) = hull(tensor[middle]), hull(tensor[middle + 1])
        assert field.size == (high - low,)
        assert field.jump == (after - low,)
        assert field.centre[0] + middle * field.jump[0] == (low + high - 1) / 2


@given(kinds=st.lists(st.one_of(conv, transposed, moved), max_size=4))
def test_sizes_after_enlarging_are_the_largest_of_all_positions(kinds):
    graph, used = built(120, kinds)
    tensor = [{i} for i in range(120)]
    fields = receptive(graph)
    for layer, node in zip(used, graph.nodes[1:], strict=True):
        tensor = follow(layer, tensor, node.shape[0])
        inner = [hull(cells) for cells in tensor if cells and min(cells) > 0 and max(cells) < 119]
        if len(inner) > 60:
            assert max(high - low for low, high in inner) == fields.field(graph.label(node)).size[0]


@pytest.mark.parametrize(("length", "out"), [(7, 3), (8, 3), (12, 4), (5, 5), (10, 7)])
def test_adaptive_pooling_sees_windows_of_its_own_rule(length, out):
    graph = chain([layers.Conv1D(2, 3, padding="same"), layers.AdaptiveAveragePooling1D(out)], (length, 2))
    tensor = windows([{i} for i in range(length)], length, 1, 1, range(3))
    tensor = follow(graph.layers[-1], tensor, out)
    for position, cells in enumerate(tensor):
        assert receptive(graph).crop("adaptive_average_pooling1d", position) == (hull(cells),)


# -- gradients of the real network ------------------------------------------------------------------------------------
def residual():
    x = Input((13, 11, 2))
    a = layers.Conv2D(2, 3, 2, padding="same")(x)
    b = layers.Conv2D(2, 5, 1, padding="same")(a)
    return Graph([x], [layers.Add()([a, b])])


def inception():
    x = Input((12, 12, 2))
    branches = [layers.Conv2D(1, 1)(x), layers.Conv2D(1, 5, padding=2)(x), layers.AveragePooling2D(3, 1, "same")(x)]
    return Graph([x], [layers.Conv2D(2, 3, 2)(layers.Concatenate()(branches))])


def unet():
    x = Input((16, 12, 2))
    a = layers.Conv2D(2, 3, padding="same")(x)
    b = layers.Conv2D(2, 3, padding="same")(layers.AveragePooling2D()(a))
    up = layers.Conv2DTranspose(2, (3, 2), 2, padding="same")(b)
    return Graph([x], [layers.Conv2D(1, 3, padding="same")(layers.Concatenate()([a, up]))])


def enlarged():
    x = Input((7, 9, 1))
    y = layers.UpSampling2D((2, 3), interpolation="bilinear")(layers.Conv2D(1, 3)(x))
    return Graph([x], [layers.Cropping2D(((1, 0), (0, 2)))(layers.ZeroPadding2D(((2, 0), (1, 3)))(y))])


def joined_end_to_end():
    x = Input((6, 5, 1))
    y = layers.Concatenate(axis=1)([layers.Conv2D(1, 3, padding="same")(x), x])
    return Graph([x], [layers.Conv2D(1, (2, 1))(y)])


def transposed_net():
    return chain(
        [layers.Conv2DTranspose(1, 4, 2, padding=((1, 1), (0, 2))), layers.Conv2DTranspose(1, 3, 2)], (4, 5, 1)
    )


def squeeze():
    x = Input((6, 6, 3))
    y = layers.Conv2D(3, 3, padding="same")(x)
    gate = layers.Dense(3)(layers.GlobalAveragePooling2D(keepdims=True)(y))
    return Graph([x], [layers.Multiply()([y, gate])])


NETS = [residual, inception, unet, enlarged, joined_end_to_end, transposed_net, squeeze]


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
def test_crops_are_where_gradients_of_the_real_network_are(net):
    import torch

    from striate.backend import build

    graph = net()
    module = build(graph)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.1)
    height, width, channels = graph.input_shapes[0]
    x = (torch.rand(1, channels, height, width) + 1).requires_grad_()
    out = module(x)
    fields, name = receptive(graph), graph.label(graph.outputs[0].node)
    for row in range(out.shape[2]):
        for column in range(out.shape[3]):
            (gradient,) = torch.autograd.grad(out[0, :, row, column].sum(), x, retain_graph=True)
            seen = gradient[0].abs().sum(0) > 1e-6  # less is rounding of an interpolation
            rows, columns = ([i for i in range(n) if seen.any(1 - d)[i]] for d, n in enumerate(seen.shape))
            assert fields.crop(name, (row, column)) == (hull(rows), hull(columns)), (row, column)


# -- known values -----------------------------------------------------------------------------------------------------
def test_stacked_3x3_windows_see_3_5_7():
    graph = chain([layers.Conv2D(4, 3, padding="same") for _ in range(3)], (32, 32, 3))
    assert [row.receptive_field for row in measure(graph).rows[1:]] == [(3, 3), (5, 5), (7, 7)]


def test_alexnet_and_vgg_as_in_araujo_2019():
    """Table of https://distill.pub/2019/computing-receptive-fields: alexnet_v2 195, vgg_16 212, effective strides 32."""
    alexnet = chain(
        [
            layers.Conv2D(64, 11, 4),
            layers.MaxPooling2D(3, 2),
            layers.Conv2D(192, 5, padding="same"),
            layers.MaxPooling2D(3, 2),
            layers.Conv2D(384, 3, padding="same"),
            layers.Conv2D(384, 3, padding="same"),
            layers.Conv2D(256, 3, padding="same"),
            layers.MaxPooling2D(3, 2),
        ],
        (224, 224, 3),
    )
    field = receptive(alexnet).field("max_pooling2d_2")
    assert (field.size, field.jump) == ((195, 195), (32, 32))
    blocks = [
        [layers.Conv2D(4, 3, padding="same") for _ in range(n)] + [layers.MaxPooling2D()] for n in (2, 2, 3, 3, 3)
    ]
    vgg = chain([layer for block in blocks for layer in block], (224, 224, 3))
    field = receptive(vgg).field("max_pooling2d_4")
    assert (field.size, field.jump) == ((212, 212), (32, 32))


def test_layers_that_mix_all_positions_see_all_of_the_input():
    for end in (layers.Flatten(), layers.GlobalAveragePooling2D(), layers.GlobalMaxPooling2D(keepdims=True)):
        graph = chain([layers.Conv2D(4, 3, padding="same"), end, layers.Dense(3)], (9, 7, 3))
        field = receptive(graph).field("dense")
        assert (field.size, field.whole) == ((9, 7), True)


def test_a_flatten_does_not_see_columns_that_no_window_reached():
    graph = chain([layers.MaxPooling2D(2), layers.Flatten()], (9, 8, 3))
    assert receptive(graph).field("flatten").size == (8, 8)


def test_a_vector_input_counts_its_numbers():
    graph = chain([layers.Dense(5), layers.ReLU()], (12,))
    assert [row.receptive_field for row in measure(graph).rows] == [(1,), (12,), (12,)]


def test_words_are_the_positions_of_an_embedding():
    graph = chain([layers.Embedding(100, 8, input_length=50), layers.Conv1D(4, 7), layers.MaxPooling1D(5)])
    assert [row.receptive_field for row in measure(graph).rows] == [(1,), (1,), (7,), (11,)]


def test_a_reshape_that_only_adds_channels_keeps_the_picture():
    graph = chain([layers.Reshape((28, 28, 1)), layers.Conv2D(4, 3), layers.MaxPooling2D()], (28, 28))
    assert [row.receptive_field for row in measure(graph).rows] == [(1, 1), (1, 1), (3, 3), (4, 4)]


def test_enlarging_halves_the_jump():
    graph = chain([layers.Conv2D(4, 3, 2, padding="same"), layers.UpSampling2D(4)], (16, 16, 3))
    assert receptive(graph).field("up_sampling2d").jump == (Fraction(1, 2), Fraction(1, 2))
    assert receptive(graph).field("up_sampling2d").size == (3, 3)


def test_each_input_has_its_own_field():
    a, b = Input((16, 16, 3), name="near"), Input((32, 32, 3), name="far")
    y = layers.Add()([layers.Conv2D(4, 3, padding="same")(a), layers.Conv2D(4, 6, 2, padding="same")(b)])
    fields = receptive(Graph([a, b], [y]))
    assert fields.sees("add") == ["near", "far"]
    assert [fields.field("add", name).size for name in ("near", "far")] == [(3, 3), (6, 6)]
    assert fields.crop("add", (0, 0), "far") == ((0, 4), (0, 4))
    with pytest.raises(ArgumentError, match='does not depend on the input "far"'):
        fields.field("conv2d", "far")


def test_layers_inside_nested_networks_are_reached_by_their_path():
    inner = Model.from_graph(chain([layers.Conv2D(4, 3), layers.Conv2D(4, 3)], (16, 16, 3)), name="base")
    x = Input((16, 16, 3))
    fields = receptive(Graph([x], [layers.MaxPooling2D()(inner(x))]))
    assert fields.field("base/conv2d").size == (3, 3)
    assert fields.field("base").size == fields.field("base/conv2d_1").size == (5, 5)
    assert fields.field("max_pooling2d").size == (6, 6)
    assert "base/conv2d" in str(fields)


@pytest.mark.parametrize(("name", "position"), [("conv2d", (6, 0)), ("conv2d", (0,)), ("conv2d", (-1, 0))])
def test_positions_outside_the_output_are_refused(name, position):
    fields = receptive(chain([layers.Conv2D(4, 3)], (8, 8, 3)))
    with pytest.raises(ArgumentError, match="is not a position"):
        fields.crop(name, position)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ArgumentError, match='Did you mean "conv2d"'):
        receptive(chain([layers.Conv2D(4, 3)], (8, 8, 3))).field("conv2")
