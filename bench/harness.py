"""Peers take turns: each runs in its own process, does one burst of work when told, and reports a figure.

A round asks every peer for one burst; the order turns from round to round.  What counts is the ratio within a round:
machines are noisy, and what disturbs one peer disturbs its neighbours too.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from striate.extras import installed

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
# What each environment of its own is made of: pip's arguments, one call after the other.
ENVIRONMENTS = {
    "keras": ["keras==3.15.1 tensorflow-cpu==2.21.0 pillow"],
    # What striate has too is of the version that striate is tested with.  The second call brings nothing else along:
    # fastai asks for a library of language as well, ultralytics for an OpenCV that opens windows.
    "vision": [
        "-c constraints.txt torch scikit-learn scipy matplotlib pyyaml requests cloudpickle psutil onnx onnxruntime "
        "opencv-python-headless==5.0.0.93 pandas==2.3.3 polars==2.1.0 "
        "fastcore==2.2.41 fasttransform==0.0.5 fastdownload==0.0.8 fastprogress==1.0.3",
        "--no-deps torchvision==0.28.0 fastai==2.8.12 ultralytics==8.4.190 ultralytics-thop==2.2.3",
    ],
}


@dataclass
class Peer:
    """A command that reads lines from stdin and answers each with one line of JSON holding ``rate`` (higher is better).

    An empty command: its environment is missing, and the tables say so.
    """

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        env = {**os.environ, **self.env, "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT
        )

    def burst(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"{self.name} ended with code {self.process.wait()}")
            if line.startswith("{"):
                return json.loads(line)  # type: ignore[no-any-return]

    def stop(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already, and said why
            self.process.stdin.close()
        self.process.wait(timeout=60)


def answer(burst: Any) -> None:
    """A peer's main loop: for every line on stdin, run `burst()` and print its figures as JSON."""
    for _ in sys.stdin:
        print(json.dumps(burst()), flush=True)


def compare(title: str, peers: list[Peer], *, rounds: int = 5, warm: int = 1, figure: str = "rate") -> dict[str, Any]:
    """Run the peers in turns.  Returns medians and, for the first peer against each other, the median ratio.

    figure   what is compared: "rate", or "work", the same for a second of the processor's time
    """
    missing = [peer.name for peer in peers if not peer.command]
    peers = [peer for peer in peers if peer.command]
    for peer in peers:
        peer.start()
    figures: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in peers}
    try:
        for _ in range(warm):
            for peer in peers:
                peer.burst()
        for turn in range(rounds):
            for i in range(len(peers)):
                peer = peers[(i + turn) % len(peers)]
                figures[peer.name].append(peer.burst())
    finally:
        for peer in peers:
            peer.stop()
    rates = {name: [f[figure] for f in values] for name, values in figures.items()}
    first = peers[0].name
    ratios = {other.name: [a / b for a, b in zip(rates[first], rates[other.name], strict=True)] for other in peers[1:]}
    best = [a / max(rates[p.name][i] for p in peers[1:]) for i, a in enumerate(rates[first])] if peers[1:] else []
    return {
        "title": title,
        "rounds": rounds,
        "figure": figure,
        "machine": machine(),
        "median": {name: statistics.median(values) for name, values in rates.items()},
        "ratio": {name: statistics.median(values) for name, values in ratios.items()},
        "ratio_to_best": statistics.median(best) if best else None,
        "missing": missing,
        "all": figures,
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    import torch

    able = torch.cpu.get_capabilities()
    wide = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "sets": [name for name in wide if able.get(name)],
        "lacks": [name for name in wide if not able.get(name)],
        "python": platform.python_version(),
        "system": platform.system(),
        "versions": {name: version(name) for name in ("torch", "onnxruntime", "openvino") if installed(name)},
    }


def save(name: str, result: dict[str, Any]) -> None:
    """Write a result as JSON into bench/results and print it as a table."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{result['title']}  ({result['machine']['cpu']}, {result['machine']['cores']} cores)")
    for peer, value in result["median"].items():
        ratio = result["ratio"].get(peer)
        against = f"   {next(iter(result['median']))} is {ratio:.2f} x" if ratio else ""
        print(f"  {peer:24s} {value:10.1f}{against}")
    if result["ratio_to_best"]:
        print(f"  against the best of the others, round by round: {result['ratio_to_best']:.2f} x")


def environment(name: str) -> str:
    """The Python of an environment of its own, made on first use.  Raises CalledProcessError where it cannot be made.

    name   one of ENVIRONMENTS
    """
    env = ROOT / f".env-{name}"
    python, ready = env / "bin" / "python", env / ".ready"
    made_of = "\n".join(ENVIRONMENTS[name])
    if not ready.is_file() or ready.read_text() != made_of:
        subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
        for call in ENVIRONMENTS[name]:
            subprocess.run([str(python), "-m", "pip", "install", "-q", *call.split()], check=True, cwd=ROOT)
        ready.write_text(made_of)
    return str(python)
