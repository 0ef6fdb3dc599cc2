"""Feature maps as volumes: each change of shape in order, in sound XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from drawn_networks import NETS, SVG, cifar, resnet

from striate.draw import feature_map_svg


@pytest.mark.parametrize("net", NETS)
def test_feature_map_picture_is_sound_xml_for_every_network(net):
    root = ET.fromstring(feature_map_svg(NETS[net](), title="<&>"))
    assert root[0].text.startswith("<&>: ")


def test_feature_map_picture_shows_each_change_of_shape_in_order():
    root = ET.fromstring(feature_map_svg(cifar()))
    shapes = [t.text for t in root.iter(f"{SVG}text") if t.get("font-weight")]
    assert shapes == ["32×32×3", "30×30×32", "28×28×32", "14×14×32", "12×12×64", "9216", "10"]
    words = [t.text for t in root.iter(f"{SVG}text") if t.get("text-anchor") and not t.get("font-weight")]
    assert words == ["Conv2D 3x3", "Conv2D 3x3", "MaxPooling2D 2x2", "Conv2D 3x3", "Flatten", "Dense"]


def test_feature_map_picture_groups_layers_that_keep_the_shape():
    root = ET.fromstring(feature_map_svg(resnet(2)))
    words = [t.text for t in root.iter(f"{SVG}text") if t.get("text-anchor") and not t.get("font-weight")]
    assert words[:2] == ["5 × Conv2D 3x3", "2 × Add"]
    assert words[2:5] == ["Conv2D 3x3, stride 2", "3 × Conv2D 3x3", "2 × Add"]
