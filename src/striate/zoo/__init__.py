"""Architectures by name."""

from striate.guard import guard
from striate.weights.pixels import preprocessing_of
from striate.zoo import (
    alexnet,
    convnext,
    densenet,
    efficientnet,
    googlenet,
    inception_resnet_v2,
    inception_v2,
    inception_v3,
    inception_v4,
    lenet,
    mobilenet,
    mobilenet_v2,
    nasnet,
    resnet,
    resnet_cifar,
    squeezenet,
    teaching,
    vgg,
    xception,
)
from striate.zoo.challenge import ChallengeEntry, history
from striate.zoo.counting import depth
from striate.zoo.creation import create
from striate.zoo.registry import Card, Paper, card, families, names

__all__ = [
    "Card",
    "ChallengeEntry",
    "Paper",
    "alexnet",
    "card",
    "convnext",
    "create",
    "densenet",
    "depth",
    "efficientnet",
    "families",
    "googlenet",
    "history",
    "inception_resnet_v2",
    "inception_v2",
    "inception_v3",
    "inception_v4",
    "lenet",
    "mobilenet",
    "mobilenet_v2",
    "names",
    "nasnet",
    "preprocessing_of",
    "resnet",
    "resnet_cifar",
    "squeezenet",
    "teaching",
    "vgg",
    "xception",
]

guard(__name__)
