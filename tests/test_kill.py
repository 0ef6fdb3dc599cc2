"""Runs killed with SIGKILL go on with ``resume_run`` and end as an unbroken run does."""

import csv
import json
import os
import random
import signal
from pathlib import Path

import forked
import pytest

import striate as st
from striate.train import checkpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")

# A process that works on a run and kills itself at the n-th moment of a kind: a batch, a write, a flush, a rename, a
# validation batch, or any of them.  It saves as often as it can.  n = 0: no kill; it tells how many moments there are.
CHILD = """
import collections, json, os, signal, sys
import torch
torch.set_num_threads(1)
from striate.runs import resume_run, train_run
from striate.train import checkpoint
from striate.train.callbacks import CallbackList
from striate.train.loop import Trainer

checkpoint.EVERY, checkpoint.SHARE = 0.0, 1e9
folder, wanted, last, seen = sys.argv[1], sys.argv[2], int(sys.argv[3]), collections.Counter()

def moment(kind):
    seen[kind] += 1
    seen["any"] += 1
    if wanted in (kind, "any") and seen[wanted] == last:
        print(kind, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

def around(owner, name, kind, after=False):
    true = getattr(owner, name)
    def hooked(*args, **kwargs):
        moment(kind(*args) if callable(kind) else kind)
        result = true(*args, **kwargs)
        if after:
            moment(kind)
        return result
    setattr(owner, name, hooked)

class Torn:
    def __init__(self, file):
        self.file = file
    def write(self, data):
        moment("saving")
        return self.file.write(data)
    def __getattr__(self, name):
        return getattr(self.file, name)

save = torch.save
torch.save = lambda content, file: save(content, Torn(file))
around(os, "fsync", "flushing")
around(os, "replace", "renaming", after=True)
around(CallbackList, "on_batch", "batch")
around(Trainer, "outputs", lambda self, *_: "training" if self.module.training else "validation")
if os.path.exists(os.path.join(folder, "run.json")):
    run = resume_run(folder, verbose=0)
else:
    run = train_run("digits", folder=folder, recipe="digits", epochs=2, batch_size=256, verbose=0, report=False)
print(json.dumps(seen))
"""


def work(folder: Path, kind: str = "any", last: int = 0) -> str:
    """One process; returns the kind of moment it was killed at, or what it saw when it came to the end."""
    done = forked.run(CHILD, folder, kind, last)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    whole(folder)
    return done.stdout.strip()


def whole(folder: Path) -> None:
    """What a killed run leaves can be loaded."""
    if (folder / "model.json").exists():
        st.models.load_model(folder)
    if (folder / checkpoint.FILE).exists():
        assert (folder / "model.json").exists()
        assert checkpoint.Checkpoint(folder).place is not None


def end(folder: Path) -> tuple[bytes, list[dict[str, str]], dict[str, float]]:
    """Weights, metrics.csv and scores of a finished run."""
    description = json.loads((folder / "model.json").read_text())
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return (folder / description["weights"]["file"]).read_bytes(), rows, description["metrics"]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """(what an unbroken run ends with, its moments by kind)"""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    moments = json.loads(work(folder))
    assert {"saving", "flushing", "renaming", "batch", "training", "validation"} <= moments.keys()
    return end(folder), moments


@pytest.mark.slow
def test_killed_while_saving_in_validation_and_in_the_first_epoch(unbroken, tmp_path):
    expected, _ = unbroken
    folder = tmp_path / "run"
    for kind, last in (("training", 2), ("saving", 40), ("validation", 1), ("renaming", 9)):
        assert work(folder, kind, last) == kind
    work(folder)
    assert end(folder) == expected
    assert [path.name for path in folder.glob(".*")] == [".lock"]


KILLS = int(os.environ.get("STRIATE_KILLS", 5))  # twenty take two minutes


@pytest.mark.slow
def test_killed_at_random_moments(unbroken, tmp_path):
    expected, moments = unbroken
    dice, kinds = random.Random(4), []
    folder = tmp_path / "run"
    for _ in range(KILLS):
        before = len(kinds)
        kinds.append(work(folder, "any", dice.randrange(1, moments["any"] // 4)))
        if kinds[-1].startswith("{"):  # it came to the end: the next one begins a new run
            assert end(folder) == expected, kinds[before:]
            folder = tmp_path / f"run{len(kinds)}"
    work(folder)
    assert end(folder) == expected
    assert sum(not kind.startswith("{") for kind in kinds) >= KILLS * 3 // 4
