"""Keras' image_dataset_from_directory over a folder of 32x32 pictures: one shuffled epoch of batches of 128 in 0..1."""

import json
import sys
import time

import keras

folder = sys.argv[1]
for _ in sys.stdin:
    started = time.perf_counter()
    batches = keras.utils.image_dataset_from_directory(
        folder, image_size=(32, 32), batch_size=128, seed=0, verbose=False
    )
    seen = 0
    for x, _y in batches.map(lambda x, y: (x / 255.0, y)):
        seen += len(x)
    print(json.dumps({"rate": seen / (time.perf_counter() - started), "pictures": seen}), flush=True)
