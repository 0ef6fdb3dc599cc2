"""Scripts as Keras users write them, with only the import lines changed, on small data that is drawn or ships with
scikit-learn; and the usual listings of lectures, where they lie beside the repository."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import forked
import numpy as np
import pytest

import striate as st
from striate.data.pictures.resample import resample

HERE = Path(__file__).parent
LECTURES = HERE.parent.parent / "shared" / "cases" / "lectures"
DATA = os.environ.get("STRIATE_DATA", "")


def run(script: Path, *arguments: object, data: Path | str = "", folder: Path) -> str:
    """What a script prints; warnings are errors."""
    environment = os.environ | {"STRIATE_DATA": str(data), "STRIATE_CACHE": str(folder / "cache")}
    done = forked.run_script(script, *arguments, cwd=folder, env=environment, strict=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_script_for_digits_runs(tmp_path):
    digits = st.data.load("digits")
    place = tmp_path / "data" / "mnist"
    place.mkdir(parents=True)
    for part, data, times in (("train", digits.train, 4), ("t10k", digits.test, 1)):
        large = np.stack([resample(x, (28, 28)) for x in data.x]).astype(np.uint8)[..., 0]
        x = np.concatenate([np.roll(large, shift, axis=2) for shift in range(times)])
        y = np.tile(data.y, times).astype(np.uint8)
        for kind, head in (("images-idx3", struct.pack(">IIII", 2051, len(x), 28, 28)), ("labels-idx1", None)):
            content = x.tobytes() if head else y.tobytes()
            head = head or struct.pack(">II", 2049, len(y))
            (place / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + content))
    assert "done" in run(HERE / "scripts" / "mnist_convnet.py", tmp_path, data=tmp_path / "data", folder=tmp_path)


@pytest.mark.slow
def test_a_script_for_small_colour_pictures_runs(tmp_path):
    place = tmp_path / "data" / "cifar-10-batches-py"
    place.mkdir(parents=True)
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        scenes = st.data.scenes(500, 32, i)
        rows = scenes.x.transpose(0, 3, 1, 2).reshape(len(scenes), -1)
        (place / name).write_bytes(pickle.dumps({"data": rows, "labels": scenes.y.tolist()}))
    assert "done" in run(HERE / "scripts" / "cifar_residual.py", tmp_path, data=tmp_path / "data", folder=tmp_path)


@pytest.fixture
def photos(tmp_path):
    """train/ and validation/ with drawn pictures of two kinds, 30 and 10 of each."""
    for part, count, seed in (("train", 60, 0), ("validation", 20, 1)):
        scenes = st.data.scenes(count, 72, seed, ("circle", "square"))
        for i, (x, y) in enumerate(scenes):
            place = tmp_path / "photos" / part / f"kind_{y}"
            place.mkdir(parents=True, exist_ok=True)
            st.utils.save_img(place / f"{i}.png", x, scale=False)
    return tmp_path / "photos"


@pytest.mark.slow
def test_a_script_for_photos_in_folders_runs(photos, tmp_path):
    said = run(HERE / "scripts" / "cats_and_dogs.py", photos / "train", tmp_path, folder=tmp_path)
    assert "Found 60 files belonging to 2 classes." in said
    assert "done" in said


@pytest.mark.slow
@pytest.mark.parametrize("build", ["MobileNet", "MobileNetV2", "DenseNet121"])
def test_features_of_a_base_are_made_once_and_a_head_is_trained_on_them(build, photos):
    """The first method of transfer learning, as lectures write it."""
    base = getattr(st.applications, build)(weights=None, include_top=False, input_shape=(64, 64, 3))
    prepare = st.applications.mobilenet.preprocess_input
    parts = {}
    for part in ("train", "validation"):
        batches = st.utils.image_dataset_from_directory(
            photos / part, image_size=(64, 64), batch_size=16, verbose=False
        )
        features, labels = [], []
        for images, wanted in batches:
            assert images.shape[1:] == (64, 64, 3)
            features.append(base.predict(prepare(images), verbose=0))
            labels.append(wanted)
        parts[part] = np.concatenate(features), np.concatenate(labels)
    assert len(parts["train"][0]) == 60
    inputs = st.Input(shape=base.output_shape[1:])
    x = st.layers.Dropout(0.5)(st.layers.Dense(16)(st.layers.Flatten()(inputs)))
    model = st.Model(inputs, st.layers.Dense(1, activation="sigmoid")(x))
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    history = model.fit(*parts["train"], epochs=2, validation_data=parts["validation"], verbose=0)
    assert len(history.history["val_accuracy"]) == 2


def there(name: str, *data: str) -> object:
    absent = not (LECTURES / name).is_file() or not all(DATA and (Path(DATA) / each).exists() for each in data)
    return pytest.mark.skipif(absent, reason=f"{name} or its data are not beside the repository")


@pytest.mark.slow
@there("features_once.py", "hymenoptera", "weights")
def test_the_listing_of_features_made_once_runs(tmp_path):
    for part, name in (("train", "train"), ("validation", "val")):
        (tmp_path / part).symlink_to(Path(DATA).resolve() / "hymenoptera" / name)
    weights = Path(DATA).resolve() / "weights" / "mobilenet_1_0_224_imagenet1001_keras_legacy.h5"
    driver = tmp_path / "driver.py"  # the listing as it is, from one seed: its last epoch alone is a throw of dice
    driver.write_text(
        "import runpy, sys\nimport striate\nstriate.utils.set_random_seed(1)\n"
        "print(max(runpy.run_path(sys.argv.pop(1))['history'].history['val_accuracy']))\n"
    )
    listing = LECTURES / "features_once.py"
    said = run(driver, listing, tmp_path, weights, data=Path(DATA).resolve(), folder=tmp_path)
    assert float(said.split()[-1]) > 0.7


@pytest.mark.slow
@there("first_steps.py")
def test_the_listing_of_first_steps_runs(tmp_path):
    done = forked.run_script(LECTURES / "first_steps.py", cwd=tmp_path)
    assert done.stdout.strip().endswith("all as printed"), done.stderr[-2000:]


@pytest.mark.slow
@there("frozen_base.py")
def test_the_listing_of_a_frozen_base_runs(tmp_path):
    assert "Trainable params" in run(LECTURES / "frozen_base.py", folder=tmp_path)


@pytest.mark.slow
@there("today.py", "mnist")
def test_the_listing_of_today_runs_until_a_function_is_asked_for(tmp_path):
    """Its last lines load a Lambda without giving its function, which is refused in one line."""
    environment = os.environ | {"STRIATE_DATA": str(Path(DATA).resolve())}
    done = forked.run_script(LECTURES / "today.py", cwd=tmp_path, env=environment)
    assert done.returncode == 0 or 'Give it: custom_objects={"lambda": function}.' in done.stderr
    assert "compile_metrics" in done.stdout or "loss" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("family", ["vgg16", "resnet50", "mobilenet_v2"])
def test_a_base_is_frozen_and_thawed_inside_a_model_that_prepares_its_pixels(family):
    """The second method of transfer learning and fine-tuning, as lectures write them."""
    name = {"vgg16": "VGG16", "resnet50": "ResNet50", "mobilenet_v2": "MobileNetV2"}[family]
    module = getattr(st.applications, family)
    base = getattr(module, name)(weights=None, include_top=False, input_shape=(32, 32, 3))
    base.trainable = False
    augment = st.Sequential(
        [st.layers.RandomFlip("horizontal"), st.layers.RandomRotation(0.1), st.layers.RandomZoom(0.2)]
    )
    inputs = st.Input(shape=(32, 32, 3))
    x = base(module.preprocess_input(augment(inputs)))
    outputs = st.layers.Dense(1, activation="sigmoid")(st.layers.Dense(8)(st.layers.Flatten()(x)))
    model = st.Model(inputs, outputs)
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    channels = base.output_shape[-1]
    assert sum(w.value.numel() for w in model.trainable_weights) == channels * 8 + 8 + 8 + 1
    base.trainable = True
    for layer in base.layers[:-4]:
        layer.trainable = False
    model.compile(loss="binary_crossentropy", optimizer=st.optimizers.RMSprop(learning_rate=1e-5), metrics=["accuracy"])
    assert len(model.trainable_weights) > 4
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    model.fit(pixels, np.array([0, 1, 0, 1]), epochs=1, verbose=0)
    inside = base.predict(module.preprocess_input(pixels), verbose=0)
    assert inside.shape == (4, *base.output_shape[1:])
