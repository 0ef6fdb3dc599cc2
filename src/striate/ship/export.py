"""A model as one ONNX file for others, and a network cut at a layer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from striate.errors import ArgumentError
from striate.graph import Graph, SymbolicTensor
from striate.intake import outputs_with_boxes
from striate.ship.onnx_graph import describe, save_onnx, to_onnx
from striate.ship.suppression import suppress_boxes
from striate.ship.watch import check_modules


def export_onnx(
    model: Any,
    path: str | os.PathLike[str],
    *,
    pixels: bool = False,
    int8: bool = False,
    suppression: bool | None = None,
) -> Path:
    """Write a model as one ONNX file; its metadata hold what a program without striate wants to know, as JSON.

    model        with its weights as they are now
    path         of the file
    pixels       inputs are uint8 pictures (N, H, W, C) that the file itself brings into the network's range
    int8         the twin that ``quantize`` made, with ONNX's QuantizeLinear and DequantizeLinear
    suppression  of a network that answers with boxes: whether its rows are thinned out to detections within the file, as
                 ``model.decoding`` says; None: yes

    Metadata: name, labels, preprocessing (with the size of the network's pictures) and, of a network that answers with
    boxes, task and decoding.  Raises ArgumentError for `pixels` of a model without preprocessing, `suppression` of one
    without boxes, a layer that ONNX cannot say, a torch module whose settings were edited and `int8` without a twin of these
    weights, BundleError where the file cannot be written.
    """
    preprocessing = model.intake.preprocessing
    if pixels and preprocessing is None:
        raise ArgumentError("export_onnx: this model has no preprocessing, so it cannot take pixels. Use pixels=False.")
    check_modules(model, "export_onnx")
    boxes = bool(outputs_with_boxes(model.graph.check()))
    if suppression and not boxes:
        raise ArgumentError("export_onnx: suppression is for networks that answer with boxes; this one does not.")
    if preprocessing is not None and model.intake.takes_pictures:
        preprocessing = model.intake.recipe
    said = {
        "name": model.name or "",
        "labels": model.labels,
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
        "task": "detect" if boxes else None,
        "decoding": model.decoding.told() if boxes else None,
    }
    taken = preprocessing if pixels else None
    if int8:
        proto = model._engine.quantized(model.graph.check()).proto(taken)
        describe(proto, said)
    else:
        proto = to_onnx(model.graph, preprocessing=taken, metadata=said)
    if boxes and suppression is not False:
        suppress_boxes(proto, model.decoding)
    save_onnx(proto, path)
    return Path(path)


def cut(graph: Graph, names: Sequence[str], features: SymbolicTensor | None = None) -> Graph:
    """The network up to some layers.

    graph      the whole network
    names      of the layers whose outputs the cut network has
    features   without names: the tensor to cut at; None: what the last layer with weights reads

    Raises ArgumentError for an unknown name, naming the nearest, and where no layer has weights.
    """
    if names:
        return Graph(graph.inputs, [graph.node(name).outputs[0] for name in names])
    if features is not None:
        return Graph(graph.inputs, [features])
    main = graph.without_auxiliary()
    weighty = [node for node in main.nodes if node.layer.parameters(*node.input_shapes)]
    if not weighty:
        raise ArgumentError("extract: no layer of this network has weights; say which layer's activations you want.")
    return Graph(graph.inputs, list(weighty[-1].inputs))
