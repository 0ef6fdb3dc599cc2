"""What the Inception networks share: modules of branches side by side, written down as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


# -- names in TensorFlow's models/research/slim ----------------------------------------------------------------------
def slim_scopes(scope: str, table: Table) -> Iterator[str]:
    """The scopes of a module's convolutions in slim, in the order of the table: Branch_1/Conv2d_0b_3x3 ….

    scope   of the module
    table   its branches

    Letters count the steps of a branch, poolings too; what has a stride or padding of its own is a 1a.
    """
    for branch, steps in enumerate(table.values()):
        parts = [part for step in steps for part in (step if isinstance(step, list) else [step])]
        for letter, (kind, kernel, *more) in zip("abcdefg", parts, strict=False):
            if not isinstance(kind, str):
                height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
                yield f"{scope}/Branch_{branch}/Conv2d_{'1a' if more else f'0{letter}'}_{height}x{width}"


def places(name: str, table: Table) -> Iterator[str]:
    """What ``module`` calls the convolutions of a table with names as torch numbers them, in the same order.

    name    of the module
    table   its branches
    """
    for branch, steps in table.items():
        for number, step in enumerate(steps):
            place = f"{name}_{numbered(branch, number, len(steps))}"
            if isinstance(step, list):
                yield from (f"{place}{letter}" for letter in "ab")
            elif not isinstance(step[0], str):
                yield place


def slim_names(scopes: Iterable[str], places: Iterable[str] | None = None) -> dict[str, str]:
    """``Source.names`` of convolutions with batch norms after them, in slim.

    scopes   there, in order
    places   here, of names ``…_conv`` and ``…_bn``; None: those of Keras, which counts layers without a name
    """
    scopes = list(scopes)
    if places is None:
        counted = [f"_{number}" if number else "" for number in range(len(scopes))]
        pairs = [(f"conv2d{end}", f"batch_normalization{end}") for end in counted]
    else:
        pairs = [(f"{place}_conv", f"{place}_bn") for place in places]
    named: dict[str, str] = {}
    for (conv, norm), scope in zip(pairs, scopes, strict=True):
        named |= {conv: scope, norm: f"{scope}/BatchNorm"}
    return named


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
