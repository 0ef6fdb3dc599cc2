"""striate: a workbench for convolutional networks."""

from striate import layers
