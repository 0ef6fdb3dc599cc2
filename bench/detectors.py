"""Three ways of finding things, from scratch on the same drawn scenes: R-CNN, YOLO's first version, a good detector.

    python -m bench.detectors                     everything, a quarter of an hour of one core
    python -m bench.detectors yolo detector       only these; the others' figures stay as they are in the results
    python -m bench.detectors rcnn --seed 1

Each gets the same pictures and convolutions like each other's; R-CNN sees regions of 32 x 32 where the others see the whole
64 x 64.  Speed is the processor's time for one picture at a time, suppression included, on one thread: it does not depend
on what else runs.  Results go to bench/results/detectors.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

import striate as st
from bench.harness import RESULTS, machine
from striate import Input, Model, layers
from striate.data.sets.scenes import scenes
from striate.tasks.average_precision import Detections, Truth, average_precision
from striate.tasks.detection_recipe import loss_for
from striate.tasks.detector import detector
from striate.tasks.found import Decoding, detections
from striate.tasks.proposals import proposed, selective_search
from striate.tasks.rcnn import RCNN
from striate.tasks.yolo import yolo
from striate.tasks.yolo_loss import YoloLoss

TRAIN, TEST = (scenes(count, seed=seed, shapes=(1, 2), noise=8) for count, seed in ((1000, 1), (100, 2)))
WIDTH = 128  # at which regions are searched: at 64 pixels the search finds a fourth as many
PASSES = {"detector": 60, "yolo": 130}  # the same time, some five minutes of one core; R-CNN has two
LEAST = 0.002  # scores from which on boxes count: a curve of precision over recall begins there, as COCO's does
Find = Callable[[np.ndarray], Detections]


def base(side: int, filters: tuple[int, ...]) -> Model:
    """Convolutions that halve the picture, one for each number."""
    start = x = Input((side, side, 3))
    for maps in filters:
        x = layers.Conv2D(maps, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2D(maps, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    return Model(start, x)


def trained(model: Model, loss: Any, passes: int, seed: int) -> Find:
    steps = passes * -(-len(TRAIN) // 16)
    model.compile(
        st.optimizers.AdamW(st.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss,
        augment=[layers.RandomFlip("horizontal"), layers.RandomTranslation(0.2, 0.2)],  # as the paper of YOLO has it
    )
    model.fit(TRAIN, epochs=passes, batch_size=16, verbose=0, seed=seed)
    return lambda picture: detections(model.predict(picture[None], engine="onnxruntime")[0], least=LEAST, overlap=0.5)


def of_detector(seed: int) -> Find:
    model = detector(base(64, (16, 24, 32, 48, 64)), 3, width=48)
    return trained(model, loss_for(model.layers[-1], learnt=False), PASSES["detector"], seed)


def of_yolo(seed: int) -> Find:
    model = yolo(base(64, (16, 24, 32, 64)), 3, maps=64, units=256, dropout=0.0)
    return trained(model, YoloLoss(model.layers[-1]), PASSES["yolo"], seed)


def of_rcnn(seed: int) -> Find:
    assert TRAIN.classes is not None
    search = partial(selective_search, width=WIDTH)
    model = RCNN(base(32, (16, 24, 32)), TRAIN.classes, proposals=search, decoding=Decoding(least=LEAST, overlap=0.3))
    model.fit(TRAIN, regions=16, epochs=6, rate=0.05, seed=seed)
    return lambda picture: model.find(picture, engine="onnxruntime")


KINDS: dict[str, Callable[[int], Find]] = {"rcnn": of_rcnn, "yolo": of_yolo, "detector": of_detector}


def measured(kind: str, seed: int) -> dict[str, Any]:
    """Figures on the test scenes, and seconds of the processor."""
    st.set_seed(seed)
    start = time.process_time()
    find = KINDS[kind](seed)
    learnt = time.process_time() - start
    for picture in TEST.x[:10]:
        find(picture)
    start = time.process_time()
    found = [find(picture) for picture in TEST.x]
    spent = time.process_time() - start
    assert TEST.boxes is not None
    assert TEST.box_labels is not None
    assert TEST.classes is not None
    truth = [Truth(*each) for each in zip(TEST.boxes, TEST.box_labels, strict=True)]
    figures = average_precision(truth, found, TEST.classes)
    made = {"map50": figures.at50, "map": figures.mean, "rate": len(TEST) / spent, "training": learnt, "seed": seed}
    if kind == "rcnn":
        search = partial(selective_search, width=WIDTH)
        start = time.process_time()
        counts = [len(proposed(search, picture)) for picture in TEST.x[:30]]
        made |= {"regions": float(np.mean(counts)), "search": (time.process_time() - start) / 30}
    return made


def main() -> None:
    given = sys.argv[1:]
    seed = int(given[given.index("--seed") + 1]) if "--seed" in given else 0
    torch.set_num_threads(1)
    place = RESULTS / "detectors.json"
    found = json.loads(place.read_text()) if place.is_file() else {}
    for kind in [name for name in given if name in KINDS] or KINDS:
        found[kind] = measured(kind, seed)
        found["machine"] = machine()
        place.write_text(json.dumps(found, indent=1) + "\n")
        print(kind, {key: round(value, 3) for key, value in found[kind].items()}, flush=True)


if __name__ == "__main__":
    main()
