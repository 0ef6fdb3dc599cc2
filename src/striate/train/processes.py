"""Where a training runs: alone in this process, or with others, and in which numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from striate.errors import ArgumentError
from striate.extras import extra
from striate.train.plan import PRECISIONS, Plan
from striate.wording import listed


def devices(given: Sequence[str]) -> list[torch.device]:
    """The devices that a network is split over.  Raises ArgumentError for fewer than two, and for one that is not here.

    given   their names
    """
    names = [*given]
    if len(names) < 2:
        raise ArgumentError(f"device: a network is split over two devices or more, not {names!r}.")
    count = torch.accelerator.device_count() if torch.accelerator.is_available() else 0
    kind = torch.accelerator.current_accelerator() if count else None
    here = ["cpu", *(f"{kind}:{number}" for number in range(count))]
    for name in names:
        if name not in here:
            raise ArgumentError(
                f"device: there is no {name!r} here. There {'are' if count else 'is'}: {', '.join(here)}."
            )
    return [torch.device(name) for name in names]


def kind_of(device: str | Sequence[str] | None) -> str:
    """The kind of device that a training runs on, such as "cpu" or "cuda".

    device   as ``Model.fit`` takes it
    """
    given = [device] if isinstance(device, str) else list(device or ())
    if given:
        return str(given[0]).partition(":")[0]
    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return "cpu" if kind is None else kind.type


class Alone:
    """One process on one device, in 32 bits or bfloat16: what such a training asks of accelerate's ``Accelerator``.

    plan     says the numbers, and over how many batches gradients are gathered
    device   "cpu", or None: an accelerator where there is one
    """

    num_processes, process_index, is_main_process, scaler = 1, 0, True, None

    def __init__(self, plan: Plan, device: str | None) -> None:
        self.accumulate = plan.accumulate
        there = torch.accelerator.is_available() and device != "cpu"
        self.device = torch.device("cpu")
        if there:
            kind = torch.accelerator.current_accelerator()
            assert kind is not None
            self.device = torch.device(kind.type, torch.accelerator.current_device_index())

    def autocast(self) -> AbstractContextManager[Any]:
        """Products in bfloat16 while it lasts."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def backward(self, loss: torch.Tensor) -> None:
        """Add to the gradients this batch's share of their mean."""
        (loss / self.accumulate).backward()


def accelerator(plan: Plan, device: str | None) -> Any:
    """What a training runs with: ``Alone``, or accelerate's ``Accelerator`` under ``torchrun`` and in 16-bit floats.

    plan     says the numbers, and over how many batches gradients are gathered
    device   "cpu", or None: an accelerator where there is one

    Raises ArgumentError where accelerate is needed and not installed, and for a device that is not there.
    """
    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    there = ["cpu"] if kind is None else ["cpu", kind.type]
    if device is not None and device not in there:
        raise ArgumentError(
            f'device="{device}" is not here; give {listed([repr(one) for one in there], "or")}, or None.'
        )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 and plan.precision != "fp16":
        return Alone(plan, device)
    what = 'precision="fp16"' if plan.precision == "fp16" else "training in several processes"
    accelerate = extra("accelerate", "distributed", what)
    made = accelerate.state.AcceleratorState
    # accelerate keeps one setting a process; another precision starts anew
    if made._shared_state and made().mixed_precision != PRECISIONS[plan.precision]:
        made._reset_state()
    return accelerate.Accelerator(
        cpu=device == "cpu",
        mixed_precision=PRECISIONS[plan.precision],
        gradient_accumulation_steps=plan.accumulate,
    )
