"""The Inception family: totals of the library that each follows, counted there, unless said otherwise."""

# name: (weights, buffers, mults or None)
GOLDEN = {
    # Caffe's reference; multiplications by hand from table 1: the 28, 14 and 7 squared pixels of each row
    "googlenet": (6_998_552, 0, 1_582_671_872),
    # By hand from figure 5.  A port of it to Caffe has 11,295,240: a plain first convolution (9,408 weights for the
    # separable one's 2,712) and 10,016 biases before the batch norms.
    "inception_v2": (11_295_240 - 9_408 + 2_712 - 10_016, 2 * 10_016, None),
    "inception_v3": (23_834_568, 34_432, 5_713_216_096),
    "inception_v4": (42_679_816, 63_168, 12_253_974_624),
    "inception_resnet_v2": (55_843_464, 60_544, 13_155_794_016),
    "xception": (22_855_952, 54_528, 8_357_403_496),
}
# name, variant, weights, buffers, mults or None
VARIANTS: list[tuple[str, dict, int, int, int | None]] = [
    ("googlenet", {"aux": True}, 13_378_280, 0, None),  # Caffe's reference with its heads
    ("googlenet", {"norm": "batch"}, 6_624_904, 14_560, 1_498_376_192),
    ("googlenet", {"norm": "batch", "aux": True}, 13_004_888, 14_560 + 4 * 128, None),
    ("inception_v3", {"aux": True}, 27_161_264, 34_432 + 2 * (128 + 768), None),
    # Keras' totals count weights and buffers together
    ("inception_v3", {"variant": "keras"}, 23_851_784 - 34_432, 34_432, None),
    ("inception_resnet_v2", {"variant": "keras"}, 55_873_736 - 60_544, 60_544, None),
    ("xception", {"variant": "timm"}, 22_855_952, 54_528, 8_357_403_496),
]
