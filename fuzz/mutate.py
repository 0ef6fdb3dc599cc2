"""How bytes, and trees of values in JSON, YAML, XML and CSV, are changed.  All choices come from the given generator."""

from __future__ import annotations

import copy
import gzip
import io
import json
import pickle
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from fuzz.tokens import KEYS, LENGTHS, NO_PLACES, NUMBERS, TEXTS, TOKENS


def changed(rng: random.Random, content: bytes, others: Sequence[bytes], hints: Sequence[str]) -> bytes:
    """Bytes changed by one to a few steps.

    rng       of all choices
    content   the sound bytes
    others    of the same format, to splice with
    hints     which tokens, and which trees, it may be understood as
    """
    trees = [_TREES[hint] for hint in hints if hint in _TREES]
    if trees and (rng.random() < 0.6 or "arguments" in hints):
        made = rng.choice(trees)(rng, content)
        if made is not None:
            content = made
            if rng.random() < 0.8 or "arguments" in hints:
                return content
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        content = _step(rng, content, others, hints)
    for hint in hints:
        if hint in _REPAIRS and rng.random() < 0.7:
            content = _REPAIRS[hint](content)
    return content


def _step(rng: random.Random, content: bytes, others: Sequence[bytes], hints: Sequence[str]) -> bytes:
    data = bytearray(content)
    if not data:
        return rng.choice(TOKENS["any"])
    # Heads decide most: half of all places lie within them.
    at = min(int(len(data) * rng.random() ** rng.choice((1, 1, 3))), len(data) - 1)
    match rng.randrange(10):
        case 0 | 1:
            data[at] ^= 1 << rng.randrange(8)
        case 2:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x20, 0x2D, 0x30, 0x39, rng.randrange(256)))
        case 3:
            size = rng.choice((1, 2, 4, 8, 16, 64))
            data[at : at + size] = bytes([rng.randrange(256)]) * size if rng.random() < 0.5 else rng.randbytes(size)
        case 4:
            return bytes(data[: at + 1])
        case 5:
            piece = data[at : at + rng.choice((1, 4, 16, 256))]
            data[at:at] = piece * rng.choice((1, 2, 50, 1000))
            return bytes(data[: max(len(content), 1 << 20)])
        case 6:
            size, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "big"))
            data[at : at + size] = (rng.choice(LENGTHS) % (1 << 8 * size)).to_bytes(size, order)
        case 7:
            other = rng.choice(others)
            cut = rng.randrange(len(other) + 1)
            return bytes(data[:at]) + other[cut:]
        case 8:
            token = rng.choice(TOKENS[rng.choice(("any", *(hint for hint in hints if hint in TOKENS)))])
            data[at : at + (len(token) if rng.random() < 0.5 else 0)] = token
        case 9:
            del data[at : at + rng.choice((1, 2, 4, 16, 256))]
    return bytes(data)


# -- trees -------------------------------------------------------------------------------------------------------------
def json_tree(rng: random.Random, content: bytes) -> bytes | None:
    """A JSON text with values, keys or branches changed; None where it is none."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return json.dumps(value_tree(rng, tree)).encode("utf-8", "surrogatepass")


def lines_tree(rng: random.Random, content: bytes) -> bytes | None:
    """As ``json_tree``, of a line among lines of JSON."""
    lines = content.splitlines()
    if not lines:
        return None
    at = rng.randrange(len(lines))
    made = json_tree(rng, lines[at])
    if made is None:
        return None
    lines[at] = made
    return b"\n".join(lines)


def value_tree(rng: random.Random, tree: Any) -> Any:
    """A tree of lists, dicts, texts and numbers, one to three of its branches changed."""
    root = [copy.deepcopy(tree)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        places: list[tuple[Any, Any]] = []
        _places(root, places)
        holder, key = rng.choice(places)
        match rng.randrange(12):
            case 0 | 1 | 2 | 3:
                holder[key] = rng.choice(NUMBERS)
            case 4 | 5:
                holder[key] = rng.choice(TEXTS)
            case 6:
                holder[key] = copy.deepcopy(
                    rng.choice(([], {}, [[]], [1, 2, 3], {"a": 1}, [None] * 50, rng.choice(places)[0]))
                )
            case 7:
                if holder is not root:
                    del holder[key]
            case 8:
                if isinstance(holder, list) and holder is not root:
                    holder[key:key] = [copy.deepcopy(holder[key]) for _ in range(rng.choice((1, 3, 100)))]
                elif isinstance(holder, dict):
                    holder[rng.choice(KEYS)] = copy.deepcopy(holder[key])
            case 9:
                value = copy.deepcopy(holder[key])
                for _ in range(rng.choice((1, 2, 99, 101, 300))):
                    value = [value] if rng.random() < 0.5 else {"a": value}
                holder[key] = value
            case 10:
                other, place = rng.choice(places)
                holder[key] = copy.deepcopy(other[place])
            case 11:
                value = holder[key]
                if isinstance(value, bool) or not isinstance(value, int | float):
                    holder[key] = str(value)[:100] if rng.random() < 0.5 else [value]
                else:
                    holder[key] = rng.choice(
                        (-value, value * 1000, value + 1, value - 1, value / 2, str(value), value * 10**8)
                    )
    return root[0]


def _places(tree: Any, found: list[tuple[Any, Any]]) -> None:
    stack = [tree]
    while stack and len(found) < 4_000:
        here = stack.pop()
        keys = range(len(here)) if isinstance(here, list) else list(here)
        for key in keys:
            found.append((here, key))
            if isinstance(here[key], list | dict):
                stack.append(here[key])


def xml_tree(rng: random.Random, content: bytes) -> bytes | None:
    """An XML text with what elements hold changed, or elements left out, doubled or renamed."""
    text = content.decode("utf-8", "replace")
    match rng.randrange(4):
        case 0 | 1:
            found = list(re.finditer(r">([^<>]*)</", text))
            start, end = rng.choice(found).span(1) if found else (0, 0)
            value = rng.choice(TEXTS) if rng.random() < 0.4 else str(rng.choice(NUMBERS))
            made = text[:start] + value + text[end:]
        case 2:
            found = list(re.finditer(r"<(\w+)>[^<>]*</\1>", text))
            start, end = rng.choice(found).span() if found else (0, 0)
            made = text[:start] + text[start:end] * rng.choice((0, 2, 40)) + text[end:]
        case _:
            names = re.findall(r"<(\w+)", text) or ["a"]
            made = text.replace(rng.choice(names), rng.choice(names), rng.choice((1, 2, -1)))
    return made.encode("utf-8", "surrogatepass")


def table_tree(rng: random.Random, content: bytes) -> bytes | None:
    """Rows of a CSV, a list or a YAML with cells changed, left out, doubled or exchanged."""
    rows = [re.split(rb"([,; :]+)", line) for line in content.split(b"\n")]
    for _ in range(rng.choice((1, 1, 2, 4))):
        row = rng.choice(rows)
        at = rng.randrange(0, len(row), 2) if row else 0
        match rng.randrange(7):
            case 0 | 1:
                row[at] = str(rng.choice(NUMBERS)).encode()
            case 2:
                row[at] = rng.choice(TEXTS).encode("utf-8", "surrogatepass")
            case 3:
                del row[at : at + rng.choice((1, 2))]
                row = row or [b""]
            case 4:
                rows.append(list(row) * rng.choice((1, 2)))
            case 5:
                row[at] = row[rng.randrange(len(row))]
            case 6:
                rows.remove(row)
                rows = rows or [[b""]]
        rows = [row or [b""] for row in rows]
    return b"\n".join(b"".join(row) for row in rows)


def zip_tree(rng: random.Random, content: bytes) -> bytes | None:
    """A zip file whose members are changed and packed again, so that all sums are right."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except zipfile.BadZipFile:  # another format with these hints
        return None
    if not members:
        return None
    at = rng.randrange(len(members))
    name, held = members[at]
    match rng.randrange(8):
        case 0:
            members[at] = (
                rng.choice(("../../x", "/x", "a" * 300, "", "x\0y", "\x1b[31m", "é", name + "/", name.upper())),
                held,
            )
        case 1:
            del members[at]
        case 2:
            members.insert(at, (name, held))
        case 3:
            members[at] = (name, bytes(rng.choice((0, 1, 1 << 16, 1 << 24))))
        case _:
            hints = ("json",) if held[:1] in b"{[" else ("hdf5",) if held[:4] == b"\x89HDF" else ("pickle",)
            members[at] = (name, changed(rng, held, [other for _, other in members], hints))
    made = io.BytesIO()
    method = zipfile.ZIP_STORED if name.startswith(("archive/", "data")) or rng.random() < 0.5 else zipfile.ZIP_DEFLATED
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        with zipfile.ZipFile(made, "w", method) as archive:
            for name, held in members:
                archive.writestr(zipfile.ZipInfo(name.replace("\0", "0") or "x"), held)
    return made.getvalue()


def gzip_tree(rng: random.Random, content: bytes) -> bytes | None:
    """A gzip whose content is changed and packed again."""
    try:
        inside = gzip.decompress(content)
    except gzip.BadGzipFile:  # plain
        return None
    if rng.random() < 0.05:
        inside = bytes(1 << 26)
    return gzip.compress(changed(rng, inside, [inside], ("table",)), 1, mtime=0)


def arguments_tree(rng: random.Random, content: bytes) -> bytes | None:
    """A command whose values are changed, left out or doubled."""
    words = json.loads(content)
    options = [i for i, word in enumerate(words) if word.startswith("-") and i + 1 < len(words)]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.choice(options) + 1 if options and rng.random() < 0.8 else rng.randrange(1, len(words))
        if at >= len(words):
            continue
        if words[at - 1] in ("--steps", "--samples"):
            continue
        match rng.randrange(6):
            case 0 | 1:
                words[at] = str(rng.choice(NUMBERS))
            case 2 | 3:
                words[at] = rng.choice(NO_PLACES).encode("utf-8", "replace").decode()
            case 4:
                words[at] = words[rng.randrange(len(words))]
            case 5:
                del words[at]
    return json.dumps(words).encode()


def pickle_tree(rng: random.Random, content: bytes) -> bytes | None:
    """A pickle whose values are changed; None for one that is hostile as it is, which is not read here."""
    if len(content) < 1000:
        return None
    try:
        tree = pickle.loads(content)  # whole as ``seeds`` made it: trees are changed first
    except pickle.UnpicklingError:  # torch's, whose arrays stand beside it
        return None
    if not isinstance(tree, dict):
        return None
    key = rng.choice(list(tree))
    match rng.randrange(4):
        case 0:
            tree[key] = rng.choice(NUMBERS)
        case 1:
            tree[key] = rng.choice(TEXTS)
        case 2:
            del tree[key]
        case _:
            tree[key] = [rng.choice(NUMBERS) for _ in range(rng.choice((0, 1, 8, 100)))]
    return pickle.dumps(tree, rng.choice((0, 2, 4)))


def safetensors_tree(rng: random.Random, content: bytes) -> bytes | None:
    """A safetensors file whose head is changed and measured again."""
    size = int.from_bytes(content[:8], "little")
    head = json_tree(rng, content[8 : 8 + size]) if size < len(content) else None
    if head is None:
        return None
    return struct.pack("<Q", len(head)) + head + content[8 + size :]


# -- sums --------------------------------------------------------------------------------------------------------------
def png_sums(content: bytes) -> bytes:
    """A PNG with the sum of each chunk made right."""
    data, at = bytearray(content), 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + 8 + size
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(data)


_TREES: dict[str, Callable[[random.Random, bytes], bytes | None]] = {
    "json": json_tree,
    "lines": lines_tree,
    "xml": xml_tree,
    "table": table_tree,
    "yaml": table_tree,
    "zip": zip_tree,
    "gzip": gzip_tree,
    "pickle": pickle_tree,
    "arguments": arguments_tree,
    "safetensors": safetensors_tree,
}
_REPAIRS: dict[str, Callable[[bytes], bytes]] = {"png": png_sums}
