"""NASNet-A: cells found by search.  Zoph et al. 2018, "Learning transferable architectures for scalable image recognition".

A controller searched CIFAR-10 for two small graphs, a cell that keeps the size and one that halves it; stacked, they make
networks of any size.  Each cell sees the two cells before it and adds up five pairs of simple operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_keras, of_slim, of_timm
from striate.zoo.parts import probability
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper(
    "Zoph et al.",
    2018,
    "Learning transferable architectures for scalable image recognition",
    "CVPR 2018, arXiv:1707.07012",
)

# Figure 4: the two operations of each pair, as (input, operation, name in Keras).  h is the cell before, p the one before
# that, a number an earlier pair of the same cell.  In the reduction cell what works on h and p has stride 2.
Operation = tuple[str | int, str, str]
NORMAL: tuple[tuple[Operation, Operation], ...] = (
    (("h", "sep 5", "left1"), ("p", "sep 3", "right1")),
    (("p", "sep 5", "left2"), ("p", "sep 3", "right2")),
    (("h", "avg 3", "left3"), ("p", "identity", "")),
    (("p", "avg 3", "left4"), ("p", "avg 3", "right4")),
    (("h", "sep 3", "left5"), ("h", "identity", "")),
)
REDUCTION: tuple[tuple[Operation, Operation], ...] = (
    (("h", "sep 5", "left1"), ("p", "sep 7", "right1")),
    (("h", "max 3", "left2"), ("p", "sep 7", "right2")),
    (("h", "avg 3", "left3"), ("p", "sep 5", "right3")),
    ((2, "identity", ""), (1, "avg 3", "left4")),
    ((1, "sep 3", "left4"), ("h", "max 3", "right5")),
)
# what the cell returns, one after the other: the pairs that no other pair uses, and p in the normal cell
ENDS: dict[str, tuple[str | int, ...]] = {"normal": ("p", 1, 2, 3, 4, 5), "reduction": (2, 3, 4, 5)}
# Keras' names of the reduction cell's sums; it leaves the fourth unnamed
ADDED = ("add_1", "add_2", "add3", "add_x4", "add4")

VARIANTS = ("keras", "timm", "slim")


@dataclass
class _Cell:
    """What the layers of one cell share.

    kind      "normal" or "reduction"
    name      the end of its layers' names
    filters   maps of each operation
    drop      probability that an operation's result is dropped in training
    variant   of the network
    """

    kind: str
    name: str
    filters: int
    drop: float
    variant: str

    def norm(self, x: Any, name: str) -> Any:
        return layers.BatchNormalization(momentum=0.9997, name=f"{name}_{self.name}")(x)

    def conv(self, x: Any, maps: int, name: str) -> Any:
        return layers.Conv2D(maps, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_{self.name}")(x)

    def separable(self, x: Any, kernel: int, stride: int, label: str) -> Any:
        """ReLU (done already) - separable convolution - norm, twice; the first has the stride."""
        for number in (1, 2):
            if number == 2:
                x, stride = layers.ReLU()(x), 1
            name = f"separable_conv_{number}"
            x = layers.SeparableConv2D(
                self.filters, kernel, stride, "same", use_bias=False, name=f"{name}_{self.kind}_{label}_{self.name}"
            )(x)
            x = self.norm(x, f"{name}_bn_{self.kind}_{label}")
        return x

    def fitted(self, p: Any, h: Any) -> Any:
        """`p` with the size of `h` and the cell's maps (appendix A.4)."""
        if p.sizes[:-1] != h.sizes[:-1]:
            p = layers.ReLU()(p)
            # two 1x1 convolutions, on every other pixel, and on the ones right below them
            moved = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(p))
            halves = []
            for number, x in enumerate((p, moved), 1):
                x = layers.AveragePooling2D(1, 2, name=f"adjust_avg_pool_{number}_{self.name}")(x)
                halves.append(self.conv(x, self.filters // 2, f"adjust_conv_{number}"))
            return self.norm(layers.Concatenate()(halves), "adjust_bn")
        if p.shape[-1] != self.filters:
            return self.norm(self.conv(layers.ReLU()(p), self.filters, "adjust_conv_projection"), "adjust_bn")
        return p

    def operate(self, inputs: dict[str | int, Any], source: str | int, operation: str, label: str) -> Any:
        """The result of one operation on one of the cell's inputs or earlier sums."""
        if operation == "identity":
            return inputs[source]
        stride = 2 if self.kind == "reduction" and source in ("h", "p") else 1
        what, size = operation.split()
        if what == "sep":
            active = f"relu {source}"
            if active not in inputs:  # one ReLU serves all operations on the same input
                inputs[active] = layers.ReLU()(inputs[source])
            y = self.separable(inputs[active], int(size), stride, label)
        else:
            y = self.pooled(inputs, source, what, int(size), stride, f"{self.kind}_{label}_{self.name}")
        return layers.DropPath(self.drop)(y) if self.drop else y

    def pooled(
        self, inputs: dict[str | int, Any], source: str | int, what: str, size: int, stride: int, name: str
    ) -> Any:
        """A pooling as the libraries have it: with a stride, the means of Keras and timm count the padding as zeros."""
        x = inputs[source]
        if what == "avg":
            return layers.AveragePooling2D(
                size, stride, "same", count_include_pad=stride > 1 and self.variant != "slim", name=name
            )(x)
        if self.variant != "keras":
            return layers.MaxPooling2D(size, stride, "same", name=name)(x)
        if "padded" not in inputs:
            sides = layers.MaxPooling2D(size, stride, "same").window().pads(x.sizes[:-1])
            inputs["padded"] = layers.ZeroPadding2D(sides, name=f"reduction_pad_1_{self.name}")(x)
        return layers.MaxPooling2D(size, stride, name=name)(inputs["padded"])

    def __call__(self, x: Any, before: Any | None) -> Any:
        """The cell on the output of the last cell and of the one before it (None: there is none)."""
        normal = self.kind == "normal"
        p = x if before is None else self.fitted(before, x)
        h = self.norm(self.conv(layers.ReLU()(x), self.filters, f"{self.kind}_conv_1"), f"{self.kind}_bn_1")
        maps: dict[str | int, Any] = {"h": h, "p": p}
        for number, pair in enumerate(NORMAL if normal else REDUCTION, 1):
            results = [self.operate(maps, *operation) for operation in pair]
            name = f"add_{number}" if normal else ADDED[number - 1]
            maps[number] = layers.Add(name=f"{self.kind}_{name}_{self.name}")(results)
        ends = [maps[end] for end in ENDS[self.kind]]
        return layers.Concatenate(name=f"{self.kind}_concat_{self.name}")(ends)


def _cells(cells: int) -> tuple[dict[str, str], tuple[str, ...]]:
    """The authors' names of the cells, by ours, and the cells whose p is larger than their h."""
    places = {"stem_1": "cell_stem_0", "stem_2": "cell_stem_1"}
    places |= {f"reduce_{cells}": "reduction_cell_0", f"reduce_{2 * cells}": "reduction_cell_1"}
    places |= {str(n + (n >= cells)): f"cell_{n}" for n in range(2 * cells)}
    places |= {str(n + 1): f"cell_{n}" for n in range(2 * cells, 3 * cells)}
    return places, ("stem_2", "0", str(cells + 1), str(2 * cells + 1))


def _slim(cells: int) -> tuple[tuple[str, str], ...]:
    """Renamings to slim's scopes for a network of three times `cells` normal cells."""
    places, halving = _cells(cells)
    operations = []
    for kind, table in (("normal", NORMAL), ("reduction", REDUCTION)):
        for number, pair in enumerate(table):
            for side, (_, operation, label) in zip(("left", "right"), pair, strict=True):
                what, _, size = operation.partition(" ")
                if what == "sep":
                    here, there = rf":separable_conv_(\d){{}}_{kind}_{label}$", rf"/comb_iter_{number}/{side}/"
                    operations.append((here.format("_bn"), rf"{there}bn_sep_{size}x{size}_\1"))
                    operations.append((here.format(""), rf"{there}separable_{size}x{size}_\1"))
    return (
        (r"^stem_conv1$", "conv0"),
        (r"^stem_bn1$", "conv0_bn"),
        (r"^predictions$", "final_layer/FC"),
        *((rf"^(\w+)_{name}$", rf"{place}:\1") for name, place in places.items()),
        *((rf"^{places[name]}:adjust_bn$", f"{places[name]}/final_path_bn") for name in halving),
        (r":adjust_bn$", "/prev_bn"),
        (r":adjust_conv_projection$", "/prev_1x1"),
        (r":adjust_conv_(\d)$", r"/path\1_conv"),
        (r":(normal|reduction)_conv_1$", "/1x1"),
        (r":(normal|reduction)_bn_1$", "/beginning_bn"),
        *operations,
    )


def _timm(cells: int) -> tuple[tuple[str, str], ...]:
    """Renamings to timm's keys for a network of three times `cells` normal cells."""
    places, halving = _cells(cells)
    operations = {"left1": "0_left", "right1": "0_right", "left2": "1_left", "right2": "1_right"}
    operations |= {"right3": "2_right", "left4": "4_left", "left5": "4_left"}
    return (
        (r"^stem_conv1\.", "conv0.conv."),
        (r"^stem_bn1\.", "conv0.bn."),
        (r"^predictions\.", "last_linear."),
        # the colon keeps a name that has its place from being taken for another
        *((rf"^(\w+)_{name}\.", rf"{place}:\1.") for name, place in places.items()),
        *((rf"^{places[name]}:adjust_bn\.", f"{places[name]}.final_path_bn.") for name in halving),
        (r":adjust_bn\.", ".conv_prev_1x1.bn."),
        (r":adjust_conv_projection\.", ".conv_prev_1x1.conv."),
        (r":adjust_conv_(\d)\.", r".path_\1.conv."),
        (r":(normal|reduction)_(conv|bn)_1\.", r".conv_1x1.\2."),
        (r"\.(depthwise|pointwise)\.", r".\1_conv2d."),
        *(
            (rf":separable_conv_(\d)(_bn)?_(normal|reduction)_{ours}\.", rf".comb_iter_{theirs}:\2.\1.")
            for ours, theirs in operations.items()
        ),
        (r":_bn\.(\d)\.", r".bn_sep_\1."),
        (r":\.(\d)\.", r".separable_\1."),
    )


@architecture(
    "nasnet_mobile",
    "cells found by search, 4 of a kind, for telephones",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=74.0,  # table 3, NASNet-A (4 @ 1056)
    top5=91.6,
    before="mobilenet",
    sources=[
        of_keras(
            "NASNetMobile", "nasnet/NASNet-mobile", variant={"variant": "keras"}, pixels="tf",
            checksum="md5:020fb642bf7360b370c678b08e0adf61", top1=74.4, top5=91.9,
        ),
        of_slim(
            "nasnet_mobile", rename=_slim(4), variant={"variant": "slim"}, pixels="tf", top1=74.0, top5=91.6
        ),
    ],
    cells=4,
    maps=1056,
    stem=32,
    skip=False,
)  # fmt: skip
@architecture(
    "nasnet_large",
    "cells found by search, 6 of a kind",
    _PAPER,
    (331, 331, 3),
    1000,
    top1=82.7,  # table 2, NASNet-A (6 @ 4032)
    top5=96.2,
    before="inception_resnet_v2",
    sources=[
        of_keras(
            "NASNetLarge", "nasnet/NASNet-large", variant={"variant": "keras"}, pixels="tf",
            checksum="md5:11577c9a518f0070763c2b964a382f17", top1=82.5, top5=96.0,
        ),
        of_timm(
            "nasnetalarge", "tf_in1k", variant={"variant": "timm"}, rename=_timm(6), pixels="tf", shorter_side=363,
            interpolation="bicubic",
        ),
        of_slim("nasnet_large", rename=_slim(6), variant={"variant": "slim"}, pixels="tf", top1=82.7, top5=96.2),
    ],
    cells=6,
    maps=4032,
    stem=96,
    skip=True,
)  # fmt: skip
def nasnet(
    classes: int,
    input_shape: Shape,
    variant: str = "keras",
    drop_path: float = 0.0,
    cells: int = 6,
    maps: int = 4032,
    stem: int = 96,
    skip: bool = True,
) -> Model:
    """conv 3x3 stride 2, two reduction cells, three stacks of normal cells with a reduction cell between, mean, dense.

    variant     of the poolings: "keras" takes the padding for zeros, which may be the largest; in "timm" they never are; in
                "slim" they do not count in means either
    drop_path   probability that an operation's result is dropped in the last cell, falling linearly to the first.  The
                paper's ScheduledDropPath also raises it from 0 in the course of training; 0.3 in the authors' code
                for the large network
    cells       normal cells in each stack (N in figure 2)
    maps        of the last normal cell in all (24 times the width of an operation there)
    stem        maps of the first convolution
    skip        the second input of the cell after a reduction cell: the last cell but one of the stack before, not the last

    Layers are named as in Keras.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if variant not in VARIANTS:
        raise unknown("nasnet variant", variant, VARIANTS)
    drop_path = probability("nasnet", "drop_path", drop_path)
    width, total, made = maps // 24, 3 * cells + 4, 0

    def cell(kind: str, name: str, filters: int, x: Any, before: Any | None) -> Any:
        nonlocal made
        made += 1
        return _Cell(kind, name, filters, drop_path * made / total, variant)(x, before)

    inputs = layers.Input(input_shape)
    x = layers.Conv2D(stem, 3, 2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1")(inputs)
    x = layers.BatchNormalization(momentum=0.9997, name="stem_bn1")(x)
    p = None
    for name, filters in (("stem_1", width // 4), ("stem_2", width // 2)):
        x, p = cell("reduction", name, filters, x, p), x
    number = 0
    for stack in range(3):
        filters = width * 2**stack
        if stack:
            y = cell("reduction", f"reduce_{stack * cells}", filters, x, p)
            x, p = y, p if skip else x
            number += stack == 1
        for _ in range(cells):
            x, p = cell("normal", str(number), filters, x, p), x
            number += 1
    x = layers.ReLU()(x)
    y = layers.GlobalAveragePooling2D()(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="predictions")(y))
