"""Features of photos in files, through striate's MobileNet, none from disk.  Usage: striate_features.py FOLDER [int8]"""

import json
import sys
import time
from pathlib import Path

import numpy as np

import striate as st
from striate import zoo
from striate.data import Preprocessing
from striate.transfer import features

if __name__ == "__main__":
    st.set_seed(0)
    base = zoo.create("mobilenet", include_top=False, pooling="avg")
    base.preprocessing = Preprocessing(
        image_size=(224, 224), channels=3, resize="crop", shorter_side=256, scale=1 / 127.5, mean=(1.0, 1.0, 1.0)
    )
    photos = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file())
    engine = "auto"
    if sys.argv[2:] == ["int8"]:
        engine = "int8"
        base.quantize(np.stack([base.preprocessing.pixels(photo) for photo in photos[:64]]))
    for _ in sys.stdin:
        started = time.perf_counter()
        found = features(base, photos, engine=engine, cache=False)
        print(
            json.dumps({"rate": found.computed / (time.perf_counter() - started), "pictures": found.computed}),
            flush=True,
        )
