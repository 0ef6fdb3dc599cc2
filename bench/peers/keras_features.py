"""Features of photos in files, through Keras' MobileNet.  Usage: keras_features.py FOLDER loop|whole

loop: predict for each batch, as the book on Keras has it; whole: one predict over the data set.
"""

import json
import sys
import time

import keras
import numpy as np

if __name__ == "__main__":
    folder, way = sys.argv[1:]
    base = keras.applications.MobileNet(weights=None, include_top=False, pooling="avg", input_shape=(224, 224, 3))
    prepare = keras.applications.mobilenet.preprocess_input
    for _ in sys.stdin:
        started = time.perf_counter()
        photos = keras.utils.image_dataset_from_directory(
            folder, image_size=(224, 224), batch_size=32, shuffle=False, verbose=False
        )
        if way == "loop":
            found = np.concatenate([base.predict(prepare(x), verbose=0) for x, _y in photos])
        else:
            found = base.predict(photos.map(lambda x, _y: prepare(x)), verbose=0)
        print(json.dumps({"rate": len(found) / (time.perf_counter() - started), "pictures": len(found)}), flush=True)
