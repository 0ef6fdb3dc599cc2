"""``python -m bench.precisions [residual] [best]``: the same trainings in 32 and 16 bits; the curves to docs/pictures.

No speed is compared here beyond each run's processor time, so one run after the other; both precisions see the same
pictures in the same order, from the same first weights.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import striate as st
from bench.curves import figure, pictures
from bench.harness import ROOT
from striate import data, recipes, zoo
from striate.layers import RandomFlip, RandomTranslation

FILE = ROOT / "bench" / "results" / "precisions.json"
PICTURE = ROOT / "docs" / "pictures" / "curves_precisions.png"
PRECISIONS = ("float32", "bf16")
RESIDUAL, EPOCHS = "cifar_resnet20", 15
SEEDS = {"residual": (0, 1), "best": (0,)}


def residual(precision: str, seed: int) -> dict[str, list[float]]:
    """ResNet-20 on 20,000 pictures of CIFAR-10, shifted and mirrored; judged on 5,000 of the test part each epoch."""
    train, test = pictures(20_000, 5_000)
    st.set_seed(seed)
    model = zoo.create(RESIDUAL)
    steps = st.optimizers.schedules.OneCycle(0.1, total_steps=None)
    model.compile(
        st.optimizers.SGD(steps, momentum=0.9, nesterov=True, weight_decay=5e-4),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        precision=precision,
        augment=[RandomFlip("horizontal"), RandomTranslation(0.125, 0.125, fill_mode="constant")],
    )
    return model.fit(train, validation_data=test, batch_size=128, epochs=EPOCHS, seed=seed, verbose=0).history  # type: ignore[no-any-return]


def best(precision: str, seed: int) -> dict[str, list[float]]:
    """The recipe `best` on MNIST, judged on the test part each epoch."""
    recipe = recipes.get("best")
    splits = data.load("mnist")
    st.set_seed(seed)
    model = recipe.model(10, splits.train.shape)
    model.compile(recipe.optimizer(), recipe.loss, metrics=["accuracy"], precision=precision)
    told: dict[str, Any] = {"batch_size": recipe.batch_size, "epochs": recipe.epochs, "seed": seed, "verbose": 0}
    return model.fit(splits.train, validation_data=splits.test, **told).history  # type: ignore[no-any-return]


TRAININGS: dict[str, Callable[[str, int], dict[str, list[float]]]] = {"residual": residual, "best": best}


def main(names: list[str]) -> None:
    results = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in names or TRAININGS:
        results[name] = {precision: [] for precision in PRECISIONS}
        for seed in SEEDS[name]:
            for precision in PRECISIONS:
                started = time.process_time()
                history = TRAININGS[name](precision, seed)
                seconds = time.process_time() - started
                results[name][precision].append({"seed": seed, "seconds": seconds, "history": history})
                print(
                    f"{name} {precision} seed {seed}: {history['val_accuracy'][-1]:.4f} in {seconds:.0f} s", flush=True
                )
                FILE.write_text(json.dumps(results, indent=1) + "\n")
        for precision, runs in results[name].items():
            last = statistics.mean(run["history"]["val_accuracy"][-1] for run in runs)
            print(f"{name} {precision}: {last:.4f} (mean of {len(runs)})", flush=True)
    if "residual" in results:
        lines = [
            (precision if seed == 0 else None, run["history"], {"color": f"C{i}", "alpha": 1 - 0.4 * seed})
            for i, precision in enumerate(PRECISIONS)
            for seed, run in enumerate(results["residual"][precision])
        ]
        figure(f"{RESIDUAL} on CIFAR-10 in 32 and 16 bits", lines, PICTURE)


if __name__ == "__main__":
    main(sys.argv[1:])
