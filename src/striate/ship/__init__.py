"""Prediction away from training: networks as ONNX, the engine that runs them, 8-bit weights."""

from striate.guard import guard
from striate.ship.choose import ENGINES, Engines
from striate.ship.engine import Engine
from striate.ship.export import cut, export_onnx
from striate.ship.onnx_graph import save_onnx, to_onnx
from striate.ship.quantization import QuantizationReport, Quantized, quantize

__all__ = [
    "ENGINES",
    "Engine",
    "Engines",
    "QuantizationReport",
    "Quantized",
    "cut",
    "export_onnx",
    "quantize",
    "save_onnx",
    "to_onnx",
]

guard(__name__)
