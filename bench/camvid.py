"""``python -m bench.camvid``: street scenes, learnt from 367 pictures and judged once on 101, for docs/segmentation.md.

    python -m bench.camvid                   the recipe on all 367, then the 101
    python -m bench.camvid hold width=96     what a setting gives: the last fifth of each drive is held out; no test picture

Needs STRIATE_DATA with CamVid and MobileNetV2's ImageNet weights.  Threads are as OMP_NUM_THREADS says.  The numbers go to
bench/results/camvid.json, with the seconds that the clock and the processor counted; the network to build/camvid.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

import striate as st
from bench.harness import RESULTS, ROOT, machine
from striate import Input, Model, callbacks, data, layers, losses, zoo
from striate.data import Dataset, Preprocessing
from striate.data.augmentation import augmented
from striate.graph.replaying import replay
from striate.tasks import segmenter
from striate.tasks.pyramid import pyramid
from striate.tasks.segmentation import median_frequency_weights

NAMES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
VOID = 11
WEIGHTS = "weights/mobilenetv2_1_0_224_imagenet1001.weights.h5"
BUILD = ROOT / "build" / "camvid"
DRIVES = ("0001TP", "0006R0", "0016E5")
GRID = 2  # the loss is counted at every second row and column, another choice for each batch: a quarter of its work


@dataclass
class Recipe:
    """How the network is trained.

    width      maps of the decoder
    frozen     the maps up to this stride are the ImageNet network's, and are computed by ONNX Runtime
    rate       of AdamW at the start, falling to nothing by a power of 0.9
    base       part of it at which the ImageNet network learns
    epochs     passes over the pictures
    batch      crops at a time
    height, w  of a crop
    nearest, farthest   crops show between so many times more or less of the picture
    most       class weights are the median frequency's, up to this; 1: none
    keep       share of the places with the largest losses that count
    dice       how much of it is added
    """

    width: int = 96
    frozen: int = 8
    rate: float = 1e-3
    base: float = 0.3
    epochs: int = 40
    batch: int = 8
    height: int = 264
    w: int = 320
    nearest: float = 0.5
    farthest: float = 1.4
    most: float = 2.5
    keep: float = 1.0
    dice: float = 0.5
    seed: int = 0


def pictures() -> tuple[Dataset, Dataset]:
    """The 367 and the 101."""
    root = Path(os.environ["STRIATE_DATA"])
    parts: Any = data.load(root / "camvid", ignored=VOID, classes=NAMES)
    return parts.train, parts.validation


def held_out(train: Dataset) -> tuple[Dataset, Dataset]:
    """The last fifth of each drive, for choosing, and the rest: neighbouring frames are alike, so no random ones."""
    held = np.zeros(len(train), bool)
    names = [Path(str(path)).name for path in train.paths or ()]
    for drive in DRIVES:
        own = [i for i, name in enumerate(names) if name.startswith(drive)]
        held[own[-(len(own) // 5) :]] = True
    return train.subset(~held), train.subset(held)


@dataclass
class Networks:
    """Three views of one network; its layers, and so its weights, are shared.

    whole   at the size of the pictures
    front   a crop to the maps that do not learn
    rest    these maps to the classes, at every GRID-th row and column
    slow    names of the layers of the ImageNet network that learn
    """

    whole: Model
    front: Model
    rest: Model
    slow: list[str]


def networks(recipe: Recipe) -> Networks:
    root = Path(os.environ["STRIATE_DATA"])
    shape = (recipe.height, recipe.w, 3)
    base = zoo.create("mobilenet_v2", include_top=False, input_shape=shape, weights=root / WEIGHTS)
    strides = [stride for stride in (4, 8) if stride <= recipe.frozen]
    start = pyramid(base, strides)
    front = Model(base.inputs, start)
    front.trainable = False
    for layer in base.layers:
        if layer.kind == "BatchNormalization":
            layer.trainable = False
    model = segmenter.uafm(base, len(NAMES), width=recipe.width)
    scores = [layer for layer in model.layers if layer.kind == "Conv2D"][-1].output
    fine = layers.UpSampling2D(4 // GRID, interpolation="bilinear")(scores)
    rest = Model(start, layers.Softmax()(fine))
    inputs = Input((360, 480, 3))
    whole = Model(inputs, replay(model.graph, [inputs])(model.graph.outputs[0]))
    own = {id(layer) for layer in base.layers}
    slow = [layer.name for layer in rest.layers if id(layer) in own and layer.trainable and layer.weights]
    arithmetic = Preprocessing(channels=3, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
    front.preprocessing = whole.preprocessing = arithmetic
    whole.labels = list(NAMES)
    return Networks(whole, front, rest, slow)


def changes(recipe: Recipe) -> list[Any]:
    """Crops of pictures made larger or smaller, mirrored, lighter or darker."""
    span = {"value_range": (0, 1)}
    return [
        layers.RandomZoom((recipe.nearest - 1, recipe.farthest - 1), fill_mode="constant"),
        layers.RandomFlip("horizontal"),
        layers.RandomCrop(recipe.height, recipe.w),
        layers.RandomBrightness(0.15, **span),
        layers.RandomContrast(0.25, **span),
        layers.RandomSaturation((0.35, 0.65), **span),
    ]


def batches(train: Dataset, front: Model, recipe: Recipe) -> Iterator[tuple[Any, np.ndarray]]:
    """Without end: the maps of crops, and their labels at every GRID-th row and column."""
    moved, epoch = changes(recipe), 0
    while True:
        order = np.random.default_rng([recipe.seed, epoch]).permutation(len(train))
        for k in range(len(train) // recipe.batch):
            part = train.subset(order[k * recipe.batch : (k + 1) * recipe.batch])
            part = augmented(part, moved, seed=1000 * epoch + k + 1000000 * recipe.seed, mask_fill=VOID)
            assert part.y is not None
            down, across = np.random.default_rng([recipe.seed, epoch, k]).integers(0, GRID, 2)
            maps = front.predict(part.x, batch_size=recipe.batch, engine="onnxruntime")
            yield maps if isinstance(maps, list) else [maps], part.y[:, down::GRID, across::GRID]
        epoch += 1


def judged(model: Model, part: Dataset) -> dict[str, Any]:
    """Mean IoU, that of each class, and the share of pixels that are right, counted over all pictures together."""
    loss = losses.SparseCategoricalCrossentropy(ignore_class=VOID)
    right = st.metrics.CategoricalAccuracy(name="accuracy", ignore_class=VOID)
    model.compile("sgd", loss, metrics=[st.metrics.MeanIoU(average=None), right])
    found = model.evaluate(part, batch_size=4, return_dict=True, verbose=0)
    each = {name: float(found[f"mean_iou_{k}"]) for k, name in enumerate(NAMES)}
    return {"mean_iou": float(np.mean(list(each.values()))), "accuracy": found["accuracy"], "classes": each}


def train(recipe: Recipe, part: Dataset, judge: Dataset | None, every: int = 4) -> tuple[Networks, dict[str, float]]:
    """The networks, trained, and the seconds that it took by the clock and by the processor."""
    st.set_seed(recipe.seed)
    made = networks(recipe)
    steps = len(part) // recipe.batch
    schedule = st.optimizers.schedules.PolynomialDecay(recipe.rate, steps * recipe.epochs, recipe.rate / 1000, 0.9)
    optimizer = st.optimizers.AdamW(schedule, weight_decay=0.01)
    weights = median_frequency_weights(part, len(NAMES), recipe.most)
    loss = losses.SegmentationLoss(VOID, weights, recipe.keep, recipe.dice)
    metrics = [st.metrics.MeanIoU(ignore_class=VOID)]
    made.rest.compile(optimizer, loss, metrics=metrics, rates=dict.fromkeys(made.slow, recipe.base))
    clock, processor = time.perf_counter(), time.process_time()

    class Told(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            spent = f"{time.perf_counter() - clock:.0f} s, of the processor {time.process_time() - processor:.0f} s"
            print(f"  {epoch + 1}: {spent}  {logs}", flush=True)
            if judge is not None and (epoch + 1) % every == 0 and epoch + 1 < recipe.epochs:
                print(f"  {judged(made.whole, judge)}", flush=True)

    given = batches(part, made.front, recipe)
    made.rest.fit(given, epochs=recipe.epochs, steps_per_epoch=steps, verbose=0, callbacks=[Told()])
    return made, {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}


def main(words: list[str]) -> None:
    given = dict(word.split("=") for word in words if "=" in word)
    kinds = {field.name: type(field.default) for field in fields(Recipe)}
    recipe = Recipe(**{name: kinds[name](value) for name, value in given.items()})
    known, test = pictures()
    print(recipe, flush=True)
    if "hold" in words:
        part, judge = held_out(known)
        made, spent = train(recipe, part, judge)
        print(json.dumps({**judged(made.whole, judge), **spent, "recipe": asdict(recipe)}), flush=True)
        return
    made, spent = train(recipe, known, None)
    found = {"machine": machine(), "recipe": asdict(recipe), **spent, **judged(made.whole, test)}
    made.whole.save(BUILD)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "camvid.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
