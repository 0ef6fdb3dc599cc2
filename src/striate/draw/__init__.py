"""Views of a network for the eye: diagrams as SVG, and what differs between two networks.  No torch."""

from striate.draw.diff import Change, Diff, diff
from striate.draw.layout import Box, Frame, Layout, Line, layout
from striate.draw.picture import svg
from striate.draw.volumes import feature_map_svg

__all__ = ["Box", "Change", "Diff", "Frame", "Layout", "Line", "diff", "feature_map_svg", "layout", "svg"]
