"""How long a large network takes to load, file by file, and the most memory meanwhile: each in a process of its own.

``python -m bench.loading [rounds]``; the files, half a gigabyte each, are made in a temporary folder.  Against another
state of striate: run it with PYTHONPATH set to that one's src, in turns.

``python -m bench.loading engine vgg16 onnxruntime``: how long an engine takes to make, and the memory then.
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


def resident(what: str) -> int:
    """Memory of this process in MB: now ("VmRSS"), or at most ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(what))) >> 10


def engine(name: str, runtime: str) -> None:
    """Make an engine; print seconds, and the memory above that before the network in multiples of its weights.

    A small one is made before, so that the libraries' own code is in memory and not counted.
    """
    import importlib

    import torch

    from striate import zoo

    for module in ("onnx", runtime, "striate.ship.choose"):
        importlib.import_module(module)
    torch.set_num_threads(1)
    small = zoo.create("lenet5")
    small._engine.pick(small, runtime, 1, None)
    bare, model = resident("VmRSS"), zoo.create(name)
    weights = sum(parameter.nbytes for parameter in model.module.parameters()) / 2**20
    loaded = resident("VmRSS") - bare
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    start = time.perf_counter()
    made = model._engine.pick(model, runtime, 1, None)
    seconds, most, then = time.perf_counter() - start, resident("VmHWM") - bare, resident("VmRSS") - bare
    assert made is not None
    print(
        f"{name}, {runtime}: {seconds:.2f} s; weights {weights:.0f} MB, loaded {loaded} MB; "
        f"peak {most} MB ({most / weights:.2f} x), then {then} MB ({then / weights:.2f} x)"
    )


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
        case ["engine", name, runtime]:
            engine(name, runtime)
        case given:
            main(int(given[0]) if given else 5)
