"""striate's fit.  Usage: striate_train.py NET PICTURES [PRECISION]"""

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
    precision = sys.argv[3] if len(sys.argv) > 3 else "float32"
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], precision=precision)
    for _ in sys.stdin:
        started, worked = time.perf_counter(), time.process_time()
        model.fit(x, y, batch_size=128, epochs=1, verbose=0)
        work = count / (time.process_time() - worked)
        print(json.dumps({"rate": count / (time.perf_counter() - started), "work": work}), flush=True)
