"""ONNX Runtime or OpenVINO as it comes, on what torch.onnx writes, or on the 8-bit twin's file that striate writes.

Usage: runtime_predict.py NET BATCH PICTURES onnxruntime|openvino [int8]
"""

import sys
import tempfile
from pathlib import Path

from networks import exported, network
from pictures import channels_first, normalised, pictures, serve


def twin(net: str) -> bytes:
    model = network(net)
    model.quantize(pictures(64))
    with tempfile.TemporaryDirectory() as folder:
        return Path(model.export_onnx(Path(folder, "twin.onnx"), int8=True)).read_bytes()


if __name__ == "__main__":
    net, batch, count, runtime, *int8 = sys.argv[1:]
    content = twin(net) if int8 else exported(net)
    prepared = normalised if int8 else channels_first
    if runtime == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (name,) = [i.name for i in session.get_inputs()]
        serve(lambda x: session.run(None, {name: prepared(x)})[0], int(batch), int(count))
    else:
        import openvino

        core = openvino.Core()
        request = core.compile_model(core.read_model(content), "CPU").create_infer_request()
        serve(lambda x: request.infer([prepared(x)])[0], int(batch), int(count))
