"""The network as one plain PyTorch file, printed from the very module that trains: it cannot say anything else."""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from striate.backend import augment, colours, modules
from striate.errors import ArgumentError

_INFIX = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/"}
_NAMESPACES = (("F", torch.nn.functional), ("torch", torch))
_OWN = (modules, colours, augment)  # what stands in these is printed where it is used
_TAKEN = ("torch", "nn", "F", "self", "math", "warnings", "Any")


def to_source(module: fx.GraphModule, *, name: str = "Network", about: str = "") -> str:
    """Python source of `module`: a class `name` with ``__init__`` and ``forward``, needing only torch.

    ``Network().load_state_dict(...)`` takes the same state_dict.  `about` becomes the file's docstring.
    """
    printer = _Printer()
    printer.network(module, name)
    own = "\n\n".join(inspect.getsource(thing).rstrip() + "\n" for thing in printer.own)
    text = (about or name).replace("\\", "\\\\").replace('"', "'")
    head = [f'"""{text}\n"""\n', "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"]
    needed = [f"import {name}\n" for name in ("math", "warnings") if f"{name}." in own]
    needed += ["from typing import Any\n"] if "Any" in own else []
    head[1] = "".join(needed) + ("\n" if needed else "") + head[1]
    parts = ["\n".join(head), *([own] if own else []), *printer.classes]
    return "\n\n".join(part.rstrip() + "\n" for part in parts)


def _assign(path: str, value: str) -> str:
    """The statement that puts `value` at a submodule's dotted path in ``self``."""
    parent, _, key = path.rpartition(".")
    if key.isidentifier():
        return f"{_reach(parent)}.{key} = {value}"
    return f'setattr({_reach(parent)}, "{key}", {value})'


def _reach(path: str) -> str:
    """The expression for a submodule's dotted path in ``self``; a layer's name need not be a Python name."""
    text = "self"
    for key in filter(None, path.split(".")):
        text = f"{text}.{key}" if key.isidentifier() else f'getattr({text}, "{key}")'
    return text


def _own(name: str) -> Any:
    """Our own function or class of that name, or None."""
    things = (vars(room)[name] for room in _OWN if name in vars(room))
    return next((thing for thing in things if getattr(thing, "__module__", "") in {r.__name__ for r in _OWN}), None)


def _besides(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The penalties that stand beside the one part of a layer."""
    if isinstance(module, fx.GraphModule) or type(module) in (nn.Module, nn.ModuleDict):
        return []
    return [(key, one) for key, one in module.named_children() if isinstance(one, modules.ActivityPenalty)]


def _shown(module: nn.Module) -> str:
    """The call that makes a module of torch, or of ours."""
    return f"{type(module).__name__}({module.extra_repr()})" if _besides(module) else repr(module)


class _Printer:
    def __init__(self) -> None:
        self.own: list[Any] = []  # our own classes and functions that the source needs, in order
        self.classes: list[str] = []
        self.printed: dict[int, str] = {}  # GraphModule -> class name
        self.used: set[str] = set()

    def network(self, module: fx.GraphModule, name: str) -> str:
        """Print the class of a network (nested ones first); returns its name."""
        if id(module) in self.printed:
            return self.printed[id(module)]
        while name in self.used or name in _TAKEN or _own(name) is not None:
            name += "_"
        self.used.add(name)
        self.printed[id(module)] = name
        init = []
        for key, child in module.named_children():
            init.append(f"        {_assign(key, self.constructor(child, key))}")
            for path, beside in _besides(child):
                init.append(f"        {_assign(f'{key}.{path}', self.constructor(beside, path))}")
        init += [f"        {line}" for line in self.shared(module)]
        for path, child in module.named_modules():
            if isinstance(child, nn.modules.batchnorm._BatchNorm | nn.LayerNorm) and self.owned(module, path):
                gone = [key for key in ("weight", "bias") if getattr(child, key) is None]
                if len(gone) == 1:
                    init.append(f"        {_reach(path)}.{gone[0]} = None")
        body = [f"        {line}" for line in self.forward(module)]
        inputs = ", ".join(self.variable(node) for node in module.graph.nodes if node.op == "placeholder")
        lines = [f"class {name}(nn.Module):"]
        lines += ["    def __init__(self):", "        super().__init__()", *init, ""]
        lines += [f"    def forward(self, {inputs}):", *body]
        self.classes.append("\n".join(lines) + "\n")
        return name

    @staticmethod
    def owned(module: fx.GraphModule, path: str) -> bool:
        """Whether a submodule is made in this class, not in a nested network's own."""
        parts = path.split(".")
        return not any(
            isinstance(module.get_submodule(".".join(parts[:i])), fx.GraphModule) for i in range(1, len(parts))
        )

    @staticmethod
    def shared(module: fx.GraphModule) -> list[str]:
        """Assignments for modules that stand in two places (a layer used here and in a nested network)."""
        first: dict[int, str] = {}
        lines = []
        for path, child in module.named_modules(remove_duplicate=False):
            if path and next(child.parameters(), None) is not None:
                if id(child) in first and first[id(child)] != path:
                    lines.append(_assign(path, _reach(first[id(child)])))
                first.setdefault(id(child), path)
        return lines

    def constructor(self, module: nn.Module, key: str) -> str:
        """The expression that makes a submodule."""
        if isinstance(module, fx.GraphModule):
            name = "".join(part.title() for part in re.split("[-_]", key))
            return self.network(module, name if name.isidentifier() else f"Network{name}") + "()"
        if type(module) in (nn.Module, nn.ModuleDict):  # fx rebuilds the container of a layer's parts as a plain module
            inside = ", ".join(f'"{k}": {self.constructor(child, k)}' for k, child in module.named_children())
            return f"nn.ModuleDict({{{inside}}})"
        text = _shown(module)
        if _own(type(module).__name__) is type(module):
            self.need(type(module))
            for step in getattr(module, "steps", ()):
                self.need(type(step))
            return text
        if not type(module).__module__.startswith("torch."):
            raise ArgumentError(f'"{key}" runs torch code of your own, which plain PyTorch source cannot hold.')
        return f"nn.{text}"

    def need(self, thing: Any) -> None:
        """Remember one of our own functions or classes, after those that it calls or is derived from."""
        if thing in self.own:
            return
        bases = thing.__bases__ if inspect.isclass(thing) else ()
        functions = [f for f in vars(thing).values() if inspect.isfunction(f)] if bases else [thing]
        called = (_own(name) for function in functions for name in function.__code__.co_names)
        for other in (*bases, *called):
            if other is not None and other is not thing and _own(other.__name__) is other:
                self.need(other)
        self.own.append(thing)

    def forward(self, module: fx.GraphModule) -> list[str]:
        lines = []
        for node in module.graph.nodes:
            if node.op == "call_module":
                lines.append(f"{self.variable(node)} = {_reach(str(node.target))}({self.arguments(node)})")
            elif node.op == "call_function":
                lines.append(f"{self.variable(node)} = {self.function(node)}")
            elif node.op == "output":
                lines.append(f"return {self.value(node.args[0])}")
        return lines

    def arguments(self, node: fx.Node) -> str:
        said = [self.value(arg) for arg in node.args]
        return ", ".join(said + [f"{key}={self.value(value)}" for key, value in node.kwargs.items()])

    def function(self, node: fx.Node) -> str:
        target: Any = node.target
        if target in _INFIX:
            return f"{self.value(node.args[0])} {_INFIX[target]} {self.value(node.args[1])}"
        if target is operator.neg:
            return f"-{self.value(node.args[0])}"
        if target is operator.getitem or getattr(target, "__name__", "") == "_item":
            return f"{self.value(node.args[0])}[{self.index(node.args[1])}]"
        return f"{self.qualified(target)}({self.arguments(node)})"

    def qualified(self, target: Callable[..., Any]) -> str:
        name = target.__name__
        if _own(name) is target:
            self.need(target)
            return name
        if getattr(torch.Tensor, name, None) is target:
            return f"torch.Tensor.{name}"
        for prefix, space in _NAMESPACES:
            if getattr(space, name, None) is target:
                return f"{prefix}.{name}"
        for prefix, space in _NAMESPACES:  # torch's dispatched functions carry another name than their own
            for key, value in vars(space).items():
                if value is target:
                    return f"{prefix}.{key}"
        raise AssertionError(f"no name for {target}")

    def index(self, index: Any) -> str:
        if not isinstance(index, tuple):
            return self.value(index)
        return ", ".join(
            ":".join(
                "" if part is None else str(part) for part in (i.start, i.stop, i.step)[: 2 + (i.step is not None)]
            )
            if isinstance(i, slice)
            else repr(i)
            for i in index
        )

    @staticmethod
    def variable(node: fx.Node) -> str:
        """The node's variable, kept apart from the names that the file uses for functions."""
        taken = _own(node.name) is not None or node.name in _TAKEN
        return f"{node.name}_" if taken else node.name

    def value(self, value: Any) -> str:
        if isinstance(value, fx.Node):
            return self.variable(value)
        if isinstance(value, tuple):
            return "(" + ", ".join(map(self.value, value)) + ("," if len(value) == 1 else "") + ")"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.value, value)) + "]"
        return repr(value)
