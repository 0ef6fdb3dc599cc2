"""What torch's autograd really keeps of a network for its backward pass."""

from __future__ import annotations

import torch

from striate.backend import build, set_mode


def example(graph, batch, device="cpu"):
    """A batch for each input, in channels-last memory as ``fit`` gives it, seen as NCHW."""
    found = []
    for tensor in graph.inputs:
        if tensor.dtype == "int64":
            found.append(torch.zeros((batch, *tensor.sizes), dtype=torch.int64, device=device))
        else:
            x = torch.rand(batch, *tensor.sizes, device=device)
            found.append(x.movedim(-1, 1) if len(tensor.sizes) > 1 else x)
    return found


def really_kept(graph, batch, training=True, device="cpu"):
    """Bytes of the storages that autograd keeps, each once, without parameters and buffers."""
    module = build(graph).to(device)
    set_mode(module, graph, training)
    own = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers())}
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            storages[storage._cdata] = storage  # held, so that no other can take its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(*example(graph, batch, device))
    return sum(storage.nbytes() for storage in storages.values())
