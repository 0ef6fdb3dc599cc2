"""``python -m bench.residual``: what shortcuts change, measured on scikit-learn's digits, for docs/residual.md.

    depth     plain, residual and dense networks of 8 to 56 layers after the same epochs; gradients before the first step
    surface   the loss around plain and residual networks of 20 and 56 layers, as pictures and in numbers
    paths     the 54 residual blocks of 110 layers: the paths through them before and after training

Nothing is needed but scikit-learn; half an hour on one core.  What is trained is kept in build/residual, the numbers in
bench/results/residual_*.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import striate as st
from bench.harness import RESULTS
from docs.figures import ROOT, save, tell
from striate import data, look
from striate.look.landscape import surface_figure
from striate.look.landscape.ruggedness import bent_down, minima
from striate.look.landscape.surface import Surface
from striate.report.style import LIGHT, clean, new_figure, say, settings
from striate.zoo.densenet import cifar_densenet
from striate.zoo.resnet_cifar import cifar_resnet

RUNS = ROOT / "build" / "residual"
SHAPE = (8, 8, 1)
SEEDS = (0, 1, 2)
DEPTHS = (8, 20, 32, 56)
SERIES = (6, 0.1)  # epochs and the highest rate: of the series over depth
FITTED = (30, 0.02)  # of what the loss is drawn around: at 0.1 plain networks of 56 layers do not learn the digits
STEPS, JUDGED, TOP = 17, 300, 1000  # points each way; pictures at each; where the figure is cut off
KINDS = ("plain", "residual", "dense")
DIGITS = data.load("digits")


def network(kind: str, depth: int, seed: int) -> st.Model:
    """Of `depth` layers, a dense one of one less (its depths are 3n + 4); its first weights are drawn from `seed`."""
    st.set_seed(seed)
    if kind == "dense":
        return cifar_densenet(10, SHAPE, depth=depth - 1, growth=8)
    return cifar_resnet(10, SHAPE, depth=depth, shortcuts=kind == "residual")


def train(kind: str, depth: int, seed: int, epochs: int, highest: float) -> st.Model:
    """One cycle of the rate, SGD with Nesterov momentum 0.9, weight decay 5e-4, batches of 64: the same for all."""
    folder = RUNS / f"{kind}{depth}-{epochs}-{seed}"
    if (folder / "model.json").is_file():
        return st.models.load_model(folder)
    model = network(kind, depth, seed)
    rate = st.optimizers.schedules.OneCycle(highest, total_steps=None)
    optimizer = st.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    model.fit(DIGITS.train, batch_size=64, epochs=epochs, seed=seed, verbose=0)
    model.save(folder)
    print(f"  {folder.name}: {time.perf_counter() - started:.0f} s", flush=True)
    return model


def judged(model: st.Model) -> dict[str, float]:
    """Loss and accuracy on the training digits, accuracy on the test digits; in prediction mode."""
    own, test = (model.evaluate(part, return_dict=True, verbose=0) for part in (DIGITS.train, DIGITS.test))
    return {"loss": own["loss"], "accuracy": own["accuracy"], "test_accuracy": test["accuracy"]}


def slopes(model: st.Model) -> dict[str, float]:
    """The L2 norm of the loss's gradient at the weights of the first and the last convolution, on 256 digits."""
    module = model.module.train()
    x = torch.from_numpy(DIGITS.train.x[:256]).permute(0, 3, 1, 2) / 255
    assert DIGITS.train.y is not None
    loss = torch.nn.functional.nll_loss(module(x).log(), torch.from_numpy(DIGITS.train.y[:256]).long())
    kernels = [weight for weight in module.parameters() if weight.ndim == 4]
    first, last = (float(g.norm()) for g in torch.autograd.grad(loss, (kernels[0], kernels[-1])))
    return {"first": first, "last": last}


def keep(name: str, found: Any) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"residual_{name}.json").write_text(json.dumps(found, indent=1) + "\n")


def middle(values: list[float], form: str = "{:.3g}") -> str:
    """The median, and the least and largest in brackets."""
    each = [form.format(value) for value in (statistics.median(values), min(values), max(values))]
    return f"{each[0]} ({each[1]} to {each[2]})"


# -- depth --------------------------------------------------------------------------------------------------------------
def depth() -> None:
    found: dict[str, Any] = {}
    for kind in KINDS:
        for layers in DEPTHS:
            runs = []
            for seed in SEEDS:
                before = slopes(network(kind, layers, seed))
                runs.append({**judged(train(kind, layers, seed, *SERIES)), **before})
            found[f"{kind}{layers}"] = {"weights": network(kind, layers, 0).count_params(), "runs": runs}
            each = {key: [run[key] for run in runs] for key in runs[0]}
            ratio = [a / b for a, b in zip(each["first"], each["last"], strict=True)]
            cells = [f"{kind} {layers - (kind == 'dense')}", f"{found[f'{kind}{layers}']['weights']:,}"]
            cells += [middle(each["loss"]), middle(each["accuracy"], "{:.1%}"), middle(each["test_accuracy"], "{:.1%}")]
            print("| " + " | ".join([*cells, middle(each["first"]), middle(ratio)]) + " |", flush=True)
            keep("depth", found)
    save(series(found), "residual_depth.png")


def series(found: dict[str, Any]) -> Any:
    """Training loss, test accuracy and the first gradient over depth: medians, and bars from the least to the largest."""
    panels: tuple[tuple[str, Callable[[dict[str, float]], float], bool], ...] = (
        (f"training loss after {SERIES[0]} epochs", lambda run: run["loss"], True),
        ("test digits right, %", lambda run: 100 * run["test_accuracy"], False),
        ("gradient before training: first / last conv.", lambda run: run["first"] / run["last"], True),
    )
    with settings():
        fig = new_figure(10.2, 3.0, LIGHT["ground"])
        for i, (title, value, log) in enumerate(panels):
            ax = fig.add_axes((0.055 + i * 0.33, 0.17, 0.265, 0.66))
            clean(ax, LIGHT)
            for kind, colour, mark in (("plain", "second", "s"), ("residual", "first", "o"), ("dense", "muted", "^")):
                rows = [sorted(value(run) for run in found[f"{kind}{layers}"]["runs"]) for layers in DEPTHS]
                centre = [statistics.median(row) for row in rows]
                spread = [[c - row[0] for c, row in zip(centre, rows, strict=True)]]
                spread += [[row[-1] - c for c, row in zip(centre, rows, strict=True)]]
                ax.errorbar(DEPTHS, centre, spread, color=LIGHT[colour], marker=mark, markersize=4, label=kind)
            if log:
                ax.set_yscale("log")
                ax.tick_params(which="minor", length=0)
            ax.set_xticks(DEPTHS)
            ax.set_xlabel("layers", color=LIGHT["muted"])
            say(ax, 0, 1.06, title, transform=ax.transAxes, color=LIGHT["ink"], weight="bold")
            if not i:
                ax.legend(frameon=False, labelcolor=LIGHT["ink"])
    return fig


# -- surface ------------------------------------------------------------------------------------------------------------
# kind, layers, epochs and highest rate; the last is a residual network stopped where its loss is that of the plain one
PLACES = [(kind, layers, FITTED) for layers in (20, 56) for kind in KINDS[:2]] + [("residual", 56, SERIES)]


def around(kind: str, layers: int, recipe: tuple[int, float], seed: int) -> Surface:
    """The loss around a trained network along two random directions, from the training digits; kept with the network."""
    model = train(kind, layers, seed, *recipe)
    file = RUNS / f"{kind}{layers}-{recipe[0]}-{seed}.npy"
    if not file.is_file():
        np.save(file, look.surface(model, DIGITS.train, steps=STEPS, count=JUDGED, seed=seed).loss)
    loss, ways = np.load(file), np.linspace(-1, 1, STEPS)
    centre = float(loss[STEPS // 2, STEPS // 2])
    return Surface(ways, ways, loss, None, centre, JUDGED, ("first direction", "second direction"))


def surface() -> None:
    """A table over all seeds; the figure is of the first."""
    found: dict[str, list[dict[str, Any]]] = {}
    quarter = slice(STEPS // 4, STEPS - STEPS // 4)  # of the grid: up to half of the filters' norms
    for kind, layers, recipe in PLACES:
        for seed in SEEDS:
            loss = around(kind, layers, recipe, seed).loss
            numbers: dict[str, Any] = {**judged(train(kind, layers, seed, *recipe))}
            numbers |= {"bent_near": bent_down(loss[quarter, quarter]), "bent_down": bent_down(loss)}
            numbers |= {"minima": minima(loss), "lowest": float(loss.min()), "highest": float(loss.max())}
            found.setdefault(f"{kind} {layers}, {recipe[0]} epochs", []).append(numbers)
            print(f"{kind} {layers}, {recipe[0]} epochs, seed {seed}: {numbers}", flush=True)
            keep("surface", found)
    for name, runs in found.items():
        each = {key: [run[key] for run in runs] for key in runs[0]}
        cells = [middle(each["loss"])]
        cells += [middle(each[key], "{:.1%}") for key in ("accuracy", "test_accuracy", "bent_near", "bent_down")]
        cells += [middle(each["minima"]), middle(each["highest"])]
        print("| " + " | ".join([name, *cells]) + " |")
    shown = {f"{kind}, {layers} layers": around(kind, layers, recipe, SEEDS[0]) for kind, layers, recipe in PLACES[:-1]}
    save(surface_figure.surfaces(shown, top=TOP), "residual_surface.png")


# -- paths --------------------------------------------------------------------------------------------------------------
def paths() -> None:
    """110 layers are 54 blocks: before training, norms with the statistics of the digits, and after."""
    before = network("residual", 110, 0)
    before.compile(st.optimizers.SGD(1e-12), "sparse_categorical_crossentropy")
    before.fit(DIGITS.train, batch_size=64, epochs=2, seed=0, verbose=0)
    after = train("residual", 110, 0, *FITTED)
    print(judged(after))
    for name, model in (("start", before), ("trained", after)):
        seen = look.paths(model, DIGITS.train.x[:8], samples=24)
        tell(seen)
        save(seen, f"residual_paths_{name}.png")
        keep(f"paths_{name}", {"gradients": seen.gradients.tolist(), "shares": seen.shares.tolist()})


if __name__ == "__main__":
    for part in sys.argv[1:] or ("depth", "surface", "paths"):
        {"depth": depth, "surface": surface, "paths": paths}[part]()
