"""The arithmetic that ``explain`` prints is read back and computed again."""

from __future__ import annotations

import re
from itertools import pairwise
from math import ceil

import pytest

from striate import layers
from striate.errors import ArgumentError
from striate.graph import Graph, Input, Layer, chain
from striate.model import Model
from striate.size import explain, measure

NUMERIC = re.compile(r"[\d\s().,·*/+²-]|ceil|max")


def value(text):
    """A printed sum as a number; None where it is words or symbols."""
    text = text.strip()
    if not text or NUMERIC.sub("", text) or not any(c.isdigit() for c in text):
        return None
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text).replace("·", "*").replace("²", "**2")
    return eval(text, {"ceil": ceil, "max": max})


def equations(text):
    """(left, right) of every pair of neighbouring sums in `text`: 3·3 = 9, or (7 - 3) / 3 + 1 = 2.33."""
    for line in text.splitlines():
        for part in re.split(r"; |, rounded|, padding|, \d+ for each|; | weights| numbers| bytes| apart", line):
            sides = [
                re.sub(r"^(height|width|length|depth|one map|all|output|weights|same:|jump)\s", "", s.strip())
                for s in part.split(" = ")
            ]
            numbers = [value(side.strip()) for side in sides]
            for left, right in pairwise(numbers):
                if left is not None and right is not None:
                    yield left, right, part


def all_calls():
    """A call of every kind of layer there is."""
    photo = Input((8, 8, 3))
    picture, line, vector, words = Input((12, 10, 4)), Input((24, 4)), Input((6,)), Input((9,), dtype="int64")
    return [
        *(layer(picture) for layer in (
            layers.Conv2D(8, 3),
            layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
            layers.Conv2D(8, (3, 5), padding=((1, 2), (0, 1)), groups=2),
            layers.Conv2D(8, 3, dilation_rate=2),
            layers.Conv2D(8, 3, strides=4),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.SeparableConv2D(8, 3, depth_multiplier=2),
            layers.Conv2DTranspose(8, 3, 2, padding="same"),
            layers.Conv2DTranspose(8, 3, 2),
            layers.Conv2DTranspose(8, 4, 2, padding=1),
            layers.PartialConv2D([[0, 1], [2], [0, 3]], 3),
            layers.TrainableSubsampling2D(2),
            layers.MaxPooling2D(3, 2), layers.AveragePooling2D(), layers.MinPooling2D(), layers.SumPooling2D(),
            layers.L1Pooling2D(), layers.L2Pooling2D(), layers.CenterWeightedAveragePooling2D(3),
            layers.GlobalMaxPooling2D(), layers.GlobalAveragePooling2D(keepdims=True),
            layers.AdaptiveAveragePooling2D((5, 3)), layers.AdaptiveMaxPooling2D(4),
            layers.DepthPooling(3, 1), layers.DepthPooling(3, 2),
            layers.Dense(5), layers.Flatten(), layers.Reshape((10, 12, -1)),
            layers.ZeroPadding2D(((1, 2), (0, 1))), layers.Cropping2D(2), layers.UpSampling2D((2, 3)),
            layers.ChannelPadding(2), layers.RandomAffine(10.0), layers.RandomFlip(), layers.RandomRotation(0.1),
            layers.RandomZoom(0.1), layers.RandomTranslation(0.1, 0.1), layers.RandomCrop(8, 8),
            layers.RandomBrightness(0.1), layers.RandomContrast(0.1), layers.RandomErasing(),
            layers.Augmentation([layers.RandomCrop(9, 7)]),
            layers.BatchNormalization(), layers.BatchNormalization(scale=False), layers.LayerNormalization(),
            layers.LocalResponseNormalization(), layers.Rescaling(1 / 255), layers.Normalization(mean=0.0, variance=1.0),
            layers.Activation("tanh"), layers.ReLU(), layers.LeakyReLU(), layers.ELU(),
            layers.Softmax(), layers.Dropout(0.5), layers.DropPath(0.5), layers.LayerScale(),
        )),
        *(layer(photo) for layer in (layers.RandomSaturation(0.4), layers.RandomHue(0.1), layers.RandomLighting())),
        *(layer(line) for layer in (
            layers.Conv1D(8, 3, padding="causal"), layers.DepthwiseConv1D(3), layers.SeparableConv1D(8, 3),
            layers.Conv1DTranspose(8, 3, 3), layers.MaxPooling1D(), layers.AveragePooling1D(), layers.MinPooling1D(),
            layers.SumPooling1D(), layers.L1Pooling1D(), layers.L2Pooling1D(), layers.CenterWeightedAveragePooling1D(),
            layers.GlobalMaxPooling1D(), layers.GlobalAveragePooling1D(), layers.AdaptiveAveragePooling1D(5),
            layers.AdaptiveMaxPooling1D(5), layers.ZeroPadding1D(2), layers.Cropping1D(2), layers.UpSampling1D(3),
        )),
        *(layer(vector) for layer in (layers.Dense(5), layers.EuclideanRBF(3))),
        layers.Embedding(100, 7)(words),
        *(layer([picture, picture]) for layer in (
            layers.Add(), layers.Subtract(), layers.Multiply(), layers.Average(), layers.Maximum(), layers.Minimum(),
            layers.Concatenate(), layers.Concatenate(axis=1),
        )),
    ]  # fmt: skip


def other_calls(known):
    """The first case of every layer that is not among these, as ``layer_cases`` has it."""
    from layer_cases import CASES

    others = {kind: cases[0] for kind, cases in CASES.items() if kind not in known}
    for case in others.values():
        given = [layers.Input(shape) for shape in case.inputs]
        yield case.layer()(given if len(given) > 1 else given[0])


CALLS = all_calls()
CALLS += other_calls({type(tensor.node.layer) for tensor in CALLS})


def explained(tensor):
    sources = list(dict.fromkeys(tensor.node.inputs))
    graph = Graph(sources, [tensor])
    return graph, explain(graph, graph.label(tensor.node))


def test_every_kind_of_layer_is_explained_here():
    kinds = {type(tensor.node.layer) for tensor in CALLS}
    known = {k for k in vars(layers).values() if isinstance(k, type) and issubclass(k, Layer) and not k.abstract}
    code_of_ones_own = {layers.Lambda, layers.TorchModuleWrapper}  # tests/test_own_parts.py
    assert known - kinds <= {layers.InputLayer} | code_of_ones_own


@pytest.mark.parametrize("tensor", CALLS, ids=lambda t: f"{t.node.layer.kind}-{'x'.join(map(str, t.shape))}")
def test_every_sum_that_is_printed_is_right(tensor):
    _, text = explained(tensor)
    checked = list(equations(text))
    assert checked
    for left, right, part in checked:
        assert left == pytest.approx(right, abs=0.005), part


@pytest.mark.parametrize("tensor", CALLS, ids=lambda t: f"{t.node.layer.kind}-{'x'.join(map(str, t.shape))}")
def test_explanations_state_the_numbers_of_the_table(tensor):
    graph, text = explained(tensor)
    row = measure(graph).rows[-1]
    assert f"-> {'x'.join(map(str, row.output_shape))}" in text.splitlines()[0]
    weights = text.split("\nWeights\n")[1].split("\n\n")[0]
    mults = text.split("\nMultiplications\n")[1].split("\n\n")[0]
    assert f"{row.weights:,}" in weights or (row.weights == 0 and "none" in weights)
    assert f"{row.mults:,}" in mults or (row.mults == 0 and "none" in mults)
    assert f"sees {'x'.join(map(str, row.receptive_field))}" in text


CIFAR = """\
Conv2D "conv2d": 32x32x3 -> 30x30x32
  Convolution over pictures.

Output size
  height  (H - F + 2*P) / S + 1 = (32 - 3 + 2*0) / 1 + 1 = 30
  width   (W - F + 2*P) / S + 1 = (32 - 3 + 2*0) / 1 + 1 = 30
  depth   32, one map for each filter

Weights
  F·F·D·K + K = 3·3·3·32 + 32 = 896

Multiplications
  F·F·D · W'·H'·K = 3·3·3 · 30·30·32 = 777,600

Receptive field
  each output position sees 3x3
  height  r + (F - 1)·j = 1 + (3 - 1)·1 = 3; jump j·S = 1·1 = 1
  width   r + (F - 1)·j = 1 + (3 - 1)·1 = 3; jump j·S = 1·1 = 1
  neighbours look 1 apart; the first position looks at (1, 1) and around it

Memory, float32
  output   30·30·32 · 4 = 115,200 bytes (112.5 KiB) for one input
  weights  896·4 = 3,584 bytes (3.5 KiB)
  kept for the backward pass, beyond what earlier layers keep: 12,288 bytes (12.0 KiB)

A dense layer doing the same job
  every number of the output would see every number of the input: 3,072 in, 28,800 out
  one map  32·32·3 · 30·30 = 2,764,800 weights
  all      32·32·3 · 30·30·32 = 88,473,600 weights, as many multiplications, 28,800 biases
  that is 98,775 times the weights and 114 times the multiplications of this layer"""


def test_a_convolution_from_top_to_bottom():
    assert explain(chain([layers.Conv2D(32, 3), layers.Conv2D(32, 3)], (32, 32, 3)), "conv2d") == CIFAR


def test_the_dense_layer_in_place_of_200_maps_of_5x5():
    text = explain(chain([layers.Conv2D(200, 5, padding="same")], (150, 100, 3)), "conv2d")
    assert "150·100·3 · 150·100 = 150²·100²·3 = 675,000,000 weights" in text
    assert "= 225,000,000" in text
    assert "150·100·200 · 4 = 12,000,000 bytes (11.4 MiB)" in text


def test_a_misfit_is_worked_out_with_its_remedies():
    text = explain(chain([layers.Conv2D(4, 3, strides=3)], (7, 7, 3)), "conv2d")
    assert "(7 - 3 + 2*0) / 3 + 1 = 2.33, rounded down: 2" in text
    assert "Use stride 1, 2 or 4, or padding=1" in text


def test_receptive_fields_grow_step_by_step():
    graph = chain([layers.Conv2D(4, 3), layers.MaxPooling2D(2), layers.Conv2D(4, 3)], (32, 32, 3))
    text = explain(graph, "conv2d_1")
    assert "height  r + (F - 1)·j = 4 + (3 - 1)·2 = 8; jump j·S = 2·1 = 2" in text


def test_a_merge_is_the_union_of_its_branches():
    x = Input((8, 8, 3))
    y = layers.Add()([layers.Conv2D(3, 3, padding="same")(x), x])
    assert "the union of 3x3 (conv2d) and 1x1 (input_layer)" in explain(Graph([x], [y]), "add")


def test_shared_and_frozen_layers_say_so():
    x = Input((8, 8, 3))
    conv = layers.Conv2D(3, 3, padding="same", trainable=False)
    graph = Graph([x], [conv(conv(x))])
    assert "frozen: training leaves them as they are" in explain(graph, "conv2d")
    assert "shared with the layer's first call" in explain(graph, "conv2d#2")


def test_nested_networks_and_the_layers_in_them():
    base = Model.from_graph(chain([layers.Conv2D(4, 3), layers.ReLU()], (8, 8, 3)), name="base")
    x = Input((8, 8, 3))
    graph = Graph([x], [layers.Flatten()(base(x))])
    assert 'Functional "base": 8x8x3 -> 6x6x4' in explain(graph, "base")
    assert "112 in all" in explain(graph, "base")
    assert "3·3·3·4 + 4 = 112" in explain(graph, "base/conv2d")
    assert "8·8·3 = 192 numbers" in explain(graph, "input_layer")


def test_the_layer_that_breaks_off_is_explained_by_its_error():
    graph = chain([layers.Conv2D(4, 3), layers.Conv2D(4, 9)], (8, 8, 3))
    assert "a 9x9 window is larger than its 6x6 input" in explain(graph, "conv2d_1")
    assert "3·3·3·4 + 4 = 112" in explain(graph, "conv2d")


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ArgumentError, match='Did you mean "conv2d"'):
        explain(chain([layers.Conv2D(4, 3)], (8, 8, 3)), "conv2")
