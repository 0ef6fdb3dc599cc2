"""torch eager on the same network's plain source.  Usage: torch_predict.py NET BATCH PICTURES [channels_last]"""

import sys

import torch
from pictures import normalised, serve

import striate as st

if __name__ == "__main__":
    net, batch, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    st.set_seed(0)
    space: dict = {}
    exec(st.zoo.create(net).to_source(), space)
    module = space["Network"]().eval()
    if sys.argv[4:] == ["channels_last"]:
        module = module.to(memory_format=torch.channels_last)

    def predict(x):
        tensor = torch.from_numpy(normalised(x)).permute(0, 3, 1, 2)
        if sys.argv[4:] != ["channels_last"]:
            tensor = tensor.contiguous()
        with torch.inference_mode():
            return module(tensor).numpy()

    serve(predict, batch, count)
