"""striate's fit.  Usage: striate_train.py NET PICTURES"""

import json
import sys
import time

import numpy as np

import striate as st

if __name__ == "__main__":
    count = int(sys.argv[2])
    rng = np.random.default_rng(0)
    x, y = rng.random((count, 32, 32, 3), dtype=np.float32), rng.integers(0, 10, count)
    model = st.zoo.create(sys.argv[1])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in sys.stdin:
        started = time.perf_counter()
        model.fit(x, y, batch_size=128, epochs=1, verbose=0)
        print(json.dumps({"rate": count / (time.perf_counter() - started)}), flush=True)
