"""Figures of docs/look.md with real weights: filters, maps, patches, neighbours, paths.

Run as ``python -m bench.look_inside [ants] [cifar] [inside] [paths]``; needs the folder that STRIATE_DATA names.
"""

from __future__ import annotations

import sys
import time

import striate as st
from bench.look_image import DATA, RESNET20, mobilenet, photos, print_all
from striate import data, look, zoo
from striate.look.pictures import Space


def resnet20() -> st.Model:
    return zoo.create("cifar_resnet20", weights=str(RESNET20))


def cifar(count: int) -> data.Dataset:
    """Test pictures as the published ResNet-20 takes them."""
    test = data.load(str(DATA / "cifar10-jpeg.zip"), preprocessing=Space.of(resnet20()).preprocessing).test
    assert test is not None
    return test.take(count, 0)


def ants() -> None:
    model = mobilenet()
    train = data.load(str(DATA / "hymenoptera"), preprocessing=Space.of(model).preprocessing).train
    found = look.neighbours(model, train, k=5)
    print_all(found, "look_neighbours.png")
    print_all(look.feature_map(model, train), "look_map.png")


def pictures() -> None:
    print_all(look.neighbours(resnet20(), cifar(2000), k=5), "look_neighbours_cifar.png")


def inside() -> None:
    model = mobilenet()
    print_all(look.filters(model), "look_filters.png")
    print_all(look.maps(model, str(photos(3)[1]), ["conv1_relu", "conv_pw_3_relu", "conv_pw_6_relu"]), "look_maps.png")
    small, examples = resnet20(), cifar(1000)
    print_all(look.dead(small, examples), "look_dead.png")
    print_all(look.patches(small, examples, "re_lu_8", maps=[0, 3, 11, 17]), "look_patches.png")


def ensemble() -> None:
    model, examples = resnet20(), cifar(500)
    print_all(look.paths(model, examples.x[:16], samples=126), "look_paths.png")  # 126: all that there are
    print_all(look.lesions(model, examples), "look_lesions.png")
    from bench.look_surface import train

    deep = train("cifar_resnet56", 10_000, 6)
    print_all(look.paths(deep, examples.x[:16], samples=32), "look_paths_56.png")
    print_all(look.lesions(deep, examples, draws=3), "look_lesions_56.png")


if __name__ == "__main__":
    for part in sys.argv[1:] or ("ants", "cifar", "inside", "paths"):
        started = time.perf_counter()
        {"ants": ants, "cifar": pictures, "inside": inside, "paths": ensemble}[part]()
        print(f"{part}: {time.perf_counter() - started:.0f} s\n", flush=True)
