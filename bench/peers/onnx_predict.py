"""ONNX Runtime as it comes, on what torch.onnx writes of the same network.  Usage: onnx_predict.py NET BATCH PICTURES"""

import io
import sys
import warnings

import numpy as np
import onnxruntime
import torch
from pictures import normalised, serve

import striate as st

if __name__ == "__main__":
    net, batch, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    st.set_seed(0)
    space: dict = {}
    exec(st.zoo.create(net).to_source(), space)
    module = space["Network"]().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (torch.zeros(2, 3, 224, 224),),
            dynamo=True,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
        )
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    (name,) = [i.name for i in session.get_inputs()]

    def predict(x):
        return session.run(None, {name: np.ascontiguousarray(normalised(x).transpose(0, 3, 1, 2))})[0]

    serve(predict, batch, count)
