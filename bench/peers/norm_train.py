"""Training a stack of convolutions and batch norms: striate's norm, or torch's in its places.

Usage: norm_train.py PICTURES [torch]
"""

import json
import sys
import time

import torch
from torch import nn

import striate as st
from striate.backend.modules import BatchNorm
from striate.graph import SymbolicTensor


def stack() -> st.Model:
    inputs = x = st.Input((32, 32, 3))
    for _ in range(6):
        x = st.layers.Conv2D(32, 3, padding="same", use_bias=False)(x)
        x = st.layers.Activation("relu")(st.layers.BatchNormalization()(x))
    answer: SymbolicTensor = st.layers.Dense(10)(st.layers.GlobalAveragePooling2D()(x))
    return st.Model(inputs, answer)


def with_torch_norms(module: nn.Module) -> None:
    for name, child in [*module.named_modules()]:
        if isinstance(child, BatchNorm):
            above = module.get_submodule(name.rpartition(".")[0])
            norm = nn.BatchNorm2d(child.num_features, child.eps, child.momentum)
            setattr(above, name.rpartition(".")[2], norm)


if __name__ == "__main__":
    count = int(sys.argv[1])
    st.set_seed(0)
    module = stack().module
    if sys.argv[2:] == ["torch"]:
        with_torch_norms(module)
    x = torch.rand(count, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (count,))
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    for _ in sys.stdin:
        started = time.perf_counter()
        for start in range(0, count, 128):
            loss = nn.functional.cross_entropy(module(x[start : start + 128]), y[start : start + 128])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(json.dumps({"rate": count / (time.perf_counter() - started)}), flush=True)
