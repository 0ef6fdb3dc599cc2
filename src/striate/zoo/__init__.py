"""Architectures by name."""

from striate.zoo import lenet, resnet_cifar, teaching
from striate.zoo.registry import Card, Paper, card, create, names

__all__ = ["Card", "Paper", "card", "create", "lenet", "names", "resnet_cifar", "teaching"]
