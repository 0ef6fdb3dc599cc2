"""A plain torch loop: eager, default allocator, NCHW, default Adam.  Usage: torch_train.py NET PICTURES [bf16]"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


def cifar_net() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 1024), nn.ReLU(), nn.Linear(1024, 10)),
    )


class Block(nn.Module):
    def __init__(self, inputs: int, maps: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, maps, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.conv2 = nn.Conv2d(maps, maps, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)
        self.stride, self.added = stride, maps - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.added:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added // 2, self.added // 2))
        return F.relu(y + x)


def cifar_resnet20() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for maps in (16, 32, 64):
        for block in range(3):
            layers.append(Block(inputs, maps, 2 if maps > 16 and not block else 1))
            inputs = maps
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


if __name__ == "__main__":
    count = int(sys.argv[2])
    torch.manual_seed(0)
    x, y = torch.rand(count, 3, 32, 32), torch.randint(0, 10, (count,))
    net = {"cifar_net": cifar_net, "cifar_resnet20": cifar_resnet20}[sys.argv[1]]()
    optimizer = torch.optim.Adam(net.parameters())
    for _ in sys.stdin:
        started, worked = time.perf_counter(), time.process_time()
        net.train()
        correct = 0
        for index in torch.randperm(count).split(128):
            with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in sys.argv):
                out = net(x[index]).float()
            loss = F.cross_entropy(out, y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            correct += (out.argmax(1) == y[index]).sum().item()
        work = count / (time.process_time() - worked)
        print(json.dumps({"rate": count / (time.perf_counter() - started), "work": work}), flush=True)
