"""``python -m bench.look_surface``: loss surfaces for docs/look.md.

    time      a 25 x 25 surface of the CIFAR ResNet-20 on 1,000 pictures: seconds, and the same points by plain torch
    train     cifar_plain56 and cifar_resnet56, as docs/curves.md has them but --pictures and --epochs
    compare   their surfaces side by side
    path      the path of a training of ResNet-20 (8 epochs, 5,000 pictures) in the plane of its main directions; a line

Needs the folder that STRIATE_DATA names.
"""

from __future__ import annotations

import argparse
import time

import striate as st
from bench.curves import pictures
from bench.look_image import keep
from bench.look_inside import cifar
from docs.figures import ROOT, resnet20, save
from striate import look, zoo
from striate.look.landscape import surface_figure

RUNS = ROOT / "build" / "look_surface"


def measure() -> None:
    model, examples = resnet20(), cifar(1000)
    started = time.perf_counter()
    found = look.surface(model, examples)
    seconds = time.perf_counter() - started
    keep(found, "look_surface.png")
    print(f"25 x 25 points, 1,000 pictures: {seconds:.0f} s, {625_000 / seconds:,.0f} pictures a second")
    started = time.perf_counter()
    plain = look.surface(model, examples, steps=3, engine="torch")
    rate = 9_000 / (time.perf_counter() - started)
    quick = look.surface(model, examples, steps=3)
    print(f"plain torch: {rate:,.0f} pictures a second; largest difference {abs(plain.loss - quick.loss).max():.1e}")


def train(name: str, count: int, epochs: int) -> st.Model:
    folder = RUNS / f"{name}-{count}-{epochs}"
    if (folder / "model.json").is_file():
        return st.models.load_model(folder)
    examples, test = pictures(count, 1000)
    st.set_seed(0)
    model = zoo.create(name)
    rate = st.optimizers.schedules.OneCycle(0.1, total_steps=None)
    optimizer = st.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    history = model.fit(examples, validation_data=test, batch_size=128, epochs=epochs, seed=0, verbose=0)
    last = {key: round(values[-1], 4) for key, values in history.history.items()}
    print(f"{name}: {count:,} pictures, {epochs} epochs, {time.perf_counter() - started:.0f} s, {last}", flush=True)
    model.save(folder)
    return model


def compare(count: int, epochs: int, steps: int) -> None:
    examples = pictures(count, 1000)[0].take(500, 0)
    found = {}
    for name in ("cifar_plain56", "cifar_resnet56"):
        model = train(name, count, epochs)
        found[name] = look.surface(model, examples, steps=steps)
        print(name, found[name].note(), flush=True)
    save(surface_figure.surfaces(found), "look_surface_56.jpg", dpi=150)


def path() -> None:
    examples, _ = pictures(5000, 1000)
    st.set_seed(0)
    model = zoo.create("cifar_resnet20")
    rate = st.optimizers.schedules.OneCycle(0.1, total_steps=None)
    optimizer = st.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    kept = look.Trajectory()
    model.fit(examples, batch_size=128, epochs=8, seed=0, verbose=0, callbacks=[kept])
    some = examples.take(500, 0)
    keep(look.surface(model, some, steps=21, directions="pca", trajectory=kept), "look_path.png")
    keep(look.line(resnet20(), cifar(1000), steps=41), "look_line.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["time", "compare", "path"])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--steps", type=int, default=15)
    arguments = parser.parse_args()
    if "time" in arguments.parts:
        measure()
    if "compare" in arguments.parts:
        compare(arguments.pictures, arguments.epochs, arguments.steps)
    if "path" in arguments.parts:
        path()
