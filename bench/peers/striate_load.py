"""data.folder and data.Batches over a folder of 32x32 pictures: one shuffled epoch of batches of 128 in 0..1.

Usage: striate_load.py FOLDER cold|cached.  Cold: the cache is emptied before each epoch.
"""

import json
import os
import shutil
import sys
import tempfile
import time

import torch  # noqa: F401  (imports are not timed, in none of the peers)

from striate import data

folder, cold = sys.argv[1], sys.argv[2] == "cold"
cache = tempfile.TemporaryDirectory()
os.environ["STRIATE_CACHE"] = cache.name


def burst() -> dict[str, float]:
    if cold:
        shutil.rmtree(cache.name)
        os.mkdir(cache.name)
    started = time.perf_counter()
    pictures = data.folder(folder, (32, 32))
    assert isinstance(pictures, data.Dataset)
    read = time.perf_counter()
    seen = sum(len(x) for x, _ in data.Batches(pictures, 128, seed=0))
    ended = time.perf_counter()
    return {"rate": seen / (ended - started), "pictures": seen, "reading": read - started, "batches": ended - read}


for _ in sys.stdin:
    print(json.dumps(burst()), flush=True)
