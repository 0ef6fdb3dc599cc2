"""``python -m bench.look_attribution``: how far maps of importance can be believed, on photos, with MobileNet.

    scores   deletion and insertion of every method on 100 of the ImageNet photos, beside a random and a centred map
    check    every method's map again while the layers are randomised from the top, on the first 20 of these
    table    prints both as one table, and draws docs/pictures/look_attribution_scores.png

Photo by photo into build/look_attribution_*.json; started again, it goes on where it stopped.  The class asked about is the
network's answer.  Needs the photos and weights in the folder that STRIATE_DATA names.  About 25 s a photo on a busy core.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

import striate as st
from bench.harness import ROOT
from striate.look.explain.attributions import METHODS, QUICK
from striate.look.explain.integrated import integrated
from striate.look.explain.sanity import KEPT, sanity
from striate.look.explain.scores import CENTRED, RANDOM, Scores, scores

RESULTS = ROOT / "build"
WEIGHTS = "weights/mobilenet_1_0_224_imagenet1001_keras_legacy.h5"
PHOTOS, CHECKED, STEPS = 100, 20, 16


def photos(data: Path) -> list[Path]:
    """100 of the 500 photos, every fifth, in an order that says nothing."""
    found = sorted((data / "imagenet-samples").glob("*.jpg"))[::5][:PHOTOS]
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


def done(name: str) -> dict[str, Any]:
    path = RESULTS / f"look_attribution_{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def keep(name: str, found: dict[str, Any]) -> None:
    path = RESULTS / f"look_attribution_{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=None, separators=(",", ":")) + "\n")


def score(model: Any, files: list[Path]) -> None:
    found = done("scores")
    for path in files:
        if path.stem in found:
            continue
        methods = METHODS | {"integrated gradients": lambda *a: integrated(*a, steps=32)}
        maps = {name: method(model, path) for name, method in methods.items()}
        one = scores(model, path, maps=maps, steps=STEPS)
        curves = (("deletion", one.deletion), ("insertion", one.insertion))
        found[path.stem] = {
            kind: {name: [round(float(v), 5) for v in curve[0]] for name, curve in part.items()}
            for kind, part in curves
        }
        keep("scores", found)
        print(len(found), path.stem, flush=True)


def check(model: Any, files: list[Path]) -> None:
    found = done("check")
    for path in files[:CHECKED]:
        if path.stem in found:
            continue
        one = sanity(model, path, method=QUICK, seed=len(found))
        found[path.stem] = {
            "layers": [*one.layers, one.total],
            "spearman": {name: [round(float(v), 4) for v in rows[0]] for name, rows in one.spearman.items()},
            "ssim": {name: [round(float(v), 4) for v in rows[0]] for name, rows in one.ssim.items()},
        }
        keep("check", found)
        print(len(found), path.stem, flush=True)


def table() -> None:
    scored, checked = done("scores"), done("check")
    names = [*METHODS, RANDOM, CENTRED]
    curves = [
        {name: np.array([one[kind][name] for one in scored.values()], np.float32) for name in names}
        for kind in ("deletion", "insertion")
    ]
    both = Scores(*curves)
    rows = {row[0]: row for row in both.rows()[1]}
    layers = next(iter(checked.values()))["layers"]
    stages = [f"top {n}" if n < layers[-1] else f"all {n}" for n in layers[:-1]]
    print(f"{len(scored)} photos scored in {STEPS} steps, {len(checked)} checked\n")
    heads = ["map", "deletion", "insertion", *stages, "verdict"]
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    judged = max(i for i, n in enumerate(layers[:-1]) if n <= round(layers[-1] / 2))
    for name in rows:
        cells = ["" for _ in [*stages, "verdict"]]
        if name in METHODS:
            alike = np.mean([one["spearman"][name] for one in checked.values()], 0)
            form = np.mean([one["ssim"][name] for one in checked.values()], 0)
            cells = [f"{a:.2f} / {b:.2f}" for a, b in zip(alike, form, strict=True)]
            cells.append("unchanged: fails" if alike[judged] >= KEPT else "changes: passes")
        print("| " + " | ".join([*map(str, rows[name]), *cells]) + " |")
    both.save(ROOT / "docs" / "pictures" / "look_attribution_scores.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["scores", "check", "table"])
    chosen = parser.parse_args().part
    if chosen == "table":
        table()
    else:
        folder = Path(os.environ["STRIATE_DATA"])
        network = st.zoo.create("mobilenet", weights=folder / WEIGHTS)
        {"scores": score, "check": check}[chosen](network, photos(folder))
