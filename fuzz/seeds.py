"""Sound files of every format, small, made by striate, Pillow, NumPy, torch and the standard library themselves."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pickle
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Seed:
    """A sound input.

    files     content by path below the input's folder
    targets   which of them are changed, one at a time
    refused   it is hostile as it is, or of a format that is not read, and must be refused unchanged
    """

    files: dict[str, bytes]
    targets: tuple[str, ...]
    refused: bool = False


def one(name: str, content: bytes, refused: bool = False) -> Seed:
    """An input of one file."""
    return Seed({name: content}, (name,), refused)


def below(folder: Path, *patterns: str, keep: Callable[[str], bool] = lambda name: True) -> Seed:
    """An input of all that lies in a folder.

    folder     to read
    patterns   of the files that are changed
    keep       which files are taken
    """
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and keep(path.name)
    }
    targets = tuple(name for name in files if any(Path(name).match(pattern) for pattern in patterns))
    return Seed(files, targets)


def as_bytes(write: Callable[[io.BytesIO], Any]) -> bytes:
    content = io.BytesIO()
    write(content)
    return content.getvalue()


# -- pictures ----------------------------------------------------------------------------------------------------------
def pictures() -> dict[str, list[bytes]]:
    """Picture files by the name of their format, in the modes that each has."""
    from PIL import Image, ImageCms, features

    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 255, (11, 14, 3), np.uint8))
    smooth = rgb.resize((40, 36), Image.Resampling.BICUBIC)
    grey, alpha = rgb.convert("L"), rgb.convert("RGBA")
    alpha.putalpha(grey)
    palette = rgb.quantize(16)
    deep = Image.fromarray(rng.integers(0, 65_535, (11, 14), np.uint16))
    floats = Image.fromarray(rng.random((11, 14), np.float32))  # without a fixed white
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned = Image.Exif()
    turned[0x0112], turned[0x010E] = 6, "a picture"

    def made(image: Image.Image, kind: str, **how: Any) -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return as_bytes(lambda file: image.save(file, kind, **how))

    some = {
        "png": [
            *(made(image, "PNG") for image in (rgb, grey, alpha, palette, deep, rgb.convert("1"), alpha.convert("LA"))),
            made(palette, "PNG", transparency=3),
            made(rgb, "PNG", icc_profile=profile, exif=turned),
            made(rgb, "PNG", save_all=True, append_images=[rgb.rotate(180)]),
        ],
        "jpeg": [
            *(made(image, "JPEG") for image in (smooth, grey, rgb.convert("CMYK"))),
            made(smooth, "JPEG", exif=turned, icc_profile=profile),
            made(smooth, "JPEG", progressive=True, comment="a comment"),
            made(smooth, "MPO", save_all=True, append_images=[smooth]),
        ],
        "gif": [made(palette, "GIF"), made(palette, "GIF", save_all=True, append_images=[palette.rotate(180)], loop=0)],
        "bmp": [made(rgb, "BMP"), made(palette, "BMP"), made(grey, "DIB"), made(rgb.convert("1"), "BMP")],
        "webp": [
            made(smooth, "WEBP"), made(alpha, "WEBP", lossless=True), made(rgb, "WEBP", exif=turned, icc_profile=profile),
            made(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)]),
        ],
        "tiff": [
            *(made(image, "TIFF") for image in (rgb, grey, alpha, palette, deep)),
            *(made(rgb.convert(mode), "TIFF") for mode in ("CMYK", "1", "LAB")),
            *(made(rgb, "TIFF", compression=how) for how in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
            made(rgb.convert("1"), "TIFF", compression="group4"),
            made(smooth, "TIFF", compression="jpeg"),
            made(rgb, "TIFF", save_all=True, append_images=[grey], exif=turned),
        ],
        "other": [
            *(made(image, "PPM") for image in (rgb, grey, rgb.convert("1"))), b"P3\n2 1\n255\n1 2 3 4 5 6\n",
            made(rgb, "TGA"),
            made(palette, "TGA", compression="tga_rle"), made(rgb, "PCX"), made(rgb, "ICO", sizes=[(8, 8)]),
        ],
    }  # fmt: skip
    if features.check("jpg_2000"):
        some["jpeg2000"] = [made(smooth, "JPEG2000"), made(grey, "JPEG2000", no_jp2=True)]
    if features.check("avif"):
        some["avif"] = [made(smooth, "AVIF"), made(alpha, "AVIF")]
    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
        some["heic"] = [made(smooth, "HEIF")]
    except ImportError:
        pass
    some["foreign"] = [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) = showpage\n%%EOF\n",
        b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n", b"8BPS\0\1" + bytes(30),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"\x59\xa6\x6a\x95" + bytes(60), b"SIMPLE  =                    T",
        b"\xd7\xcd\xc6\x9a" + bytes(60), b"GRIB" + bytes(40), b"BUFR" + bytes(40),
        b"/* XPM */\nstatic char *a[]={\"1 1 1 1\"};",
        made(rgb, "SGI"), made(rgb, "IM"), made(rgb, "DDS"), *(made(floats, kind) for kind in ("TIFF", "PPM")),
    ]  # fmt: skip
    return some


# -- data sets ---------------------------------------------------------------------------------------------------------
def _painted(folder: Path, count: int = 3) -> Any:
    """A data set of drawn scenes as YOLO in a folder, read back, so that it has files of pictures."""
    from striate import data

    data.write(data.scenes(count, size=20, seed=1, kinds=("circle", "square")), folder, format="yolo", pictures="copy")
    return data.load(folder, image_size=(20, 20), cache=False).train


def box_sets(place: Path) -> dict[str, Seed]:
    """The same pictures and boxes as COCO, VOC, YOLO, CSV and lines of JSON, and label maps."""
    from striate import data

    read = _painted(place / "drawn")
    found: dict[str, Seed] = {}
    for name, target, pattern in (
        ("yolo", "yolo", "labels/**/*.txt"),
        ("voc", "voc", "Annotations/*.xml"),
    ):
        data.write(read, place / target, format=name, pictures="copy")
        found[name] = below(place / target, pattern, "labels/*.txt", "*.xml")
    found["data.yaml"] = below(place / "yolo", "*.yaml")
    shots = {f"images/{Path(path).name}": Path(path).read_bytes() for path in read.paths}
    data.write(read, place / "coco" / "instances.json", format="coco")
    data.write(read, place / "table" / "boxes.csv")
    data.write(read, place / "lines" / "boxes.jsonl")
    for name, file in (
        ("coco", "coco/instances.json"),
        ("boxes.csv", "table/boxes.csv"),
        ("boxes.jsonl", "lines/boxes.jsonl"),
    ):
        content = (place / file).read_bytes()
        for path in read.paths:
            content = content.replace(os.fsencode(os.fspath(path)), f"images/{Path(path).name}".encode())
            content = content.replace(
                os.path.relpath(path, place / Path(file).parent).encode(), f"images/{Path(path).name}".encode()
            )
        found[name] = Seed({Path(file).name: content, **shots}, (Path(file).name,))
    maps = data.scenes(3, size=20, seed=1, kinds=("circle", "square"), target="masks")
    data.write(maps, place / "masks", format="masks", pictures="copy")
    found["masks"] = below(place / "masks", "masks/**/*.png", "masks/*.png")
    found["mask classes"] = below(place / "masks", "*.txt", "*.yaml", "*.csv")
    return found


def class_sets(place: Path) -> dict[str, Seed]:
    """Pictures in a folder for each class, in a zip, and in a CSV."""
    shots = [made for kind in ("png", "jpeg") for made in pictures()[kind][:2]]
    files = {
        f"{name}/{i}.{'png' if i < 2 else 'jpg'}": shots[i]
        for i, name in ((0, "ant"), (1, "bee"), (2, "ant"), (3, "bee"))
    }
    packed = as_bytes(lambda file: _zip(file, files.items()))
    table = "filename,label\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in files)
    split = "filename;label;split\r\n" + "".join(
        f"{name};{name[:3]};{'train' if name < 'bee/2' else 'val'}\r\n" for name in files
    )
    return {
        "folder": Seed(files, tuple(files)),
        "zip": one("set.zip", packed),
        "csv": Seed({"set.csv": table.encode(), **files}, ("set.csv",)),
        "csv parts": Seed({"set.csv": split.encode(), **files}, ("set.csv",)),
        "classes": Seed(
            {"classes.txt": b"ant\nbee\n", **{f"set/{name}": held for name, held in files.items()}}, ("classes.txt",)
        ),
    }


def _zip(file: io.BytesIO, files: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)


def number_sets() -> dict[str, list[Seed]]:
    """idx and idx.gz, both versions of CIFAR, and reviews."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (4, 6, 5), np.uint8), np.array([1, 0, 2, 1], np.uint8)
    pair = [b"\0\0\x08" + bytes([a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape) + a.tobytes() for a in (x, y)]
    rows = rng.integers(0, 255, (3, 3072), np.uint8)
    batch = {b"data": rows, b"labels": [1, 2, 3], b"batch_label": b"one", b"filenames": [b"a", b"b", b"c"]}
    text = {"data": rows, "labels": [0, 9, 4]}
    reviews = io.StringIO()
    csv.writer(reviews).writerows([("label", "text"), (0, "bad, very"), (1, 'good "film"'), (1, "good"), (0, "x")])
    words = reviews.getvalue().encode()
    return {
        "idx": [one("images", pair[0]), one("labels", pair[1])],
        "idx.gz": [
            one("images.gz", gzip.compress(pair[0], mtime=0)),
            one("labels.gz", gzip.compress(pair[1], mtime=0)),
        ],
        "cifar pickle": [
            *(one("batch", pickle.dumps(made, kind)) for made in (batch, text) for kind in (2, 4)),
            *(
                one("batch", made, refused=True)
                for made in (b"\x80\x02Nr\xff\xff\xff\x7f.", b"\x80\x02}" + b"N" + b"2\x86" * 60 + b"Ns.")
            ),
        ],
        "cifar binary": [one("batch.bin", b"".join(bytes([i]) + row.tobytes() for i, row in enumerate(rows)))],
        "imdb": [one("reviews.csv", words), one("reviews.csv.gz", gzip.compress(words, mtime=0))],
    }


PAGED = ("model.json", "run.json", "metrics.csv", "filters.safetensors")  # of a run, what its page is made of


def run_folder(place: Path) -> Seed:
    """A run of one epoch that may go on, and its data set."""
    from striate.runs import train_run

    files = class_sets(place)["folder"].files
    data = place / "set"
    for i in range(3):
        for name, content in files.items():
            target = data / name.replace("/", f"/{i}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    os.chdir(place)
    train_run("set", folder="run", epochs=1, image_size=(12, 12), model=_tiny(), verbose=0, batch_size=4)
    made = below(place, keep=lambda name: not name.startswith("."))
    here = {name: made.files[name].replace(os.fsencode(data), b"set") for name in made.files if name.endswith(".json")}
    return Seed(made.files | here, made.targets)  # where they will lie is not known


def searches(place: Path) -> list[Seed]:
    """A search for settings of two trials that has come to its end, where optuna is there."""
    if find_spec("optuna") is None:
        return []
    from fuzz.harness import searched

    searched(place)
    return [below(place, "tune.db", keep=lambda name: not name.startswith("."))]


def _tiny() -> Any:
    from striate import layers
    from striate.models import Sequential

    stack = [layers.Input((12, 12, 3)), layers.Conv2D(1, 3, strides=3), layers.Flatten()]
    return Sequential([*stack, layers.Dense(2, activation="softmax")])


def films(place: Path) -> list[Seed]:
    """A film of a few frames, where PyAV is there."""
    try:
        import av
    except ImportError:
        return []
    found = []
    for ending, codec in (("mp4", "mpeg4"), ("mkv", "mpeg4")):
        target = place / f"film.{ending}"
        with av.open(str(target), "w") as container:
            stream = container.add_stream(codec, rate=5)
            stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
            for i in range(4):
                pixels = np.full((24, 32, 3), i * 50, np.uint8)
                for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        found.append(one(target.name, target.read_bytes()))
    return found


def kept(place: Path, picture_files: dict[str, bytes]) -> dict[str, list[Seed]]:
    """Caches of decoded pictures and of features, and a picture's code."""
    from fuzz.formats import FORMATS
    from fuzz.model_seeds import untrained
    from striate.look.paint import codec

    uses = {form.name: form.use for form in FORMATS}
    found = {}
    for name, pattern in (("picture cache", "*.npy"), ("feature cache", "*.npz")):
        folder = emptied(place / name)
        plain = Seed({f"set/{file}": content for file, content in picture_files.items()}, ("",))
        put(folder, plain)
        os.chdir(folder)
        uses[name](folder, "")
        found[name] = [below(folder, pattern, keep=lambda file: not file.startswith("."))]
    model, rng = untrained("small"), np.random.default_rng(0)
    code = codec.encode(model, rng.integers(0, 255, (12, 12, 3), np.uint8), "conv2d")
    return {**found, "paint code": [one("code", code)]}


def put(folder: Path, seed: Seed, target: str = "", content: bytes = b"") -> None:
    """Write an input's files, all with one time, since caches go by it.

    folder    replaced as a whole
    seed      the sound files
    target    the one that is changed
    content   to what
    """
    emptied(folder)
    for name, held in seed.files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if name == target else held)
        os.utime(place, (1_700_000_000, 1_700_000_000))


HUB = "owner/small"  #: the repository of the sound hub cache


def from_the_hub(models: dict[str, list[Seed]]) -> dict[str, list[Seed]]:
    """The cache of a file from the hub."""
    below_ = f"cache/hub/models--{HUB.replace('/', '--')}"
    files = {
        f"{below_}/refs/main": b"a" * 40,
        f"{below_}/snapshots/{'a' * 40}/model.safetensors": models["safetensors state"][0].files["small.safetensors"],
    }
    return {"hub cache": [Seed(files, tuple(name for name in files if name.endswith(".safetensors")))]}


#: Commands with the sound model, pictures and description beside them; the values after options are what is changed.
COMMANDS = (
    "size net.json --batch-size 1 --optimizer adam --dtype float32",
    "size mobilenet --input-shape 32x32x3 --classes 10 --variant alpha=0.5",
    "advise lenet5 --memory 4GB --batch-size 32 --optimizer adam --dtype float32 --input-shape 32x32x1 --classes 10",
    "draw net.json -o net.svg --direction down",
    "draw net.json --diff lenet5",
    "draw net.json -o net.svg --layer conv2d",
    "page mobilenet -o net.html --classes 10 --variant alpha=0.5",
    "explain model conv2d --picture pictures/a.png --at 0,0,0",
    "models lenet5 --find x --family y --min-top1 70 --max-weights 10 --sort name -o a.svg",
    "models --find resnet --family resnet --min-top1 70 --max-weights 10 --sort name",
    "compare net.json model --batch-size 1 --optimizer adam",
    "data check set --aspect 4 --few 10 --classes ant,bee --ignored 255 --html page.html",
    "evaluate model judged --engine torch",
    "predict model pictures/a.png --top 5 --engine torch --batch-size 32 -o out.csv",
    "export model -o out.safetensors",
    "look maps model pictures/a.png --layer conv2d",
    "look gradcam model pictures/a.png --layer conv2d --target circle",
    "look filters model --layer conv2d",
    "look maximise model --steps 1 --scale 1.4 --target 1",
)


def command_sets(models: dict[str, list[Seed]], sets: dict[str, Seed], shots: list[bytes]) -> dict[str, list[Seed]]:
    """What the commands need around them."""
    bundle = {f"model/{name}": content for name, content in models["bundle"][0].files.items()}
    pictures_ = {f"pictures/{name}.png": shot for name, shot in zip("abc", shots, strict=False)}
    names = ("yolo", "voc", "coco", "boxes.csv", "folder", "csv", "masks")
    around = {**bundle, **pictures_, **{f"set/{name}": held for name, held in sets["folder"].files.items()}}
    known = {"ant": "circle", "bee": "square"}  # classes of the sound model
    around |= {f"judged/{known[name[:3]]}{name[3:]}": held for name, held in sets["folder"].files.items()}
    around["net.json"] = models["description"][0].files["net.json"]
    told = [json.dumps(line.split()).encode() for line in COMMANDS]
    return {
        "striate data check": [sets[name] for name in names],
        "striate predict": [Seed({**bundle, **pictures_}, tuple(pictures_))],
        "striate predict -o": [Seed({**bundle, **pictures_}, tuple(pictures_))],
        "striate draw": models["description"] + models["keras json"],
        "striate page": models["description"] + models["keras json"],
        "striate compare": models["description"] + models["keras json"],
        "striate export": models[".keras"] + models[".h5"],
        "options": [Seed({**around, "arguments": each}, ("arguments",)) for each in told],
    }


def everything(place: Path) -> dict[str, list[Seed]]:
    """The sound files of every format, by the name of its row.

    place   a folder to make them in
    """
    from fuzz.bomb_seeds import bombs
    from fuzz.model_seeds import checkpoints, model_files, untrained

    os.environ |= {"STRIATE_CACHE": str(emptied(place / "cache"))}
    drawn, classes, numbers = pictures(), class_sets(place), number_sets()
    boxes = box_sets(emptied(place / "boxes"))
    models = model_files(emptied(place / "models"))
    run = run_folder(emptied(place / "run"))
    weights = next(name for name in run.files if name.startswith("run/weights-"))
    trained = Seed(run.files, ("run/model.json", weights, "set/ant/00.png"))
    other = {name.replace("run/", "other/"): content for name, content in run.files.items()}
    found: dict[str, list[Seed]] = {
        f"picture {kind}": [
            one(f"a{_ENDINGS.get(kind, '.png')}", content, refused=kind == "foreign") for content in contents
        ]
        for kind, contents in drawn.items()
    }
    found |= {
        "COCO": [boxes["coco"]], "VOC": [boxes["voc"]], "YOLO": [boxes["yolo"]], "data.yaml": [boxes["data.yaml"]],
        "boxes in CSV": [boxes["boxes.csv"]], "boxes in lines of JSON": [boxes["boxes.jsonl"]], "masks": [boxes["masks"]],
        "classes of masks": [boxes["mask classes"]], "class folders": [classes["folder"]],
        "zip of class folders": [classes["zip"]], "CSV": [classes["csv"], classes["csv parts"]],
        "list of classes": [classes["classes"]], "idx": numbers["idx"], "idx.gz": numbers["idx.gz"],
        "CIFAR pickle": numbers["cifar pickle"], "CIFAR binary": numbers["cifar binary"], "reviews": numbers["imdb"],
        "description": models["description"], "Keras JSON": models["keras json"], "model .keras": models[".keras"],
        "model .h5": models[".h5"], "weights .weights.h5": models[".weights.h5"], "weights .h5 legacy": models[".h5"],
        "weights .safetensors": models[".safetensors"] + models["safetensors state"],
        "weights torch zip": models["torch zip"], "weights torch legacy": models["torch legacy"],
        "weights TensorFlow": checkpoints(place / "checkpoints"), "saved model": models["bundle"],
        "saved model of another": models["bundle"],
        "onnx": models["onnx"],
        **{key: [Seed(run.files, ("run/training.pt",))] for key in ("training.pt", "training.pt packed anew")},
        "run folder": [Seed(run.files, tuple(name for name in run.files if name.startswith("run/")))],
        "film": films(place), "tune.db": searches(emptied(place / "search")), **from_the_hub(models),
        "bombs": bombs(emptied(place / "bombs"), models[".keras"][0].files["small.keras"], untrained("small")),
        "striate page RUN": [Seed(run.files, tuple(f"run/{name}" for name in PAGED))],
        "striate evaluate": [trained], "striate compare runs": [Seed(other | run.files, trained.targets)],
        **kept(place, classes["folder"].files),
        **command_sets(models, {**boxes, **classes}, drawn["png"][:3]),
    }  # fmt: skip
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    found["arrays npz"] = [one("a.npz", as_bytes(lambda file: np.savez(file, a=values, b=values > 3)))]
    return found


_ENDINGS = {
    "jpeg": ".jpg",
    "gif": ".gif",
    "bmp": ".bmp",
    "webp": ".webp",
    "tiff": ".tif",
    "jpeg2000": ".jp2",
    "avif": ".avif",
}


def emptied(place: Path) -> Path:
    """A folder that is there and empty."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place
