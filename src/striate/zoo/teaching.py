"""The small nets that courses start with."""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.graph import Input, Shape
from striate.model import Model
from striate.sequential import Sequential
from striate.zoo.registry import Paper, architecture

_LECTURES = Paper("lecture nets", 2017)
_CHOLLET = Paper("Chollet", 2017, "Deep learning with Python", "chapters 5 and 6")
_STRIATE = Paper("striate", 2026)


def answer(classes: int) -> layers.Dense:
    """The last layer: a probability per class.

    classes    number of outputs
    """
    return layers.Dense(classes, activation="softmax")


@architecture("linear", "linear template matcher: one template per class", _LECTURES, (32, 32, 3), 10)
def linear(classes: int, input_shape: Shape) -> Model:
    """Each class' score is one weighted sum of all pixels: its template.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input that the network cannot take.
    """
    return Sequential([layers.Input(input_shape), layers.Flatten(), answer(classes)])


@architecture("dense", "dense baseline: no convolution", _LECTURES, (28, 28, 1), 10)
def dense(classes: int, input_shape: Shape, units: tuple[int, ...] = (512,)) -> Model:
    """Dense layers on the flattened pixels.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    units          of the hidden layer

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    hidden = [layers.Dense(n, activation="relu") for n in units]
    return Sequential([layers.Input(input_shape), layers.Flatten(), *hidden, answer(classes)])


def _cifar(classes: int, input_shape: Shape, to_vector: Any) -> Model:
    stack: list[Any] = [layers.Input(input_shape)]
    for maps in ((32, 32), (64, 64)):
        stack += [layers.Conv2D(n, (3, 3), activation="relu") for n in maps]
        stack.append(layers.MaxPooling2D((2, 2)))
    stack.append(layers.Conv2D(64, (3, 3), activation="relu"))
    return Sequential([*stack, to_vector, layers.Dense(1024, activation="relu"), answer(classes)])


@architecture("cifar_net", "five 3x3 convolutions, flatten, 1024", _LECTURES, (32, 32, 3), 10)
def cifar_net(classes: int, input_shape: Shape) -> Model:
    """conv32 conv32 pool conv64 conv64 pool conv64, flatten, dense 1024.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    return _cifar(classes, input_shape, layers.Flatten())


@architecture("cifar_net_gmp", "five 3x3 convolutions, global max pooling, 1024", _LECTURES, (32, 32, 3), 10)
def cifar_net_gmp(classes: int, input_shape: Shape) -> Model:
    """``cifar_net`` with each last map reduced to its maximum: a quarter of the weights.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    return _cifar(classes, input_shape, layers.GlobalMaxPooling2D())


@architecture("cats_dogs_net", "four convolutions and poolings, 512", _CHOLLET, (150, 150, 3), 2)
def cats_dogs_net(classes: int, input_shape: Shape) -> Model:
    """32-64-128-128 3x3 convolutions with a pooling each, dense 512; two classes share one sigmoid output.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    stack: list[Any] = [layers.Input(input_shape)]
    for maps in (32, 64, 128, 128):
        stack += [layers.Conv2D(maps, (3, 3), activation="relu"), layers.MaxPooling2D((2, 2))]
    stack += [layers.Flatten(), layers.Dense(512, activation="relu")]
    return Sequential([*stack, layers.Dense(1, activation="sigmoid") if classes == 2 else answer(classes)])


@architecture("fashion_net", "two 5x5 convolutions with batch norm", _LECTURES, (28, 28, 1), 10)
def fashion_net(classes: int, input_shape: Shape) -> Model:
    """conv16 - norm - ReLU - pool, conv32 - norm - ReLU - pool, dense.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input that the network cannot take.
    """
    stack: list[Any] = [layers.Input(input_shape)]
    for maps in (16, 32):
        stack += [layers.Conv2D(maps, 5, padding=2), layers.BatchNormalization(), layers.ReLU()]
        stack.append(layers.MaxPooling2D(2))
    return Sequential([*stack, layers.Flatten(), answer(classes)])


@architecture("imdb_net", "1-D convolutions on word vectors", _CHOLLET, (500,), 2)
def imdb_net(
    classes: int,
    input_shape: Shape,
    words: int = 10_000,
    dims: int = 128,
    maps: tuple[int, ...] = (32, 32),
    kernel: int = 7,
    dropout: float = 0.0,
    average: bool = False,
) -> Model:
    """Embedding 128, conv 32x7, pool 5, conv 32x7, global max; two classes share one sigmoid output.

    dims      numbers per word
    maps      of each convolution, with a pooling by 5 between two
    dropout   on the word vectors and before the answer; 0 for none
    average   the mean of each map beside its maximum

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    words          in the vocabulary
    kernel         length of the filters

    Raises ArgumentError for an input that the network cannot take.
    """
    last = layers.Dense(1, activation="sigmoid") if classes == 2 else answer(classes)
    stack: list[Any] = [layers.Embedding(words, dims, input_shape=input_shape)]
    if dropout:
        stack.append(layers.Dropout(dropout))
    for i, count in enumerate(maps):
        stack += [layers.MaxPooling1D(5)] if i else []
        stack.append(layers.Conv1D(count, kernel, activation="relu"))
    end = [layers.Dropout(dropout)] if dropout else []
    if not average:
        return Sequential([*stack, layers.GlobalMaxPooling1D(), *end, last])
    start = tensor = Input(input_shape)
    for layer in stack:
        tensor = layer(tensor)
    tensor = layers.Concatenate()([layers.GlobalMaxPooling1D()(tensor), layers.GlobalAveragePooling1D()(tensor)])
    for layer in (*end, last):
        tensor = layer(tensor)
    return Model(start, tensor)


@architecture("fast_net", "three convolutions, pooled before norm and ReLU", _STRIATE, (28, 28, 1), 10)
def fast_net(
    classes: int,
    input_shape: Shape,
    widths: tuple[int, ...] = (16, 32, 96),
    first: tuple[int, str] = (5, "valid"),
    stride: int = 1,
    units: int = 0,
) -> Model:
    """conv - pool - norm - ReLU, once per width: norm and ReLU run on a quarter of the numbers; then dense.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    widths         filters of each convolution
    first          kernel and padding of the first convolution; the others are 3x3, same
    stride         of the first convolution, which is not pooled where that is more than 1
    units          of a dense layer before the answer; 0 for none

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    stack: list[Any] = [layers.Input(input_shape)]
    for i, maps in enumerate(widths):
        (kernel, padding), step = (first, stride) if i == 0 else ((3, "same"), 1)
        made: dict[str, Any] = {"padding": padding, "use_bias": False, "kernel_initializer": "he_normal"}
        stack.append(layers.Conv2D(maps, kernel, strides=step, **made))
        stack += [layers.MaxPooling2D(2)] if step == 1 else []
        stack += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    stack.append(layers.Flatten())
    if units:
        stack.append(layers.Dense(units, activation="relu"))
    return Sequential([*stack, answer(classes)])


@architecture("mnist_net", "five convolutions, pooled before norm and ReLU", _STRIATE, (28, 28, 1), 10)
def mnist_net(classes: int, input_shape: Shape, dropout: float = 0.3) -> Model:
    """conv24 5x5 - pool, twice conv48 - pool, twice conv96 - pool, each with batch norm; dropout, dense.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    dropout        0 to 1, of the layers before the head

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """

    def conv(maps: int, kernel: int, padding: str) -> layers.Conv2D:
        return layers.Conv2D(maps, kernel, padding=padding, use_bias=False, kernel_initializer="he_normal")

    def norm() -> list[Any]:
        return [layers.BatchNormalization(momentum=0.9), layers.ReLU()]

    stack: list[Any] = [layers.Input(input_shape), conv(24, 5, "valid"), layers.MaxPooling2D(2), *norm()]
    for maps in (48, 96):
        stack += [conv(maps, 3, "same"), *norm(), conv(maps, 3, "same"), layers.MaxPooling2D(2), *norm()]
    return Sequential([*stack, layers.Flatten(), layers.Dropout(dropout), answer(classes)])
