"""The field's lecture code with its import changed: the small nets print the classic summary, name by name."""

import pytest

import striate as st
from striate import layers, models

RULE, LINE = "=" * 65, "_" * 65


def classic(title, rows):
    """The table built by hand from (name, class, shape, parameters); widths 29, 26, 10, long names cut."""

    def line(*cells):
        text = ""
        for cell, stop in zip(cells, (29, 55, 65), strict=True):
            text = (text[:-1] + " " if text else "") + str(cell)
            text = text[:stop].ljust(stop)
        return text

    total = f"{sum(row[3] for row in rows):,}"
    frozen = f"{sum(row[4] for row in rows if len(row) > 4):,}"
    trained = f"{sum(row[3] - (row[4] if len(row) > 4 else 0) for row in rows):,}"
    body = f"\n{LINE}\n".join(
        line(f"{name} ({kind})", f"({', '.join(['None', *map(str, shape)])})", count)
        for name, kind, shape, count, *_ in rows
    )
    head = [f'Model: "{title}"', LINE, line("Layer (type)", "Output Shape", "Param #"), RULE, body, RULE]
    foot = [f"Total params: {total}", f"Trainable params: {trained}", f"Non-trainable params: {frozen}", LINE]
    return "\n".join(head + foot)


def cifar_flatten():
    model = models.Sequential()
    model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)))
    model.add(layers.Conv2D(32, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(1024, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return model


CIFAR_HEAD = [
    ("conv2d", "Conv2D", (30, 30, 32), 896),
    ("conv2d_1", "Conv2D", (28, 28, 32), 9248),
    ("max_pooling2d", "MaxPooling2D", (14, 14, 32), 0),
    ("conv2d_2", "Conv2D", (12, 12, 64), 18496),
    ("conv2d_3", "Conv2D", (10, 10, 64), 36928),
    ("max_pooling2d_1", "MaxPooling2D", (5, 5, 64), 0),
    ("conv2d_4", "Conv2D", (3, 3, 64), 36928),
]


def cifar_global_max():
    model = cifar_flatten()
    for _ in range(3):
        model.pop()
    model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dense(1024, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def cats_dogs():
    model = models.Sequential()
    model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(150, 150, 3)))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(128, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(128, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def imdb():
    model = models.Sequential()
    model.add(layers.Embedding(10000, 128, input_length=500))
    model.add(layers.Conv1D(32, 7, activation="relu"))
    model.add(layers.MaxPooling1D(5))
    model.add(layers.Conv1D(32, 7, activation="relu"))
    model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(1))
    return model


def transfer_head():
    model = models.Sequential()
    model.add(layers.Flatten(input_shape=(5, 5, 1024)))
    model.add(layers.Dense(256, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def fashion():
    model = models.Sequential()
    model.add(layers.Conv2D(16, kernel_size=5, padding=2, input_shape=(28, 28, 1)))
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(32, kernel_size=5, padding=2))
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(10))
    return model


NETS = {
    "cifar, flatten": (
        cifar_flatten,
        [
            *CIFAR_HEAD,
            ("flatten", "Flatten", (576,), 0),
            ("dense", "Dense", (1024,), 590848),
            ("dense_1", "Dense", (10,), 10250),
        ],
        703_594,
    ),
    "cifar, global max": (
        cifar_global_max,
        [
            *CIFAR_HEAD,
            ("global_max_pooling2d", "GlobalMaxPooling2D", (64,), 0),
            ("dense", "Dense", (1024,), 66560),
            ("dense_1", "Dense", (10,), 10250),
        ],
        179_306,
    ),
    "cats and dogs": (
        cats_dogs,
        [
            ("conv2d", "Conv2D", (148, 148, 32), 896),
            ("max_pooling2d", "MaxPooling2D", (74, 74, 32), 0),
            ("conv2d_1", "Conv2D", (72, 72, 64), 18496),
            ("max_pooling2d_1", "MaxPooling2D", (36, 36, 64), 0),
            ("conv2d_2", "Conv2D", (34, 34, 128), 73856),
            ("max_pooling2d_2", "MaxPooling2D", (17, 17, 128), 0),
            ("conv2d_3", "Conv2D", (15, 15, 128), 147584),
            ("max_pooling2d_3", "MaxPooling2D", (7, 7, 128), 0),
            ("flatten", "Flatten", (6272,), 0),
            ("dense", "Dense", (512,), 3211776),
            ("dense_1", "Dense", (1,), 513),
        ],
        3_453_121,
    ),
    "imdb": (
        imdb,
        [
            ("embedding", "Embedding", (500, 128), 1280000),
            ("conv1d", "Conv1D", (494, 32), 28704),
            ("max_pooling1d", "MaxPooling1D", (98, 32), 0),
            ("conv1d_1", "Conv1D", (92, 32), 7200),
            ("global_max_pooling1d", "GlobalMaxPooling1D", (32,), 0),
            ("dense", "Dense", (1,), 33),
        ],
        1_315_937,
    ),
    "transfer head": (
        transfer_head,
        [
            ("flatten", "Flatten", (25600,), 0),
            ("dense", "Dense", (256,), 6553856),
            ("dropout", "Dropout", (256,), 0),
            ("dense_1", "Dense", (1,), 257),
        ],
        6_554_113,
    ),
    "fashion": (
        fashion,
        [
            ("conv2d", "Conv2D", (28, 28, 16), 416),
            ("batch_normalization", "BatchNormalization", (28, 28, 16), 64, 32),
            ("re_lu", "ReLU", (28, 28, 16), 0),
            ("max_pooling2d", "MaxPooling2D", (14, 14, 16), 0),
            ("conv2d_1", "Conv2D", (14, 14, 32), 12832),
            ("batch_normalization_1", "BatchNormalization", (14, 14, 32), 128, 64),
            ("re_lu_1", "ReLU", (14, 14, 32), 0),
            ("max_pooling2d_1", "MaxPooling2D", (7, 7, 32), 0),
            ("flatten", "Flatten", (1568,), 0),
            ("dense", "Dense", (10,), 15690),
        ],
        29_034 + 96,
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_the_classic_summary_of_a_lecture_net_to_the_character(name, capsys):
    make, rows, total = NETS[name]
    make().summary()
    assert capsys.readouterr().out.rstrip("\n") == classic("sequential", rows)
    assert sum(row[3] for row in rows) == total


@pytest.mark.parametrize("name", NETS)
def test_the_same_code_gives_the_same_names_again(name):
    make = NETS[name][0]
    first, second = make(), make()
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert all(layer.name for layer in first.layers)


def test_feature_maps_of_a_network_as_the_lecture_takes_them():
    """The activation model: one network with the outputs of several layers, sharing the weights."""
    import numpy as np

    model = cifar_flatten()
    outputs = [layer.output for layer in model.layers[:7]]
    maps = models.Model(inputs=model.input, outputs=outputs)
    x = np.random.default_rng(0).random((2, 32, 32, 3), dtype=np.float32)
    found = maps.predict(x)
    assert [f.shape[1:] for f in found] == [layer_shape for _, _, layer_shape, _ in CIFAR_HEAD]
    head = models.Model(model.input, model.output)
    np.testing.assert_array_equal(head.predict(x), model.predict(x))


def test_a_frozen_base_inside_a_sequential_trains_only_the_head():
    """Transfer learning, method 2, as lectures write it."""
    base = models.Sequential([layers.Conv2D(4, 3, activation="relu", input_shape=(16, 16, 3)), layers.MaxPooling2D(2)])
    model = models.Sequential()
    model.add(base)
    model.add(layers.Flatten())
    model.add(layers.Dense(1, activation="sigmoid"))
    base.trainable = False
    size = model.size()
    assert size.trainable == 7 * 7 * 4 + 1
    assert size.weights - size.trainable == 3 * 3 * 3 * 4 + 4
    assert model.layers[0] is base


def test_fixed_filters_find_the_nine_of_the_lecture():
    """FACTS, "a worked convolution": the 7x5 nine of ±1 against the 3x3 ring, each sum divided by 9."""
    import numpy as np

    nine = ["-+++-", "-+-+-", "-+++-", "---+-", "---+-", "--+--", "-+---"]
    picture = np.array([[1.0 if mark == "+" else -1.0 for mark in row] for row in nine], dtype=np.float32)
    ring = np.array([[1, 1, 1], [1, -1, 1], [1, 1, 1]], dtype=np.float32) / 9
    model = models.Sequential(
        [
            layers.Conv2D(
                1,
                3,
                use_bias=False,
                input_shape=(7, 5, 1),
                kernel_initializer=st.initializers.Constant(ring.reshape(3, 3, 1, 1)),
            )
        ]
    )
    expected = [[-1, 9, -1], [-5, 1, -3], [-3, 3, -3], [-5, -1, -5], [-3, -5, -3]]
    np.testing.assert_allclose(model.predict(picture[None, ..., None])[0, ..., 0] * 9, expected, atol=1e-5)


def test_a_sequential_with_an_error_in_the_middle_prints_its_table_up_to_it(capsys):
    model = cifar_flatten()
    for _ in range(4):
        model.pop()
    model.add(layers.MaxPooling2D((9, 9)))
    model.add(layers.Dense(10))
    model.summary()
    text = capsys.readouterr().out
    assert "conv2d_3 (Conv2D)" in text
    assert "max_pooling2d_2" in text
    assert "9x9 window is larger than its 5x5 input" in text
    assert "dense" not in text
    assert "9x9 window is larger than its 5x5 input" in str(model.size())
    with pytest.raises(st.StriateError, match='MaxPooling2D "max_pooling2d_2": a 9x9 window'):
        model.module
