"""Convolutions of any geometry: sizes, strides, paddings, dilations and groups drawn at random."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

import numpy as np
import pytest
import reference as ref
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from striate import layers
from striate.backend import build
from striate.errors import ShapeError, StriateError
from striate.graph import Graph, Input, Layer, Window

pytestmark = pytest.mark.usefixtures("one_thread")

small = st.integers(1, 4)


def run(layer: Layer, x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The layer's outputs for one example, and the weights (random, biases too) that it has."""
    start = Input(x.shape)
    graph = Graph([start], [layer(start)])
    module = build(graph).eval()
    for parameter in module.parameters():
        parameter.data.normal_()
    with torch.no_grad():
        y = ref.channels_last(module(torch.from_numpy(ref.channels_first(x[None]))).numpy())[0]
    assert y.shape == graph.output_shapes[0]
    weights = {k.partition(".")[2]: v.double().numpy() for k, v in module.state_dict().items()}
    return y, weights


def same(y: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@st.composite
def geometry(draw: st.DrawFn, rank: int, causal: bool = False, dilated: bool = True) -> dict[str, Any]:
    """strides, padding and dilation_rate, as users may write them."""
    side = st.tuples(st.integers(0, 3), st.integers(0, 3))
    paddings = st.one_of(
        st.sampled_from(["valid", "same", *(["causal"] if causal else [])]),
        st.integers(0, 3),
        st.tuples(*[side] * rank),
    )
    per_axis = st.one_of(small, st.tuples(*[small] * rank)) if rank == 2 else small
    out = {"strides": draw(per_axis), "padding": draw(paddings)}
    if dilated and draw(st.booleans()):
        out["dilation_rate"] = draw(st.one_of(st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * rank)))
    return out


def how(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "strides": options["strides"],
        "padding": options["padding"],
        "dilation": options.get("dilation_rate", 1),
    }


def picture(draw: st.DrawFn, rank: int, channels: int) -> np.ndarray:
    shape = (*(draw(st.integers(1, 8)) for _ in range(rank)), channels)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return rng.normal(size=shape).astype(np.float32)


def fits(x: np.ndarray, kernel: Any, options: dict[str, Any]) -> bool:
    """Whether the window is at most as large as the padded input, counted here once more."""
    rank = x.ndim - 1
    spans = [
        (k - 1) * d + 1
        for k, d in zip(ref.each(kernel, rank), ref.each(options.get("dilation_rate", 1), rank), strict=True)
    ]
    sides = ref.pads(options["padding"], x.shape[:-1], spans, ref.each(options["strides"], rank))
    return all(n + a + b >= w for n, (a, b), w in zip(x.shape, sides, spans, strict=False))


@pytest.mark.parametrize("rank", [1, 2])
@given(data=st.data())
def test_convolution_of_any_geometry_equals_the_reference(rank: int, data: st.DataObject) -> None:
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))
    x = picture(data.draw, rank, groups * data.draw(st.integers(1, 2)))
    kernel = data.draw(st.one_of(small, st.tuples(*[small] * rank)))
    options = data.draw(geometry(rank, causal=rank == 1))
    bias = data.draw(st.booleans())
    kind = (layers.Conv1D, layers.Conv2D)[rank - 1]
    layer = kind(groups * data.draw(st.integers(1, 2)), kernel, groups=groups, use_bias=bias, **options)
    if not fits(x, kernel, options):
        with pytest.raises(ShapeError, match="larger than its"):
            run(layer, x)
        return
    y, w = run(layer, x)
    assert ("bias" in w) == bias
    same(y, ref.conv(x, w["weight"], w.get("bias"), groups=groups, **how(options)))


@pytest.mark.parametrize("rank", [1, 2])
@given(data=st.data())
def test_depthwise_convolution_of_any_geometry_equals_the_reference(rank: int, data: st.DataObject) -> None:
    x = picture(data.draw, rank, data.draw(st.integers(1, 3)))
    kernel = data.draw(st.one_of(small, st.tuples(*[small] * rank)))
    options = data.draw(geometry(rank, causal=rank == 1))
    kind = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)[rank - 1]
    layer = kind(kernel, depth_multiplier=data.draw(st.integers(1, 3)), use_bias=data.draw(st.booleans()), **options)
    if not fits(x, kernel, options):
        with pytest.raises(ShapeError, match="larger than its"):
            run(layer, x)
        return
    y, w = run(layer, x)
    same(y, ref.depthwise(x, w["weight"], w.get("bias"), **how(options)))


@pytest.mark.parametrize("rank", [1, 2])
@given(data=st.data())
def test_separable_convolution_of_any_geometry_equals_the_reference(rank: int, data: st.DataObject) -> None:
    x = picture(data.draw, rank, data.draw(st.integers(1, 3)))
    kernel = data.draw(st.one_of(small, st.tuples(*[small] * rank)))
    options = data.draw(geometry(rank, causal=rank == 1))
    kind = (layers.SeparableConv1D, layers.SeparableConv2D)[rank - 1]
    multiplier, bias = data.draw(st.integers(1, 2)), data.draw(st.booleans())
    layer = kind(data.draw(small), kernel, depth_multiplier=multiplier, use_bias=bias, **options)
    if not fits(x, kernel, options):
        with pytest.raises(ShapeError, match="larger than its"):
            run(layer, x)
        return
    y, w = run(layer, x)
    expected = ref.separable(x, w["depthwise.weight"], w["pointwise.weight"], w.get("pointwise.bias"), **how(options))
    same(y, expected)


@pytest.mark.parametrize("rank", [1, 2])
@given(data=st.data())
def test_transposed_convolution_of_any_geometry_equals_the_reference(rank: int, data: st.DataObject) -> None:
    x = picture(data.draw, rank, data.draw(st.integers(1, 2)))
    kernel = data.draw(st.one_of(small, st.tuples(*[small] * rank)))
    options = data.draw(geometry(rank, dilated=False))  # strides above the kernel's size among them
    if data.draw(st.booleans()):
        options |= {"strides": 1, "dilation_rate": data.draw(st.integers(1, 3))}
    more: dict[str, Any] = {}
    if isinstance(options["padding"], str) and data.draw(st.booleans()):
        more["output_padding"] = data.draw(st.integers(0, min(ref.each(options["strides"], rank)) - 1))
    kind = (layers.Conv1DTranspose, layers.Conv2DTranspose)[rank - 1]
    layer = kind(data.draw(st.integers(1, 2)), kernel, use_bias=data.draw(st.booleans()), **options, **more)
    if not isinstance(options["padding"], str):
        strides = ref.each(options["strides"], rank)
        spans = [(k - 1) * options.get("dilation_rate", 1) + 1 for k in ref.each(kernel, rank)]
        sides = ref.pads(options["padding"], x.shape[:-1], spans, strides)
        sizes = zip(x.shape, strides, spans, sides, strict=False)
        if any((n - 1) * s + w - before - after < 1 for n, s, w, (before, after) in sizes):
            with pytest.raises(ShapeError, match="crops the whole"):
                run(layer, x)
            return
    y, w = run(layer, x)
    same(y, ref.conv_transpose(x, w["weight"], w.get("bias"), more=more.get("output_padding"), **how(options)))


@pytest.mark.parametrize("padding", ["same", "valid", 1])
def test_a_transposed_convolution_is_the_gradient_of_the_convolution(padding: Any) -> None:
    weight = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    start = Input((8, 8, 2))
    down = Graph([start], [layers.Conv2D(3, 4, 2, padding, use_bias=False)(start)])
    start = Input(down.output_shapes[0])
    up = Graph([start], [layers.Conv2DTranspose(2, 4, 2, padding, use_bias=False)(start)])
    assert up.output_shapes[0] == (8, 8, 2)
    convolution, transposed = build(down).double(), build(up).double()
    convolution.load_state_dict({"conv2d.weight": weight})
    transposed.load_state_dict({"conv2d_transpose.weight": weight})
    g = torch.randn(1, 3, *down.output_shapes[0][:2], dtype=torch.float64)
    (expected,) = torch.autograd.grad(convolution(x), x, g)
    torch.testing.assert_close(transposed(g), expected)


def test_same_padding_of_a_shared_layer_follows_each_inputs_size() -> None:
    layer = layers.Conv2D(2, 3, strides=2, padding="same")
    sizes = [(7, 7, 1), (8, 7, 1), (8, 8, 1), (5, 2, 1)]  # paddings of 1+1, 0+1 and both
    starts = [Input(size) for size in sizes]
    module = build(Graph(starts, [layer(start) for start in starts]))
    w = {k.partition(".")[2]: v.numpy() for k, v in module.state_dict().items()}
    xs = [np.random.normal(size=size).astype(np.float32) for size in sizes]
    ys = module(*(torch.from_numpy(ref.channels_first(x[None])) for x in xs))
    for x, y in zip(xs, ys, strict=True):
        expected = ref.conv(x, w["weight"], w["bias"], strides=2, padding="same")
        same(ref.channels_last(y.detach().numpy())[0], expected)


def test_same_padding_follows_the_size_of_every_model_that_shares_the_layer() -> None:
    layer = layers.DepthwiseConv1D(3, strides=2, padding="same")
    for length in (7, 8, 9):
        start = Input((length, 2))
        module = build(Graph([start], [layer(start)]))
        x = np.random.normal(size=(length, 2)).astype(np.float32)
        y = module(torch.from_numpy(ref.channels_first(x[None])))
        w = next(iter(module.state_dict().values())).numpy()
        same(ref.channels_last(y.detach().numpy())[0], ref.depthwise(x, w, None, strides=2, padding="same"))


@settings(max_examples=300)
@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 6),
    st.integers(1, 3),
    st.one_of(st.sampled_from(["valid", "same", "causal"]), st.tuples(st.integers(0, 4), st.integers(0, 4))),
)
def test_a_window_counts_what_sliding_it_step_by_step_counts(
    size: int, kernel: int, stride: int, dilation: int, padding: Any
) -> None:
    span = (kernel - 1) * dilation + 1
    window = Window((kernel,), (stride,), (padding,) if isinstance(padding, tuple) else padding, (dilation,))
    ((before, after),) = window.pads((size,))
    last = size + before + after - span
    steps = list(range(0, last + 1, stride))
    if not steps:
        with pytest.raises(ShapeError):
            window.slide((size,))
        return
    assert window.slide((size,)) == (len(steps),)
    assert window.unused((size,)) == (last - steps[-1] if padding != "same" else 0,)
    if padding == "same":
        assert len(steps) == -(-size // stride)
        assert after - before in (0, 1)


@st.composite
def windows(draw: st.DrawFn) -> tuple[Window, tuple[int, ...]]:
    rank = draw(st.integers(1, 2))
    axes = lambda low, high: st.tuples(*[st.integers(low, high)] * rank)
    kernel = draw(axes(1, 6))
    padding = draw(st.one_of(st.just("valid"), axes(0, 2).map(lambda each: tuple((p, p) for p in each))))
    return Window(kernel, draw(axes(1, 5)), padding, draw(axes(1, 2))), draw(axes(1, 15))


def numbers_in(text: str) -> list[int]:
    return [int(word) for word in text.replace(",", " ").replace(".", " ").split() if word.isdigit()]


@settings(max_examples=400)
@given(windows())
def test_every_remedy_for_a_window_that_does_not_fit_makes_it_fit(case: tuple[Window, tuple[int, ...]]) -> None:
    window, sizes = case
    try:
        window.slide(sizes)
    except ShapeError as error:
        text = str(error)
        assert "padding='same'" in text
        Window(window.kernel, window.strides, "same", window.dilation).slide(sizes)
        if "or padding=" in text:
            pad = int(text.partition("or padding=")[2].partition(",")[0])
            assert pad < min(window.span)  # so that it is one for a pooling, too
            Window(window.kernel, window.strides, ((pad, pad),) * len(sizes), window.dilation).slide(sizes)
            with pytest.raises(ShapeError):  # and the least that does
                Window(window.kernel, window.strides, ((pad - 1, pad - 1),) * len(sizes), window.dilation).slide(sizes)
        return
    text = window.misfit(sizes)
    assert (text is None) == (not any(window.unused(sizes)))
    if text is None:
        return
    remedies = text.partition("Use ")[2]
    assert "padding='same'" in remedies
    assert Window(window.kernel, window.strides, "same", window.dilation).misfit(sizes) is None
    strides = numbers_in(remedies.partition("stride ")[2].partition("padding")[0])
    assert 1 in strides
    for stride in strides:
        assert Window(window.kernel, (stride,) * len(sizes), window.padding, window.dilation).misfit(sizes) is None
    if "padding=" in remedies.replace("padding='same'", ""):
        said = ast.literal_eval(remedies.partition("padding=")[2].partition(", or padding='same'")[0])
        pads = ((said, said),) * len(sizes) if isinstance(said, int) else said
        assert all(side < span for pad, span in zip(pads, window.span, strict=True) for side in pad)
        assert Window(window.kernel, window.strides, pads, window.dilation).misfit(sizes) is None
    else:  # no padding below the window's size fits on every axis
        every = zip(sizes, window.span, window.strides, strict=True)
        totals = [[(n + total - w) % s == 0 for total in range(2 * w - 1) if n + total >= w] for n, w, s in every]
        assert not all(map(any, totals))


def test_where_no_even_padding_fits_the_uneven_one_is_named() -> None:
    """28 - 5 is odd, so with stride 2 no padding that is the same on both sides fits."""
    text = Window((5, 5), (2, 2)).misfit((28, 28))
    assert text is not None
    assert text.endswith("Use stride 1, or padding=((0, 1), (0, 1)), or padding='same'.")
    assert Window((5, 5), (2, 2), ((0, 1), (0, 1))).slide((28, 28)) == (13, 13)
    assert "padding=((0, 1),)" in str(Window((5,), (2,)).misfit((28,)))


def test_the_misfit_of_the_textbook_example_is_spelled_out() -> None:
    assert Window((3, 3), (3, 3)).misfit((7, 7)) == (
        "a 3x3 window with stride 3 does not fit a 7x7 input: height (7 - 3) / 3 + 1 = 2.33, so the last 1 row and "
        "the last 1 column would go unused. Use stride 1, 2 or 4, or padding=1, or padding='same'."
    )


def test_windows_that_stand_apart_are_said_to_skip_more_than_the_end() -> None:
    apart = "What lies between its windows is never read either."
    assert str(Window((1, 1), (2, 2)).misfit((32, 32))).endswith(apart)
    assert apart not in str(Window((2, 2), (2, 2)).misfit((31, 31)))


@pytest.mark.parametrize(
    ("window", "size", "expected"),
    [  # FACTS of the field's text books; W=10, F=3, S=1 gives 8
        (Window((3,), (1,)), 7, 5),
        (Window((3,), (2,)), 7, 3),
        (Window((3,), (1,)), 10, 8),
        (Window((6,), (5,)), 13, 2),
        (Window((6,), (5,), "same"), 13, 3),
        (Window((5,), (1,)), 32, 28),
        (Window((11,), (4,)), 227, 55),
        (Window((11,), (4,), ((2, 2),)), 224, 55),
        (Window((11,), (4,), "same"), 224, 56),
    ],
)
def test_output_sizes_of_the_text_books(window: Window, size: int, expected: int) -> None:
    assert window.slide((size,)) == (expected,)


@given(st.data())
def test_a_layer_never_ends_in_anything_but_a_shape_or_an_error_of_ours(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([layers.Conv2D, layers.Conv2DTranspose, layers.SeparableConv2D]))
    junk = st.one_of(st.integers(-2, 5), st.none(), st.floats(), st.text(max_size=3), st.tuples(st.integers(0, 3)))
    filters, kernel, strides, padding = (data.draw(junk) for _ in range(4))
    with contextlib.suppress(StriateError):
        shape = kind(filters, kernel, strides=strides, padding=padding)(Input((4, 4, 2))).shape
        assert min(shape) >= 1
