"""Features of photos in files, through striate's MobileNet, none from disk.

Usage: striate_features.py FOLDER [fast|int8|openvino-int8|decode]; decode: only that, on all cores
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from networks import published

import striate as st
from striate import zoo
from striate.data import Preprocessing
from striate.data.pictures.workers import cores, in_order
from striate.transfer import features

if __name__ == "__main__":
    st.set_seed(0)
    base = zoo.create("mobilenet", weights=published("mobilenet"), include_top=False, pooling="avg")
    base.preprocessing = Preprocessing(
        image_size=(224, 224), channels=3, resize="crop", shorter_side=256, scale=1 / 127.5, mean=(1.0, 1.0, 1.0)
    )
    photos = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file())
    engine = (sys.argv[2:] or ["auto"])[0]
    if engine not in ("auto", "decode"):
        some = np.stack([base.preprocessing.pixels(photo) for photo in photos[:128]])
        if engine == "fast":
            base.tune_engine(some, rounds=3)
        else:
            base.quantize(some)
    for _ in sys.stdin:
        started = time.perf_counter()
        if engine == "decode":
            count = len(list(in_order(base.preprocessing.pixels, photos, cores())))
        else:
            count = features(base, photos, engine=engine, cache=False).computed
        print(json.dumps({"rate": count / (time.perf_counter() - started), "pictures": count}), flush=True)
