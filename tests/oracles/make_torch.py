"""Stores answers of torchvision and timm.  Needs both; see README.md."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from oracles import rule, stored

SIZES = ((224, 224), (171, 203))

TORCHVISION: dict[str, dict[str, Any]] = {
    "alexnet": {},
    **{f"vgg{n}_bn": {"init_weights": False} for n in (11, 16)},
    **{f"vgg{n}": {"init_weights": False} for n in (11, 13, 16, 19)},
    "googlenet": {"aux_logits": True, "init_weights": False},
    "inception_v3": {"aux_logits": True, "init_weights": False},
    **{f"resnet{n}": {} for n in (18, 34, 50, 101, 152)},
    "resnext50_32x4d": {},
    "resnext101_32x8d": {},
    "wide_resnet50_2": {},
    "wide_resnet101_2": {},
    **{f"densenet{n}": {} for n in (121, 169, 201)},
    "mobilenet_v2": {},
    "squeezenet1_0": {},
    "squeezenet1_1": {},
    "efficientnet_b0": {},
    "convnext_tiny": {},
}
TIMM: dict[str, dict[str, Any]] = {
    "inception_v3": {},
    "inception_v4": {},
    "inception_resnet_v2": {},
    "legacy_xception": {},
    "nasnetalarge": {},
    "resnet50": {},
    "resnetv2_18": {},
    "resnetv2_34": {},
    "mobilenetv2_100": {},
    "efficientnet_b0": {},
    "tf_efficientnet_b0": {},
    "convnext_tiny": {},
}


def libraries() -> dict[str, tuple[Any, Callable[..., torch.nn.Module]]]:
    # torchvision's compiled operators need a CUDA torch; the networks do not use them, but importing declares their shapes.
    keep = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        keep.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import timm
    import torchvision

    libraries.keep = keep  # type: ignore[attr-defined]
    return {
        "torchvision": (torchvision, lambda model, **kw: torchvision.models.get_model(model, weights=None, **kw)),
        "timm": (timm, lambda model, **kw: timm.create_model(model, pretrained=False, **kw)),
    }


def roles(net: torch.nn.Module) -> dict[str, str]:
    """{key of the state_dict: role}"""
    found = {}
    for path, module in net.named_modules():
        for slot, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            key = f"{path}.{slot}" if path else slot
            known = {"num_batches_tracked": "counter", "running_mean": "mean", "running_var": "variance"}
            if slot in known:
                found[key] = known[slot]
            elif slot in ("gamma", "layer_scale"):
                found[key] = "gamma"
            elif slot == "bias":
                found[key] = "bias"
            else:
                found[key] = "kernel" if tensor.ndim > 1 else "gamma"
    return {key: found[key] for key in net.state_dict()}


def filled(net: torch.nn.Module, first: torch.Tensor) -> list[list[Any]]:
    """Fill by the rule, measuring the exponents of batch norms on one pass of `first`; returns the parameters."""
    state, role, exponents = net.state_dict(), roles(net), {}
    for key, tensor in state.items():
        tensor.copy_(torch.from_numpy(rule.fill(key, tuple(tensor.shape), role[key])))

    def measure(path: str) -> Callable[..., None]:
        def hook(module: Any, inputs: Any) -> None:
            e = round(float(inputs[0].double().square().mean().sqrt().log2()))
            for slot in ("running_mean", "running_var"):
                key = f"{path}.{slot}"
                exponents[key] = e
                state[key].copy_(torch.from_numpy(rule.fill(key, tuple(state[key].shape), role[key], e)))

        return hook

    hooks = [
        module.register_forward_pre_hook(measure(path))
        for path, module in net.named_modules()
        if getattr(module, "running_mean", None) is not None
    ]
    net(first)
    for hook in hooks:
        hook.remove()
    return [[key, list(t.shape), role[key], exponents.get(key, 0)] for key, t in state.items()]


def store(library: str, version: str, model: str, net: torch.nn.Module, arguments: dict[str, Any]) -> str:
    def batch(size: tuple[int, int]) -> torch.Tensor:
        return torch.from_numpy(rule.pictures(2, *size).transpose(0, 3, 1, 2).copy())

    parameters = filled(net, batch(SIZES[0]))
    answers, said = [], ""
    for height, width in SIZES:
        out = net(batch((height, width))).numpy()
        answers.append({"height": height, "width": width, "top": True} | stored.sample(out))
        said += stored.health(out)
    path = stored.write(
        f"{library}_{model}",
        {"library": library, "version": version, "torch": torch.__version__, "model": model, "arguments": arguments}
        | {"parameters": parameters, "answers": answers},
    )
    return f"{path.name} {path.stat().st_size} bytes;{said}"


@torch.no_grad()
def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="*", help="file names without ending, such as timm_inception_v4")
    only = options.parse_args().only
    torch.set_num_threads(2)
    np.seterr(all="raise")
    made = libraries()
    for library, table in (("torchvision", TORCHVISION), ("timm", TIMM)):
        module, build = made[library]
        for model, arguments in table.items():
            if only is None or f"{library}_{model}" in only:
                start = time.perf_counter()
                said = store(library, module.__version__, model, build(model, **arguments).eval(), arguments)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
                print(f"{said} {time.perf_counter() - start:.1f} s, peak {peak:.1f} GB", flush=True)


if __name__ == "__main__":
    main()
