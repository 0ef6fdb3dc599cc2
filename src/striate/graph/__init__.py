"""A network as data: layers, calls of layers (nodes) and the graph they form.  No torch."""

from striate.graph.channels import channel_axes, channels_last
from striate.graph.families import FAMILIES, QUIET, family
from striate.graph.graph import Fault, FlatGraph, FlatNode, Graph, Operation, chain, last_maps, operations
from striate.graph.keras_padding import padding_for_keras
from striate.graph.keras_reading import from_keras
from striate.graph.keras_text import to_keras
from striate.graph.layer import Layer
from striate.graph.lowering import Identity, Lowering, Operand, Primitive, Shape, Step, Value, Weight
from striate.graph.network import Network, every_layer, learning_layers
from striate.graph.node import Input, InputLayer, Node, SymbolicTensor, source_inputs
from striate.graph.order import keras_layers
from striate.graph.part import Constraint, Initializer, Regularizer, register, registered
from striate.graph.replaying import replay
from striate.graph.rows import Rows
from striate.graph.sizes import checked_shape
from striate.graph.text import from_json, to_json
from striate.graph.variable import Variable
from striate.graph.window import Padding, Window
from striate.guard import guard, guard_class

__all__ = [
    "FAMILIES",
    "QUIET",
    "Fault",
    "FlatGraph",
    "FlatNode",
    "Graph",
    "Identity",
    "Constraint",
    "Initializer",
    "Input",
    "InputLayer",
    "Layer",
    "Lowering",
    "Network",
    "Node",
    "Operand",
    "Operation",
    "Padding",
    "Primitive",
    "Regularizer",
    "Rows",
    "Shape",
    "Step",
    "SymbolicTensor",
    "Value",
    "Variable",
    "Weight",
    "Window",
    "chain",
    "channel_axes",
    "channels_last",
    "checked_shape",
    "every_layer",
    "family",
    "from_json",
    "from_keras",
    "keras_layers",
    "last_maps",
    "learning_layers",
    "operations",
    "padding_for_keras",
    "register",
    "registered",
    "replay",
    "source_inputs",
    "to_json",
    "to_keras",
]

guard(__name__, classes=False)
guard_class(Layer)
