"""Shapes, weights, multiplications and the tables that show them; no weight is allocated for any of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from steps import steps

from striate import layers
from striate.errors import ArgumentError, ShapeError
from striate.graph import Graph, Input, chain
from striate.model import Model
from striate.size import measure, summary


def cifar(end):
    return chain(
        [
            layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, (3, 3), activation="relu"),
            end,
            layers.Dense(1024, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cats_dogs():
    convs = [[layers.Conv2D(n, 3, activation="relu"), layers.MaxPooling2D((2, 2))] for n in (32, 64, 128, 128)]
    ends = [layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dense(1, activation="sigmoid")]
    return chain([layer for pair in convs for layer in pair] + ends, (150, 150, 3))


def imdb():
    return chain(
        [
            layers.Embedding(10000, 128, input_length=500),
            layers.Conv1D(32, 7, activation="relu"),
            layers.MaxPooling1D(5),
            layers.Conv1D(32, 7, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1),
        ]
    )


def transfer_head():
    ends = [layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dropout(0.5), layers.Dense(1)]
    return chain(ends, (5, 5, 1024))


def fashion():
    blocks = [
        [layers.Conv2D(n, 5, padding=2), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D()]
        for n in (16, 32)
    ]
    return chain([layer for block in blocks for layer in block] + [layers.Flatten(), layers.Dense(10)], (28, 28, 1))


def lenet5_1998():
    return chain(
        [
            layers.Conv2D(6, 5, activation="tanh", name="c1", input_shape=(32, 32, 1)),
            layers.TrainableSubsampling2D(2, name="s2"),
            layers.PartialConv2D(layers.LENET5_C3, 5, activation="tanh", name="c3"),
            layers.TrainableSubsampling2D(2, name="s4"),
            layers.Conv2D(120, 5, activation="tanh", name="c5"),
            layers.Flatten(),
            layers.Dense(84, activation="tanh", name="f6"),
            layers.EuclideanRBF(10, name="output"),
        ]
    )


def three_strided():
    return chain([layers.Conv2D(n, 3, strides=2, padding="same") for n in (100, 200, 400)], (200, 300, 3))


# Totals, buffers and, layer by layer, weights: counted by hand or by Keras (docs: golden numbers).
SMALL = {
    "cifar, flatten": (
        lambda: cifar(layers.Flatten()),
        703_594,
        0,
        [896, 9248, 0, 18496, 36928, 0, 36928, 0, 590848, 10250],
    ),
    "cifar, global max": (
        lambda: cifar(layers.GlobalMaxPooling2D()),
        179_306,
        0,
        [896, 9248, 0, 18496, 36928, 0, 36928, 0, 66560, 10250],
    ),
    "cats and dogs": (cats_dogs, 3_453_121, 0, [896, 0, 18496, 0, 73856, 0, 147584, 0, 0, 3211776, 513]),
    "imdb": (imdb, 1_315_937, 0, [1280000, 28704, 0, 7200, 0, 33]),
    "transfer head": (transfer_head, 6_554_113, 0, [0, 6553856, 0, 257]),
    "fashion": (fashion, 29_034, 96, [416, 32, 0, 0, 12832, 64, 0, 0, 0, 15690]),
    "lenet5 1998": (lenet5_1998, 60_000, 840, [156, 12, 1516, 32, 48120, 0, 10164, 0]),
    "three strided": (three_strided, 903_400, 0, [2800, 180200, 720400]),
    "linear": (lambda: chain([layers.Flatten(), layers.Dense(10)], (32, 32, 3)), 30_730, 0, [0, 30730]),
    "5x5 convs": (
        lambda: chain([layers.Conv2D(6, 5), layers.Conv2D(10, 5)], (32, 32, 3)),
        456 + 1510,
        0,
        [456, 1510],
    ),
    "200 maps": (lambda: chain([layers.Conv2D(200, 5, padding="same")], (150, 100, 3)), 15_200, 0, [15200]),
}


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_the_published_ones(name):
    make, weights, buffers, each = SMALL[name]
    size = measure(make())
    assert [row.weights for row in size.rows[1:]] == each
    assert (size.weights, size.buffers, size.total) == (weights, buffers, weights + buffers)


@pytest.mark.parametrize("name", SMALL)
def test_rows_add_up_to_totals(name):
    size = measure(SMALL[name][0]())
    for column in ("weights", "trainable", "buffers", "mults"):
        assert sum(getattr(row, column) for row in size.rows) == getattr(size, column)


def heights(graph):
    return [row.output_shape[0] for row in measure(graph).rows[1:]]


def test_output_sizes_are_the_published_ones():
    assert heights(cifar(layers.Flatten()))[:7] == [30, 28, 14, 12, 10, 5, 3]
    assert [row.output_shape[0] for row in measure(imdb()).rows if row.kind in ("Conv1D", "MaxPooling1D")] == [
        494,
        98,
        92,
    ]
    assert [row.output_shape[:2] for row in measure(three_strided()).rows[1:]] == [(100, 150), (50, 75), (25, 38)]
    assert heights(fashion())[:8] == [28, 28, 28, 14, 14, 14, 14, 7]
    assert measure(cats_dogs()).row("flatten").output_shape == (6272,)
    assert heights(chain([layers.Conv2D(6, 5), layers.Conv2D(10, 5)], (32, 32, 3))) == [28, 24]
    assert measure(chain([layers.Conv2D(1, 3, 2, "same")], (5, 7, 1))).rows[1].output_shape == (3, 4, 1)
    yolo = chain([layers.Dense(7 * 7 * 30), layers.Reshape((7, 7, 2 * 5 + 20))], (4096,))
    height, width, depth = measure(yolo).rows[-1].output_shape
    assert (height, width, depth) == (7, 7, 30)
    # one row a box: each cell's 10 numbers beside its 20 class scores are 2 boxes of 5
    boxes = chain([layers.Dense(height * width * (depth - 20)), layers.Reshape((-1, 5))], (4096,))
    assert measure(boxes).rows[-1].output_shape == (98, 5)


def test_multiplications_are_the_published_ones():
    assert measure(chain([layers.Conv2D(6, 5)], (32, 32, 3))).mults == 352_800
    assert measure(chain([layers.Conv2D(200, 5, padding="same")], (150, 100, 3))).mults == 225_000_000
    assert measure(cifar(layers.Flatten())).row("conv2d").mults == 3 * 3 * 3 * 30 * 30 * 32


# -- windows that do not fit ------------------------------------------------------------------------------------------
def strided(width, kernel, stride, padding="valid"):
    return chain([layers.Conv2D(4, kernel, stride, padding)], (width, width, 3))


def test_rows_and_columns_that_no_window_reaches_are_told():
    size = measure(strided(7, 3, 3))
    assert size.rows[1].output_shape == (2, 2, 4)
    assert size.rows[1].unused == (1, 1)
    assert "(7 - 3) / 3 + 1 = 2.33" in size.rows[1].misfit
    assert "Use stride 1, 2 or 4, or padding=1" in str(size)
    assert "1 row, 1 column" in str(size)


def test_windows_that_fit_leave_nothing_unused():
    for stride, out in ((1, 5), (2, 3)):
        row = measure(strided(7, 3, stride), strict=True).rows[1]
        assert (row.output_shape, row.unused, row.misfit) == ((out, out, 4), (0, 0), None)


def test_width_13_filter_6_stride_5():
    valid, same = (measure(chain([layers.Conv1D(1, 6, 5, padding)], (13, 1))).rows[1] for padding in ("valid", "same"))
    assert (valid.output_shape, valid.unused) == ((2, 1), (2,))
    assert (same.output_shape, same.unused) == ((3, 1), (0,))


def test_strict_raises_the_first_misfit_with_the_sums_and_the_remedies():
    graph = chain([layers.Conv2D(4, 3), layers.Conv2D(4, 3, strides=3), layers.MaxPooling2D(2, 3)], (9, 9, 3))
    with pytest.raises(ShapeError) as caught:
        measure(graph, strict=True)
    text = str(caught.value)
    assert text.startswith('Conv2D "conv2d_1": a 3x3 window with stride 3 does not fit a 7x7 input: ')
    assert "2.33" in text
    assert "Use stride 1, 2 or 4, or padding=1" in text


def test_strict_finds_a_misfit_inside_a_nested_network():
    inner = chain([layers.Conv2D(4, 3, strides=3)], (7, 7, 3))
    x = Input((7, 7, 3))
    graph = Graph([x], [Model.from_graph(inner, name="base")(x)])
    with pytest.raises(ShapeError, match='Conv2D "base/conv2d"'):
        measure(graph, strict=True)
    assert "base/conv2d: a 3x3 window" in str(measure(graph))


def test_what_is_unused_of_the_padding_alone_loses_no_data_and_says_so():
    row = measure(chain([layers.Conv2D(4, 7, 2, padding=3)], (224, 224, 3))).rows[1]
    assert row.unused == (1, 1)
    assert "is padding, no data" in row.misfit
    assert "is padding" not in measure(strided(7, 3, 3)).rows[1].misfit


def test_channels_that_a_depth_pooling_leaves_out_are_told():
    graph = chain([layers.DepthPooling(2)], (4, 4, 5))
    assert measure(graph).rows[1].unused == (0, 0, 1)
    assert "1 channel" in str(measure(graph))
    with pytest.raises(ShapeError, match="2 channels with stride 2 do not fit 5 channels"):
        measure(graph, strict=True)


# -- networks that break off ------------------------------------------------------------------------------------------
@pytest.fixture
def broken():
    return chain([layers.Conv2D(8, 3), layers.MaxPooling2D(2), layers.Conv2D(8, 9), layers.Dense(3)], (8, 8, 3))


def test_a_broken_network_has_rows_up_to_its_fault(broken):
    size = measure(broken)
    assert [row.output_shape for row in size.rows] == [(8, 8, 3), (6, 6, 8), (3, 3, 8), None]
    assert size.rows[-1].name == "conv2d_1"
    assert "larger than its 3x3 input" in size.rows[-1].error
    assert size.so_far("weights") == 224


@pytest.mark.parametrize("total", ["weights", "trainable", "buffers", "total", "mults", "inference_bytes", "memory"])
def test_totals_of_a_broken_network_raise_its_error(broken, total):
    with pytest.raises(ShapeError, match='Conv2D "conv2d_1"'):
        getattr(measure(broken), total)


def test_a_broken_network_prints_up_to_its_fault(broken):
    text = str(measure(broken))
    assert "max_pooling2d" in text
    assert "up to here: 224 weights" in text
    assert 'Conv2D "conv2d_1": a 9x9 window is larger than its 3x3 input' in text
    described = measure(broken).to_dict()
    assert described["weights"] is None
    assert "9x9 window" in described["error"]


def test_strict_raises_the_fault(broken):
    with pytest.raises(ShapeError, match="9x9 window"):
        measure(broken, strict=True)


# -- shared, frozen, nested -------------------------------------------------------------------------------------------
def siamese():
    a, b = Input((8, 8, 3)), Input((8, 8, 3))
    conv = layers.Conv2D(4, 3, name="eye")
    return Graph([a, b], [layers.Add()([conv(a), conv(b)])])


def test_weights_of_a_shared_layer_count_once_and_its_multiplications_at_each_call():
    size = measure(siamese())
    assert [(r.name, r.weights, r.mults) for r in size.rows[2:]] == [
        ("eye", 112, 3 * 3 * 3 * 6 * 6 * 4),
        ("eye#2", 0, 3 * 3 * 3 * 6 * 6 * 4),
        ("add", 0, 0),
    ]
    assert size.rows[-1].connected_to == ("eye", "eye#2")


def test_frozen_layers_keep_their_weights_but_do_not_train():
    graph = chain([layers.Conv2D(4, 3, trainable=False), layers.BatchNormalization(), layers.Dense(2)], (8, 8, 3))
    size = measure(graph)
    assert (size.weights, size.trainable, size.buffers) == (112 + 8 + 10, 8 + 10, 8)
    assert "18 trainable, 112 frozen" in str(size)


def test_a_nested_network_is_one_row_with_its_totals():
    inner = chain([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Conv2D(4, 3)], (8, 8, 3))
    x = Input((8, 8, 3))
    base = Model.from_graph(inner, name="base")
    y = layers.Dense(2)(layers.Flatten()(base(x)))
    size = measure(Graph([x], [y]))
    alone = measure(inner)
    row = size.row("base")
    assert (row.kind, row.output_shape) == ("Functional", (4, 4, 4))
    assert (row.weights, row.buffers, row.mults) == (alone.weights, alone.buffers, alone.mults)
    assert row.receptive_field == (5, 5)
    assert size.row("dense").receptive_field == (8, 8)


def test_a_nested_network_that_comes_first_tells_the_input():
    inner = chain([layers.Conv2D(4, 3)], (8, 8, 3))
    graph = chain([Model.from_graph(inner, name="base"), layers.Flatten(), layers.Dense(2)])
    assert [row.output_shape for row in measure(graph).rows] == [(8, 8, 3), (6, 6, 4), (144,), (2,)]


def test_a_layer_shared_by_two_nested_networks_counts_once():
    conv = layers.Conv2D(3, 3, padding="same")
    first, second = (Model.from_graph(chain([conv], (8, 8, 3)), name=name) for name in ("one", "two"))
    x = Input((8, 8, 3))
    size = measure(Graph([x], [second(first(x))]))
    assert [row.weights for row in size.rows] == [0, 84, 0]
    assert size.mults == 2 * 3 * 3 * 3 * 8 * 8 * 3


def test_a_nested_network_with_two_outputs_lists_both_shapes():
    x = Input((8, 8, 3))
    inner = Graph([x], [layers.Conv2D(4, 3)(x), layers.GlobalMaxPooling2D()(x)])
    z = Input((8, 8, 3))
    a, b = Model.from_graph(inner, name="two")(z)
    size = measure(Graph([z], [layers.Flatten()(a), b]))
    assert size.row("two").output_shape == [(6, 6, 4), (3,)]
    assert "6x6x4, 3" in str(size)


# -- the printed table ------------------------------------------------------------------------------------------------
def test_the_table_is_aligned_and_ends_with_totals():
    text = str(measure(cifar(layers.Flatten()), name="cifar_net"))
    lines = text.splitlines()
    assert lines[0] == "cifar_net"
    assert lines[4] == "conv2d           Conv2D        30x30x32      896          777,600    3x3"
    assert "weights          703,594 (all trainable)" in text


def test_the_table_says_what_a_global_pooling_would_save():
    text = str(measure(cifar(layers.Flatten())))
    assert "dense holds 84%" in text
    assert "66,560 weights, 179,306 in all" in text
    assert "holds" not in str(measure(cifar(layers.GlobalMaxPooling2D())))


def test_a_size_is_json_ready():
    described = json.loads(json.dumps(measure(siamese(), batch_size=2).to_dict()))
    assert described["weights"] == 112
    assert described["rows"][0]["output_shape"] == [8, 8, 3]
    assert described["batch_size"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"optimizer": "adamm"}, 'unknown optimizer "adamm". Did you mean "adam"'),
        ({"dtype": "float8"}, 'unknown dtype "float8"'),
        ({"batch_size": 0}, "batch_size=0 must be a whole number of at least 1"),
        ({"batch_size": True}, "batch_size"),
    ],
)
def test_wrong_arguments_are_one_clear_line(arguments, says):
    with pytest.raises(ArgumentError) as caught:
        measure(siamese(), **arguments)
    assert says in str(caught.value)


def test_a_network_without_an_input_shape_cannot_be_measured():
    with pytest.raises(ArgumentError, match="input_shape="):
        measure(chain([layers.Conv2D(4, 3)]))


# -- the classic summary ----------------------------------------------------------------------------------------------
# Printed by Keras 2 for this network.
CLASSIC = """\
Model: "sequential"
_________________________________________________________________
Layer (type)                 Output Shape              Param #   
=================================================================
conv2d (Conv2D)              (None, 30, 30, 32)        896       
_________________________________________________________________
conv2d_1 (Conv2D)            (None, 28, 28, 32)        9248      
_________________________________________________________________
max_pooling2d (MaxPooling2D) (None, 14, 14, 32)        0         
_________________________________________________________________
conv2d_2 (Conv2D)            (None, 12, 12, 64)        18496     
_________________________________________________________________
conv2d_3 (Conv2D)            (None, 10, 10, 64)        36928     
_________________________________________________________________
max_pooling2d_1 (MaxPooling2 (None, 5, 5, 64)          0         
_________________________________________________________________
conv2d_4 (Conv2D)            (None, 3, 3, 64)          36928     
_________________________________________________________________
global_max_pooling2d (Global (None, 64)                0         
_________________________________________________________________
dense (Dense)                (None, 1024)              66560     
_________________________________________________________________
dense_1 (Dense)              (None, 10)                10250     
=================================================================
Total params: 179,306
Trainable params: 179,306
Non-trainable params: 0
_________________________________________________________________"""  # noqa: W291

# By the rules of Keras 2's print_summary, columns ending at .33, .55, .67 and 1 of 98.
WIDE = """\
Model: "model"
__________________________________________________________________________________________________
Layer (type)                    Output Shape         Param #     Connected to                     
==================================================================================================
pixels (InputLayer)             (None, 8, 8, 3)      0                                            
__________________________________________________________________________________________________
conv2d (Conv2D)                 (None, 8, 8, 3)      84          pixels[0][0]                     
                                                                 conv2d[0][0]                     
__________________________________________________________________________________________________
batch_normalization (BatchNorma (None, 8, 8, 3)      12          conv2d[1][0]                     
__________________________________________________________________________________________________
add (Add)                       (None, 8, 8, 3)      0           batch_normalization[0][0]        
                                                                 pixels[0][0]                     
==================================================================================================
Total params: 96
Trainable params: 90
Non-trainable params: 6
__________________________________________________________________________________________________"""  # noqa: W291


def test_the_classic_summary_to_the_character():
    assert summary(cifar(layers.GlobalMaxPooling2D()), "sequential", sequential=True) == CLASSIC


def test_the_wide_summary_of_a_network_with_branches():
    x = Input((8, 8, 3), name="pixels")
    conv = layers.Conv2D(3, 3, padding="same")
    y = layers.Add()([layers.BatchNormalization()(conv(conv(x))), x])
    assert summary(Graph([x], [y]), "model") == WIDE


def test_a_functional_chain_shows_its_input():
    x = Input((8, 8, 3))
    text = summary(Graph([x], [layers.Flatten()(x)]), "model")
    assert text.splitlines()[4] == "input_layer (InputLayer)     (None, 8, 8, 3)           0         "
    assert {len(line) for line in text.splitlines()[1:7]} == {65}


def test_frozen_weights_are_non_trainable_in_the_summary():
    graph = chain([layers.Conv2D(4, 3, trainable=False), layers.BatchNormalization()], (8, 8, 3))
    lines = summary(graph, "frozen", sequential=True).splitlines()
    assert lines[-4:-1] == ["Total params: 128", "Trainable params: 8", "Non-trainable params: 120"]


def test_the_summary_of_a_broken_network_shows_why(broken):
    lines = summary(broken, "broken", sequential=True).splitlines()
    assert lines[8].startswith("conv2d_1 (Conv2D)            does not fit")
    assert "9x9 window is larger" in lines[10]
    assert lines[-4] == "Total params so far: 224"


def test_a_nested_network_is_one_line_of_the_summary():
    base = Model.from_graph(chain([layers.Conv2D(4, 3), layers.BatchNormalization()], (8, 8, 3)), name="vgg16")
    x = Input((8, 8, 3))
    lines = summary(Graph([x], [layers.Flatten()(base(x))]), "model").splitlines()
    assert lines[6] == "vgg16 (Functional)           (None, 6, 6, 4)           128       "
    assert "Non-trainable params: 8" in lines


# -- speed and independence -------------------------------------------------------------------------------------------
def deep(count):
    chained = []
    for _ in range(count // 2):
        chained += [layers.BatchNormalization(), layers.Conv2D(16, 3, padding="same", activation="relu")]
    return chain(chained, (32, 32, 3))


def test_very_deep_networks_are_measured_without_recursion():
    size = measure(deep(4000))
    assert len(size.rows) == 4001
    assert size.rows[-1].receptive_field == (4001, 4001)


def test_the_work_of_measuring_grows_with_the_layers():
    with steps() as few:
        measure(deep(100))
    with steps(1.2 * 5 * few.count):
        measure(deep(500))


def test_sizing_loads_neither_torch_nor_numpy():
    code = "import sys, striate.size; assert not {'torch', 'numpy'} & set(sys.modules), 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)
