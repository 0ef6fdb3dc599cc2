"""Write docs/every_layer/: every layer with its picture and its arithmetic, computed by ``explain``.

``make docs`` runs it; a test fails when the page is out of date.  Examples are those of tests/layer_cases.py, the one
table of layers, but where a rounder one tells more.
"""

from __future__ import annotations

import inspect
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from striate import layers
from striate.draw import svg, window_svg
from striate.graph import Graph
from striate.graph.layer import snake_case
from striate.size import explain
from striate.wording import by, plural

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "every_layer"
# Rounder examples: (the call, the shape of its input).
EXAMPLES: dict[str, tuple[str, tuple[int, ...]]] = {
    "Conv2D": ('Conv2D(8, 3, strides=2, padding="same")', (7, 7, 3)),
    "Conv1D": ('Conv1D(8, 3, padding="causal")', (9, 4)),
    "DepthwiseConv2D": ("DepthwiseConv2D(3, padding=1)", (6, 6, 4)),
    "SeparableConv2D": ("SeparableConv2D(8, 3, padding=1)", (6, 6, 4)),
    "Conv2DTranspose": ('Conv2DTranspose(8, 3, strides=2, padding="same")', (4, 4, 3)),
    "MaxPooling2D": ("MaxPooling2D(2)", (6, 6, 4)),
    "AveragePooling2D": ("AveragePooling2D(3, strides=2)", (7, 7, 4)),
    "Dense": ("Dense(10)", (64,)),
    "Flatten": ("Flatten()", (4, 4, 8)),
    "BatchNormalization": ("BatchNormalization()", (8, 8, 16)),
    "GlobalAveragePooling2D": ("GlobalAveragePooling2D()", (7, 7, 64)),
}
# Heads of modules whose first sentence is none.
HEADS = {"pictures": "Boxes", "core": "Nothing", "lenet": "The parts that only LeNet-5 has"}
_PARTS = {"Output size": "output", "Weights": "weights", "Multiplications": "multiplications"}


def cases() -> dict[type, Any]:
    sys.path.insert(0, str(ROOT / "tests"))
    from layer_cases import CASES

    return {kind: every[0] for kind, every in CASES.items()}


def example(kind: type, case: Any) -> tuple[str, Graph]:
    """The call of a layer as code, and the network of it alone."""
    if kind.__name__ in EXAMPLES:
        code, shape = EXAMPLES[kind.__name__]
        inputs = [layers.Input(shape)]
        layer = eval(code, vars(layers).copy())
    else:
        layer = case.layer()
        said = ", ".join(f"{name}={value!r}" for name, value in case.fields.items())
        code = f"{kind.__name__}({said})" if case.fields else repr(layer)
        inputs = [layers.Input(shape, dtype=case.dtype) for shape in case.inputs]
    out = layer(inputs if len(inputs) > 1 else inputs[0])
    return code, Graph(inputs, [out[0] if isinstance(out, list) else out])


def arithmetic(text: str) -> tuple[str, dict[str, list[str]]]:
    """What ``explain`` says: the layer in a sentence, and the lines of each part."""
    head, *parts = text.split("\n\n")
    about = head.split("\n")[1].strip() if "\n" in head else ""
    return about, {part.split("\n")[0]: [" ".join(line.split()) for line in part.split("\n")[1:]] for part in parts}


def entry(kind: type, case: Any) -> tuple[list[str], str, str]:
    """The lines of a layer on the page, the name of its picture, and the picture."""
    code, graph = example(kind, case)
    node = graph.nodes[-1]
    name = graph.label(node)
    about, parts = arithmetic(explain(graph, name))
    picture = f"{snake_case(kind.__name__)}.svg"
    shapes = " and ".join(by(shape) for shape in node.input_shapes)
    lines = [f"### {kind.__name__}", "", about, "", f"`{code}` on {shapes}:", ""]
    lines += ["| | |", "| --- | --- |"]
    for part, word in _PARTS.items():
        said = [line for line in parts[part] if not line.startswith("none are counted")]
        cell = "<br>".join(line.replace("|", "\\|").replace("<", "&lt;") for line in said) or "none"
        lines.append(f"| {word} | {cell} |")
    sliding = [window for call in graph.flat().nodes for _, window in call.lowering.sliding]
    drawn = any(window.area > 1 and len(window.kernel) <= 2 for window in sliding)
    drawing = window_svg(graph, name, title=code) if drawn else svg(graph, direction="right")
    what = "how its window moves" if drawn else "its place in a network"
    return [*lines, "", f"![{kind.__name__}: {what}](pictures/{picture})", ""], picture, str(drawing)


def families(found: dict[type, Any]) -> dict[str, list[type]]:
    """The layers by what their module says it holds, both in the order of the table."""
    grouped: dict[str, list[type]] = {}
    for kind in found:
        said = re.split(r"[:.]", inspect.getdoc(sys.modules[kind.__module__]) or "")[0]
        grouped.setdefault(HEADS.get(kind.__module__.rpartition(".")[2], said), []).append(kind)
    return grouped


def everything() -> dict[str, str]:
    """{file under docs/every_layer: what it holds}."""
    found = cases()
    files = {}
    lines = [
        "# Every layer",
        "",
        f"Made by `make docs`: {plural(len(found), 'layer')}, each with its picture and the arithmetic that",
        "`model.explain(layer)` prints: sizes of the output, weights, multiplications. F is the window, S the stride, P the",
        "padding, D the depth of the input, K the number of filters or units. All arguments stand in the API reference;",
        "[layers](../layers.md) says how to write one of your own, [size](../size.md) how one output number is worked out.",
        "",
    ]
    for said, kinds in families(found).items():
        lines += [f"## {said}", ""]
        for kind in kinds:
            own, picture, drawing = entry(kind, found[kind])
            lines += own
            files[f"pictures/{picture}"] = drawing
    lines += [
        "## Without arithmetic of their own",
        "",
        "`Input` and `InputLayer` begin a network. `Lambda`, `TorchModuleWrapper`, `Wrapper` and `Layer` hold code of your",
        "own ([own parts](../own_parts.md)). `MixUp` and `CutMix` change batches in training ([augment](../augment.md)).",
    ]
    return {"README.md": "\n".join(lines) + "\n", **files}


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "pictures").mkdir(parents=True)
    for file, text in everything().items():
        (FOLDER / file).write_text(text)
    print(f"wrote {FOLDER}")
