"""Layers of a user's own that run as torch code: their module, and what it needs, found by running it once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from striate.errors import ArgumentError, ShapeError, StriateError
from striate.graph import Layer, Network, Shape, Weight, every_layer
from striate.ops.kept import kept
from striate.ops.own import _own_weights, called
from striate.ops.variable import RUNNING

# As torch calls them in what it records for the backward pass.
_SOFTMAX = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}
_SIGMOID = {"Sigmoid": "sigmoid", "Hardsigmoid": "hard_sigmoid"}


def _within(step: Any) -> bool:
    """Whether a clamp that torch recorded leaves probabilities what they are."""
    low, high = step._saved_min, step._saved_max
    return (low is None or low >= 0) and (high is None or high <= 1)


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """(N, C, …) as (N, …, C)."""
    return x.permute(0, *range(2, x.ndim), 1) if x.ndim > 2 else x


def channels_first(x: torch.Tensor) -> torch.Tensor:
    """(N, …, C) as (N, C, …)."""
    return x.permute(0, x.ndim - 1, *range(1, x.ndim - 1)) if x.ndim > 2 else x


def sublayers(layer: Layer) -> dict[str, Layer]:
    """The layers that a layer holds as attributes, or in lists of them."""
    found: dict[str, Layer] = {}
    for key, value in layer.__dict__.items():
        if key.startswith("_") or key == "node":
            continue
        for i, one in enumerate(value if isinstance(value, list | tuple) else [value]):
            if isinstance(one, Layer):
                found[f"{key}_{i}" if isinstance(value, list | tuple) else key] = one
    return found


def inner_layers(layer: Layer) -> list[Layer]:
    """The layers that a layer's torch code calls, at any depth; their weights are parts of its module.

    layer   of a user's own, once its module is made; any other has none
    """
    made = getattr(layer.__dict__.get("_code"), "_made", None)
    held = [one for key, one in sublayers(layer).items() if made is not None and key in made._modules]
    found: list[Layer] = []
    for one in held:
        for each in every_layer(one.graph) if isinstance(one, Network) else [one]:
            found += [each, *inner_layers(each)]
    return found


class OwnModule(nn.Module):
    """The module of a layer of a user's own: its weights, its layers and its torch modules, and a forward that calls it.

    layer   whose ``call`` or ``forward`` runs
    last    whether it takes channels-last tensors
    """

    def __init__(self, layer: Layer, last: bool) -> None:
        super().__init__()
        self._hold(layer, last)
        for one in _own_weights(layer):
            tensor = started(one) if one.held is None else one.held.detach()
            if one.trainable:
                self.register_parameter(one.name, nn.Parameter(tensor))
            else:
                self.register_buffer(one.name, tensor)
        for key, value in layer.__dict__.items():
            if isinstance(value, nn.Parameter):
                self.register_parameter(key, value)
            elif isinstance(value, nn.Module) and key != "torch_module":
                self.add_module(key, value)

    def _hold(self, layer: Layer, last: bool) -> None:
        self.__dict__["layer"], self.__dict__["last"] = layer, last

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnModule:
        import copy

        twin = OwnModule.__new__(OwnModule)
        nn.Module.__init__(twin)
        memo[id(self)] = twin
        layer = self.__dict__["layer"]
        twin._hold(memo.get(id(layer), layer), self.__dict__["last"])  # the layer's copy, where that is copied too
        for name in ("_parameters", "_buffers", "_modules"):
            setattr(twin, name, copy.deepcopy(getattr(self, name), memo))
        twin.training = self.training
        return twin

    def take_layers(self) -> None:
        """Hold the modules of the layers that the layer calls, once they are made."""
        for key, one in sublayers(self.__dict__["layer"]).items():
            made = one.__dict__.get("_alone")
            if made is not None and key not in self._modules:
                self.add_module(key, made)

    @contextlib.contextmanager
    def bound(self) -> Iterator[None]:
        """The layer's weights, layers and modules are this module's while it lasts."""
        layer = self.__dict__["layer"]
        weights = _own_weights(layer)
        before = [one.tensor for one in weights]
        held = {key: layer.__dict__[key] for key in (*self._parameters, *self._modules) if key in layer.__dict__}
        inner = [(one, one.__dict__.get("_alone")) for one in sublayers(layer).values()]
        RUNNING.append(layer)
        try:
            for one in weights:
                one.tensor = getattr(self, one.name)
            for key, sub in sublayers(layer).items():
                if key in self._modules:
                    sub._alone = self._modules[key]  # type: ignore[attr-defined]
            for key, value in held.items():
                if isinstance(value, nn.Module | nn.Parameter):
                    layer.__dict__[key] = getattr(self, key)
            yield
        finally:
            RUNNING.pop()
            for one, tensor in zip(weights, before, strict=True):
                one.tensor = tensor
            for sub, made in inner:
                if made is not None:
                    sub._alone = made  # type: ignore[attr-defined]
            layer.__dict__.update(held)

    def taken(self) -> torch.Tensor | None:
        """The sum of what ``add_loss`` was given since the last time; None where it was given nothing."""
        added = self.taken_apart()
        return torch.stack([one.sum() for one in added]).sum() if added else None

    def taken_apart(self) -> list[torch.Tensor]:
        """What ``add_loss`` was given since the last time, one by one."""
        added = self.__dict__["layer"].__dict__.pop("_added", [])
        return [torch.as_tensor(one, dtype=torch.float32) for one in added]

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        layer, last = self.__dict__["layer"], self.__dict__["last"]
        if not self.training:
            layer.__dict__.pop("_added", None)
        with self.bound(), _variances(layer):
            if not last:
                return layer.forward(*xs)  # type: ignore[no-any-return]
            result = called(layer, [channels_last(x) for x in xs], self.training)
        if not isinstance(result, torch.Tensor):
            raise ArgumentError(f"{type(layer).__name__}.call gave {type(result).__name__}; it gives one tensor.")
        return channels_first(result)


@contextlib.contextmanager
def _variances(layer: Layer) -> Iterator[None]:
    """Say what torch's own batch norms mean where a batch has one value per channel.  Raises ShapeError."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ShapeError(
            f"{type(layer).__name__}: a batch norm of torch got one value per channel, which has no variance: a batch of 1, "
            "such as the last one of an epoch. Use layers.BatchNormalization, which takes it, or a batch_size that leaves "
            "no single sample."
        ) from (error.__cause__ or error)


def started(one: Any) -> torch.Tensor:
    """A tensor for a weight that ``add_weight`` made, with its first numbers.

    one   the weight
    """
    tensor = torch.empty(one.shape)
    _start(tensor, one)
    return tensor.to(getattr(torch, one.dtype))


def _start(tensor: torch.Tensor, one: Any) -> None:
    import importlib

    fans = (one.shape[-2], one.shape[-1]) if len(one.shape) > 1 else ((one.shape or (1,))[0],) * 2
    for size in one.shape[:-2]:
        fans = fans[0] * size, fans[1] * size
    importlib.import_module("striate.backend.init").fill(
        tensor, Weight(one.shape, one.initializer, fans, one.regularizer)
    )


class LayerCode:
    """The torch code of a layer of a user's own, as the primitive ``Foreign`` asks of it.

    layer   of a user's own
    last    whether its code takes channels-last tensors
    """

    def __init__(self, layer: Layer, last: bool) -> None:
        self.layer, self.last = layer, last
        self._made: Any = None
        self._runs: dict[tuple[Any, ...], Any] = {}

    def module(self, *inputs: Shape) -> Any:
        """The module, made the first time; `inputs` are the shapes of its inputs."""
        if self._made is None:
            self._made = self._new()
            self._run(inputs)
        return self._made

    def _new(self) -> Any:
        return OwnModule(self.layer, self.last)

    def _said(self) -> str:
        return f"{type(self.layer).__name__}.{'call' if self.last else 'forward'}"

    def _examples(self, inputs: tuple[Shape, ...], count: int) -> list[torch.Tensor]:
        return [channels_first(torch.zeros(count, *shape)) for shape in inputs]

    def _run(self, inputs: tuple[Shape, ...]) -> tuple[Shape, int]:
        """The shape and the multiplications of the module on such inputs.  Raises ShapeError where it fails."""
        if inputs in self._runs:
            return self._runs[inputs]  # type: ignore[no-any-return]
        if self._made is None:
            self._made = self._new()
        made, training = self._made, self._made.training
        made.eval()
        counter = FlopCounterMode(display=False)
        held = [(one, one.detach().clone()) for one in (*made.parameters(), *made.buffers())]
        try:
            with torch.no_grad(), counter, torch.random.fork_rng(devices=[]):
                out = made(*self._examples(inputs, 2))
        except StriateError:
            raise
        except Exception as error:
            shapes = " and ".join(str((2, *(shape if self.last else (*shape[-1:], *shape[:-1])))) for shape in inputs)
            what = self._said()
            raise ShapeError(f"{what} fails on {shapes}: {type(error).__name__}: {error}") from error
        finally:
            made.train(training)
            with torch.no_grad():
                for one, before in held:  # what a call assigns, it has not assigned yet
                    one.copy_(before)
        if isinstance(made, OwnModule):
            made.take_layers()
        if not isinstance(out, torch.Tensor) or not out.ndim or len(out) != 2:
            said = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
            raise ShapeError(f"gave {said} for a batch of 2; it gives one tensor whose first axis is the batch.")
        self._runs[inputs] = tuple(channels_last(out).shape[1:]), counter.get_total_flops() // 4
        return self._runs[inputs]  # type: ignore[no-any-return]

    def shape(self, *inputs: Shape) -> Shape:
        """Of the output, for `inputs` of these shapes.  Raises ShapeError where the code fails on them."""
        return self._run(inputs)[0]

    def mults(self, *inputs: Shape) -> int:
        """Multiplications for one sample of `inputs`.  Raises ShapeError where the code fails on them."""
        return self._run(inputs)[1]

    def arrays(self, trainable: bool, *inputs: Shape) -> dict[str, Weight]:
        """Its `trainable` arrays, or its buffers, by name, for `inputs` of these shapes."""
        self._run(inputs)
        made = self.module(*inputs)
        own = {one.name: one for one in _own_weights(self.layer)}
        tensors = made.named_parameters() if trainable else made.named_buffers()
        return {
            name: Weight(
                tuple(tensor.shape),
                regularizer=own[name].regularizer if name in own else None,
                constraint=own[name].constraint if name in own else None,
            )
            for name, tensor in tensors
            if trainable or tensor.is_floating_point()
        }

    def ending(self, *inputs: Shape) -> str | int | None:
        """The function that it ends in, for `inputs` of these shapes, as torch records it for the backward pass.

        inputs   their shapes

        Returns "softmax", "log_softmax", "sigmoid" or "hard_sigmoid"; the number of the input that it gives as it is; None
        for something else, a softmax over another axis than the channels too.
        """
        key = "ending", inputs
        if key not in self._runs:
            self._runs[key] = self._ending(inputs)
        return self._runs[key]  # type: ignore[no-any-return]

    def _ending(self, inputs: tuple[Shape, ...]) -> str | int | None:
        self._run(inputs)
        made, training = self._made, self._made.training
        xs = [x.requires_grad_() for x in self._examples(inputs, 2)]
        held = [(one, one.detach().clone()) for one in (*made.parameters(), *made.buffers())]
        made.eval()
        try:
            with torch.enable_grad(), torch.random.fork_rng(devices=[]):
                out = made(*xs)
        except Exception:  # what cannot be recorded, an operation in place
            return None
        finally:
            made.train(training)
            with torch.no_grad():
                for one, before in held:
                    one.copy_(before)
        axis, step = 1, out.grad_fn  # the axis of the classes, followed backwards
        for place, x in enumerate(xs):
            if out is x:
                return place
        while step is not None:
            name = type(step).__name__.partition("Backward")[0]
            if name == "Permute":
                axis = step._saved_dims[axis] % out.ndim
            elif name == "AccumulateGrad":
                return next((place for place, x in enumerate(xs) if step.variable is x and axis == 1), None)
            elif name not in ("Alias", "Clone", "ToCopy") and not (name == "Clamp" and _within(step)):
                break
            step = step.next_functions[0][0]
        else:
            return None
        if name in _SOFTMAX:
            return _SOFTMAX[name] if step._saved_dim % 2**64 in (axis, (axis - out.ndim) % 2**64) else None
        return _SIGMOID.get(name)

    def kept(self, training: bool, grads: tuple[bool, ...], *inputs: Shape) -> Any:
        """What its backward pass needs in `training`, `grads` saying which `inputs` need one: ``ops.kept.Saved``."""
        key = training, grads, inputs
        if key not in self._runs:
            self._runs[key] = kept(self.module(*inputs), training, grads, inputs)
        return self._runs[key]
