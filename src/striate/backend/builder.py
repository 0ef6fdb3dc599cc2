"""Graph -> ``torch.fx.GraphModule``."""

from __future__ import annotations

import itertools
import keyword
import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import fx, nn

from striate.backend import arrays, modules, rows, windows  # noqa: F401  they fill the table
from striate.backend.init import copy_into, fill
from striate.backend.settings import remember
from striate.backend.table import ROWS
from striate.errors import ArgumentError
from striate.graph import Graph, InputLayer, Layer, Network, Node, Step, every_layer, learning_layers
from striate.graph.lowering import overwrites
from striate.graph.node import call

Values = MutableMapping[tuple[Layer, str], torch.Tensor]


class Builder:
    """Writes the fx graph of one network; the rows of ``table`` call it."""

    def __init__(self, graph: Graph, values: Values | None = None) -> None:
        self.graph = graph
        self.values: Values = {} if values is None else values
        self.root = nn.Module()
        self.fx = fx.Graph()
        self.label, self.named = "", False
        self.node: Node
        self.whole: set[fx.Node] = set()  # inputs that are whole numbers
        self.turned: dict[
            fx.Node, tuple[fx.Node, tuple[int, ...]]
        ] = {}  # what a layer's Permute was put after; its order
        self.readers = Counter(id(tensor) for node in graph.nodes for tensor in node.inputs)
        self.readers.update(id(tensor) for tensor in graph.outputs)

    @property
    def layer(self) -> Layer:
        """The layer that is being written."""
        return self.node.layer

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """A function call in the forward, named after the layer: ``conv2d``, then ``conv2d_relu``."""
        name = f"{self.label}_{getattr(function, '__name__', 'call')}" if self.named else self.label
        self.named = True
        return self.fx.create_node("call_function", function, args, kwargs, name)

    def prepare(self, function: Callable[..., Any], *args: Any) -> fx.Node:
        """A function call on the way to the layer's own: ``conv2d_pad``, so that what follows can be ``conv2d``."""
        return self.fx.create_node("call_function", function, args, {}, f"{self.label}_{function.__name__}")

    def built(self, step: Step) -> nn.Module | None:
        """The submodule of a step, where the layer was built before."""
        made = self.layer.torch_module
        return made if made is None or not step.part else made._modules.get(step.part)

    def module(self, step: Step, make: Callable[[], nn.Module], x: fx.Node) -> fx.Node:
        """A call of the step's submodule, made and initialised the first time the layer is built anywhere."""
        layer, name, part = self.layer, self.graph.name(self.layer), step.part
        if self.built(step) is None:
            made = _initialised(step, make, layer, self.values)
            remember(made.modules())
            if not part:
                layer.torch_module = made
            else:
                layer.torch_module = nn.ModuleDict() if layer.torch_module is None else layer.torch_module
                if hasattr(layer.torch_module, part) or keyword.iskeyword(part):
                    raise ArgumentError(f'{layer.kind} "{name}": no part can be named "{part}". Rename it.')
                layer.torch_module.add_module(part, made)
        self.add(name, layer)
        said = f"{self.label}_{part}" if part else self.label
        self.named = True
        return self.fx.create_node("call_module", f"{name}.{part}" if part else name, (x,), {}, said)

    def adopt(self, step: Step, module: nn.Module, xs: list[fx.Node]) -> fx.Node:
        """A call of a module that somebody else made."""
        layer, name, part = self.layer, self.graph.name(self.layer), step.part
        if not part:
            layer.torch_module = module
        else:
            layer.torch_module = nn.ModuleDict() if layer.torch_module is None else layer.torch_module
            layer.torch_module[part] = module
        if keyword.iskeyword(name) and not layer.torch_module.state_dict():  # a Lambda without a name of its own
            name = f"{name}_"
        self.add(name, layer)
        self.named = True
        said = f"{self.label}_{part}" if part else self.label
        return self.fx.create_node("call_module", f"{name}.{part}" if part else name, tuple(xs), {}, said)

    def add(self, name: str, layer: Layer) -> None:
        """Put a built layer under its name.  Raises ArgumentError where torch or Python needs that name itself."""
        if name not in self.root._modules:
            if hasattr(self.root, name) or hasattr(fx.GraphModule, name) or keyword.iskeyword(name):
                raise ArgumentError(
                    f'{layer.kind} "{name}": no part of a torch module can be named "{name}". Rename it.'
                )
            self.root.add_module(name, layer.torch_module)

    def may_overwrite(self, step: Step) -> bool:
        """Whether a function may write over its input (``overwrites``), also where another layer made that."""
        lowering = self.node.layer.lowering(*self.node.input_shapes)
        (number,) = step.inputs
        maker, reads = lowering.maker(number), lowering.readers[number]
        if number < lowering.count:
            tensor = self.node.inputs[number]
            before = tensor.node
            reads *= self.readers[id(tensor)]
            if not isinstance(before.layer, InputLayer | Network):
                made = before.layer.lowering(*before.input_shapes)
                maker = made.maker(made.outputs[tensor.index])
        return overwrites(reads, maker)

    def finish(self) -> fx.GraphModule:
        """Write every node and return the module."""
        values: dict[tuple[int, int], Any] = {}
        for tensor in self.graph.inputs:
            value = self.fx.placeholder(_variable(self.graph.label(tensor.node)))
            values[tensor.node.serial, 0] = value
            if tensor.dtype not in ("float32", "float64"):
                self.whole.add(value)
        for node in self.graph.nodes:
            if isinstance(node.layer, InputLayer):
                continue
            xs = [values[t.node.serial, t.index] for t in node.inputs]
            before = len(self.fx.nodes)
            outs = self._write(node, xs)
            for written in itertools.islice(reversed(self.fx.nodes), len(self.fx.nodes) - before):
                written.meta["layer"] = self.graph.label(node)
            values |= {(node.serial, i): out for i, out in enumerate(outs)}
        results = [values[t.node.serial, t.index] for t in self.graph.outputs]
        self.fx.output(results[0] if len(results) == 1 else tuple(results))
        for turned in reversed(self.turned):
            if turned.meta.get("copy") and not turned.users:
                self.fx.erase_node(turned)
        self.fx.lint()
        module = fx.GraphModule(self.root, self.fx, "Network")
        module._register_state_dict_hook(_mark)
        remember([module])
        return module

    def _write(self, node: Node, xs: list[fx.Node]) -> list[fx.Node]:
        """The fx nodes of a call's outputs."""
        layer = self._begin(node)
        if isinstance(layer, Network):
            name = self.graph.name(layer)
            if layer.torch_module is None:
                layer.torch_module = build(layer.graph, self.values)
            self.add(name, layer)
            self._keep_mode(node)
            out = self.fx.create_node("call_module", name, tuple(xs), {}, self.label)
            self.named = True
            return [out] if len(node.outputs) == 1 else [self.call(_item, out, i) for i in range(len(node.outputs))]
        lowering = layer.lowering(*node.input_shapes)
        values = list(xs)
        self.named = any(step.part for step in lowering.steps)  # of several parts none is called as the layer is
        for step in lowering.steps:
            values.append(ROWS.of(step.primitive)(self, step, [values[i] for i in step.inputs]))
        self._keep_mode(node)
        return [values[i] for i in lowering.outputs]

    def _keep_mode(self, node: Node) -> None:
        """Mind the mode that a call says.  Raises ArgumentError where another call of the layer says another one."""
        if not self.graph.modes:
            return
        layer = node.layer
        others = {other.training for other in self.graph.nodes if other.layer is layer}
        if len(others) > 1 and layer.torch_module is not None:
            raise ArgumentError(
                f'{layer.kind} "{self.graph.name(layer)}" is called with training={node.training} and otherwise too. '
                "A layer has one mode in a network: use a second layer, or say the same in each call."
            )
        if node.training and layer.torch_module is not None:
            _kept_in_training(layer.torch_module)

    def _begin(self, node: Node) -> Layer:
        self.node, self.label, self.named = node, _variable(self.graph.label(node)), False
        return node.layer


def _mark(module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Say in a state_dict, where torch keeps versions, that maps are flattened (H, W, C): torch's own are (C, H, W)."""
    metadata["layout"] = "striate"


def _variable(label: str) -> str:
    """A Python variable for a call."""
    name = re.sub(r"\W|^(?=\d)", "_", label)
    return f"{name}_" if name == "self" or keyword.iskeyword(name) else name


def _item(values: Any, index: int) -> Any:
    return values[index]


def _initialised(step: Step, make: Callable[[], nn.Module], layer: Layer, values: Values) -> nn.Module:
    """The step's module with the weights that its description or `values` say, 4-D ones in channels_last memory."""
    with torch.device("meta"):
        module = make()
    own, shapes = step.primitive, step.input_shapes
    wanted = own.weights(*shapes) | own.buffers(*shapes)
    start = f"{step.part}." if step.part else ""
    given = {name: values.pop((layer, start + name)) for name in wanted if (layer, start + name) in values}
    _allocate(module, given)
    for name, weight in wanted.items():
        tensor = module.get_parameter(name) if name in dict(module.named_parameters()) else module.get_buffer(name)
        assert tuple(tensor.shape) == weight.shape, (own, name, tuple(tensor.shape), weight.shape)
        if name in given:
            copy_into(tensor, given[name])
        else:
            fill(tensor, weight, own, name)
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _allocate(module: nn.Module, given: Container[str]) -> None:
    """Memory for what was made without any, buffers at 0; those that are given at once as all lie in the end.

    torch's ``to_empty`` does the same, and imports half a second of what nothing here needs.
    """
    for path, part in module.named_modules():
        for held in (part._parameters, part._buffers):
            for name, tensor in held.items():
                if tensor is None:
                    continue
                whole = f"{path}.{name}" if path else name
                lies = torch.channels_last if tensor.ndim == 4 and whole in given else torch.contiguous_format
                made = torch.empty(tensor.shape, dtype=tensor.dtype, memory_format=lies)
                if held is part._buffers:
                    held[name] = made.zero_()
                else:
                    held[name] = nn.Parameter(made, tensor.requires_grad)


def build(graph: Graph, values: Values | None = None) -> fx.GraphModule:
    """The graph as a torch module: (N, C, H, W) tensors in and out, state_dict keys = layer names.

    graph    the network
    values   arrays by layer and name in it that begin with these numbers and are not drawn; what is used is taken out

    Weights are drawn from torch's global generator the first time a layer is built and shared by every module built
    from the same layer after that.  Raises the graph's fault if it has one; on any error no layer has got weights.
    """
    new = [layer for layer in every_layer(graph.check()) if layer.torch_module is None]
    with ExitStack() as undo:
        for layer in new:
            undo.callback(setattr, layer, "torch_module", None)
        module = Builder(graph, values).finish()
        undo.pop_all()
    apply_trainable(graph)
    return module


def build_layer(layer: Layer) -> None:
    """Make the arrays of one layer that has been called; a module built later shares them.

    layer   called, and not built yet

    Raises ArgumentError for an array that cannot start as its initializer says, or a part that torch cannot name so.
    """
    assert layer.node is not None
    inputs = [call(InputLayer(input_shape=t.sizes, dtype=t.dtype), ()) for t in layer.node.inputs]
    alone = Node(layer, tuple(inputs), [t.sizes for t in layer.node.outputs])
    name = layer.name
    build(Graph(inputs, alone.outputs))
    layer.name = name  # its first model names it


def remake(layer: Layer) -> None:
    """Make the torch module of a layer anew, by its hyper-parameters as they are now, around the arrays that it has.

    layer   that was built before
    """
    assert layer.node is not None
    before, layer.torch_module = layer.torch_module, None
    with torch.random.fork_rng(devices=[]):  # the arrays drawn here are not used
        build_layer(layer)
    lowering = layer.lowering(*layer.node.input_shapes)
    for name in lowering.weights | lowering.buffers:
        part, _, own = name.rpartition(".")
        made, was = layer.torch_module.get_submodule(part), before.get_submodule(part)
        for place in ("_parameters", "_buffers"):
            if own in getattr(was, place):
                getattr(made, place)[own] = getattr(was, place)[own]


def apply_trainable(graph: Graph) -> None:
    """Let gradients run to the parameters of the layers that learn, and to no others."""
    learning = {id(layer) for layer in learning_layers(graph)}
    for layer in every_layer(graph):
        if layer.torch_module is not None:
            for parameter in layer.torch_module.parameters():
                parameter.requires_grad_(id(layer) in learning)


def set_mode(module: nn.Module, graph: Graph, training: bool | None) -> None:
    """Training or prediction mode; a frozen batch norm stays in prediction mode, so that its averages do not move.

    module     what ``build`` made of `graph`
    graph      the network
    training   True for training, False for prediction; None: prediction, but pictures are augmented, as Keras does where
               nobody says
    """
    module.train(bool(training))
    if training is None:
        for part in module.modules():
            if isinstance(part, modules.Augmenting):
                part.train()
    if training is not False:
        for layer in _still(graph):
            layer.torch_module.eval()
    if training:
        learning = {id(layer) for layer in learning_layers(graph)}
        for layer in every_layer(graph):
            if id(layer) not in learning and layer.torch_module is not None:
                for part in layer.torch_module.modules():
                    if isinstance(part, nn.modules.batchnorm._BatchNorm):
                        part.eval()


def moving(module: nn.Module) -> list[torch.Tensor]:
    """The averages that batch norms move in training, of shape (C,): those of frozen ones stand still.

    module    in the mode of training
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    held = [each for norm in norms for each in (norm.running_mean, norm.running_var)]
    return [each for each in held if each is not None]


def _still(graph: Graph) -> list[Any]:
    """The layers and networks that are called with ``training=False``, at any depth."""
    if False not in graph.modes:
        return []
    held: list[Any] = [
        node.layer for node in graph.nodes if node.training is False and node.layer.torch_module is not None
    ]
    for layer in graph.layers:
        if isinstance(layer, Network):
            held += _still(layer.graph)
    return held


def _kept_in_training(module: nn.Module) -> None:
    """Hold a module in the mode of training, whatever mode its network is put into."""
    module.train()
    module.__dict__["train"] = partial(_itself, module)  # which can be copied and pickled


def _itself(module: nn.Module, mode: bool = True) -> nn.Module:
    return module


@contextmanager
def predicting(module: nn.Module) -> Iterator[None]:
    """Prediction mode inside; after it every submodule is in the mode that it was in, also a frozen batch norm.

    module   that is run
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _before_layer(graph: fx.Graph, result: fx.Node) -> fx.Node | None:
    """What goes into the layer that made `result`; None where that is not one value, as of a nested model."""
    own = [node for node in graph.nodes if node.meta.get("layer") == result.meta.get("layer")]
    given = {node for each in own for node in each.all_input_nodes if node not in own}
    return given.pop() if len(given) == 1 and all(node.op == "call_function" for node in own) else None


def logits_module(module: fx.GraphModule, functions: list[str | None]) -> tuple[fx.GraphModule, list[bool]]:
    """The module without the softmax or sigmoid at its outputs, or the layer that makes boxes, sharing its submodules.

    module      what ``build`` makes
    functions   per output, what its loss can take over ("softmax", "sigmoid", "boxes"), or None to keep it

    Returns the module and, per output, whether something was removed.
    """
    known = {"softmax": torch.nn.functional.softmax, "sigmoid": torch.sigmoid}
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    output = next(node for node in reversed(graph.nodes) if node.op == "output")
    results = output.args[0]
    listed = list(results) if isinstance(results, list | tuple) else [results]
    removed = []
    for i, (result, function) in enumerate(zip(listed, functions, strict=True)):
        before: Any = None
        if function == "boxes" and isinstance(result, fx.Node):
            before = _before_layer(graph, result)
        elif function is not None and isinstance(result, fx.Node) and result.target is known[function]:
            before = result.args[0]
        removed.append(before is not None)
        if before is not None:
            listed[i] = before
    if not any(removed):
        return module, removed
    output.args = (tuple(listed) if isinstance(results, list | tuple) else listed[0],)
    for node in reversed(list(graph.nodes)):
        if node.op != "output" and node.op != "placeholder" and not node.users:
            graph.erase_node(node)
    return fx.GraphModule(module, graph, "Network"), removed
