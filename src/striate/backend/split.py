"""A network whose layers lie on several devices, one stretch of them after the other.

For a network that is too large for one device.  The devices take turns, so it is no faster than one of them: Huang et al.
2019, "GPipe", figure 2b, the naive way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx

from striate.size.splitting import cut


def moved(x: Any, device: torch.device) -> Any:
    """A tensor, or those in a tuple or list, on a device; what lies there already is not copied.

    x        what a call gave
    device   where it is wanted
    """
    if isinstance(x, torch.Tensor):
        return x.to(device)
    return type(x)(moved(one, device) for one in x) if isinstance(x, tuple | list) else x


class Split:
    """A module's calls dealt to devices in their order, so that each device has about as much to hold.

    module    what ``build`` makes; its arrays stay its own
    devices   in the order of the calls; inputs come to the first, outputs go back there
    costs     what each layer has to hold, by the layer's name

    ``stage`` says of each node which device it runs on.  ``net`` runs once ``place`` has brought the arrays to their
    devices; ``bring_back`` brings them to the processor.
    """

    def __init__(self, module: fx.GraphModule, devices: Sequence[torch.device], costs: Mapping[str, int]) -> None:
        self.module, self.devices = module, list(devices)
        graph = fx.Graph()
        graph.output(graph.graph_copy(module.graph, {}))
        self.stage = _stages(graph, costs, len(self.devices))
        self.homes = self._homes(graph)
        for node in list(graph.nodes):
            if node.op == "placeholder":
                continue
            here = self.stage[node]
            for before in node.all_input_nodes:
                if self.stage[before] != here:
                    with graph.inserting_before(node):
                        arrived = graph.call_function(moved, (before, self.devices[here]))
                    self.stage[arrived] = here
                    node.replace_input_with(before, arrived)
        self.net = fx.GraphModule(module, graph, "Network")
        self.placed = False

    def _homes(self, graph: fx.Graph) -> dict[str, int]:
        """The stage of each array and of each module that is called: that of its first call."""
        homes: dict[str, int] = {}
        for node in graph.nodes:
            if node.op in ("call_module", "get_attr"):
                self.stage[node] = homes.setdefault(str(node.target), self.stage[node])
        return homes

    def place(self) -> None:
        """Bring each array to the device of its stage."""
        for name, stage in self.homes.items():
            self._to(name, self.devices[stage])
        self.placed = True

    def bring_back(self) -> None:
        """Bring all arrays to the processor, where everything else finds them."""
        self.module.to("cpu")
        self.placed = False

    def _to(self, name: str, device: torch.device) -> None:
        found: Any = self.module
        for part in name.split("."):
            found = getattr(found, part)
        if isinstance(found, torch.nn.Module):
            found.to(device)
        else:
            found.data = found.data.to(device)


def _stages(graph: fx.Graph, costs: Mapping[str, int], count: int) -> dict[fx.Node, int]:
    """The stage of each node; inputs and outputs are on the first."""
    calls = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    found = dict.fromkeys(graph.nodes, 0)
    found.update(zip(calls, cut([_cost(node, costs) for node in calls], count), strict=True))
    return found


def _cost(node: fx.Node, costs: Mapping[str, int]) -> int:
    """A layer's cost counts at its first node, the one that has its name."""
    return costs.get(str(node.target).partition(".")[0] if node.op == "call_module" else node.name, 0)
