"""What a model eats and what its answers mean.

One owner: preprocessing, colour range, size, channels, classes and their names belong to the model.  ``Intake`` is where
predict, evaluate, fit, features, look, classify, quantize and the reports ask what arrays, files and data sets become;
``Outputs`` is where they ask what the last layer's numbers are, ``Decoding`` how rows of boxes become detections.
"""

from striate.guard import guard
from striate.intake.arrays import as_array, check_finite, stacked
from striate.intake.classes import checked_labels, numbered_as
from striate.intake.decoding import Decoding
from striate.intake.intake import Intake
from striate.intake.outputs import Outputs, ends_in_features, outputs_with_boxes

__all__ = [
    "Decoding",
    "Intake",
    "Outputs",
    "as_array",
    "check_finite",
    "checked_labels",
    "ends_in_features",
    "numbered_as",
    "outputs_with_boxes",
    "stacked",
]

guard(__name__)
