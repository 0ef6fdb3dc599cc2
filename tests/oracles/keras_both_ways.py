"""Writes each network as .keras, .h5 and .weights.h5, or reads such files and compares the answers.

    KERAS_BACKEND=torch python keras_both_ways.py write FOLDER keras      # or: striate
    KERAS_BACKEND=torch python keras_both_ways.py read FOLDER striate     # or: keras

Prints a line for each file: the greatest difference of an answer, relative to the largest one.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
from keras_networks import NETWORKS, fill, inputs, outputs


def main(what: str, folder: str, library: str) -> int:
    k, place, bad = importlib.import_module(library), Path(folder), 0
    place.mkdir(exist_ok=True)
    for name, make in NETWORKS.items():
        if what == "write":
            model = make(k)
            fill(model)
            xs = inputs(model)
            ys = outputs(model, xs)
            np.savez(place / f"{name}.npz", *xs, *ys, count=len(xs))
            model.compile("adam", loss=["mse"] * len(ys) if len(ys) > 1 else "mse")
            given = xs if len(xs) > 1 else xs[0]
            model.fit(given, [y * 0 for y in ys] if len(ys) > 1 else ys[0] * 0, epochs=2, verbose=0)
            model.save(place / f"{name}_trained.keras")
            fill(model)
            model.save(place / f"{name}.keras")
            model.save(place / f"{name}.h5")
            model.save_weights(place / f"{name}.weights.h5")
            continue
        make(k)  # so that classes of its own are registered
        held = np.load(place / f"{name}.npz")
        arrays = [held[f"arr_{i}"] for i in range(len(held.files) - 1)]
        xs, ys = arrays[: int(held["count"])], arrays[int(held["count"]) :]
        for ending in (".keras", ".h5", ".weights.h5"):
            try:
                if ending == ".weights.h5":
                    model = make(k)
                    model.load_weights(place / f"{name}{ending}")
                else:
                    model = k.models.load_model(place / f"{name}{ending}")
                found = outputs(model, xs)
                off = max(float(np.abs(a - b).max() / max(1, np.abs(b).max())) for a, b in zip(found, ys, strict=True))
                said = f"{off:.1e}"
                if ending == ".keras":
                    loss = model.evaluate(xs if len(xs) > 1 else xs[0], ys if len(ys) > 1 else ys[0], verbose=0)
                    said += f"  loss {np.atleast_1d(loss)[0]:.1e}"
                bad += off > 1e-5
            except Exception as error:
                said, bad = f"{type(error).__name__}: {str(error)[:300]}", bad + 1
            print(f"{name:12}{ending:13}{said}")
    return bad


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
