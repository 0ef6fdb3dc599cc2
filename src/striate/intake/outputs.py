"""What the numbers that come out of a network are: read from its graph, never guessed from their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from striate import primitives as p
from striate.graph import Graph, InputLayer, Network, Node, SymbolicTensor
from striate.layers.boxes import BoxLayer

T = TypeVar("T")


@dataclass(frozen=True)
class Outputs:
    """What one output of a network is.

    activation    the function that the network ends in: "softmax", "log_softmax", "sigmoid", "hard_sigmoid",
                  "distance" (the smallest is the answer), "boxes" (rows of four corners and a score of each class), or
                  None: plain numbers, logits
    count         how many numbers it has, the last of its shape
    separate      whether each number is a yes or no of its own, and not one of several classes
    """

    activation: str | None
    count: int
    separate: bool = False

    @classmethod
    def of(cls, graph: Graph, number: int | None = None, separate: bool = False) -> Outputs:
        """Those of output `number` of `graph`; nested models are looked into.

        number      None: the one that gives the classes: of several outputs the first softmax, else the first
        separate    whether logits of several outputs answer yes or no each, as the loss they were trained with says
        """
        number = deciding_output(graph) if number is None else number
        tensor = graph.outputs[number]
        activation = final_activation(tensor)
        own = activation in ("sigmoid", "hard_sigmoid") or (activation is None and separate)
        count = (1, *tensor.sizes)[-1]  # one number for each sample is a column of them
        return cls(activation, count, own or (activation is None and count == 1))

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
        out = np.asarray(out, np.float64)
        probabilities = np.asarray(self.probabilities(out[:, None] if out.ndim == 1 else out))
        return np.concatenate([1 - probabilities, probabilities], axis=1) if self.count == 1 else probabilities

    def scores(self, out: Any, logits: bool) -> Any:
        """Torch (N, classes) of `out` (N, C): a score of each class, such that ``of_logits`` of it are the probabilities.

        Of one yes/no output they are (N, 2): the logit is that of "yes", its negative that of "no".  Other outputs, and
        those that are not (N, C), stay as they are.

        logits   whether the last softmax or sigmoid has been left off already; else a lone sigmoid is undone here
        """
        if self.count != 1 or out.ndim != 2:
            return out
        if not logits and self.activation in ("sigmoid", "hard_sigmoid"):
            out = out.logit(1e-6)  # finite where the sigmoid gave just 0 or 1
        yes = out[:, 0]
        return yes.new_tensor([-1.0, 1.0]) * yes[:, None]

    @property
    def classes(self) -> int:
        """How many classes there are; one yes/no output stands for two."""
        if self.activation == "boxes":
            return self.count - 4
        return 2 if self.count == 1 and self.activation != "softmax" else self.count


def deciding_output(graph: Graph) -> int:
    """The number of the output that gives the classes: of several the first softmax, else the first.

    graph   of the network
    """
    if len(graph.outputs) == 1:
        return 0
    return next((i for i, each in enumerate(graph.outputs) if final_activation(each) == "softmax"), 0)


def ends_in_features(model: Any) -> bool:
    """Whether a model ends before its classes, in what a head is put on: pooled, or as the zoo makes it without its top.

    model   of one output, or several
    """
    graph = model.graph.check()
    if len(graph.outputs) != 1 or final_activation(graph.outputs[0]) is not None:
        return False
    last, features = graph.outputs[0].node, model.features
    if model.origin is None or features is None:
        return last.layer.kind.startswith("Global")
    return last is features.node or last.layer.kind == "Flatten" or last.layer.kind.startswith("Global")


def outputs_with_boxes(graph: Graph) -> list[int]:
    """The numbers of the outputs of `graph` that are rows of boxes."""
    return [i for i, tensor in enumerate(graph.outputs) if final_activation(tensor) == "boxes"]


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
    """The function that gave an output, through nested models and what leaves probabilities what they are."""
    layer = tensor.node.layer
    if isinstance(layer, Network):
        return final_activation(layer.graph.outputs[tensor.index])
    if isinstance(layer, InputLayer):
        return None
    if isinstance(layer, BoxLayer):
        return "boxes"
    return _made(tensor.node, layer.lowering(*tensor.node.input_shapes).outputs[tensor.index])


def _made(node: Node, number: int) -> str | None:
    """The function that made a value of a call."""
    lowering = node.layer.lowering(*node.input_shapes)
    step = lowering.maker(number)
    if step is None:
        return final_activation(node.inputs[number])
    made = step.primitive
    if isinstance(made, p.Softmax):
        return "log_softmax" if made.log else "softmax"
    if isinstance(made, p.Pointwise) and made.function == "clip":  # of probabilities, against a logarithm of 0
        low, high = made.parameters
        within = (low is None or low >= 0) and (high is None or high <= 1)
        return _probabilities(_made(node, step.inputs[0])) if within else None
    if isinstance(made, p.Pointwise):
        return made.function if made.function in ("sigmoid", "hard_sigmoid") else None
    if isinstance(made, p.Distance):
        return "distance"
    if isinstance(made, p.Foreign):  # torch code of a user's own
        ending = made.code.ending(*step.input_shapes)
        return _made(node, step.inputs[ending]) if isinstance(ending, int) else ending
    given = {_made(node, one) for one in step.inputs} if isinstance(made, _LEAVE) else {None}
    function = given.pop() if len(given) == 1 else None
    if isinstance(made, p.IDLE) or made == p.Affine(1.0, 0.0):
        return function
    if isinstance(made, p.Affine):  # of a yes that of a no
        return function if function in _YES and made == p.Affine(-1.0, 1.0) else None
    if isinstance(made, p.Reduce):  # over the places, not over the classes
        apart = len(step.input_shapes[0]) - 1 not in made.axes
        ways = ("mean", "max", "min") if function in _YES else ("mean",)
        return _probabilities(function) if apart and made.how in ways else None
    if isinstance(made, p.Slice) and function == "softmax":  # of two classes one: a yes or no
        return "sigmoid" if step.shape[-1:] == (1,) and len(step.shape) == 1 else None
    if function in _YES:  # each number stays an answer of its own
        kept = ("average", "maximum", "minimum", "multiply")
        return function if not isinstance(made, p.Combine) or made.how in kept else None
    if isinstance(made, p.Reshape):  # also Flatten: the channels must stay together
        return function if step.input_shapes[0][-1:] == step.shape[-1:] else None
    if made == p.Combine("average"):  # of several networks' probabilities
        return function if function == "softmax" else None
    return None


def _probabilities(function: str | None) -> str | None:
    return function if function in ("softmax", *_YES) else None


_YES = ("sigmoid", "hard_sigmoid")
# What may leave answers the answers that they are.
_LEAVE = (*p.IDLE, p.Affine, p.Reshape, p.Reduce, p.Slice, p.Combine, p.Concatenate)
