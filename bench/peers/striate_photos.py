"""striate on a folder of photos with two classes.  Usage: striate_photos.py FOLDER train|predict

train: an epoch from the folder's name on, the validation photos included; predict: a class for every photo in it.
"""

import sys
from pathlib import Path

from clock import timed

import striate as st
from striate import data, layers
from striate.tasks import classify_files

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

if __name__ == "__main__":
    folder, job = Path(sys.argv[1]), sys.argv[2]
    st.set_seed(0)
    model = st.zoo.create("resnet18", classes=2)
    model.labels = ["ants", "bees"]
    model.preprocessing = data.Preprocessing(
        image_size=(224, 224), channels=3, resize="crop", scale=1 / 255, mean=MEAN, std=STD
    )
    low, high = (
        min((0 - m) / s for m, s in zip(MEAN, STD, strict=True)),
        max((1 - m) / s for m, s in zip(MEAN, STD, strict=True)),
    )
    model.compile(
        st.optimizers.AdamW(st.optimizers.schedules.OneCycle(1e-3), weight_decay=0.01),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        augment=[
            layers.RandomFlip("horizontal"),
            layers.RandomAffine(rotation=10, zoom=0.1, fill_mode="reflect"),
            layers.RandomBrightness(0.2, value_range=(low, high)),
            layers.RandomContrast(0.2, value_range=(low, high)),
        ],
    )
    weights = model.size().weights
    count = sum(1 for _ in (folder / "train" if job == "train" else folder).rglob("*.jpg"))
    for _ in sys.stdin:
        with timed(count, weights=weights):
            if job == "train":
                photos = data.folder(folder, preprocessing=model.preprocessing, cache=False)
                assert isinstance(photos, data.Splits)
                model.fit(photos.train, batch_size=32, epochs=1, validation_data=photos.validation, verbose=0)
            else:
                assert sum(not answer.error for answer in classify_files(model, str(folder), top=1)) == count
