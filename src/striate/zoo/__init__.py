"""Architectures by name."""

from striate.zoo import lenet, resnet_cifar, teaching
from striate.zoo.registry import Card, card, create, names

__all__ = ["Card", "card", "create", "lenet", "names", "resnet_cifar", "teaching"]
