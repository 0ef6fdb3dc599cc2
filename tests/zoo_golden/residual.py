"""From AlexNet to DenseNet: totals of the networks as built in torchvision 0.28, Keras 3.15 and timm 1.0, or by hand."""

# name: (weights, buffers, mults or None)
GOLDEN = {
    "alexnet": (61_100_840, 0, 714_188_480),  # torchvision
    # Zeiler & Fergus 2013, figure 3, by hand: 7²·3·96+96 + 5²·96·256+256 + 3²·256·384+384 + 3²·384·384+384
    # + 3²·384·256+256 + 6²·256·4096+4096 + 4096·4096+4096 + 4096·1000+1000;
    # mults 110²·14,112 + 26²·614,400 + 13²·(884,736 + 1,327,104 + 884,736) + 37,748,736 + 16,777,216 + 4,096,000
    "zfnet": (62_357_608, 0, 1_168_032_896),
    # torchvision; VGG-16, VGG-19 also Keras
    "vgg11": (132_863_336, 0, 7_609_090_048),
    "vgg13": (133_047_848, 0, 11_308_466_176),
    "vgg16": (138_357_544, 0, 15_470_264_320),
    "vgg19": (143_667_240, 0, 19_632_062_464),
    # torchvision
    "squeezenet1_0": (1_248_424, 0, 818_924_576),
    "squeezenet1_1": (1_235_496, 0, 349_151_936),
    "resnet18": (11_689_512, 9_600, 1_814_073_344),
    "resnet34": (21_797_672, 17_024, 3_663_761_408),
    "resnet50": (25_557_032, 53_120, 4_089_184_256),
    "resnet101": (44_549_160, 105_344, 7_801_405_440),
    "resnet152": (60_192_808, 151_424, 11_513_626_624),
    "wide_resnet50_2": (68_883_240, 68_224, 11_398_021_120),
    "wide_resnet101_2": (126_886_696, 137_856, 22_753_050_624),
    "resnext50_32x4d": (25_028_904, 68_224, 4_230_479_872),
    "resnext101_32x8d": (88_791_336, 202_880, 16_414_015_488),
    "densenet121": (7_978_856, 83_648, 2_834_161_664),
    "densenet169": (14_149_480, 158_400, 3_359_843_328),
    "densenet201": (20_013_928, 229_056, 4_291_365_888),
    # He et al. 2015, section 4.2 and table 6 (0.27, 0.46, 0.66, 0.85, 1.7 million), by hand: six more layers are a block of
    # 2·3²·w²+4w in each stage, w = 16, 32, 64, which is 97,216 weights, 448 buffers, 14,155,776 mults; by n blocks
    # 269,722 + (n - 3) · 97,216.  Plain networks have the same: shortcuts of option A are free.
    "cifar_resnet20": (269_722, 1_376, 40_551_040),
    "cifar_resnet32": (464_154, 2_272, 68_862_592),
    "cifar_resnet44": (658_586, 3_168, 97_174_144),
    "cifar_resnet56": (853_018, 4_064, 125_485_696),
    "cifar_resnet110": (1_727_962, 8_096, 252_887_680),
    "cifar_plain20": (269_722, 1_376, 40_551_040),
    "cifar_plain32": (464_154, 2_272, 68_862_592),
    "cifar_plain44": (658_586, 3_168, 97_174_144),
    "cifar_plain56": (853_018, 4_064, 125_485_696),
    "cifar_plain110": (1_727_962, 8_096, 252_887_680),
    "wide_resnet28_10": (36_479_194, 17_952, None),  # table 5: 36.5 million
    "cifar_densenet": (1_019_722, 18_096, None),  # table 2: 1.0 million
}
VARIANTS: list[tuple[str, dict, int, int, int | None]] = [
    ("alexnet", {"groups": 2}, 60_965_224, 0, None),  # Caffe's reference
    # torchvision's vgg…_bn: two weights and two buffers more a convolution's map
    ("vgg11", {"bn": True}, 132_868_840, 5_504, 7_609_090_048),
    ("vgg13", {"bn": True}, 133_053_736, 5_888, 11_308_466_176),
    ("vgg16", {"bn": True}, 138_365_992, 8_448, 15_470_264_320),
    ("vgg19", {"bn": True}, 143_678_248, 11_008, 19_632_062_464),
    # v1.5 and v1 differ in where they stride, not in what they hold: He et al. 2015, table 1, has 3.8, 7.6, 11.3 GFLOPs
    ("resnet50", {"variant": "v1"}, 25_557_032, 53_120, 3_857_973_248),
    # Keras; its total is weights + buffers
    ("resnet50", {"variant": "keras"}, 25_636_712 - 53_120, 53_120, 3_857_973_248),
    ("resnet101", {"variant": "keras"}, 44_707_176 - 105_344, 105_344, None),
    ("resnet152", {"variant": "keras"}, 60_419_944 - 151_424, 151_424, None),
    ("resnet50", {"variant": "v2"}, 25_613_800 - 45_440, 45_440, None),
    ("resnet101", {"variant": "v2"}, 44_675_560 - 97_664, 97_664, None),
    ("resnet152", {"variant": "v2"}, 60_380_648 - 143_744, 143_744, None),
    # timm's resnetv2_18, resnetv2_34
    ("resnet18", {"variant": "v2"}, 11_687_720, 7_808, None),
    ("resnet34", {"variant": "v2"}, 21_795_880, 15_232, None),
    # by hand: without the projections 64·128, 128·256, 256·512 and their norms, 2·(128 + 256 + 512)
    ("resnet18", {"shortcuts": False}, 11_689_512 - 172_032 - 1_792, 9_600 - 1_792, None),
    ("resnet18", {"shortcut": "A"}, 11_689_512 - 172_032 - 1_792, 9_600 - 1_792, None),
    # by hand: projections w² + 2w around the other five blocks, w = 64, 64, 128, 256, 512
    ("resnet18", {"shortcut": "C"}, 11_689_512 + 352_256 + 2_048, 9_600 + 2_048, None),
    # by hand: projections 16·32 and 32·64 with norms 2·(32 + 64)
    ("cifar_resnet20", {"shortcut": "B"}, 269_722 + 2_560 + 192, 1_376 + 192, None),
    # DenseNet-BC, Huang et al. 2016, table 2: 0.8 million
    ("cifar_densenet", {"depth": 100, "bottleneck": True, "compression": 0.5}, 769_162, 23_988, None),
]
