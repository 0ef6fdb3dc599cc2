"""ONNX files: parsed, and a stranger's looked at before it runs, since a graph is a program."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.doors import budgets
from striate.doors.reading import read_bytes
from striate.errors import BundleError, StriateError
from striate.wording import inner, plural

if TYPE_CHECKING:
    import onnx

_GRAPHS = (5, 10)  # AttributeProto's numbers of a graph and of several: the bodies of If, Loop and Scan
_TEXTS = 8  # TensorProto's number
_GROWING = {"ConstantOfShape", "ConvTranspose", "Einsum", "Expand", "OneHot", "Pad", "Range", "Resize", "Tile"}

# Operations that networks are made of; none has a part that is repeated, draws numbers, or comes from elsewhere.
_NAMES = (
    "Abs Acos Add And ArgMax ArgMin Asin Atan AveragePool BatchNormalization Cast Ceil Celu Clip Concat Constant "
    "ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Einsum Elu Equal Erf Exp "
    "Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool "
    "Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf "
    "IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul Max "
    "MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad "
    "Pow QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean "
    "ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterND Selu Shape Sigmoid Sign Sin "
    "Sinh Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh Tile TopK Transpose "
    "Trilu Unsqueeze Where Xor"
)
OPERATIONS = frozenset(_NAMES.split(" "))


def parse_onnx(content: bytes, where: str, kind: type[StriateError] = BundleError) -> onnx.ModelProto:
    """The model in the bytes of an ONNX file.

    content   the bytes
    where     what a message calls them
    kind      the class of the error

    Raises `kind` for bytes that are none.
    """
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, ValueError, RecursionError) as error:
        raise kind(f"{where} is not a whole ONNX file ({inner(error)}). Copy or save it again.") from None
    return model


def read_onnx(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> onnx.ModelProto:
    """The model in an ONNX file, without weights that lie in a file beside it.

    path   of the file, of at most 2 GiB, where protobuf ends
    kind   the class of the error

    Raises `kind` for what is no such file.
    """
    return parse_onnx(read_bytes(path, (1 << 31) - 1, kind), os.fspath(path), kind)


def check_onnx(
    model: onnx.ModelProto,
    where: str,
    most: int = budgets.NUMBERS,
    kind: type[StriateError] = BundleError,
    *,
    folder: str | os.PathLike[str] | None = None,
    detections: bool = False,
) -> None:
    """Look at a stranger's ONNX model before it runs.

    model        as ``parse_onnx`` gives it
    where        what a message calls it
    most         numbers that all its results together may hold for one sample
    kind         the class of the error
    folder       in which files of weights may lie; None: all must be in the model
    detections   whether it may choose among boxes, so that some sizes show only while it runs

    Raises `kind` for operations that no network needs, such as loops, for weights elsewhere, for sizes that cannot be told
    before it runs, and for results of more than `most` numbers.
    """
    graph = model.graph
    refuse = _Refusal(where, kind)
    if len(model.functions) or len(model.training_info) or len(graph.sparse_initializer):
        refuse("it has functions or parts of its own")
    if len(graph.node) > budgets.NODES or len(graph.initializer) > budgets.NODES:
        refuse(f"it has more than {budgets.NODES:,} operations or arrays")
    for tensor in graph.initializer:
        _check_tensor(tensor, refuse, folder)
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATIONS:
            refuse(f"it has the operation {node.domain}{node.domain and '.'}{node.op_type[:60]}, which is not run")
        for attribute in node.attribute:
            if attribute.type in _GRAPHS or len(attribute.graphs) or attribute.HasField("g"):
                refuse(f"its {node.op_type} has a part that is repeated or chosen, which is not run")
            for tensor in (*attribute.tensors, *([attribute.t] if attribute.HasField("t") else [])):
                _check_tensor(tensor, refuse, None)
    _check_sizes(model, refuse, most, detections)


class _Refusal:
    def __init__(self, where: str, kind: type[StriateError]) -> None:
        self.where, self.kind = where, kind

    def __call__(self, why: str) -> None:
        raise self.kind(f"{self.where} was not run: {inner(why)}. Use a file that striate wrote.")


def _check_tensor(tensor: Any, refuse: _Refusal, folder: str | os.PathLike[str] | None) -> None:
    """That an array holds what its shape says."""
    from onnx import TensorProto, helper

    if tensor.data_location == TensorProto.EXTERNAL or len(tensor.external_data):
        told = {entry.key: entry.value for entry in tensor.external_data}
        name = told.get("location", "")
        if folder is None or not name or name in (".", "..") or Path(name).name != name:
            refuse(f'the weights "{tensor.name[:60]}" are in another file')
        if not Path(folder or ".", name).is_file() or Path(folder or ".", name).is_symlink():
            refuse(f"its weights are in a file {name[:60]}, which is not beside it")
        return
    if tensor.data_type == _TEXTS or any(size < 0 for size in tensor.dims):
        refuse(f'the array "{tensor.name[:60]}" holds no numbers')
    try:
        wide = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError, TypeError):
        refuse(f'the array "{tensor.name[:60]}" is of an unknown type')
        return
    fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
    held = max(len(tensor.raw_data) // wide, *map(len, fields))
    if math.prod(tensor.dims) > max(2 * held, 1):  # two numbers of 4 bits stand in a byte
        refuse(f'the array "{tensor.name[:60]}" is larger than what is there of it')


def _check_sizes(model: onnx.ModelProto, refuse: _Refusal, most: int, detections: bool) -> None:
    """That the sizes of all results follow from the graph, for one sample, and are small enough."""
    import onnx

    del model.graph.value_info[:]  # what the file claims of them
    ends = [*model.graph.input, *model.graph.output]
    claimed = [onnx.TypeProto.FromString(value.type.SerializeToString()) for value in ends]
    for value in model.graph.input:
        shape = _shape(value)
        if shape and not shape[0].HasField("dim_value"):  # the number of samples is left open
            shape[0].dim_value = 1
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        told = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # its classes share no base but this
        refuse(f"its sizes cannot be found ({(str(error).splitlines() or [''])[0][:100]})")
        return
    finally:
        for value, kind in zip(ends, claimed, strict=True):
            value.type.CopyFrom(kind)
    sizes = {value.name: _count(value) for value in (*told.value_info, *told.input, *told.output)}
    chosen = detections and any(node.op_type in ("NonMaxSuppression", "NonZero") for node in told.node)
    total = sum(sizes[value.name] or 0 for value in told.input)
    for node in told.node:
        for name in filter(None, node.output):
            count = sizes.get(name)
            if count is None and (not chosen or node.op_type in _GROWING):
                refuse(f'the size of the result "{name[:60]}" shows only while it runs')
            if (count or 0) > budgets.RESULT:
                refuse(f'the result "{name[:60]}" would have {count:,} numbers, the limit is {budgets.RESULT:,}')
            total += count or 0
        if total > most:
            refuse(f"its results would have more than {plural(most, 'number')} for one sample")


def _shape(value: Any) -> Any:
    tensor = value.type.HasField("tensor_type") and value.type.tensor_type
    return tensor.shape.dim if tensor and tensor.HasField("shape") else None


def _count(value: Any) -> int | None:
    """Numbers in a value; None where a size is not told."""
    shape = _shape(value)
    if shape is None or not all(size.HasField("dim_value") and size.dim_value >= 0 for size in shape):
        return None
    return math.prod(size.dim_value for size in shape)
