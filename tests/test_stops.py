"""Ctrl-C, SIGTERM and a closed terminal: a command ends with one line, and what that line says to type goes on."""

from __future__ import annotations

import csv
import os
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import forked
import numpy as np
import pytest
from PIL import Image

import striate as st
from striate.interrupts import SIGNALS

STOPPED = """
import ctypes, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has its commands ignore it
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup this one
from striate.cli import main as cli
from striate.interrupts import goes_on

def run(arguments):
    with goes_on(sys.argv[2]):
        print("under way", flush=True)
        if sys.argv[1] == "python":
            while True:
                time.sleep(0.01)
        if sys.argv[1] == "swallows":
            while True:
                try:
                    time.sleep(60)
                except KeyboardInterrupt:
                    pass
        ctypes.CDLL(None).usleep(60_000_000)
cli._run = run
cli.main(["evaluate", "runs/a b"])
"""


@contextmanager
def at_work(command):
    """A command that runs until the block ends, at the latest."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("how", ["python", "swallows", "library"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_stopped_command_says_in_one_line_how_to_go_on_wherever_it_is(how, number):
    for command, line in (
        ("striate train --resume runs/a", "striate: stopped. To go on: striate train --resume runs/a\n"),
        ("", "striate: stopped. To begin it again: striate evaluate 'runs/a b'\n"),
    ):
        with at_work([sys.executable, "-c", STOPPED, how, command]) as process:
            assert process.stdout.readline() == "under way\n"
            process.send_signal(number)
            _, said = process.communicate(timeout=30)  # of itself it would go on for a minute or for ever
        assert said == line
        assert process.returncode == 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs signals")
def test_under_nohup_a_closed_terminal_ends_nothing():
    code = (
        "import os, signal\nfrom striate.interrupts import stoppable, stopped\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with stoppable([]):\n    os.kill(os.getpid(), signal.SIGHUP)\nprint(stopped())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


HEARS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has its commands ignore it
from striate.cli.main import main
main()
"""


def learnt(folder: Path) -> list[str]:
    """Photos of two classes and the weights of a base in a folder: what ``transfer`` is told of them."""
    for name, level in (("dark", 60), ("light", 200)):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(12):
            pixels = np.clip(np.random.default_rng(i).normal(level, 30, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{i}.png")
    base = st.zoo.create("mobilenet", alpha=0.25)
    base.module
    base.export_weights(folder / "base.h5", "keras")
    return ["transfer", "photos", "--weights", "base.h5", "--variant", "alpha=0.25", "--stages", "2", "--epochs", "3"]


TUNED = ["train", "digits", "--model", "linear", "--epochs", "1", "--tune", "5"]
STOPS = {  # what is begun, the line at which it is stopped, and how it goes on
    "train": (["train", "digits", "--epochs", "3", "--folder", "a run"], "Epoch 1", ["train", "--resume", "a run"]),
    "transfer, features": ([], "stage 1 of 2", ["transfer", "--resume", "a run"]),
    "transfer, trained": ([], "stage 2 of 2", ["transfer", "--resume", "a run"]),
    "tune": (TUNED, "   1  ", [*TUNED, "--no-report", "--folder", "runs/digits-tuned"]),
    "tune, then train": (TUNED, "accuracy: mean", [*TUNED, "--no-report", "--folder", "runs/digits-tuned"]),
}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("case", STOPS)
def test_a_stopped_training_goes_on_with_what_it_says(case, tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    begun, at, goes_on = STOPS[case]
    begun = begun or [*learnt(tmp_path), "--folder", "a run"]

    with forked.Forked(HEARS, *begun, "--no-report", cwd=tmp_path) as process:
        for line in process.stdout:
            if line.startswith(at):
                break
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = [line for line in said.splitlines() if not line.startswith("data check: ")]
    ways = [shlex.join(["striate", *way]) for way in (goes_on, ["train", "--resume", "runs/digits-tuned"])]
    assert lines in [
        [f"striate: stopped. To go on: {way}"] for way in (ways if case == "tune, then train" else ways[:1])
    ]
    again = shlex.split(lines[0].partition("To go on: striate ")[2])
    done = forked.run(HEARS, *again, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / ("runs/digits-tuned" if "tune" in case else "a run")
    with open(run / "metrics.csv", newline="") as file:
        assert len([*csv.DictReader(file)]) == (1 if "tune" in case else 3)
    assert [path.name for path in run.glob(".*")] == [".lock"]
    assert "tune" not in case or [path.name for path in run.parent.iterdir()] == ["digits-tuned"]
