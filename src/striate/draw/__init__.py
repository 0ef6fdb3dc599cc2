"""Views of a network for the eye: diagrams as SVG, and what differs between two networks.  No torch."""

from striate.draw.diagram import Diagram, EdgeLine, Frame, LayerBox
from striate.draw.difference import Diff, LayerChange, diff
from striate.draw.picture import svg
from striate.draw.placing import layout
from striate.draw.sliding import window_svg
from striate.draw.volumes import feature_map_svg
from striate.guard import guard

__all__ = [
    "LayerBox",
    "LayerChange",
    "Diff",
    "Frame",
    "Diagram",
    "EdgeLine",
    "diff",
    "feature_map_svg",
    "layout",
    "svg",
    "window_svg",
]

guard(__name__)
