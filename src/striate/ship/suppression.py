"""Suppression inside an ONNX model: rows of boxes become detections, as ``tasks.found.detections`` decides them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from striate.intake import Decoding
from striate.ship.onnx_graph import ROWS, describe, rows_of_boxes

if TYPE_CHECKING:
    import onnx

# What a network that ends in boxes gives instead of its rows, over all pictures of a batch: detections follow each other
# picture after picture, the surest first.
PICTURES = "pictures"


def suppress_boxes(model: onnx.ModelProto, decoding: Decoding) -> None:
    """In the place of each output that is rows of boxes put boxes (D, 4), scores (D,), classes (D,) and pictures (D,).

    model      as ``to_onnx`` writes it; it is changed
    decoding   what is kept

    Candidates are a place and a class.  The surest of a picture are cut out first, in the order of their scores and, where
    these are equal, of their places and classes; each class is thinned out on its own; of what is left the first stay.
    """
    numbers = rows_of_boxes(model)
    for number in reversed(numbers):
        _suppress(model, number, decoding)
    rest = {entry.key: entry.value for entry in model.metadata_props if entry.key != ROWS}
    del model.metadata_props[:]
    describe(model, rest | ({"decoding": decoding.told()} if numbers else {}))


def _suppress(model: onnx.ModelProto, number: int, decoding: Decoding) -> None:
    made = _Nodes(model)
    rows = model.graph.output[number]
    _, places, width = (dim.dim_value for dim in rows.type.tensor_type.shape.dim)
    classes = width - 4
    considered = min(decoding.considered, places * classes)
    boxes = made("Slice", rows.name, made.whole([0]), made.whole([4]), made.whole([2]))
    scores = made("Slice", rows.name, made.whole([4]), made.whole([width]), made.whole([2]))
    flat = made("Reshape", scores, made.whole([0, -1]))
    sure, which = made.several("TopK", 2, flat, made.whole([considered]), axis=1)
    place = made("Div", which, made.whole(classes))
    label = made("Mod", which, made.whole(classes))
    corners = made("GatherND", boxes, made("Unsqueeze", place, made.whole([2])), batch_dims=1)
    own = made("Equal", made("Unsqueeze", label, made.whole([1])), made.whole(np.arange(classes)[:, None]))
    by_class = made("Where", own, made("Unsqueeze", sure, made.whole([1])), made.real(-1))  # (N, K, considered)
    least = np.nextafter(np.float32(decoding.threshold), np.float32(-1))  # ONNX wants scores above it
    chosen = made(
        "NonMaxSuppression", corners, by_class, made.whole(considered), made.real(decoding.overlap), made.real(least)
    )  # (D, 3): picture, class, candidate
    at = made("Gather", chosen, made.whole([0, 2]), axis=1)
    marks = made("Slice", made("Cast", chosen, to=1), made.whole([0]), made.whole([1]), made.whole([1]))
    ones = made("Reshape", made("Add", made("Mul", marks, made.real(0)), made.real(1)), made.whole([-1]))
    kept = made("ScatterND", made("ConstantOfShape", made("Shape", which)), at, ones)  # 1 for each that stays
    if decoding.most < considered:
        count = made("CumSum", kept, made.whole(1))
        few = made("Cast", made("LessOrEqual", count, made.real(decoding.most)), to=1)
        kept = made("Mul", kept, few)
    found = made("Transpose", made("NonZero", kept), perm=[1, 0])  # (D, 2): picture, candidate; in this order
    del model.graph.output[number]
    kinds: tuple[tuple[str, str, list[int], int], ...] = (
        ("boxes", corners, [4], 1),
        ("scores", sure, [], 1),
        ("classes", label, [], 7),
    )
    for place_, (name, source, shape, kind) in enumerate(kinds):
        made.put("GatherND", [source, found], made.end(number + place_, name, kind, shape))
    picture = made("Gather", found, made.whole(0), axis=1)
    made.put("Identity", [picture], made.end(number + len(kinds), PICTURES, 7, []))


class _Nodes:
    """Writes nodes at the end of a model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self._count = 0
        self._taken = {value.name for value in (*model.graph.input, *model.graph.output)}

    def __call__(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """The names of an operation's results."""
        self._count += 1
        names = [f"detections/{kind}_{self._count}" + (f"/{i}" if i else "") for i in range(count)]
        self.put(kind, list(inputs), *names, **attributes)
        return names

    def put(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> None:
        from onnx import helper

        self.graph.node.append(helper.make_node(kind, inputs, list(outputs), outputs[0], **attributes))

    def whole(self, value: Any) -> str:
        return self._constant(np.array(value, np.int64))

    def real(self, value: float) -> str:
        return self._constant(np.array(value, np.float32))

    def _constant(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        self._count += 1
        name = f"detections/constant_{self._count}"
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def end(self, place: int, name: str, kind: int, shape: list[int]) -> str:
        """A new output of the model, at this place; its name."""
        from onnx import helper

        free = next(one for one in (name, *(f"{name}_{i}" for i in range(2, 1000))) if one not in self._taken)
        self._taken.add(free)
        self.graph.output.insert(place, helper.make_tensor_value_info(free, kind, ["detections", *shape]))
        return free
