"""torch on the same network's plain source.  Usage: torch_predict.py NET BATCH PICTURES [channels_last|bf16]"""

import sys

import torch
from networks import plain
from pictures import normalised, serve

if __name__ == "__main__":
    net, batch, count, *how = sys.argv[1:]
    module = plain(net)
    if how:
        module = module.to(memory_format=torch.channels_last)

    def predict(x):
        tensor = torch.from_numpy(normalised(x)).permute(0, 3, 1, 2)
        if not how:
            tensor = tensor.contiguous()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=how == ["bf16"]):
            return module(tensor).float().numpy()

    serve(predict, int(batch), int(count))
