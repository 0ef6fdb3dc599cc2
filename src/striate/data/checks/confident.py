"""Confident learning: which labels the probabilities of a classifier that did not see them speak against."""

from __future__ import annotations

import numpy as np


def likelier_classes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class that each example more likely is of, int64 (N,); -1 where nothing speaks against its label.

    probabilities   (N, classes), each row by a classifier that was not trained on that example
    labels          int64 (N,), as they are given

    An example is confidently of a class where its probability reaches the mean that the examples with that label have;
    of several such classes the likeliest counts.  How many examples labelled i are confidently of j, brought to the number
    that are labelled i, is how many of them are taken to be j: those with the largest margin of j over i, unless their
    own class is the likeliest all the same.

    Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels (2021), pruning by noise
    rate.  No number is set by hand: the bounds are means over held-out answers.
    """
    classes = probabilities.shape[1]
    given = np.bincount(labels, minlength=classes)
    bound = np.full(classes, np.inf)
    for k in np.flatnonzero(given):
        bound[k] = probabilities[labels == k, k].mean()
    reached = probabilities >= bound - 1e-6
    confident = reached.any(axis=1)
    joint = np.zeros((classes, classes))
    np.add.at(joint, (labels[confident], np.where(reached, probabilities, -1)[confident].argmax(axis=1)), 1)
    np.fill_diagonal(joint, joint.diagonal().clip(1))  # of each class one label at least is right
    wrong = np.zeros(len(labels), bool)
    for i in np.flatnonzero(given):
        rows = np.flatnonzero(labels == i)
        counts = _whole(joint[i] / joint[i].sum() * given[i])
        for j in np.flatnonzero(counts):
            margin = probabilities[rows, j] - probabilities[rows, i]
            wrong[rows[np.argsort(-margin, kind="stable")[: counts[j] if j != i else 0]]] = True
    likeliest = probabilities.argmax(axis=1)
    return np.where(wrong & (likeliest != labels), likeliest, -1)


def _whole(shares: np.ndarray) -> np.ndarray:
    """Whole numbers of the same sum: rounded down, and the largest remainders up."""
    whole = np.floor(shares + 1e-9).astype(int)
    missing = round(float(shares.sum())) - int(whole.sum())
    whole[np.argsort(whole - shares, kind="stable")[:missing]] += 1
    return whole
