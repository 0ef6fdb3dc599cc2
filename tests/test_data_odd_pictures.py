"""Pictures of every odd kind: training, predicting and a saved model in a new process see the same numbers, bit for bit."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import layers
from striate.data import Preprocessing, folder, read_csv, read_zip

RNG = np.random.RandomState(0)
COLOUR = np.array(Image.fromarray(RNG.randint(0, 256, (5, 6, 3)).astype(np.uint8)).resize((150, 110)))
GREY, ALPHA = COLOUR[..., 0], COLOUR[..., 1]


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def paint(root):
    """Thirty files; the first half of them in class a, the rest in class b."""
    palette = Image.fromarray(GREY % 4)
    palette.putpalette([10, 20, 30, 200, 100, 0, 0, 255, 0, 9, 9, 9])
    colour = Image.fromarray(COLOUR)
    sixteen = (GREY.astype(np.uint16) << 8) | ALPHA
    frames = [Image.fromarray(np.roll(COLOUR, i * 20, axis=1)) for i in range(3)]
    large = np.array(colour.resize((1600, 1200), Image.Resampling.BICUBIC))
    large = Image.fromarray(np.clip(large + RNG.randint(-9, 10, large.shape), 0, 255).astype(np.uint8))
    pictures = {
        "one_bit.png": (Image.fromarray(GREY > 127), {}),
        "grey.png": (Image.fromarray(GREY), {}),
        "palette.png": (palette, {}),
        "palette_clear.png": (palette, {"transparency": 2}),
        "palette_alpha.png": (palette, {"transparency": bytes([255, 128, 0, 64])}),
        "grey_alpha.png": (Image.fromarray(np.dstack([GREY, ALPHA])), {}),
        "rgba.png": (Image.fromarray(np.dstack([COLOUR, ALPHA])), {}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "sixteen.png": (Image.frombytes("I;16", (150, 110), sixteen.tobytes()), {}),
        "sixteen.tif": (Image.frombytes("I;16", (150, 110), sixteen.tobytes()), {}),
        "animated.gif": (frames[0], {"save_all": True, "append_images": frames[1:], "duration": 50}),
        "animated.webp": (frames[0], {"save_all": True, "append_images": frames[1:], "duration": 50}),
        "plain.webp": (colour, {"quality": 80}),
        "progressive.jpg": (colour, {"progressive": True, "quality": 60}),
        "subsampled.jpg": (colour, {"subsampling": 2, "quality": 40}),
        "grey.jpg": (Image.fromarray(GREY), {}),
        "one_pixel.png": (Image.new("RGB", (1, 1), (3, 200, 77)), {}),
        "sliver.png": (Image.fromarray(np.repeat(RNG.randint(0, 256, (10, 2000, 3)), 10, axis=1).astype(np.uint8)), {}),
        "large.jpg": (large, {"quality": 90}),
        "large_turned.jpg": (large, {"quality": 90, "exif": turned(6)}),
        "bitmap.bmp": (colour, {}),
    } | {f"exif_{i}.jpg": (colour, {"exif": turned(i), "quality": 95}) for i in range(1, 9)}
    for i, (name, (image, options)) in enumerate(sorted(pictures.items())):
        place = root / ("a" if i < len(pictures) // 2 else "b") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        image.save(place, **options)
    with Image.open(root / "b" / "sliver.png") as sliver:
        assert sliver.size == (20_000, 10)
    png = root / "b" / "wrong_extension.jpg"
    png.write_bytes((root / "a" / "bitmap.bmp").read_bytes())
    return root


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("odd"))


def inputs_of(run):
    """What the network is given while `run()` runs: float32 (N, C, H, W) tensors, by a hook on every module."""
    seen = []

    def note(module, args):
        if isinstance(module, torch.fx.GraphModule) and args:
            seen.append(args[0].detach().clone())

    handle = torch.nn.modules.module.register_module_forward_pre_hook(note)
    try:
        run()
    finally:
        handle.remove()
    return seen


WAYS = {
    "crop": Preprocessing(image_size=(40, 48), channels=3, resize="crop", scale=1 / 127.5, mean=1.0),
    "pad": Preprocessing(
        image_size=(48, 40),
        channels=3,
        resize="pad",
        interpolation="bicubic",
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    "stretch": Preprocessing(image_size=(40, 40), channels=1, scale=1 / 255),
    "bgr": Preprocessing(image_size=(32, 32), channels=3, resize="crop", shorter_side=40, order="bgr", mean=110.0),
}

AFTER = """
import sys
import numpy as np
import striate as st
model = st.models.load_model(sys.argv[1])
x = model.intake.pixels(sys.argv[3:])
flat = st.Model(model.input, model.get_layer("flatten").output)
flat.preprocessing = model.preprocessing
np.savez(sys.argv[2], pixels=x, torch=flat.predict(x, engine="torch"), onnx=flat.predict(x, engine="onnxruntime"))
"""


@pytest.mark.parametrize("way", WAYS)
def test_training_predicting_and_a_saved_model_see_the_same_numbers(way, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    preprocessing = WAYS[way]
    data = folder(pictures, preprocessing=preprocessing)
    assert len(data) == 30
    assert data.skipped == ()
    paths = [str(path) for path in data.paths]

    st.set_seed(0)
    model = st.Sequential(
        [layers.Flatten(input_shape=(*preprocessing.image_size, preprocessing.channels)), layers.Dense(2, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    [trained, *_] = inputs_of(lambda: model.fit(data, batch_size=64, shuffle=False, verbose=0))
    assert trained.shape == (30, preprocessing.channels, *preprocessing.image_size)
    assert trained.dtype == torch.float32
    trained = trained.permute(0, 2, 3, 1).contiguous().numpy()
    assert len({each.tobytes() for each in trained}) >= 20  # the pictures are really different ones

    pixels = model.intake.pixels(paths)
    [predicted, *_] = inputs_of(lambda: model.predict(pixels, engine="torch"))
    np.testing.assert_array_equal(predicted.permute(0, 2, 3, 1).numpy(), trained)

    model.save(tmp_path / "model")
    out = tmp_path / "seen.npz"
    done = subprocess.run(
        [sys.executable, "-c", AFTER, str(tmp_path / "model"), str(out), *paths], capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    with np.load(out) as seen:
        np.testing.assert_array_equal(seen["pixels"], data.x)
        np.testing.assert_array_equal(seen["torch"].reshape(trained.shape), trained)
        np.testing.assert_array_equal(seen["onnx"].reshape(trained.shape), trained)


def test_every_reader_gives_the_same_pixels(pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    made = WAYS["crop"]
    data = folder(pictures, preprocessing=made)
    cached = [folder(pictures, preprocessing=made, cache=True) for _ in range(2)]
    workers = folder(pictures, preprocessing=made, workers=2)
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for path in sorted(pictures.rglob("*.*")):
            archive.write(path, path.relative_to(pictures))
    rows = [f"{path},{label}" for path, label in zip(data.paths, data.y, strict=True)]
    (tmp_path / "odd.csv").write_text("\n".join(["file,label", *rows]))
    others = [*cached, workers, read_zip(tmp_path / "odd.zip", preprocessing=made)]
    for other in (*others, read_csv(tmp_path / "odd.csv", preprocessing=made)):
        assert np.array_equal(other.x, data.x)
        assert np.array_equal(other.y, data.y)
    for pixels, path in zip(data.x, data.paths, strict=True):
        with open(path, "rb") as file:
            content = file.read()
        assert np.array_equal(made.pixels(content), pixels)
