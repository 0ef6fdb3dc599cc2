"""The small nets: totals by hand, most of them printed in lecture notes."""

# name: (weights, buffers, mults or None)
GOLDEN = {
    "cats_dogs_net": (3_453_121, 0, None),
    "cifar_net": (703_594, 0, None),
    "cifar_net_gmp": (179_306, 0, None),
    "dense": (784 * 512 + 512 + 512 * 10 + 10, 0, 784 * 512 + 512 * 10),
    "fashion_net": (29_034, 96, None),
    "fast_net": (41_594, 288, None),
    "imdb_net": (1_315_937, 0, None),
    "lenet5": (61_706, 0, None),
    "lenet5_1998": (60_000, 840, None),
    "linear": (30_730, 0, 30_720),
    "mnist_net": (165_394, 624, None),
}
VARIANTS: list[tuple[str, dict, int, int, int | None]] = []
