"""What ``bench/results`` say, as one table for the terminal and as the tables of docs/speed.md.

python -m bench.page          the table
python -m bench.page write    docs/speed.md written anew: what stands there between "<!-- table NAME -->" and "<!-- end -->"
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from bench.harness import RESULTS, ROOT

PAGE = ROOT / "docs" / "speed.md"
BF16 = ("amx_bf16", "avx512_bf16")


@dataclass(frozen=True)
class Claim:
    """One row: a figure of ours against those of others in the same rounds.

    what      is measured
    result    the file in bench/results, without its ending
    ours      whose figure it is
    against   the others, of which the best in each round counts
    needs     instruction sets, one of which it takes; none: it runs on any processor
    """

    what: str
    result: str
    ours: str
    against: tuple[str, ...]
    needs: tuple[str, ...] = ()


def _prediction(network: str, batch: int) -> list[Claim]:
    what, result = f"`{network}`, batch {batch}", f"predict_{network}_{batch}"
    slower = ("torch eager", "torch, channels_last", "Keras + TensorFlow")
    quick = ("plain ONNX Runtime", "OpenVINO as it comes", "torch, bf16 autocast")
    return [
        Claim(f"{what}, fast", result, "striate fast", quick),
        Claim(f"{what}, 32 bits", result, "striate", ("plain ONNX Runtime",)),
        Claim(f"{what}, 32 bits", result, "striate", slower),
    ]


def _by_work(network: str, batch: int) -> list[Claim]:
    what, result = f"`{network}`, batch {batch}", f"predict_work_{network}_{batch}"
    return [
        Claim(f"{what}, fast", result, "striate fast", ("plain ONNX Runtime", "OpenVINO as it comes")),
        Claim(f"{what}, 32 bits", result, "striate", ("plain ONNX Runtime",)),
    ]


def _eight(network: str, batch: int) -> Claim:
    return Claim(
        f"`{network}`, batch {batch}, the 8-bit twin",
        f"int8_{network}_{batch}",
        "striate's better",
        ("plain ONNX Runtime, 8 bits", "plain OpenVINO, 8 bits"),
    )


def _bits(network: str) -> list[Claim]:
    result = f"train_bits_{network}"
    return [
        Claim(f"`{network}`, 32 bits", result, "striate float32", ("torch loop", "Keras + TensorFlow")),
        Claim(f"`{network}`, 16 bits", result, "striate bf16", ("torch loop, autocast", "Keras mixed_bfloat16"), BF16),
        Claim(f"`{network}`, 16 bits against 32", result, "striate bf16", ("striate float32",), BF16),
    ]


TORCH, KERAS = "torch loop", "Keras + TensorFlow"
TABLES: dict[str, list[Claim]] = {
    "training": [
        Claim("`cifar_net`, 32 bits, pictures/s", "train_cifar_net", "striate fit", (TORCH, KERAS)),
        Claim("`cifar_resnet20`, 32 bits, pictures/s", "train_cifar_resnet20", "striate fit", (TORCH, KERAS)),
        Claim("`fit` against the bare step, `cifar_net`", "overhead_cifar_net", "striate fit", ("bare step",)),
        Claim(
            "`fit` against the bare step, `cifar_resnet20`", "overhead_cifar_resnet20", "striate fit", ("bare step",)
        ),
    ],
    "prediction": [
        claim for network in ("mobilenet", "resnet50") for batch in (1, 16) for claim in _prediction(network, batch)
    ],
    "training by processor time": [
        *_bits("cifar_net"),
        *_bits("cifar_resnet20"),
        Claim("MNIST to 99 %, 32 bits, runs an hour", "mnist", "striate `fast`, float32", ("Keras example",)),
        Claim("MNIST to 99 %, 16 bits, runs an hour", "mnist", "striate `fast`, auto", ("Keras example",), BF16),
    ],
    "prediction by processor time": [
        claim for network in ("mobilenet", "resnet50") for batch in (1, 16) for claim in _by_work(network, batch)
    ],
    "eight bits": [_eight(network, batch) for network in ("mobilenet", "resnet50") for batch in (1, 16)]
    + [_eight("mobilenet_v2", batch) for batch in (1, 16)],
    "features": [
        Claim("32 bits", "features_mobilenet", "striate", ("Keras predict per batch", "Keras predict, data set")),
        Claim("fast", "features_mobilenet", "striate fast", ("Keras predict per batch", "Keras predict, data set")),
        Claim("8 bits", "features_mobilenet", "striate int8", ("Keras predict per batch", "Keras predict, data set")),
    ],
    "loading": [
        Claim("cold", "load_cold", "striate, cold", ("Keras image_dataset", "torch DataLoader, PIL")),
        Claim("from the cache", "load_cached", "striate, from cache", ("Keras image_dataset", "torch DataLoader, PIL")),
    ],
    "photos and boxes": [
        Claim("`resnet18`, an epoch of photos", "photos_train", "striate", ("fastai", "ultralytics")),
        Claim("`resnet18`, a folder of photos predicted", "photos_predict", "striate", ("fastai", "ultralytics")),
        Claim("detectors, a pass of training", "boxes_train", "striate", ("ultralytics",)),
        Claim("the same, on a base of 3 x 3 convolutions", "boxes_train", "striate, 3 x 3", ("ultralytics",)),
        Claim(
            "detectors, from a picture to its boxes", "boxes_predict", "striate", ("ultralytics", "ultralytics, ONNX")
        ),
    ],
}


def _row(claim: Claim) -> list[str]:
    """The cells: what, our figure, each other's, and the ratio to the best of them in each round."""
    file = RESULTS / f"{claim.result}.json"
    if not file.is_file():
        return [claim.what, "not measured", "", ""]
    result: dict[str, Any] = json.loads(file.read_text())
    lacks = result["machine"].get("lacks", [])
    if claim.needs and set(claim.needs) <= set(lacks):
        return [claim.what, f"not measured: the processor lacks {' and '.join(claim.needs)}", "", ""]
    kind = result.get("figure", "rate")
    rates = {name: [figure[kind] for figure in figures] for name, figures in result["all"].items()}
    if claim.ours == "striate's better":
        own = max((name for name in rates if "int8" in name), key=lambda name: statistics.median(rates[name]))
    else:
        own = claim.ours if claim.ours in rates else next((name for name in rates if name.startswith(claim.ours)), "")
    others = [name for name in claim.against if name in rates]
    missing = [name for name in claim.against if name in result.get("missing", [])]
    if own not in rates or not (others or missing):
        return [claim.what, "not measured", "", ""]
    told = {name: _number(statistics.median(rates[name])) + _about(result["all"][name][0]) for name in [own, *others]}
    said = [f"{name} {told[name]}" for name in others] + [f"{name}: its environment is missing" for name in missing]
    if not others:
        return [claim.what, told[own], ", ".join(said), ""]
    ratios = [rate / max(rates[name][i] for name in others) for i, rate in enumerate(rates[own])]
    spread = f"{statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} rounds)"
    return [claim.what, told[own], ", ".join(said), spread]


def _about(figures: dict[str, Any]) -> str:
    """What a peer said of its work, in brackets: the engine, or the network where each has its own."""
    if "mults" in figures:
        return f" ({figures['weights'] / 1e6:.2f} M weights, {figures['mults'] / 1e6:.0f} M multiplications)"
    return f" ({figures['engine']})" if figures.get("engine") else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(name: str) -> str:
    """A table of docs/speed.md, in Markdown, with the machines that its figures are from.

    name   one of TABLES
    """
    lines = [
        "| what | striate | the others | against the best of them, round by round |",
        "| --- | ---: | --- | ---: |",
    ]
    lines += [f"| {' | '.join(_row(claim))} |" for claim in TABLES[name]]
    machines = sorted({_machine(claim.result) for claim in TABLES[name]} - {""})
    return "\n".join([*lines, "", *(f"- {machine}" for machine in machines)])


def _machine(result: str) -> str:
    file = RESULTS / f"{result}.json"
    if not file.is_file():
        return ""
    measured = json.loads(file.read_text())
    about = measured["machine"]
    sets = f", {', '.join(about['sets'])}" if about.get("sets") else ""
    lacks = f"; without {', '.join(about['lacks'])}" if about.get("lacks") else ""
    used = dict(about.get("versions", {}))
    for figures in measured["all"].values():
        used |= figures[0].get("versions", {})
    versions = ", ".join(f"{name} {number}" for name, number in used.items())
    return (
        f"{about['cpu']}, {about['cores']} cores{sets}{lacks}; Python {about['python']}{versions and ', ' + versions}."
    )


def write() -> None:
    """Put the tables into docs/speed.md."""
    page = PAGE.read_text()
    for name in TABLES:
        pattern = rf"(<!-- table {name} -->\n).*?(\n<!-- end -->)"
        page, count = re.subn(
            pattern, lambda found, name=name: f"{found[1]}\n{table(name)}\n{found[2]}", page, flags=re.S
        )
        assert count == 1, f"docs/speed.md has {count} places for the table {name!r}"
    PAGE.write_text(page)


def show() -> None:
    """Print every claim in one table."""
    rows = [["", "striate", "the others", "against the best"]]
    for name, claims in TABLES.items():
        rows += [[name, "", "", ""], *[["  " + cells[0].replace("`", ""), *cells[1:]] for cells in map(_row, claims)]]
    wide = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(size) for cell, size in zip(row, wide, strict=True)).rstrip())
    for line in sorted({_machine(claim.result) for claims in TABLES.values() for claim in claims} - {""}):
        print(line)


if __name__ == "__main__":
    write() if sys.argv[1:] == ["write"] else show()
