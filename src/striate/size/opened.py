"""The flat graph, and which of its calls and tensors belong to which row of the table."""

from __future__ import annotations

from striate.graph import FlatGraph, FlatNode, Graph, InputLayer


class _Recording(FlatGraph):
    """A flat graph that also remembers what each nested network returns."""

    def __init__(self, graph: Graph) -> None:
        self.returned: dict[str, list[int]] = {}
        super().__init__(graph)

    def _open(
        self, graph: Graph, inputs: list[int], path: tuple[str, ...], trainable: bool, training: bool | None
    ) -> list[int]:
        outputs = super()._open(graph, inputs, path, trainable, training)
        if path:
            self.returned["/".join(path)] = outputs
        return outputs


class Opened:
    """A graph with its nested networks opened.

    flat       the flat graph
    calls      by label of a call in the outer graph: the flat calls that it stands for (one, or a network's)
    tensors    the (first) output, as a tensor number, by name: inputs, flat calls and nested networks
    """

    def __init__(self, graph: Graph) -> None:
        flat = _Recording(graph)
        self.flat: FlatGraph = flat
        self.calls: dict[str, list[FlatNode]] = {}
        self.tensors: dict[str, int] = {}
        for tensor, number in zip(graph.inputs, flat.inputs, strict=True):
            self.tensors[graph.label(tensor.node)] = number
        for node in graph.nodes:
            if not isinstance(node.layer, InputLayer):
                self.calls[graph.label(node)] = []
        for call in flat.nodes:
            self.calls[call.path[0] if call.path else call.name].append(call)
            self.tensors[call.name] = call.outputs[0]
            for depth in range(1, len(call.path) + 1):
                name = "/".join(call.path[:depth])
                self.tensors.setdefault(name, flat.returned[name][0])
