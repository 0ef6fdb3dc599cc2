"""A small record of the examples that a model was trained on, by which others are known as being among them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np

LEARNT = "learnt from"  # its key among a model's facts
KEPT = 1024  # hashes; of no more different examples than these the record is whole


def learnt_from(x: np.ndarray) -> dict[str, Any]:
    """The record of examples, as plain values for JSON.

    x   (N, …), pictures as a model's preprocessing stores them, or token ids

    It has the smallest hashes of them all (Broder's bottom-k sketch, 1997): a fair sample of the different examples that
    needs 8 bytes each and tells nothing of what is in them.
    """
    smallest = np.unique(_hashes(x))
    kept = smallest[:KEPT].astype("<u8").tobytes()
    return {"examples": len(x), "whole": len(smallest) <= KEPT, "hashes": base64.b64encode(kept).decode()}


def known_among(x: np.ndarray, record: Any) -> tuple[int, bool] | None:
    """(how many of these examples were trained on, whether that is exact and not an estimate); None: cannot be told.

    x        (N, …), prepared as those of the record were
    record   what ``learnt_from`` gave; whatever a file says there is taken, and None where it is no such record
    """
    try:
        kept = np.frombuffer(base64.b64decode(record["hashes"], validate=True), "<u8")
        whole = bool(record["whole"])
    except (TypeError, KeyError, ValueError):
        return None
    if not len(kept) or not len(x):
        return None
    hashes = _hashes(x)
    if whole:
        return int(np.isin(hashes, kept).sum()), True
    within = hashes[hashes <= kept.max()]
    if not len(within):
        return None
    return round(len(x) * float(np.isin(within, kept).mean())), False


def _hashes(x: np.ndarray) -> np.ndarray:
    """uint64 (N,) of the bytes of each example."""
    told = f"{x.shape[1:]} {x.dtype.str}".encode()
    rows = (hashlib.blake2b(told + np.ascontiguousarray(row).tobytes(), digest_size=8).digest() for row in x)
    return np.frombuffer(b"".join(rows), "<u8")
