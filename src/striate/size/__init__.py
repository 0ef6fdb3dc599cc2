"""What a network costs and sees, from its description alone: no weight is ever allocated.  No torch."""

from striate.size import compare
from striate.size.advice import Advice, Change, advice
from striate.size.explain import explain
from striate.size.memory import Memory, kept_bytes
from striate.size.receptive import Field, Receptive, receptive
from striate.size.stages import Stage, diagram, stages
from striate.size.summary import summary
from striate.size.table import Row, Size, measure

__all__ = [
    "Advice",
    "Change",
    "Field",
    "Memory",
    "Receptive",
    "Row",
    "Size",
    "Stage",
    "advice",
    "compare",
    "diagram",
    "explain",
    "kept_bytes",
    "measure",
    "receptive",
    "stages",
    "summary",
]
