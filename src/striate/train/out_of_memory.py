"""Training that runs out of memory ends in what to change, with the numbers, as ``striate advise`` says it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from striate.errors import StriateError, TrainingError
from striate.graph import Graph
from striate.size import advice
from striate.size.memory import OPTIMIZERS
from striate.train.plan import Plan
from striate.wording import memory, plural

_CPU = ("can't allocate memory", "not enough memory", "DefaultCPUAllocator")  # torch has no class of error for these
_NUMBERS = {"float32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@contextmanager
def in_memory(graph: Graph, plan: Plan, batch_size: int, device: torch.device) -> Iterator[None]:
    """Within it, an allocation that fails becomes a TrainingError that says what needs less.

    graph        the network
    plan         what it is trained with
    batch_size   samples in a step
    device       where it is trained
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise TrainingError(_told(graph, plan, batch_size, device)) from error


def ran_out(error: BaseException) -> bool:
    """Whether an error says that an allocation failed, on the processor or on an accelerator."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _CPU)


def _told(graph: Graph, plan: Plan, batch_size: int, device: torch.device) -> str:
    """What there is, what is needed, and each change with what it saves."""
    there = _there(device)
    told = f"out of memory in training with {plural(batch_size, 'sample')} a step on {device} ({memory(there)})"
    kind = type(plan.optimizer).__name__.lower()
    optimizer = "momentum" if kind == "sgd" and getattr(plan.optimizer, "momentum", False) else kind
    dtype = _NUMBERS[plan.precision]
    try:
        known = optimizer if optimizer in OPTIMIZERS else None
        asked = advice(graph, there, batch_size=batch_size, optimizer=known, dtype=dtype)
        if not asked.fits:
            return f"{told}. By its description {asked}"
        # what the kernels need within a layer, and what other programs hold, is not in the estimate
        tighter = advice(graph, max(asked.needed // 2, 1), batch_size=batch_size, optimizer=known, dtype=dtype)
    except StriateError:  # an open size: nothing can be reckoned
        return f"{told}. Use a smaller batch_size, or smaller pictures."
    changes = "\n".join(str(tighter).splitlines()[1:])
    return (
        f"{told}. By its description training needs {memory(asked.needed)}, without the kernels' working space and what "
        f"other programs hold. What makes that half:\n{changes}"
    )


def _there(device: torch.device) -> int:
    """Bytes that the device has."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1 << 62  # not known
