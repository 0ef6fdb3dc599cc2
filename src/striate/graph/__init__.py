"""A network as data: layers, calls of layers (nodes) and the graph they form.  No torch."""

from striate.graph.graph import Fault, FlatGraph, FlatNode, Graph, chain
from striate.graph.layer import Initializer, Layer, Regularizer, Weight, checked_shape, register, registered
from striate.graph.network import Network, every_layer
from striate.graph.node import Input, InputLayer, Node, Shape, SymbolicTensor
from striate.graph.text import from_json, to_json
from striate.graph.window import Padding, Window

__all__ = [
    "Fault",
    "FlatGraph",
    "FlatNode",
    "Graph",
    "Initializer",
    "Input",
    "InputLayer",
    "Layer",
    "Network",
    "Node",
    "Padding",
    "Regularizer",
    "Shape",
    "SymbolicTensor",
    "Weight",
    "Window",
    "chain",
    "checked_shape",
    "every_layer",
    "from_json",
    "register",
    "registered",
    "to_json",
]
