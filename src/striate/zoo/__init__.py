"""Architectures by name."""

from striate.zoo import lenet, resnet_cifar, teaching
from striate.zoo.registry import Card, Paper, card, create, families, names

__all__ = ["Card", "Paper", "card", "create", "families", "lenet", "names", "resnet_cifar", "teaching"]
