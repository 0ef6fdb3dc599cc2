"""What captum says of four networks: the answers in captum.json.

Made with captum 0.9 and torch 2.13, neither of which the tests need: ``python tests/oracles/captum_oracle.py`` writes the
file, ``... MOBILENET.h5 RESNET20.th`` compares on real weights and prints the largest relative differences.

The networks are striate's modules with every ReLU as a torch ``nn.ReLU`` module, which is what captum hooks; a ReLU6 is
made a subclass of it, so that its own derivative is what guided backprop starts from.  The rule for the weights is `fill`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from striate import zoo

FILE = Path(__file__).parent / "captum.json"
NETS: dict[str, tuple[str, dict[str, Any], str]] = {
    "VGG-shaped": ("cifar_net", {"classes": 7, "input_shape": (32, 32, 3)}, "conv2d_2"),
    "ResNet-shaped": ("cifar_resnet20", {}, "layer3_1_bn2"),
    "Inception-shaped": (
        "googlenet",
        {"classes": 7, "input_shape": (64, 64, 3), "aux": False},
        "inception4b_branch2_1_conv",
    ),
    "MobileNet-shaped": ("mobilenet_v2", {"classes": 7, "input_shape": (64, 64, 3)}, "block_13_project_BN"),
}
CLASS, PLACES = 3, 48


def fill(module: nn.Module) -> None:
    """Entry i of array k: u = 2 frac(43758.5453 sin(12.9898 (i + 1) + 78.233 k)) - 1, about uniform; kernels are
    u sqrt(6 / fan-in), offsets 0.1 u, scales and variances 1 + 0.1 u.
    """
    for k, (name, tensor) in enumerate(module.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        steps = torch.arange(1, tensor.numel() + 1, dtype=torch.float64)
        wave = (2 * (torch.sin(12.9898 * steps + 78.233 * k) * 43758.5453).frac().abs() - 1).view(tensor.shape)
        if tensor.ndim > 1:
            wave = wave * (6 / tensor[0].numel()) ** 0.5
        elif name.endswith(("running_var", ".weight")):
            wave = 1 + 0.1 * wave
        else:
            wave = 0.1 * wave
        tensor.copy_(wave)


def picture(shape: tuple[int, ...]) -> np.ndarray:
    """uint8 (1, H, W, C): waves of several lengths."""
    y, x, c = np.indices(shape)
    waves = np.sin(0.37 * x + c) * np.cos(0.23 * y) + np.sin(0.9 * x * y / shape[0] + 2 * c) + np.cos(1.7 * (x - y))
    return (127.5 + 42 * waves).clip(0, 255).astype(np.uint8)[None]


class ReLU6(nn.ReLU):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu6(x)


def with_modules(module: fx.GraphModule) -> nn.Module:
    """The same module with a ReLU module in the place of each ReLU call, nested ones too, and without the last softmax."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    copy = fx.GraphModule(module, graph)
    for name, child in list(copy.named_children()):
        if isinstance(child, fx.GraphModule):
            setattr(copy, name, with_modules(child))
    for i, node in enumerate(list(graph.nodes)):
        if node.op == "call_function" and node.target in (F.relu, F.relu6, F.hardtanh):
            copy.add_submodule(f"rectifier{i}", nn.ReLU() if node.target is F.relu else ReLU6())
            with graph.inserting_before(node):
                new = graph.call_module(f"rectifier{i}", (node.args[0],))
                new.meta = dict(node.meta)
            node.replace_all_uses_with(new)
            graph.erase_node(node)
        elif node.op == "call_function" and node.target is F.softmax:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    copy.recompile()
    return copy.eval()


def asked(net: Any, x: torch.Tensor, target: int, layer: str) -> dict[str, np.ndarray]:
    """Every method's answer by captum, channels first."""
    from captum import attr

    x = x.clone().requires_grad_()
    black = torch.zeros_like(x)
    found = {
        "saliency": attr.Saliency(net).attribute(x, target=target, abs=False),
        "deconvnet": attr.Deconvolution(net).attribute(x, target=target),
        "guided": attr.GuidedBackprop(net).attribute(x, target=target),
        "integrated": attr.IntegratedGradients(net).attribute(
            x, black + net.black, target=target, n_steps=16, method="riemann_middle"
        ),
        "occlusion": attr.Occlusion(net).attribute(
            x, (x.shape[1], 8, 8), strides=(x.shape[1], 8, 8), baselines=black + net.black, target=target
        ),
    }
    node = [node for node in net.graph.nodes if node.meta.get("layer") == layer][-1]
    part = attr.LayerGradCam(net, net.get_submodule(node.target))
    found["gradcam"] = part.attribute(x, target=target, relu_attributions=True)
    return {name: value.detach().double().numpy()[0] for name, value in found.items()}


def sampled(values: np.ndarray) -> dict[str, Any]:
    at = np.linspace(0, values.size - 1, PLACES).astype(int)
    return {"largest": float(np.abs(values).max()), "values": [float(f"{v:.8g}") for v in values.reshape(-1)[at]]}


def network(name: str, weights: str | None = None) -> Any:
    architecture, settings, _ = NETS[name]
    model = zoo.create(architecture, **({"weights": weights} if weights else settings))
    if weights is None:
        with torch.no_grad():
            fill(model.module.double())  # what is left when two large logits are subtracted must mean something
    return model


def answers(model: Any, layer: str, target: int = CLASS) -> dict[str, np.ndarray]:
    from striate.look.pictures import Space

    space = Space.of(model)
    net = with_modules(model.module)
    weight = next(model.module.parameters())
    x = space.inputs(picture(space.shape), weight)
    net.black = torch.from_numpy(space.offset).to(weight).view(1, -1, 1, 1)
    return asked(net, x, target, layer)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        told = {name: answers(network(name), layer) for name, (_, _, layer) in NETS.items()}
        kept = {name: {method: sampled(value) for method, value in found.items()} for name, found in told.items()}
        FILE.write_text(json.dumps(kept, indent=1) + "\n")
        print(f"wrote {FILE}")
    else:
        sys.path.insert(0, str(Path(__file__).parent.parent))
        from test_look_attribution import ours

        real = (("mobilenet", sys.argv[1], "conv_pw_13_bn"), ("cifar_resnet20", sys.argv[2], "layer3_1_bn2"))
        for name, weights, layer in real:
            model = zoo.create(name, weights=weights)
            theirs = answers(model, layer)
            for method, value in ours(model, layer).items():
                print(name, method, float(np.abs(value - theirs[method]).max() / np.abs(theirs[method]).max()))
