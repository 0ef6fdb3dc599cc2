"""Tables and charts of docs/look.md with real weights: neighbours, dead maps, paths.

Run as ``python -m bench.look_inside [ants] [cifar] [dead] [paths]``; needs the folder that STRIATE_DATA names.
"""

from __future__ import annotations

import sys
import time

from bench.look_image import DATA, keep
from docs.figures import mobilenet, resnet20, tell
from striate import data, look
from striate.look.pictures import Space


def cifar(count: int) -> data.Dataset:
    """Test pictures as the published ResNet-20 takes them."""
    test = data.load(str(DATA / "cifar10-jpeg.zip"), preprocessing=Space.of(resnet20()).preprocessing).test
    assert test is not None
    return test.take(count, 0)


def ants() -> None:
    model = mobilenet()
    train = data.load(str(DATA / "hymenoptera"), preprocessing=Space.of(model).preprocessing).train
    tell(look.neighbours(model, train, k=5))
    tell(look.feature_map(model, train))


def pictures() -> None:
    tell(look.neighbours(resnet20(), cifar(2000), k=5))


def dead() -> None:
    keep(look.dead(resnet20(), cifar(1000)), "look_dead.png")


def ensemble() -> None:
    model, examples = resnet20(), cifar(500)
    keep(look.paths(model, examples.x[:16], samples=126), "look_paths.png")  # 126: all that there are
    keep(look.lesions(model, examples), "look_lesions.png")
    from bench.look_surface import train

    deep = train("cifar_resnet56", 10_000, 6)
    keep(look.paths(deep, examples.x[:16], samples=32), "look_paths_56.png")
    keep(look.lesions(deep, examples, draws=3), "look_lesions_56.png")


if __name__ == "__main__":
    for part in sys.argv[1:] or ("ants", "cifar", "dead", "paths"):
        started = time.perf_counter()
        {"ants": ants, "cifar": pictures, "dead": dead, "paths": ensemble}[part]()
        print(f"{part}: {time.perf_counter() - started:.0f} s\n", flush=True)
