"""Networks of every wiring for the tests of drawings, and when two rectangles overlap."""

from __future__ import annotations

from striate import layers as L
from striate.graph import Graph, Input, Network, chain

SVG = "{http://www.w3.org/2000/svg}"


class _Nested(Network):
    """A stand-in for a model used as a layer; not registered."""

    abstract = True

    def __init__(self, graph: Graph, name: str | None = None) -> None:
        super().__init__(graph, name)


def cifar() -> Graph:
    stack = [
        L.Conv2D(32, 3, activation="relu"),
        L.Conv2D(32, 3, activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(64, 3, activation="relu"),
        L.Flatten(),
        L.Dense(10, activation="softmax"),
    ]
    return chain(stack, (32, 32, 3))


def inception() -> Graph:
    x = start = Input((28, 28, 256))
    for _ in range(2):
        one = L.Conv2D(128, 1)(x)
        three = L.Conv2D(192, 3, padding="same")(L.Conv2D(64, 1)(x))
        five = L.Conv2D(96, 5, padding="same")(L.Conv2D(64, 1)(x))
        pool = L.Conv2D(64, 1)(L.MaxPooling2D(3, 1, padding="same")(x))
        x = L.Concatenate()([one, three, five, pool])
    return Graph([start], [L.Dense(10)(L.GlobalAveragePooling2D()(x))])


def resnet(blocks: int = 3) -> Graph:
    start = Input((32, 32, 3))
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, padding="same", use_bias=False)(start)))
    for stage, width in enumerate((16, 32, 64)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = L.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x)
            y = L.ReLU()(L.BatchNormalization()(y))
            y = L.BatchNormalization()(L.Conv2D(width, 3, padding="same", use_bias=False)(y))
            if stride == 2:
                x = L.BatchNormalization()(L.Conv2D(width, 1, strides=2, use_bias=False)(x))
            x = L.ReLU()(L.Add()([x, y]))
    return Graph([start], [L.Dense(10)(L.GlobalAveragePooling2D()(x))])


def unet(depth: int = 4) -> Graph:
    x = start = Input((64, 64, 3))
    skips = []
    for level in range(depth):
        x = L.Conv2D(8 << level, 3, padding="same")(x)
        skips.append(x)
        x = L.MaxPooling2D()(x)
    for level in reversed(range(depth)):
        x = L.Concatenate()([skips[level], L.Conv2DTranspose(8 << level, 2, strides=2)(x)])
        x = L.Conv2D(8 << level, 3, padding="same")(x)
    return Graph([start], [L.Conv2D(2, 1, activation="softmax")(x)])


def siamese() -> Graph:
    left, right, extra = Input((32, 32, 3), name="left"), Input((32, 32, 3), name="right"), Input((12,), dtype="int64")
    eye, pool = L.Conv2D(16, 3, name="eye"), L.GlobalMaxPooling2D()
    apart = L.Subtract()([pool(eye(left)), pool(eye(right))])
    words = L.GlobalAveragePooling1D()(L.Embedding(100, 16)(extra))
    hidden = L.Dense(64, activation="relu")(L.Concatenate()([apart, words]))
    return Graph([left, right, extra], [L.Dense(1, name="same_or_not")(hidden), L.Dense(4)(hidden), hidden])


def nested() -> Graph:
    """Two networks in each other, one with two inputs and outputs, one called twice, one that passes its input on."""
    picture, vector = Input((16, 16, 3)), Input((16,))
    both = L.Add()([L.Conv2D(8, 3, padding="same")(picture), L.Conv2D(8, 1)(picture)])
    joined = L.Concatenate()([L.GlobalMaxPooling2D()(both), vector])
    cell = _Nested(Graph([picture, vector], [both, joined, vector]), "cell")
    inner_start = Input((24,))
    inner = _Nested(Graph([inner_start], [L.Dense(24, activation="relu")(inner_start)]), "inner")
    outer_start = Input((24,))
    outer = _Nested(Graph([outer_start], [inner(L.Dense(24)(outer_start))]), "outer")
    a, b = Input((16, 16, 3)), Input((16,))
    maps, features, passed = cell([a, b])
    end = L.Concatenate()([outer(outer(features)), L.GlobalAveragePooling2D()(maps), passed, b])
    return Graph([a, b], [L.Dense(3)(end), maps])


def densenet() -> Graph:
    x = start = Input((32, 32, 3))
    for _ in range(3):
        found = [L.Conv2D(8, 1)(x)]
        for _ in range(5):
            x = L.Concatenate()(found) if len(found) > 1 else found[0]
            found.append(L.Conv2D(8, 3, padding="same")(L.ReLU()(L.BatchNormalization()(x))))
        x = L.AveragePooling2D()(L.Concatenate()(found))
    return Graph([start], [L.Dense(10)(L.Flatten()(x))])


def nasnet(cells: int = 4) -> Graph:
    """Cells that take the two before them, as in NASNet."""

    def separable(x):
        for _ in range(2):
            x = L.BatchNormalization()(L.SeparableConv2D(8, 3, padding="same")(L.ReLU()(x)))
        return x

    start = Input((32, 32, 3))
    before = L.Conv2D(8, 3, padding="same")(start)
    x = L.BatchNormalization()(before)
    for _ in range(cells):
        h, p = L.Conv2D(8, 1)(L.ReLU()(x)), L.Conv2D(8, 1)(L.ReLU()(before))
        joined = [
            L.Add()([separable(h), separable(p)]),
            L.Add()([separable(p), separable(p)]),
            L.Add()([L.AveragePooling2D(3, 1, padding="same")(h), p]),
            L.Add()([separable(h), h]),
        ]
        before, x = x, L.Concatenate()([p, *joined])
    return Graph([start], [L.Dense(10)(L.GlobalAveragePooling2D()(x))])


def deep(length: int = 500) -> Graph:
    kinds = [lambda: L.Conv2D(16, 3, padding="same"), L.BatchNormalization, L.ReLU]
    return chain([kinds[i % 3]() for i in range(length)], (32, 32, 3))


def broken() -> Graph:
    return chain([L.Conv2D(32, 3), L.MaxPooling2D(), L.Conv2D(64, 20), L.Dense(3)], (32, 32, 3))


def twice() -> Graph:
    """The same tensor given twice, and an input that nothing takes."""
    x, idle = Input((4,)), Input((5,), name="idle")
    return Graph([x, idle], [L.Add()([x, x, L.ReLU()(x)])])


NETS = {
    make.__name__: make
    for make in (cifar, inception, resnet, unet, siamese, nested, densenet, nasnet, deep, broken, twice)
}


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two rectangles (left, top, right, bottom) share more than an edge."""
    return a[0] < b[2] - 0.05 and b[0] < a[2] - 0.05 and a[1] < b[3] - 0.05 and b[1] < a[3] - 0.05


def within(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether rectangle `a` lies in `b`."""
    return b[0] <= a[0] + 0.05 and b[1] <= a[1] + 0.05 and a[2] <= b[2] + 0.05 and a[3] <= b[3] + 0.05
