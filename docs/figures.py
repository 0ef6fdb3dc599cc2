"""Draw the figures of the docs again, from free photos, scikit-learn's digits and drawn scenes.

    make figures                        every figure that this machine has the weights for
    python -m docs.figures look_maps    the ones named, those that take long too

Weights come from the folder that STRIATE_DATA names; a figure whose weights are not there is left out in words.  The note
and the table of each figure are printed: the docs quote them.  ``make docs`` writes pictures/CREDITS.md from the lists here.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import striate as st
from docs import photos
from striate import data, layers, look, recipes, report, zoo
from striate.data import Dataset, Preprocessing
from striate.look.explain.attributions import QUICK
from striate.look.pictures import Space
from striate.page.explorer import write_explorer
from striate.pages import write_run_page
from striate.report.figures import to_png
from striate.tasks import task_of
from striate.weights import atomic_write

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
MOBILENET = "weights/mobilenet_1_0_224_imagenet1001_keras_legacy.h5"
RESNET20 = "weights/cifar10_resnet20_torch.th"


@dataclass(frozen=True)
class Figure:
    """A picture of the docs: how it is drawn, and of what.

    draw    gives a Look, a matplotlib Figure or a PIL image
    shows   in words
    of      the photos in it, by their names in photos.py, "digits" or "scenes"; none: a chart, or made by a network
    needs   files in the folder that STRIATE_DATA names, or "chromium"
    """

    draw: Callable[[], Any]
    shows: str
    of: Sequence[str] = ()
    needs: Sequence[str] = ()


FIGURES: dict[str, Figure] = {}


def figure(file: str, shows: str, *of: str, needs: Sequence[str] = ()) -> Callable[[Callable[[], Any]], Any]:
    def register(draw: Callable[[], Any]) -> Callable[[], Any]:
        FIGURES[file] = Figure(draw, shows, of, needs)
        return draw

    return register


# Charts of measurements on research data sets; no picture of these sets is in them.  file: (what draws it, what it shows)
CHARTS = {
    "curves_families.png": ("bench.curves", "loss and accuracy of four networks"),
    "curves_degradation.png": ("bench.curves", "loss and accuracy of plain and residual networks"),
    "curves_precisions.png": ("bench.precisions", "loss and accuracy of a residual network in 32 and 16 bits"),
    "look_attribution_scores.png": ("bench.look_attribution table", "deletion and insertion, by method"),
    "look_dead.png": ("bench.look_inside dead", "the share of pictures for which each map is 0"),
    "look_lesions.png": ("bench.look_inside paths", "the error of ResNet-20 without blocks"),
    "look_lesions_56.png": ("bench.look_inside paths", "the error of ResNet-56 without blocks"),
    "look_line.png": ("bench.look_surface path", "the loss along a line"),
    "look_maximise_digits.png": ("bench.look_image", "pictures made by a network: ten digits maximised"),
    "look_path.png": ("bench.look_surface path", "the loss around a training's path"),
    "look_paths.png": ("bench.look_inside paths", "the gradient along the paths of ResNet-20"),
    "look_paths_56.png": ("bench.look_inside paths", "the gradient along the paths of ResNet-56"),
    "look_surface.png": ("bench.look_surface time", "the loss around ResNet-20"),
    "look_surface_56.jpg": ("bench.look_surface compare", "the loss around a plain and a residual network"),
    "residual_depth.png": ("bench.residual depth", "training loss, accuracy and gradients over depth"),
    "residual_paths_start.png": ("bench.residual paths", "the gradient along paths of 54 blocks before training"),
    "residual_paths_trained.png": ("bench.residual paths", "the gradient along paths of 54 blocks after training"),
    "residual_surface.png": ("bench.residual surface", "the loss around plain and residual networks of digits"),
}


# -- the networks -------------------------------------------------------------------------------------------------------
def weights(file: str) -> Path:
    return Path(os.environ.get("STRIATE_DATA") or "nowhere") / file


@functools.cache
def mobilenet() -> st.Model:
    return zoo.create("mobilenet", weights=str(weights(MOBILENET)))


@functools.cache
def resnet20() -> st.Model:
    return zoo.create("cifar_resnet20", weights=str(weights(RESNET20)))


def crops(model: st.Model, each: int, **settings: Any) -> Dataset:
    """Crops of the free photos, as `model` takes them."""
    how = Space.of(model).preprocessing
    return photos.crops(each, model.input_shape[1], preprocessing=how, **settings)


@functools.cache
def by_recipe(data_set: str, recipe: str) -> tuple[st.Model, Dataset]:
    """A network that a recipe has trained from seed 0, and the test data of the data set."""
    splits, how = data.load(data_set), recipes.get(recipe)  # type: ignore[call-overload]
    st.set_seed(0)
    model = how.model(10, splits.train.shape)
    model.compile(how.optimizer(), how.loss, metrics=["accuracy"])
    model.fit(splits.train, batch_size=how.batch_size, epochs=how.epochs, seed=0, verbose=0)
    assert splits.test is not None
    return model, splits.test


# -- what is there ------------------------------------------------------------------------------------------------------
@figure("look_filters.png", "the first filters of MobileNet", needs=[MOBILENET])
def filters() -> Any:
    return look.filters(mobilenet())


@figure("look_maps.png", "activation maps of MobileNet", "cat", needs=[MOBILENET])
def maps() -> Any:
    return look.maps(mobilenet(), photos.path("cat"), ["conv1_relu", "conv_pw_3_relu", "conv_pw_6_relu"])


@figure("look_templates.png", "the templates of a linear classifier of digits", "digits")
def templates() -> Any:
    splits = data.load("digits")
    st.set_seed(0)
    model = zoo.create("linear", input_shape=splits.train.shape, classes=10)
    model.compile(st.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(splits.train, batch_size=32, epochs=40, seed=0, verbose=0)
    return look.templates(model)


def filtered(names: Sequence[str], *filters: str) -> Any:
    """As a figure, dot for dot, and not enlarged as a Look is."""
    return look.fixed_filters(photos.paths(*names), filter=filters or None).figure()


@figure("fixed_filters_lines.jpg", "two photos under line filters", "pavilion", "flower")
def line_filters() -> Any:
    return filtered(["pavilion", "flower"], "line 90", "line 0")


@figure("fixed_filters_ridges.jpg", "two photos under ridge filters", "pavilion", "flower")
def ridge_filters() -> Any:
    return filtered(["pavilion", "flower"], "ridge 0", "ridge 45", "ridge 90", "ridge 135")


@figure("fixed_filters_edges.jpg", "edges, blur, sharpening and emboss on a photo", "pavilion")
def edge_filters() -> Any:
    return filtered(["pavilion"], "sobel x", "sobel y", "laplacian", "gaussian", "sharpen")


@figure("look_neighbours.jpg", "nearest neighbours among crops of photos", *photos.PHOTOS, needs=[MOBILENET])
def neighbours() -> Any:
    return look.neighbours(mobilenet(), crops(mobilenet(), 24), k=5)


@figure("look_map.jpg", "a t-SNE map of crops of photos", *photos.PHOTOS, needs=[MOBILENET])
def feature_map() -> Any:
    return look.feature_map(mobilenet(), crops(mobilenet(), 24))


@figure(
    "look_patches.png",
    "the crops that maps of ResNet-20 answer to most",
    *photos.PHOTOS,
    needs=[RESNET20],
)
def patches() -> Any:
    pool = crops(resnet20(), 100, scale=(0.12, 0.6))
    return look.patches(resnet20(), pool, "re_lu_8", maps=[0, 3, 11, 17])


# -- where an answer comes from -----------------------------------------------------------------------------------------
FOUR = ("cat", "coffee", "pavilion", "rocket")


@figure("look_attribution.jpg", "six methods of attribution on four photos", *FOUR, needs=[MOBILENET])
def attribution() -> Any:
    return look.attributions(mobilenet(), photos.paths(*FOUR), score=False, check=False)


@figure("look_sanity.jpg", "maps of importance while layers are randomised", "cat", needs=[MOBILENET])
def sanity() -> Any:
    return look.sanity(mobilenet(), photos.paths("cat"), method=QUICK)


# -- pictures made by the network ---------------------------------------------------------------------------------------
CLASSES = (
    "goldfish", "flamingo", "tabby", "school bus", "hourglass", "pineapple",
    "volcano", "daisy", "monarch", "tree frog", "castle", "strawberry",
)  # fmt: skip


@figure("look_maximise.jpg", "pictures made by MobileNet: twelve classes maximised", needs=[MOBILENET])
def maximise() -> Any:
    labels = [str(label).split(",")[0] for label in mobilenet().labels or ()]
    return look.maximise(mobilenet(), [labels.index(name) for name in CLASSES], steps=320, scale=1.2, rotate=10)


@figure("look_dream.jpg", "DeepDream", "pavilion", needs=[MOBILENET])
def dream() -> Any:
    return look.dream(mobilenet(), photos.path("pavilion"), ["conv_pw_8_relu", "conv_pw_11_relu"], steps=12)


@figure("look_invert_mobilenet.jpg", "a photo made again from layers of MobileNet", "cat", needs=[MOBILENET])
def invert_mobilenet() -> Any:
    return look.invert(mobilenet(), photos.path("cat"), steps=200)


@figure("look_invert.png", "a photo of 32 x 32 made again from layers of ResNet-20", "cat", needs=[RESNET20])
def invert() -> Any:
    return look.invert(resnet20(), photos.square("cat", 32))


@figure("look_codec.png", "a photo of 32 x 32 kept as the activations of layers", "cat", needs=[RESNET20])
def codec() -> Any:
    return look.codec(resnet20(), photos.square("cat", 32))


# -- how little it takes ------------------------------------------------------------------------------------------------
SIX = ("cat", "coffee", "pavilion", "flower", "rocket", "retina")


@figure("look_adversarial.jpg", "photos that fool MobileNet", *SIX, needs=[MOBILENET])
def adversarial() -> Any:
    targets = np.random.default_rng(0).integers(0, 1000, len(SIX))
    return look.adversarial(mobilenet(), photos.paths(*SIX), target=targets, epsilon=4, steps=20)


@figure("look_robustness.png", "accuracy by the size of a change, with examples", "digits")
def robustness() -> Any:
    model, test = by_recipe("digits", "digits")
    return look.robustness(model, test, count=None, epsilon=[8, 16, 32, 48, 64], steps=40)


# -- elsewhere ----------------------------------------------------------------------------------------------------------
@figure("augment.png", "a photo with a box, changed by each augmentation layer", "pavilion")
def augment() -> Any:
    rows = [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.08, fill_mode="constant"),
        layers.RandomZoom(0.3, fill_mode="constant"),
        layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
        layers.RandomCrop(128, 128),
        layers.RandomBrightness(0.3),
        layers.RandomContrast(0.6),
        layers.RandomSaturation((0.1, 0.8)),
        layers.RandomHue(0.4),
        layers.RandomLighting(0.3),
        layers.RandomErasing((1.0, 1.0), scale=(0.05, 0.2)),
        layers.Augmentation(
            [
                layers.RandomFlip("horizontal"),
                layers.RandomRotation(0.05),
                layers.RandomCrop(150, 150),
                layers.RandomBrightness(0.2),
                layers.RandomHue(0.1),
            ]
        ),
    ]
    return report.augmentations(rows, photos.square("pavilion", 180), boxes=[[2, 20, 116, 150]], columns=5)


# -- windows ------------------------------------------------------------------------------------------------------------
@figure("window_same.svg", "how a 3x3 window moves with stride 2 and padding")
def window_same() -> Any:
    conv = layers.Conv2D(4, 3, strides=2, padding="same")
    return st.Sequential([layers.Input((7, 7, 3)), conv]).draw(layer="conv2d")


@figure("window_misfit.svg", "a 5x5 window with stride 2 that does not fit")
def window_misfit() -> Any:
    return st.Sequential([layers.Input((12, 12, 1)), layers.Conv2D(4, 5, strides=2)]).draw(layer="conv2d")


HALF = (657, 978)


@figure("report.png", "two parts of a report", "digits", needs=["chromium"])
def report_page() -> Any:
    """The page of ``striate demo``, photographed by Chromium: its top, and the mistakes and what stands below them."""
    from striate.demo import demo

    def photo(folder: Path, text: str) -> Image.Image:
        page = folder / "page.html"
        page.write_text(text)
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder / 'chromium'}", f"--screenshot={folder / 'page.png'}"]
        subprocess.run([*command, "--window-size=940,2000", page.as_uri()], check=True, capture_output=True)
        with Image.open(folder / "page.png") as image:
            return image.convert("RGB").crop((0, 0, 940, 1400)).resize(HALF, Image.Resampling.LANCZOS)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        text = demo(folder / "run", say=lambda line: None).report.read_text()
        start, end = text.index("<h1>"), text.index('<section id="mistakes"')
        halves = [photo(folder, text), photo(folder, text[:start] + text[end:])]
    both = Image.new("RGB", (2 * HALF[0], HALF[1]))
    for i, half in enumerate(halves):
        both.paste(half, (HALF[0] * i, 0))
    return both


def page_photo(browser: Any, file: Path, at: str, *, width: int = 1280, act: Callable[[Any], Any] | None = None) -> Any:
    """The explorer at an address, photographed in its window when it is ready and `act` is done with it."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(file.as_uri() + at)
    page.wait_for_selector("body[data-ready]")
    if act is not None:
        act(page)
    image = Image.open(io.BytesIO(page.screenshot()))
    page.close()
    return image.convert("RGB")


@contextlib.contextmanager
def chromium() -> Any:
    """The system's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as run:
        yield run.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])


def beside(*pictures: Image.Image, gap: int = 16) -> Image.Image:
    """Pictures in a row on white."""
    size = (sum(each.width + gap for each in pictures) - gap, max(each.height for each in pictures))
    row, left = Image.new("RGB", size, "white"), 0
    for each in pictures:
        row.paste(each, (left, 0))
        left += each.width + gap
    return row


def page_pair(file: Path, wide: str, high: str, act: Callable[[Any], Any] | None = None) -> Any:
    """A page at two addresses: in a wide window, and as a telephone shows it."""
    with chromium() as browser:
        return beside(*(page_photo(browser, file, at, width=w, act=act) for at, w in ((wide, 1280), (high, 400))))


def with_cat(page: Any) -> None:
    """Give a page the photo of the cat, and wait until its answer is explained."""
    page.set_input_files("#file", photos.path("cat"))
    page.wait_for_function("() => document.getElementById('state').textContent.startsWith('cat')")
    page.wait_for_function("() => document.getElementById('because').textContent !== ''")
    if page.viewport_size["width"] < 1000:
        shown_at("#legend")(page)


def shown_at(*places: str) -> Callable[[Any], Any]:
    """Scroll so that elements are in sight, those that the page has."""

    def act(page: Any) -> None:
        for place in places:
            for each in page.locator(place).all():
                each.evaluate("element => element.scrollIntoView({block: 'end'})")

    return act


@figure(
    "page_photo.jpg",
    "the page of MobileNet with a photo of a cat: its answer, Grad-CAM, and the maps of a layer; and the time of its layers",
    "cat",
    "pavilion",
    "flower",
    "scenes",
    needs=[MOBILENET, "chromium"],
)
def page_with_photo() -> Any:
    with tempfile.TemporaryDirectory() as place:
        file = mobilenet().page(Path(place) / "page.html")
        time_of_layers = "#layer=conv_pw_6&why=gradcam&colour=measured+time"
        return page_pair(file, "#layer=conv_dw_2_relu&map=3&why=gradcam", time_of_layers, with_cat)


@figure(
    "page_resnet20.jpg",
    "the page of ResNet-20 with a photo of a flower: integrated gradients and their sanity check, an open block",
    "pavilion",
    "flower",
    "scenes",
    needs=[RESNET20, "chromium"],
)
def page_of_resnet20() -> Any:
    with tempfile.TemporaryDirectory() as place:
        file = resnet20().page(Path(place) / "page.html")
        wide = "#picture=sample-1&why=integrated+gradients&layer=layer1_0_conv2&open=1"
        return page_pair(
            file,
            wide,
            "#picture=sample-1&why=guided+backprop&layer=layer1_0_conv2&theme=dark&open=1",
            shown_at("#because"),
        )


@figure(
    "page_lenet5.png",
    "the page of a LeNet-5 that has learnt digits: how one number of a map comes about, and a saliency map",
    "digits",
    needs=["chromium"],
)
def page_of_lenet5() -> Any:
    digits, how = data.load("digits"), Preprocessing.pictures((28, 28), 1)

    def enlarged(part: Dataset) -> Dataset:
        sides = [Image.fromarray(one[..., 0]).resize((28, 28), Image.Resampling.BICUBIC) for one in part.x]
        x = np.stack([np.asarray(one)[..., None] for one in sides])
        return Dataset(x, part.y, classes=part.classes, preprocessing=how, name="digits")

    assert digits.test is not None
    train, test = enlarged(digits.train), enlarged(digits.test)
    st.set_seed(0)
    model = zoo.create("lenet5")
    model.preprocessing, model.labels = how, list(train.classes or ())
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=test, epochs=6, batch_size=32, seed=0, verbose=0).history
    with tempfile.TemporaryDirectory() as place:
        file = write_run_page(Path(place) / "page.html", model, test, history=history, name="lenet5")
        wide = "#picture=held-out-1&layer=conv2d_1&map=4&cell=7%2C3"
        return page_pair(
            file, wide, "#picture=held-out-1&why=saliency&layer=conv2d&theme=dark", shown_at("#story h3 ~ :last-child")
        )


@figure(
    "page_googlenet.png",
    "the page of GoogLeNet: an inception block, coloured by multiplications; and its volumes",
    needs=["chromium"],
)
def page_of_googlenet() -> Any:
    wide = "#colour=multiplications&open=2,2.1&layer=inception3a_branch2_1_conv"
    return structure_pair("googlenet", wide, "#volumes=1&open=1&layer=conv3_conv")


@figure(
    "page_nasnet.png",
    "the page of NASNet-A Mobile: a cell, coloured by receptive field; and where it begins, by weights",
    needs=["chromium"],
)
def page_of_nasnet() -> Any:
    wide = "#colour=receptive+field&open=2,2.1&layer=normal_conv_1_0"
    return structure_pair("nasnet_mobile", wide, "#colour=weights&theme=dark&layer=stem_conv1")


def structure_pair(name: str, wide: str, narrow: str) -> Any:
    """The page of an architecture without weights, wide and narrow, each at an address."""
    with tempfile.TemporaryDirectory() as place:
        return page_pair(write_explorer(Path(place) / "page.html", zoo.create(name).graph, name), wide, narrow)


@figure(
    "page_data.png", "the data view of the page of striate demo, wide and on a telephone", "digits", needs=["chromium"]
)
def page_with_data() -> Any:
    from striate.demo import demo

    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        file = demo(Path(place) / "run", say=lambda line: None).page
        wide = page_photo(browser, file, "#view=data", act=lambda page: page.locator("#gallery button").first.click())
        high = page_photo(browser, file, "#layer=conv2d_1&theme=dark&why=gradcam", width=400)
    return beside(wide, high)


@figure(
    "tasks.png",
    "drawn scenes that the networks of ``striate demo --task`` never saw: what is there, and what they say",
    "scenes",
)
def tasks() -> Any:
    """A row for each task: three scenes of the test part, each with its truth on the left and the answer on the right."""
    from striate.demo import SCENES, demo

    rows = []
    with tempfile.TemporaryDirectory() as place:
        for name in SCENES:
            run = demo(Path(place) / name, task=name, say=lambda line: None)
            test = data.load("scenes", **SCENES[name][1]).test
            assert test is not None
            rows.append(answered(run.model, test.subset(range(3))))
    width = max(row.width for row in rows)
    whole = Image.new("RGB", (width, sum(row.height for row in rows) + 12 * (len(rows) - 1)), "white")
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height + 12
    return whole


def answered(model: st.Model, pictures: Dataset, times: int = 3) -> Image.Image:
    """Pictures in a row, each twice: with what is there, and with what the network says."""
    task, names = task_of(model), model.intake.class_names(model.answers.classes)
    drawn = []
    for i, answer in enumerate(task.answers(model, list(pictures.x))):
        truth = task.truth(pictures, i, names)
        drawn += [
            task.drawn(pictures.x[i], truth, names, truth=True, times=times),
            task.drawn(pictures.x[i], answer, names, times=times),
        ]
    high, wide = drawn[0].shape[:2]
    row = Image.new("RGB", (wide * len(drawn) + 4 * len(drawn) // 2 + 12 * (len(drawn) // 2 - 1) - 4, high), "white")
    left = 0
    for i, one in enumerate(drawn):
        row.paste(Image.fromarray(one), (left, 0))
        left += wide + (12 if i % 2 else 4)
    return row


# -- the command --------------------------------------------------------------------------------------------------------
def save(found: Any, file: str, dpi: int = 100) -> None:
    """Write a drawing as its file's ending says; photos are smaller as JPEG, and the page loads sooner."""
    if file.endswith(".svg"):
        atomic_write(PICTURES / file, found)
        return
    if isinstance(found, look.Look):
        with tempfile.TemporaryDirectory() as place:
            image = Image.open(io.BytesIO(found.save(Path(place) / "figure.png").read_bytes()))
    else:
        image = found if isinstance(found, Image.Image) else Image.open(io.BytesIO(to_png(found, dpi)))
    written = io.BytesIO()
    if file.endswith(".jpg"):
        image.convert("RGB").save(written, "JPEG", quality=85, optimize=True)
    else:
        image.save(written, "PNG", optimize=True)
    atomic_write(PICTURES / file, written.getvalue())


def tell(found: look.Look) -> None:
    """Print the note, and the table in Markdown."""
    print(found.note())
    listing = found.rows()
    for row in () if listing is None else (listing[0], *listing[1]):
        print("| " + " | ".join(map(str, row)) + " |")


def main(names: Sequence[str]) -> None:
    known = {Path(file).stem: file for file in (*FIGURES, *CHARTS)}
    wrong = [name for name in names if Path(name).stem not in known]
    if wrong:
        raise SystemExit(f"no figure {', '.join(wrong)}. There are {', '.join(known)}.")
    chosen = [known[Path(name).stem] for name in names]
    for command in dict.fromkeys(CHARTS[file][0] for file in chosen if file in CHARTS):
        subprocess.run([sys.executable, "-m", *command.split()], check=True, cwd=ROOT)
    for file in (file for file in FIGURES if not names or file in chosen):
        entry, started = FIGURES[file], time.perf_counter()
        missing = [need for need in entry.needs if not (shutil.which(need) or weights(need).is_file())]
        if missing:
            print(f"{file}: left as it is; this machine has no {', '.join(missing)}.\n")
            continue
        found = entry.draw()
        save(found, file)
        print(f"{file}: {time.perf_counter() - started:.0f} s")
        if isinstance(found, look.Look):
            tell(found)
        print(flush=True)
    if not names:
        print(f"Charts of long measurements are drawn when named: {', '.join(Path(file).stem for file in CHARTS)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
