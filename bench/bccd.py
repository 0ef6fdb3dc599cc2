"""``python -m bench.bccd``: blood cells found by the detector on MobileNetV2, in under an hour on two cores.

    --seed N       of all that is drawn; results go to bench/results/bccd_seedN.json, the model to build/bccd/seedN
    --passes N     over the 205 training pictures
    --minutes M    as many passes as fit into M minutes on this machine, in place of --passes
    --scratch      from drawn weights in place of ImageNet's
    --with A,B     settings of the recipe otherwise, as "turns=true,shift=0"

BCCD (Shenggan, MIT licence) with its own split, ImageSets/Main: 205, 87 and 72 pictures.  All choices were made on the
validation part; the test part is judged once, at the end.  $STRIATE_DATA has bccd/ and weights/.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import striate as st
from bench.harness import RESULTS, ROOT, machine
from striate import data, zoo
from striate.tasks.average_precision import AveragePrecision, Detections, Truth, average_precision
from striate.tasks.bootstrap import bootstrap
from striate.tasks.detection_recipe import DetectionRecipe, freeze_below
from striate.tasks.detector import detector
from striate.tasks.found import Decoding, detections

HOME = Path(os.environ.get("STRIATE_DATA", "data"))
WEIGHTS = HOME / "weights" / "mobilenetv2_1_0_224_imagenet1001.weights.h5"
SIZE = (288, 384)  # of pictures of 480 x 640
BATCH = 8
RECIPE = DetectionRecipe(flips="horizontal_and_vertical")


def pictures() -> data.Splits:
    """The three parts; the reader leaves out the boxes of a single pixel, and `striate data check` names them."""
    # as MobileNetV2's weights want it: -1 to 1
    how = data.Preprocessing(image_size=SIZE, channels=3, resize="pad", scale=1 / 127.5, mean=(1.0,), std=(1.0,))
    return data.load(HOME / "bccd", preprocessing=how)


def network(how: Any, scratch: bool) -> tuple[st.Model, st.Model]:
    """The base, frozen up to stride 4 and with all its batch norms frozen, and the detector on it."""
    base = zoo.create("mobilenet_v2", include_top=False, input_shape=(*SIZE, 3))
    if not scratch:
        base.load_weights(WEIGHTS)
        freeze_below(base, 4)
    base.preprocessing = how
    return base, detector(base, 3)


def judged(
    model: st.Model, part: data.Dataset, decoding: Decoding
) -> tuple[AveragePrecision, list[Truth], list[Detections]]:
    rows = model.predict(part, batch_size=8, verbose=0)
    truth = [Truth(*each) for each in zip(part.boxes, part.box_labels, strict=True)]
    found = [detections(row, **decoding.to_dict()) for row in rows]
    return average_precision(truth, found, part.classes), truth, found


def figures(made: AveragePrecision) -> dict[str, Any]:
    return {
        "mAP@.5": made.at50,
        "mAP@[.5:.95]": made.mean,
        "classes": made.classes,
        "confidence of the best F1": made.confidence,
        "F1": made.f1,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--passes", type=int, default=40)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--scratch", action="store_true")
    parser.add_argument("--with", dest="others", default="")
    given = parser.parse_args()
    name = f"bccd_{'scratch_' if given.scratch else ''}seed{given.seed}"
    st.set_seed(given.seed)
    parts = pictures()
    base, model = network(parts.train.preprocessing, given.scratch)
    steps = -(-len(parts.train) // BATCH)
    others = [one.partition("=") for one in given.others.split(",") if one]
    recipe = replace(RECIPE, **{key: json.loads(value) for key, _, value in others})
    if given.scratch:
        recipe = replace(recipe, average=0.0)  # as the recipe does where there are no weights: the results say so
    passes, slower = given.passes, None if given.scratch else base
    if given.minutes:
        some = parts.train.subset(range(3 * BATCH))
        weights = model.get_weights()
        recipe.compile(model, slower, 1000)
        model.fit(some, batch_size=BATCH, verbose=0)
        started = time.perf_counter()
        model.fit(some, batch_size=BATCH, verbose=0)
        passes = max(1, int(0.9 * 60 * given.minutes / ((time.perf_counter() - started) * steps / 3)))
        model.set_weights(weights)
        st.set_seed(given.seed)
    print(f"{name}: {passes} passes of {steps} steps", flush=True)
    recipe.compile(model, slower, passes * steps)
    started, spent = time.perf_counter(), time.process_time()
    tell = st.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: print(
            f"{epoch + 1:3}  {(time.perf_counter() - started) / 60:5.1f} min  loss {logs['loss']:.3f}", flush=True
        )
    )
    model.fit(parts.train, epochs=passes, batch_size=BATCH, verbose=0, seed=given.seed, callbacks=[tell])
    minutes, processor = (time.perf_counter() - started) / 60, (time.process_time() - spent) / 60
    tried = {}
    for overlap in (0.5, 0.55, 0.6, 0.65, 0.7):
        made, *_ = judged(model, parts.validation, Decoding(least=0.01, overlap=overlap))
        tried[overlap] = made.at50 or 0.0
    overlap = max(tried, key=lambda one: tried[one])
    chosen = Decoding(least=0.01, overlap=overlap)
    validation, *_ = judged(model, parts.validation, chosen)
    model.decoding = Decoding(overlap=overlap)
    folder = ROOT / "build" / "bccd" / name.removeprefix("bccd_")
    model.save(folder)
    test, truth, found = judged(model, parts.test, chosen)
    between = bootstrap(truth, found, parts.test.classes)
    result = {
        "title": "BCCD, official split, MobileNetV2 at 288 x 384" + (", from scratch" if given.scratch else ""),
        "machine": machine(),
        "seed": given.seed,
        "passes": passes,
        "minutes": round(minutes, 1),
        "minutes of processor": round(processor, 1),
        "recipe": asdict(recipe),
        "overlap of the suppression, chosen on validation": overlap,
        "validation": figures(validation),
        "test": figures(test),
        "test, 95 % of 1000 draws of its pictures": {
            "mAP@.5": between.at50,
            "mAP@[.5:.95]": between.mean,
            "classes": between.classes,
        },
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{result['title']}: {minutes:.0f} minutes ({processor:.0f} of the processor), {passes} passes")
    print(f"validation\n{validation}\ntest\n{test}\n{between}\nthe model: {folder}")


if __name__ == "__main__":
    main()
