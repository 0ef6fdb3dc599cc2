"""Labels that were put wrong on purpose: how many ``striate data check --model`` finds, and cleanlab.  From ``tests/``:

    python -m oracles.suspects draws FILE         features, ten draws of wrong labels, and our answers, with striate
    python -m oracles.suspects figures FILE       the table of docs/data.md, with cleanlab 2.9.0 and scikit-learn
    python -m oracles.suspects answers            cleanlab.json: its answers to drawn probabilities

cleanlab judges twice: the held-out probabilities that ours judges, and those of its own CleanLearning around
scikit-learn's LogisticRegression on the same features.
"""

import json
import sys
from pathlib import Path

import numpy as np

DRAWS = 10
STORED = Path(__file__).with_name("cleanlab.json")


def drawn(seed: int, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a fair classifier and labels of which a sixth is wrong: float64 (n, classes), int64 (n,)."""
    rng = np.random.RandomState(seed)
    truth = rng.randint(classes, size=n)
    logits = rng.normal(size=(n, classes)) + 2.5 * np.eye(classes)[truth]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.rand(n) < 1 / 6
    return p, np.where(wrong, rng.randint(classes, size=n), truth)


CASES = [(0, 40, 2), (1, 300, 2), (2, 300, 3), (3, 1000, 10), (4, 60, 12)]


def put_wrong(y: np.ndarray, n: int, classes: int, seed: int, of: int | None) -> np.ndarray:
    """The labels with n of them, all of class `of` or of any, made another class's."""
    rng = np.random.RandomState(seed)
    which = rng.choice(np.arange(len(y)) if of is None else np.flatnonzero(y == of), n, replace=False)
    noisy = y.copy()
    noisy[which] = (y[which] + 1 + rng.randint(classes - 1, size=n)) % classes
    return noisy


def draws(file: str) -> None:
    import os
    import time

    import striate as st
    from striate import data
    from striate.data.checks.confident import likelier_classes
    from striate.data.splits import line_up
    from striate.logistic import held_out

    root = Path(os.environ["STRIATE_DATA"])
    mobilenet = st.zoo.create("mobilenet", weights=root / "weights" / "mobilenet_1_0_224_imagenet1001_keras_legacy.h5")
    resnet = st.zoo.create("cifar_resnet20", weights=root / "weights" / "cifar10_resnet20_torch.th")
    photos = data.load(root / "hymenoptera", preprocessing=mobilenet.preprocessing)
    tiny = resnet.intake.dataset(data.load("cifar10").test)
    sets = {
        "hymenoptera": (mobilenet, np.concatenate([photos.train.x, photos.validation.x]), photos),
        "cifar10": (resnet, tiny.x, tiny),
    }
    out: dict[str, np.ndarray] = {}
    for name, (model, x, held) in sets.items():
        features = np.asarray(model.extract(x)).mean(axis=(1, 2))
        y = held.labels if name == "cifar10" else np.concatenate([held.train.labels, held.validation.labels])
        classes = int(y.max()) + 1
        kinds = [("none", 0, None), ("24 ants", 24, 0), ("24 of both", 24, None)]
        kinds = kinds if name == "hymenoptera" else [("none", 0, None), ("200 of 2,000", 200, None)]
        for kind, n, of in kinds:
            for seed in range(DRAWS):
                rows = np.arange(len(y))
                if name == "cifar10":
                    rows = np.random.RandomState(1000 + seed).permutation(len(y))[:2000]
                noisy = put_wrong(y[rows], n, classes, seed, of)
                fold = np.empty(len(noisy), np.int64)
                fold[line_up(len(noisy), noisy, 0 if n else seed)] = np.arange(len(noisy)) % 5
                started = time.perf_counter()
                p = held_out(features[rows], noisy, classes, fold)
                ours = likelier_classes(p, noisy) >= 0
                found, wrong = int((ours & (noisy != y[rows])).sum()), int((ours & (noisy == y[rows])).sum())
                print(name, kind, seed, found, wrong, f"{time.perf_counter() - started:.1f} s", flush=True)
                key = f"{name}, {kind}, {seed}"
                out |= {f"{key}, x": features[rows], f"{key}, y": y[rows], f"{key}, noisy": noisy}
                out |= {f"{key}, p": p, f"{key}, ours": ours}
    np.savez(file, **out)


def figures(file: str) -> None:
    import warnings

    from cleanlab.classification import CleanLearning
    from cleanlab.filter import find_label_issues
    from sklearn.linear_model import LogisticRegression

    warnings.simplefilter("ignore")
    saved = np.load(file)
    rows: dict[str, dict[str, list[tuple[int, int, int]]]] = {}
    for key in sorted({key.rsplit(", ", 1)[0] for key in saved}):
        print(key, file=sys.stderr, flush=True)
        x, y, noisy, p, ours = (saved[f"{key}, {part}"] for part in ("x", "y", "noisy", "p", "ours"))
        own = CleanLearning(
            LogisticRegression(max_iter=1000), find_label_issues_kwargs={"n_jobs": 1}
        ).find_label_issues(x, noisy)
        answers = {
            "ours": ours,
            "cleanlab, same probabilities": find_label_issues(noisy, p, n_jobs=1),
            "cleanlab, its own": own["is_label_issue"].to_numpy(),
        }
        for who, mask in answers.items():
            bad = noisy != y
            told = (int((mask & bad).sum()), int((mask & ~bad).sum()), int(bad.sum()))
            rows.setdefault(key.rsplit(", ", 1)[0], {}).setdefault(who, []).append(told)
    for kind, by in rows.items():
        for who, told in by.items():
            found, others, bad = np.array(told, float).T
            recall = f"{(found / bad).mean():.2f}" if bad.any() else "-"
            precision = f"{(found / np.maximum(found + others, 1)).mean():.2f}" if bad.any() else "-"
            spread = f"{found.min():.0f} to {found.max():.0f}"
            print(f"{kind} | {who} | {found.mean():.1f} ({spread}) | {others.mean():.1f} | {recall} | {precision}")


def answers() -> None:
    from cleanlab.filter import find_label_issues

    told = {str(case): np.flatnonzero(find_label_issues(*drawn(*case)[::-1], n_jobs=1)).tolist() for case in CASES}
    STORED.write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    {"draws": draws, "figures": figures, "answers": answers}[sys.argv[1]](*sys.argv[2:])
