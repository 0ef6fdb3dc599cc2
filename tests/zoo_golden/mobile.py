"""Networks for telephones, found by search, and up to date: totals of the libraries whose weights they load."""

# name: (weights, buffers, mults or None)
GOLDEN = {
    "convnext_tiny": (28_589_128, 0, 4_455_531_264),  # timm
    "efficientnet_b0": (5_288_548, 42_016, 385_814_752),  # timm
    "mobilenet": (4_231_976, 21_888, 568_740_352),  # Keras' total is 4,253,864
    "mobilenet_v2": (3_504_872, 34_112, 300_774_272),  # torchvision; Keras' total is 3,538,984
    "nasnet_large": (88_753_150, 196_668, 23_783_414_658),  # timm; Keras' total is 88,949,818
    "nasnet_mobile": (5_289_978, 36_738, None),  # Keras' trainable weights; its total is 5,326,716
}
# (name, variant, weights, buffers, mults or None)
VARIANTS = [
    # trainable weights and the rest of Keras' networks
    ("mobilenet", {"alpha": 0.75}, 2_585_560, 16_416, None),
    ("mobilenet", {"alpha": 0.5}, 1_331_592, 10_944, None),
    ("mobilenet", {"alpha": 0.25}, 470_072, 5_472, None),
    ("mobilenet_v2", {"alpha": 1.4}, 6_108_776, 47_936, None),
    ("mobilenet_v2", {"alpha": 1.3}, 5_386_792, 44_256, None),
    ("mobilenet_v2", {"alpha": 0.75}, 2_636_424, 26_640, None),
    ("mobilenet_v2", {"alpha": 0.5}, 1_968_680, 18_544, None),
    ("mobilenet_v2", {"alpha": 0.35}, 1_677_128, 14_080, None),
    ("mobilenet_v2", {"variant": "torchvision"}, 3_504_872, 34_112, 300_774_272),
    ("mobilenet_v2", {"dropout": 0.2}, 3_504_872, 34_112, 300_774_272),
    ("nasnet_large", {"variant": "timm"}, 88_753_150, 196_668, 23_783_414_658),
    ("nasnet_mobile", {"drop_path": 0.3}, 5_289_978, 36_738, None),
    ("efficientnet_b0", {"variant": "keras"}, 5_288_548, 42_016, 385_814_752),  # Keras' total has 7 more, of its pixels
    ("efficientnet_b0", {"drop_path": 0.2}, 5_288_548, 42_016, 385_814_752),
    ("convnext_tiny", {"drop_path": 0.1}, 28_589_128, 0, 4_455_531_264),
]
