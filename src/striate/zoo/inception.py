"""What the Inception networks share: modules of branches side by side, written down as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from striate import layers

# A step of a branch: a convolution (maps, kernel, stride, padding), a pooling ("average" or "max", size, stride,
# padding), where stride 1 and padding "same" may be left out, or a list of steps that all start from the step before.
Step = tuple[Any, ...] | list[tuple[Any, ...]]
Table = Mapping[str, Sequence[Step]]

Convolution = Callable[..., Any]  # (x, name, maps, kernel, strides=1, padding="same") -> x


def conv_norm(*, momentum: float = 0.9, epsilon: float = 1e-3, scale: bool = True, named: bool = True) -> Convolution:
    """A function that puts convolution - batch norm - ReLU after a tensor, its layers called ``…_conv`` and ``…_bn``.

    named: False leaves the names to the order of the layers, as Keras does.
    """

    def conv(x: Any, name: str, maps: int, kernel: Any, strides: int = 1, padding: Any = "same") -> Any:
        names = (f"{name}_conv", f"{name}_bn") if named else (None, None)
        x = layers.Conv2D(maps, kernel, strides, padding, use_bias=False, name=names[0])(x)
        x = layers.BatchNormalization(momentum=momentum, epsilon=epsilon, scale=scale, name=names[1])(x)
        return layers.Activation("relu")(x)

    return conv


def numbered(branch: str, step: int, steps: int) -> str:
    """The name of a step as torch numbers the parts of a Sequential: branch1_0, branch1_1 …; branch0 for a single one."""
    return branch if steps == 1 else f"{branch}_{step}"


def module(
    x: Any,
    name: str,
    table: Table,
    conv: Convolution,
    *,
    joined: str | None = None,
    label: Callable[[str, int, int], str] = numbered,
    count_include_pad: bool = False,
) -> Any:
    """An Inception module: the branches of `table`, each from `x`, one after the other along the channels.

    label               (branch, step, number of steps) to the end of the convolution's name
    joined              name of the concatenation; None: as the module
    count_include_pad   whether average pooling counts padding as zeros
    """

    def stepped(x: Any, step: Step, place: str) -> Any:
        if isinstance(step, list):
            parts = [stepped(x, part, f"{place}{letter}") for part, letter in zip(step, "ab", strict=True)]
            return layers.Concatenate()(parts)
        usual: tuple[Any, ...] = (1, "same")
        kind, size, strides, padding = (*step, *usual[len(step) - 2 :])
        if kind == "average":
            return layers.AveragePooling2D(size, strides, padding, count_include_pad=count_include_pad)(x)
        if kind == "max":
            return layers.MaxPooling2D(size, strides, padding)(x)
        return conv(x, place, kind, size, strides, padding)

    outputs = []
    for branch, steps in table.items():
        y = x
        for number, step in enumerate(steps):
            y = stepped(y, step, f"{name}_{label(branch, number, len(steps))}")
        outputs.append(y)
    return layers.Concatenate(name=joined or name)(outputs)
