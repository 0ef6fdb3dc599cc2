"""What ``precision="auto"`` comes to: 16 bits where the device and the network are faster in them, else 32.

A network gains by its convolutions and dense layers.  Where a sample takes few multiplications, turning numbers from one
kind into the other costs more than that; and processors have no 16-bit kernel for convolutions of single channels.  Measured
on a processor with AVX-512 BF16, in 16 against 32 bits: 1.8 x for 15 million multiplications a sample, 1.2 x for 2 million,
0.95 x for 0.3 million; MobileNet 1.0 x, MobileNetV2 0.9 x, EfficientNet 0.5 x.
"""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.backend.processor import bfloat16_units
from striate.errors import note
from striate.graph import Graph
from striate.train.plan import AUTO, PRECISIONS, Plan

LEAST = 400_000  # multiplications a sample from which 16 bits pay


def chosen(graph: Graph, device: str) -> str:
    """The numbers in which a network trains fastest on a device: "bf16" or "float32".

    graph    the network
    device   the kind of what it is trained on, such as "cpu"
    """
    if not bfloat16_units(device):
        return "float32"
    calls = [node.lowering for node in graph.flat().nodes]
    if device == "cpu" and any(_by_channel(step) for call in calls for step in call.steps):
        return "float32"
    return "bf16" if sum(call.mults for call in calls) >= LEAST else "float32"


def _by_channel(step: Any) -> bool:
    """Whether a step is a convolution of which each filter sees one channel of several."""
    if not isinstance(step.primitive, p.Conv):
        return False
    depth = step.input_shapes[0][-1]
    return depth > 1 and step.primitive.split(step.input_shapes[0]) == depth


def settle(plan: Plan, graph: Graph, device: str, *, begun: Any = None, own_steps: bool = False) -> None:
    """Put what "auto" comes to into a plan, and float32 in the place of "fp16" on a processor, which has no units for it.

    plan        what is trained with
    graph       the network
    device      the kind of what it is trained on
    begun       the precision of the training that is gone on with, which stays, also on another processor; or None
    own_steps   whether the model's class says its steps itself, which are in 32 bits
    """
    if plan.precision == "fp16" and device == "cpu":
        note(
            'precision="fp16" trains on a GPU alone. On the processor it trains in float32; precision="auto" takes 16 bits '
            "where they are faster."
        )
        plan.precision = plan.described["precision"] = "float32"
    if plan.precision != AUTO:
        return
    plan.chosen = True
    plan.precision = begun if begun in PRECISIONS else "float32" if own_steps else chosen(graph, device)
    plan.described["precision"] = plan.precision


def in_which(plan: Plan) -> str:
    """What is said of a training whose numbers were chosen for it; nothing where it is in 32 bits.

    plan   of it, settled
    """
    if not plan.chosen or plan.precision == "float32":
        return ""
    return 'trains in 16 bits (bf16), which suit this network and processor; precision="float32" trains in 32.'
