"""What a network costs and sees, from its description alone: no weight is ever allocated.  No torch."""

from striate.guard import guard
from striate.size import compare
from striate.size.explanation import explain, explain_every
from striate.size.memory import Memory, kept_bytes
from striate.size.receptive_field import Field, Receptive, Surroundings, receptive
from striate.size.savings import Advice, Change, advice
from striate.size.side_by_side import Beside, beside
from striate.size.stage_diagram import MapStage, diagram, stages
from striate.size.summary_table import summary
from striate.size.table import Row, Size, measure, opened_rows

__all__ = [
    "Advice",
    "Beside",
    "Change",
    "Field",
    "Memory",
    "Receptive",
    "Row",
    "Size",
    "MapStage",
    "Surroundings",
    "advice",
    "beside",
    "compare",
    "diagram",
    "explain",
    "explain_every",
    "kept_bytes",
    "measure",
    "opened_rows",
    "receptive",
    "stages",
    "summary",
]

guard(__name__, classes=False)
