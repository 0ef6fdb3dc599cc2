"""What the processor can do: whether it has units for 16-bit numbers, and which kind it is."""

from __future__ import annotations

import os
from functools import cache

import torch


@cache
def bfloat16_units(device: str = "cpu") -> bool:
    """Whether a device multiplies bfloat16 numbers faster than float32 ones.

    device   its kind: "cpu", which needs AVX-512 BF16 or AMX, or "cuda", which needs compute capability 8.0
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return device == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@cache
def processor() -> str:
    """The kind of processor: what an engine's speed depends on, such as "x86_64, 2 cores, avx512_f, avx512_bf16"."""
    able = torch.cpu.get_capabilities()
    sets = [
        name for name in ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16") if able.get(name)
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ", ".join([str(able.get("architecture", "cpu")), f"{cores} cores", *sets])
