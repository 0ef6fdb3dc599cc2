"""The programs that run an ONNX model on the CPU, behind one face: ONNX Runtime and OpenVINO."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np

from striate.doors.libraries import onnx_runtime
from striate.doors.onnx_files import parse_onnx, read_onnx
from striate.errors import BundleError
from striate.extras import extra
from striate.ship.apart import Apart

_NUMPY = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class Session(Protocol):
    """A model that is ready to run.

    inputs     (name, NumPy type, shape of one sample) of each
    outputs    their names
    metadata   what the model says of itself
    in_twos    whether it computes one sample wrongly, and two of them rightly
    """

    inputs: list[tuple[str, Any, tuple[Any, ...]]]
    outputs: list[str]
    metadata: dict[str, str]
    in_twos: bool

    def run(self, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for one batch.

        xs   an array (N, …) per input, dense
        """


class OnnxRuntime:
    """A session of ONNX Runtime.

    source      a serialized ONNX model, the path of one, or one with its arrays apart, which are copied
    threads     per operation
    precision   of the numbers: "float32", as the model has them
    callers     how many threads may run it at once

    Raises BundleError for what ONNX Runtime cannot read.
    """

    in_twos = False

    def __init__(self, source: bytes | str | Apart, threads: int, precision: str = "float32", callers: int = 1) -> None:
        onnxruntime = onnx_runtime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong comes as an exception
        options.intra_op_num_threads = threads
        self._held: Any = None
        if isinstance(source, Apart):
            copied = _copies()
            held = _give(options, source.arrays if copied else {key: one.copy() for key, one in source.arrays.items()})
            self._held = None if copied else held
            source = source.model.SerializeToString()
        try:
            self.session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own classes share no base but this
            raise _unusable("ONNX Runtime", error) from error
        unknown = [end.type for end in self.session.get_inputs() if end.type not in _NUMPY]
        if unknown:
            raise BundleError(f"ONNX Runtime cannot use this model: it takes a {unknown[0]}, which no picture is.")
        self.inputs = [(i.name, _NUMPY[i.type], tuple(i.shape[1:])) for i in self.session.get_inputs()]
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.metadata: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        self._names = [name for name, _, _ in self.inputs]

    def run(self, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for one batch; ``Session.run``.

        xs   an array (N, …) per input, dense
        """
        return self.session.run(self.outputs, dict(zip(self._names, xs, strict=True)))  # type: ignore[no-any-return]


def _give(options: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Have a session that is to be made read these arrays; what is returned has to be held until it is there."""
    values = [onnx_runtime().OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
    options.add_external_initializers(list(arrays), values)
    return values


@cache
def _copies() -> bool:
    """Whether this ONNX Runtime copies the arrays that it is given, found out by changing one after that.

    Of one that reads them where they lie, a session would answer by weights that training changes beneath it.
    """
    import onnx
    from onnx import helper

    ends = [helper.make_tensor_value_info(name, 1, [1, 64]) for name in "xy"]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Add", ["z", "b"], ["y"])]
    probe = Apart(helper.make_model(helper.make_graph(nodes, "probe", ends[:1], ends[1:]), ir_version=9))
    probe.model.opset_import[0].version = 20
    arrays = [np.ones(shape, np.float32) for shape in ((64, 64), (1, 64))]
    for name, array in zip("wb", arrays, strict=True):
        probe.put(
            probe.model.graph.initializer.add(name=name, data_type=onnx.TensorProto.FLOAT, dims=array.shape), array
        )
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    held = _give(options, probe.arrays)
    session = onnxruntime.InferenceSession(probe.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for array in arrays:
        array[:] = 2
    answer = session.run(None, {"x": np.ones((1, 64), np.float32)})[0]
    del held
    return bool((answer == 65).all())


@cache
def _core(openvino: Any) -> Any:
    """What loads and compiles, of the module `openvino`: once in a process and for as long as that lasts.

    Each one gives the thread that makes it a stack for signals, and at its end gives back the one before.  Of several that
    end in another order, one gives back what is no longer there, and the next signal, such as Ctrl-C, ends the process.
    """
    return openvino.Core()


class OpenVino:
    """A model compiled by OpenVINO, which has kernels for 16 bits where the processor has units for them.

    source      a serialized ONNX model, the path of one, or one with its arrays apart, which are read where they lie: for as
                long as they do not change
    threads     of the whole, for each of those that run it
    precision   of the numbers within: "float32" or "bfloat16"
    callers     how many threads may run it at once

    Raises ArgumentError where OpenVINO is not installed, BundleError for what it cannot read.
    """

    def __init__(self, source: bytes | str | Apart, threads: int, precision: str = "float32", callers: int = 1) -> None:
        openvino = extra("openvino", "openvino", "this engine")
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "PERFORMANCE_HINT": "LATENCY" if callers == 1 else "THROUGHPUT",
            "NUM_STREAMS": callers,
            "INFERENCE_NUM_THREADS": threads * callers,
        }
        try:
            core = _core(openvino)
            if isinstance(source, Apart):
                self._held = source.arrays
                model = core.read_model(source.asking().SerializeToString())
                for taken in model.get_parameters():
                    if (array := source.arrays.get(taken.get_friendly_name())) is not None:
                        taken.output(0).replace(openvino.op.Constant(array, shared_memory=True).output(0))
                        model.remove_parameter(taken)
            else:
                model = core.read_model(source)
            self._compiled = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:  # as all that it raises comes
            raise _unusable("OpenVINO", error) from error
        self.outputs = [end.any_name for end in model.outputs]
        self.in_twos = precision == "bfloat16" and _scales_points(model)
        if isinstance(source, Apart):
            proto = source.model
        else:
            proto = parse_onnx(source, "the engine") if isinstance(source, bytes) else read_onnx(source)
        self.metadata = {entry.key: entry.value for entry in proto.metadata_props}
        self.inputs = [_input(value) for value in proto.graph.input]
        taken = {end.any_name: i for i, end in enumerate(model.inputs)}  # without those that no answer depends on
        self._places = [taken.get(name) for name, _, _ in self.inputs]
        self._count, self._tensor = len(self.outputs), openvino.Tensor
        self._requests = threading.local()  # one is for one thread

    def run(self, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for one batch; ``Session.run``.

        xs   an array (N, …) per input, dense
        """
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        request = self._requests.own
        # it reads them where they lie, so they are held; giving them to `infer` takes 0.1 ms longer
        self._requests.given = [x if x.flags.writeable else x.copy() for x in xs]
        for place, x in zip(self._places, self._requests.given, strict=True):
            if place is not None:
                request.set_input_tensor(place, self._tensor(x, shared_memory=True))
        request.infer(share_outputs=True)
        return [request.get_output_tensor(i).data.copy() for i in range(self._count)]


RUNTIMES: dict[str, type[OnnxRuntime] | type[OpenVino]] = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}


def _scales_points(model: Any) -> bool:
    """Whether channels of maps of one point are multiplied or added to by constants, other than a convolution's bias.

    OpenVINO (2026.4 still) does that within the convolution before, in 16 bits for one sample with the first channel's
    constant for all, or with memory that is not its own.
    """
    for op in model.get_ordered_ops():
        if op.get_type_name() not in ("Add", "BatchNormInference", "Divide", "Multiply", "PRelu", "Subtract"):
            continue
        shape, before = op.get_output_partial_shape(0), [end.get_node().get_type_name() for end in op.input_values()]
        if (
            shape.rank.is_dynamic
            or len(shape) < 3
            or any(side.is_static and side.get_length() != 1 for side in shape[2:])
        ):
            continue
        if "Constant" in before:
            return True
    return False


def _input(value: Any) -> tuple[str, Any, tuple[int | None, ...]]:
    """The name of a model's input, its NumPy type and the shape of one sample, None where that is open."""
    from onnx import helper

    kind = value.type.tensor_type
    sides = (side.dim_value if side.HasField("dim_value") else None for side in kind.shape.dim)
    return value.name, helper.tensor_dtype_to_np_dtype(kind.elem_type).type, tuple(sides)[1:]


def _unusable(which: str, error: Exception) -> BundleError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception from")] or lines  # OpenVINO names its files first
    return BundleError(f"{which} cannot use this model: {told[0] if told else type(error).__name__}")
