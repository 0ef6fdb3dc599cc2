"""From a uint8 picture to boxes, by a detector on MobileNetV2.  Usage: detect.py WAY CLASSES THREADS HEIGHT WIDTH COUNT

WAY is "striate" (tasks.found.find), "int8" (the same, eight bits) or "torch": the same module, eager, in channels_last
memory, with the same decoding in it and the same suppression after it.
"""

import json
import sys
import time

import numpy as np
import torch

import striate as st
from striate.tasks.detector import detector
from striate.tasks.found import detections, find

CANDIDATES = 200  # pairs of a place and a class above the least score, as a trained network has on a full picture


def made(classes, size):
    """A detector whose norms were measured on noise and whose scores leave so many candidates on the first picture."""
    st.set_seed(0)
    model = detector(st.zoo.create("mobilenet_v2", include_top=False, input_shape=(*size, 3)), classes)
    model.preprocessing = st.data.Preprocessing.pictures(size, 3)
    module = model.module.train()
    for part in module.modules():
        if hasattr(part, "momentum"):
            part.momentum = 0.5
    with torch.no_grad():
        for _ in range(6):
            module(torch.rand(2, 3, *size))
    module.eval()
    scores = model.predict(pictures(size)[:1], engine="torch")[0, :, 4:]
    wanted = np.sort(scores.ravel())[-CANDIDATES]
    arrays = model.get_weights()
    low, high = (np.log(p / (1 - p)) for p in (wanted, model.decoding.threshold))
    first = [a for a in arrays if a.shape == (classes,) and (a == a[0]).all() and a[0] < -4]  # the biases of the scores
    for array in first:
        array += high - low
    model.set_weights(arrays)
    return model


def pictures(size):
    return np.random.default_rng(0).integers(0, 256, (8, *size, 3), dtype=np.uint8)


if __name__ == "__main__":
    way, *numbers = sys.argv[1:]
    classes, threads, height, width, count = map(int, numbers)
    torch.set_num_threads(threads)
    model, x = made(classes, (height, width)), pictures((height, width))
    if way == "int8":
        model.quantize(x, samples=8)
    module, recipe, settings = model.module.eval(), model.preprocessing, model.decoding.to_dict()

    def by_torch(one):
        with torch.inference_mode():
            rows = module(torch.from_numpy(recipe.normalise(one)).permute(0, 3, 1, 2))
        return [detections(each, **settings) for each in rows.movedim(1, -1).numpy()]

    def by_striate(one):
        return find(model, one, engine="int8" if way == "int8" else "onnxruntime")

    run = by_torch if way == "torch" else by_striate
    for _ in sys.stdin:
        started, worked, found = time.perf_counter(), time.process_time(), 0
        for i in range(count):
            found += len(run(x[i % 8 : i % 8 + 1])[0].scores)
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        print(json.dumps({"rate": count / seconds, "cpu_ms": 1e3 * cpu / count, "found": found / count}), flush=True)
