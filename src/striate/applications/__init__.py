"""Keras Applications: networks with published weights, under Keras' names, over the architectures of ``st.zoo``.

A family is a module, ``applications.vgg16``, with its networks, ``preprocess_input`` and ``decode_predictions``.
``zoo`` has further networks, and further weights of these.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.applications import (
        convnext,
        densenet,
        efficientnet,
        imagenet_utils,
        inception_resnet_v2,
        inception_v3,
        mobilenet,
        mobilenet_v2,
        nasnet,
        resnet,
        resnet50,
        resnet_v2,
        vgg16,
        vgg19,
        xception,
    )
    from striate.applications.convnext import ConvNeXtTiny as ConvNeXtTiny
    from striate.applications.densenet import DenseNet121 as DenseNet121
    from striate.applications.densenet import DenseNet169 as DenseNet169
    from striate.applications.densenet import DenseNet201 as DenseNet201
    from striate.applications.efficientnet import EfficientNetB0 as EfficientNetB0
    from striate.applications.inception_resnet_v2 import InceptionResNetV2 as InceptionResNetV2
    from striate.applications.inception_v3 import InceptionV3 as InceptionV3
    from striate.applications.mobilenet import MobileNet as MobileNet
    from striate.applications.mobilenet_v2 import MobileNetV2 as MobileNetV2
    from striate.applications.nasnet import NASNetLarge as NASNetLarge
    from striate.applications.nasnet import NASNetMobile as NASNetMobile
    from striate.applications.resnet import ResNet50 as ResNet50
    from striate.applications.resnet import ResNet101 as ResNet101
    from striate.applications.resnet import ResNet152 as ResNet152
    from striate.applications.resnet_v2 import ResNet50V2 as ResNet50V2
    from striate.applications.resnet_v2 import ResNet101V2 as ResNet101V2
    from striate.applications.resnet_v2 import ResNet152V2 as ResNet152V2
    from striate.applications.vgg16 import VGG16 as VGG16
    from striate.applications.vgg19 import VGG19 as VGG19
    from striate.applications.xception import Xception as Xception

_HOMES = {
    "ConvNeXtTiny": "convnext",
    "DenseNet121": "densenet",
    "DenseNet169": "densenet",
    "DenseNet201": "densenet",
    "EfficientNetB0": "efficientnet",
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "NASNetLarge": "nasnet",
    "NASNetMobile": "nasnet",
    "ResNet101": "resnet",
    "ResNet101V2": "resnet_v2",
    "ResNet152": "resnet",
    "ResNet152V2": "resnet_v2",
    "ResNet50": "resnet",
    "ResNet50V2": "resnet_v2",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}
_FAMILIES = (
    "convnext",
    "densenet",
    "efficientnet",
    "efficientnet_v2",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
)

__all__ = [
    "ConvNeXtTiny",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "NASNetLarge",
    "NASNetMobile",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
    "convnext",
    "densenet",
    "efficientnet",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]


def __getattr__(name: str) -> Any:
    """A family or a network, imported when first used; what to say of one that is not there."""
    if name in _FAMILIES:
        return importlib.import_module(f"striate.applications.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"striate.applications.{_HOMES[name]}"), name)
    from striate.applications.absent import NEAREST, absent

    if name in NEAREST:
        return absent(name)
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, __all__)
    raise AttributeError(f"module 'striate.applications' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
