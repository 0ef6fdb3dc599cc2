"""The bare step on striate's module: batch, forward, loss, backward, update; nothing else.  Usage: bare_train.py NET N"""

import json
import sys
import time

import torch
import torch.nn.functional as F

import striate as st
from striate.backend import keep_memory, logits_module

if __name__ == "__main__":
    count = int(sys.argv[2])
    keep_memory()
    x, y = torch.rand(count, 32, 32, 3), torch.randint(0, 10, (count,))
    net, _ = logits_module(st.zoo.create(sys.argv[1]).module, ["softmax"])
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        for index in torch.randperm(count).split(128):
            loss = F.cross_entropy(net(x.index_select(0, index).permute(0, 3, 1, 2)), y[index])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print(json.dumps({"rate": count / (time.perf_counter() - started)}), flush=True)
