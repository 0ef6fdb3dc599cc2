"""The one place that reaches into a running network.

A model's module is a ``torch.fx`` graph, so nothing is hooked: a `Tap` runs that graph node by node, keeps what it is asked
to keep, and may compute rectifiers and single layers otherwise than the model does.  Activation functions fused into
layers, in-place ones and those called as functions are nodes like all others; none can be missed.  The model's parameters
are read and never written, and gradients are asked for by ``torch.autograd.grad``, which leaves ``.grad`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import fx

from striate import backend
from striate.backend import modules
from striate.errors import ArgumentError, unknown

if TYPE_CHECKING:
    from striate.graph import Graph
    from striate.model import Model

Rule = Literal["backprop", "deconvnet", "guided"]
RULES: tuple[Rule, ...] = ("backprop", "deconvnet", "guided")
Edit = Callable[[torch.Tensor], torch.Tensor]

_RECTIFIERS = {F.relu, F.relu6, F.hardtanh, modules.parametric_relu}
_ENDS = {F.softmax: "softmax", torch.sigmoid: "sigmoid", F.log_softmax: "log_softmax"}


@dataclass
class TappedRun:
    """What one pass through the network left.

    outputs    of the network (N, …), channels first; without the final softmax or sigmoid where that was asked, and then
               one yes/no output as the scores of its two classes (N, 2); empty when the pass stopped at the last layer
               asked for
    at         {name: activation (N, C, H, W), (N, C, L) or (N, C)}, part of the autograd graph
    switches   {name of a max pooling: int64 (N, C, H', W'), where each maximum was: y * W + x of the pooled map}
    """

    outputs: list[torch.Tensor] = field(default_factory=list)
    at: dict[str, torch.Tensor] = field(default_factory=dict)
    switches: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def output(self) -> torch.Tensor:
        return self.outputs[0]


class Tap:
    """A network in prediction mode, to be run and asked.  Made by ``tapped``, which puts every mode back.

    model      the network
    rule       how a gradient passes a rectifier, see ``tapped``
    logits     whether the softmax or sigmoid that the network ends in is left off, see ``tapped``
    names      of every call whose output can be asked for or edited, in the order of the run, the inputs first:
               ``conv2d``, ``conv2d#2`` for the second call of a shared layer, ``block/conv2d`` in a nested network
    device, dtype   of the weights

    Raises ArgumentError for an unknown rule.
    """

    def __init__(self, model: Model, rule: Rule = "backprop", logits: bool = False) -> None:
        if rule not in RULES:
            raise unknown("ReLU rule", str(rule), RULES)
        self.model, self.rule, self.logits = model, rule, logits
        self.module, graph = model.module, model.graph.check()
        self.inputs = [graph.label(tensor.node) for tensor in graph.inputs]
        self._holders = holders(self.module, graph)
        self.names = list(self._holders)
        weight = next(self.module.parameters(), torch.zeros(()))
        self.device, self.dtype = weight.device, weight.dtype

    def run(
        self,
        *xs: torch.Tensor,
        keep: Sequence[str] = (),
        edit: Mapping[str, Edit] | None = None,
        switches: Sequence[str] = (),
        stop: bool = False,
    ) -> TappedRun:
        """One pass through the network.

        xs         the inputs (N, C, H, W), as the first layer takes them: after the preprocessing
        keep       names whose outputs to keep: what follows the layer's own activation function
        edit       {name: function} that puts another tensor in the place of a layer's output
        switches   names of max poolings
        stop       end the pass when everything in `keep` is there

        Raises ArgumentError for unknown names.
        """
        edit = dict(edit or {})
        for name in [*keep, *edit, *switches]:
            if name not in self._holders:
                raise unknown("layer name", name, self._holders)
        for name in edit:
            if self._holders[name] != name:
                raise ArgumentError(f'"{name}" does nothing to its input; edit "{self._holders[name]}" instead.')
        run = TappedRun()
        want = {self._holders[name] for name in keep}
        state = _State(self, run, want, edit, set(switches), stop)
        try:
            out = _Walk(self.module, state, inputs=self.inputs, final=self.logits).run(*xs, enable_io_processing=False)
        except _Enough:
            out = ()
        run.at = {name: run.at[self._holders[name]] for name in keep}
        run.outputs = list(out) if isinstance(out, tuple | list) else [out]
        if self.logits and run.outputs:
            run.outputs[0] = self.model.answers.scores(run.outputs[0], logits=_ends_so(self.module))
        missing = [name for name in switches if name not in run.switches]
        if missing:
            raise ArgumentError(f'"{missing[0]}" is no max pooling of maps, so it has no switches.')
        return run

    def holder(self, name: str) -> str:
        """The name under which a call's output can be edited: that of its input, where it does nothing.

        name   of the call

        Raises ArgumentError for an unknown name.
        """
        if name not in self._holders:
            raise unknown("layer name", name, self._holders)
        return self._holders[name]

    def __call__(self, *xs: torch.Tensor) -> torch.Tensor:
        """The network's (first) output."""
        return self.run(*xs).output

    def tensor(self, x: Any) -> torch.Tensor:
        """Network inputs `x` (N, H, W, C) as a tensor (N, C, H, W) of the weights' type, on their device."""
        given = torch.as_tensor(x).to(self.device)
        given = given.to(self.dtype) if given.is_floating_point() else given
        return given.movedim(-1, 1) if given.ndim > 2 else given


@contextmanager
def tapped(model: Model, *, rule: Rule = "backprop", logits: bool = False) -> Iterator[Tap]:
    """The model ready to be looked into, in prediction mode; afterwards every part of it is in the mode it was in.

    model    the network
    rule     how a gradient passes a rectifier (ReLU, also with an upper bound, and with a slope below zero):
             "backprop" where its input was positive; "deconvnet" where the gradient is positive (Zeiler & Fergus 2014,
             section 2.1); "guided" where both are (Springenberg et al. 2014, figure 1)
    logits   leave off the softmax or sigmoid that the network ends in; one yes/no output then stands for two classes,
             (N, 2): the logit is the score of "yes", its negative that of "no"
    """
    tap = Tap(model, rule, logits)
    with backend.predicting(tap.module):
        yield tap


# -- the rules ----------------------------------------------------------------------------------------------------------
class _Rectify(torch.autograd.Function):
    """A rectifier whose gradient follows another rule than the derivative."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, y: torch.Tensor, rule: Rule) -> torch.Tensor:
        ctx.rule = rule
        if rule == "guided":
            ctx.save_for_backward((x > 0) & (y == x))  # between the bounds: where the derivative is 1
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        passed = gradients[0].clamp_min(0)
        if ctx.rule == "guided":
            passed = passed * ctx.saved_tensors[0]
        return passed, None, None


# -- running ------------------------------------------------------------------------------------------------------------
class _Enough(BaseException):  # no Exception: where one passes, torch prints the whole network
    """Everything asked for is there."""


@dataclass
class _State:
    """What the walks through a network and the networks nested in it share."""

    tap: Tap
    run: TappedRun
    want: set[str]
    edit: dict[str, Edit]
    switches: set[str]
    stop: bool


class _Walk(fx.Interpreter):
    """Runs a module's graph node by node; in-place functions write to new memory."""

    def __init__(
        self,
        module: fx.GraphModule,
        state: _State,
        *,
        prefix: str = "",
        inputs: Sequence[str] = (),
        final: bool = False,
    ) -> None:
        super().__init__(module)
        self.state = state
        self.ends = {node: label for label, node in _ends(module, prefix, inputs).items()}
        self.prefix = prefix
        self.ending = _ending(module) if final else set()  # nodes whose values the network gives

    def run_node(self, n: fx.Node) -> Any:
        self.running = n
        state = self.state
        value = self.load(n) if n in self.ending and _is_end(n) else super().run_node(n)
        label = self.ends.get(n)
        if label is None or not isinstance(value, torch.Tensor):
            return value
        turn = n.meta.get("turned")  # the axes of the layer's output, which the next one reads without them
        output = value if turn is None else value.permute(turn)
        if label in state.edit:
            output = state.edit[label](output)
            value = output if turn is None else output.permute([turn.index(axis) for axis in range(len(turn))])
        if label in state.want:
            state.run.at[label] = output
            if state.stop and len(state.run.at) == len(state.want):
                raise _Enough
        return value

    def load(self, n: fx.Node) -> Any:
        """The input of a node that is left out."""
        return self.env[n.all_input_nodes[0]]

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("inplace"):
            kwargs = {**kwargs, "inplace": False}
        if target in _RECTIFIERS and self.state.tap.rule != "backprop":
            with torch.no_grad():
                y = target(*args, **kwargs)
            return _Rectify.apply(args[0], y, self.state.tap.rule)  # type: ignore[no-untyped-call]
        value = super().call_function(target, args, kwargs)
        label = self.prefix + self.running.meta.get("layer", "")
        if label in self.state.switches and target in (modules.max_pool, F.max_pool2d):
            down, across = kwargs.get("padding", (0, 0))
            x, kernel, stride, pads = (*args, [across, across, down, down])[:4]
            if x.ndim == 4:
                self.state.run.switches[label] = _switches(x, kernel, stride, pads)
        return value

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inner = self.fetch_attr(target)
        if not isinstance(inner, fx.GraphModule):
            return super().call_module(target, args, kwargs)
        within = f"{self.prefix}{self.running.meta['layer']}/"
        return _Walk(inner, self.state, prefix=within, final=self.running in self.ending).run(
            *args, enable_io_processing=False
        )


def _switches(x: torch.Tensor, kernel: list[int], stride: list[int], pads: list[int]) -> torch.Tensor:
    """Where in `x` (N, C, H, W) each maximum stands: y * W + x, of the map before it was padded."""
    padded = F.pad(x.detach(), pads, value=float("-inf")) if any(pads) else x.detach()
    _, where = F.max_pool2d(padded, kernel, stride, return_indices=True)
    left, _, top, _ = pads if any(pads) else (0, 0, 0, 0)
    y, column = where // padded.shape[3] - top, where % padded.shape[3] - left
    return y * x.shape[3] + column


def _ending(module: fx.GraphModule) -> set[fx.Node]:
    """The nodes whose values a module gives."""
    return set(next(node for node in reversed(module.graph.nodes) if node.op == "output").all_input_nodes)


def _is_end(node: fx.Node) -> bool:
    """Whether a node is a softmax or sigmoid, of the sort that a loss takes over."""
    return node.op == "call_function" and node.target in _ENDS


def _ends_so(module: fx.GraphModule) -> bool:
    """Whether a module, or a network within that ends it, ends in such a call."""
    inner = [module.get_submodule(str(node.target)) for node in _ending(module) if node.op == "call_module"]
    within = any(_ends_so(one) for one in inner if isinstance(one, fx.GraphModule))
    return within or any(_is_end(node) for node in _ending(module))


# -- names --------------------------------------------------------------------------------------------------------------
def _ends(module: fx.GraphModule, prefix: str = "", inputs: Sequence[str] = ()) -> dict[str, fx.Node]:
    """The last node of every layer that has nodes, by the layer's label; `inputs` are the labels of placeholders."""
    nodes = list(module.graph.nodes)
    placeholders = [node for node in nodes if node.op == "placeholder"]
    ends = dict(zip(inputs, placeholders, strict=False))
    return ends | {
        prefix + node.meta["layer"]: node for node in nodes if "layer" in node.meta and "copy" not in node.meta
    }


def holders(module: fx.GraphModule, graph: Graph) -> dict[str, str]:
    """For the name of every call, in the order of the run, the label under which its output is found.

    A layer that does nothing (a linear Activation, Flatten of a vector) has no node; its output is its input.
    """
    inputs = [graph.label(tensor.node) for tensor in graph.inputs]
    recorded = _labels(module, inputs)
    flat = graph.flat()
    holder = {label: label for label in recorded}
    made_by = dict(zip(flat.inputs, inputs, strict=True))
    order = [*inputs]
    for node in flat.nodes:
        holder.setdefault(node.name, made_by.get(node.inputs[0], "") if node.inputs else node.name)
        for number in node.outputs:
            made_by[number] = holder[node.name]
        order.append(node.name)
    order += [name for name in holder if name not in set(order)]
    return {name: holder[name] for name in dict.fromkeys(order) if holder.get(name) in recorded}


def _labels(module: fx.GraphModule, inputs: Sequence[str] = (), prefix: str = "") -> list[str]:
    """The labels of everything that a run passes."""
    labels: list[str] = []
    for label, node in _ends(module, prefix, inputs).items():
        inner = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(inner, fx.GraphModule):
            labels += _labels(inner, prefix=f"{label}/")
            results = [n.args[0] for n in inner.graph.find_nodes(op="output")]
            if sum(len(r) if isinstance(r, tuple) else 1 for r in results) > 1:
                continue  # several outputs: the name of the network stands for none of them
        labels.append(label)
    return labels
