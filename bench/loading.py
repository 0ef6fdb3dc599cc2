"""How long a large network takes to load, file by file, and the most memory meanwhile: each in a process of its own.

``python -m bench.loading [rounds]``; the files, half a gigabyte each, are made in a temporary folder.  Against another
state of striate: run it with PYTHONPATH set to that one's src, in turns.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

FILES = ("keras.h5", "keras.weights.h5", "torch.pth", "torch.safetensors", "own.safetensors", "saved")


def write(folder: Path) -> None:
    """The same network in all kinds of files."""
    from striate import zoo

    model = zoo.create("vgg16")
    model.export_weights(folder / "keras.h5", "keras")
    model.save_weights(folder / "keras.weights.h5")
    model.export_weights(folder / "torch.pth", "torchvision")
    model.export_weights(folder / "torch.safetensors", "torchvision")
    model.save_weights(folder / "own.safetensors")
    model.save(folder / "saved")


def peak() -> int:
    """The most memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def once(path: str) -> None:
    """Load one file and print seconds and MB."""
    import h5py  # noqa: F401
    import safetensors.torch  # noqa: F401
    import torch

    import striate.zoo.published  # noqa: F401
    from striate import models, zoo

    torch.set_num_threads(1)
    before, start = peak(), time.perf_counter()
    models.load_model(path) if path.endswith("saved") else zoo.create("vgg16", weights=path)
    print(time.perf_counter() - start, peak() - before)


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "bench.loading", "write", folder], check=True)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in FILES}
        for _ in range(rounds):
            for name, values in found.items():
                command = [sys.executable, "-m", "bench.loading", "once", f"{folder}/{name}"]
                seconds, megabytes = subprocess.check_output(command, text=True).split()
                values.append((float(seconds), float(megabytes)))
        for name, values in found.items():
            times, sizes = zip(*values, strict=True)
            print(f"{name:20} {median(times):5.2f} s ({min(times):.2f} to {max(times):.2f})  {median(sizes):5.0f} MB")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", folder]:
            write(Path(folder))
        case ["once", path]:
            once(path)
        case given:
            main(int(given[0]) if given else 5)
