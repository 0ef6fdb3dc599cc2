"""``python -m bench.curves [network …]``: networks trained from scratch at equal steps; curves to docs/pictures.

No speed is measured here, so one run after the other; every network sees the same pictures in the same order.  With
names, only these are trained again; the figures are drawn from what bench/results/curves.json then holds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import striate as st
from bench.harness import ROOT
from striate import data, zoo
from striate.data import Dataset, Preprocessing

RESULTS = ROOT / "bench" / "results"
PICTURES = ROOT / "docs" / "pictures"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

EPOCHS = 6
NETWORKS: dict[str, dict[str, Any]] = {
    "cifar_net": {},
    "cifar_plain20": {},
    "cifar_resnet20": {},
    "cifar_densenet": {"depth": 22},
    "cifar_plain56": {},
    "cifar_resnet56": {},
}
FIGURES = {
    "families": (
        "From scratch on 10,000 pictures of CIFAR-10",
        ["cifar_net", "cifar_plain20", "cifar_resnet20", "cifar_densenet"],
    ),
    "degradation": (
        "Deeper is worse without shortcuts: 20 and 56 layers at equal steps",
        ["cifar_plain20", "cifar_plain56", "cifar_resnet20", "cifar_resnet56"],
    ),
}


def pictures(count: int, held: int) -> tuple[Dataset, Dataset]:
    """`count` training pictures (the same number of each class) and `held` test pictures, from the data folder."""
    splits = data.load("cifar10")
    assert splits.test is not None
    how = Preprocessing.pictures((32, 32), 3, mean=MEAN, std=STD)

    def some(part: Dataset, n: int) -> Dataset:
        order = np.random.default_rng(0).permutation(len(part))
        assert part.y is not None
        each = n // 10
        chosen = np.concatenate([order[part.y[order] == k][:each] for k in range(10)])
        return Dataset(part.x[chosen], part.y[chosen], part.classes, part.name, how)

    return some(splits.train, count), some(splits.test, held)


def run(name: str, variant: dict[str, Any], epochs: int, train: Dataset, test: Dataset) -> dict[str, Any]:
    """One network's curves: loss and accuracy on both sets after every epoch."""
    st.set_seed(0)
    model = zoo.create(name, **variant)
    rate = 0.02 if name == "cifar_net" else 0.1  # without batch norm the usual 0.1 diverges
    steps = st.optimizers.schedules.OneCycle(rate, total_steps=None)
    model.compile(
        st.optimizers.SGD(steps, momentum=0.9, nesterov=True, weight_decay=5e-4),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    started = time.perf_counter()
    history = model.fit(train, validation_data=test, batch_size=128, epochs=epochs, seed=0, verbose=0).history
    seconds = time.perf_counter() - started
    print(f"{name:16s} test accuracy {history['val_accuracy'][-1]:.4f}  {seconds:.0f} s", flush=True)
    return {"variant": variant, "weights": model.count_params(), "history": history}


def figure(
    title: str, lines: list[tuple[str | None, dict[str, Any], dict[str, Any]]], file: Path, ylim: Any = None
) -> None:
    """Loss on the left, accuracy on the right; solid on test pictures, dotted on training pictures.

    title   above both
    lines   of each training: its name in the legend or None, ``History.history``, and how matplotlib draws it
    file    that is written
    ylim    the lowest and highest loss that is shown; None: all
    """
    fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.8), constrained_layout=True)
    for label, history, look in lines:
        epochs = range(1, len(history["loss"]) + 1)
        for ax, key in zip(axes, ("loss", "accuracy"), strict=True):
            ax.plot(epochs, history[f"val_{key}"], label=label, **look)
            ax.plot(epochs, history[key], linestyle=":", linewidth=1, **look)
            ax.set_xlabel("epoch")
            ax.set_title(key)
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.grid(alpha=0.25)
            ax.spines[["top", "right"]].set_visible(False)
    if ylim is not None:
        axes[0].set_ylim(*ylim)
    axes[1].legend(frameon=False)
    fig.suptitle(f"{title} (solid: test, dotted: training)", fontsize=11)
    file.parent.mkdir(exist_ok=True)
    fig.savefig(file, dpi=110)
    plt.close(fig)


def main(names: list[str]) -> None:
    file = RESULTS / "curves.json"
    results = json.loads(file.read_text()) if names and file.exists() else {}
    train, test = pictures(10_000, 2_000)
    for name in names or NETWORKS:
        results[name] = run(name, NETWORKS[name], EPOCHS, train, test)
        file.write_text(json.dumps(results, indent=1) + "\n")
    for stem, (title, members) in FIGURES.items():
        there = [name for name in members if name in results]
        lines = [(name, results[name]["history"], {"color": f"C{i}"}) for i, name in enumerate(there)]
        # the first test losses of a cycle at its peak rate say little
        figure(title, lines, PICTURES / f"curves_{stem}.png", ylim=(0.5, 3))


if __name__ == "__main__":
    main(sys.argv[1:])
