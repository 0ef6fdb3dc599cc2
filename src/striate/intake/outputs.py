"""What the numbers that come out of a network are: read from its graph, never guessed from their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from striate import layers
from striate.graph import Graph, Network, SymbolicTensor

T = TypeVar("T")
_UNCHANGED = ("Flatten", "Dropout")


@dataclass(frozen=True)
class Outputs:
    """What one output of a network is.

    activation    the function that the network ends in: "softmax", "log_softmax", "sigmoid", "hard_sigmoid",
                  "distance" (the smallest is the answer), or None: plain numbers, logits
    count         how many numbers it has, the last of its shape
    separate      whether each number is a yes or no of its own, and not one of several classes
    """

    activation: str | None
    count: int
    separate: bool = False

    @classmethod
    def of(cls, graph: Graph, number: int = 0, separate: bool = False) -> Outputs:
        """Those of output `number` of `graph`; nested models are looked into.

        separate    whether logits of several outputs answer yes or no each, as the loss they were trained with says
        """
        tensor = graph.outputs[number]
        activation = final_activation(tensor)
        own = activation in ("sigmoid", "hard_sigmoid") or (activation is None and separate)
        return cls(activation, tensor.shape[-1], own or (activation is None and tensor.shape[-1] == 1))

    def probabilities(self, out: Any) -> Any:
        """Probabilities of `out`, what the network gave, NumPy (N, …, C) or torch (N, C, …): each row for itself.

        Of several classes they add up to 1; of yes/no outputs each is that of a yes.
        """
        if self.activation in ("softmax", "sigmoid", "hard_sigmoid"):
            return out
        if self.activation == "distance":
            out = -out
        return self.of_logits(out)  # of log probabilities the softmax is the probabilities

    def of_logits(self, logits: Any) -> Any:
        """Probabilities of `logits`, what stands before the last softmax or sigmoid: NumPy (N, …, C) or torch (N, C, …)."""
        return activate(logits, "sigmoid" if self.separate else "softmax")

    def by_class(self, out: Any) -> np.ndarray:
        """float64 (N, classes) of `out`, what the network gave, NumPy (N, C): one yes/no output stands for two classes."""
        found = np.asarray(self.probabilities(np.asarray(out, np.float64)))
        return np.concatenate([1 - found, found], axis=1) if self.count == 1 else found

    @property
    def classes(self) -> int:
        """How many classes there are; one yes/no output stands for two."""
        return 2 if self.count == 1 else self.count


def activate(logits: T, function: str | None) -> T:
    """softmax over the classes or sigmoid of each number, of NumPy (N, …, C) or torch (N, C, …); None: as it is."""
    if function is None:
        return logits
    if not isinstance(logits, np.ndarray):
        tensor: Any = logits
        return tensor.softmax(1) if function == "softmax" else tensor.sigmoid()
    if function == "sigmoid":
        small = np.exp(-np.abs(logits))
        return np.where(logits >= 0, 1, small) / (1 + small)  # type: ignore[return-value]
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)  # type: ignore[return-value]


def final_activation(tensor: SymbolicTensor) -> str | None:
    """The function that gave an output, through nested models and layers that leave probabilities what they are."""
    node, layer = tensor.node, tensor.node.layer
    if isinstance(layer, Network):
        return final_activation(layer.graph.outputs[tensor.index])
    if isinstance(layer, layers.Softmax):
        return "softmax"
    if isinstance(layer, layers.EuclideanRBF):
        return "distance"
    activation: Any = getattr(layer, "activation", None)
    if isinstance(activation, layers.Softmax):
        return "softmax"
    if activation in ("softmax", "log_softmax", "sigmoid", "hard_sigmoid"):
        return str(activation)
    passes = layer.kind in _UNCHANGED or (layer.kind == "Activation" and activation == "linear")
    if layer.kind == "Reshape":
        passes = node.inputs[0].shape[-1] == tensor.shape[-1]
    if passes and node.inputs:
        return final_activation(node.inputs[0])
    if layer.kind == "Average":  # the mean of several networks' probabilities
        given = {final_activation(each) for each in node.inputs}
        return given.pop() if len(given) == 1 and given <= {"softmax", "sigmoid", "hard_sigmoid"} else None
    return None
