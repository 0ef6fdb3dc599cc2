"""Files that are made to harm: small ones that unpack to much, name one thing again and again, or tell wrong sizes."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.seeds import Seed, as_bytes, one

MUCH = 300 << 20  # bytes; above what one file in a zip may unpack to


def bombs(place: Path, archive: bytes, model: Any) -> list[Seed]:
    """One file each, whose ending says what reads it.

    place     to write HDF5 files in
    archive   a sound .keras file
    model     the network whose weights that are
    """
    zeros = zipped({"ant/0.png": bytes(MUCH), "bee/0.png": b"x"})
    header = b"\0\0\x08\x03" + struct.pack(">3I", 1, 2, 2)
    return [
        one("set.zip", zeros, refused=True),
        one("set.zip", told_small(zeros, MUCH), refused=True),
        one("set.zip", again(zipped({"a/0000.png": bytes(200 << 20)}), 400), refused=True),
        one("images.gz", gzip.compress(header + bytes(1 << 30), 1, mtime=0), refused=True),
        one("reviews.csv.gz", gzip.compress(b"label,text\n" + b"0,a\n" * (150 << 20), 1, mtime=0), refused=True),
        one("a.npz", zipped({"a.npy": npy((1 << 40,), b"")}), refused=True),
        one("a.npz", zipped({"a.npy": npy((MUCH * 8,), bytes(MUCH))}), refused=True),
        one("net.keras", with_member(archive, "config.json", b'"' + bytes(MUCH)), refused=True),
        one("net.keras", with_member(archive, "config.json", b"[" * 1_000_000), refused=True),
        one("w.pth", zipped({"archive/data.pkl": bytes(MUCH), "archive/version": b"3\n"}), refused=True),
        one("w.safetensors", struct.pack("<Q", 1 << 40) + b"{}", refused=True),
        one("w.safetensors", shared_bytes(100_000), refused=True),
        *(one("net.weights.h5", content, refused) for content, refused in hdf5(place, model)),
        *(one("a.png", png(10, 10, chunk), refused=True) for chunk in (b"iCCP", b"zTXt")),
        one("a.png", png(60_000, 60_000), refused=True),
    ]


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip file, packed."""
    with io.BytesIO() as made:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return made.getvalue()


def told_small(content: bytes, size: int) -> bytes:
    """A zip file that tells a file in it to unpack to ten bytes."""
    return content.replace(struct.pack("<I", size), struct.pack("<I", 10))


def again(content: bytes, times: int) -> bytes:
    """A zip file whose only file stands in its list again and again, by other names of the same length.

    The trick is of D. Fifield 2019, "A better zip bomb", without what makes its files lie beside each other.
    """
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    fixed, length = content[start : start + 46], end - start - 46
    names = (f"{'ab'[i % 2]}/{i:04d}.png".rjust(length, "c") for i in range(times))
    entries = b"".join(fixed + name.encode() for name in names)
    return content[:start] + entries + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, times, times, len(entries), start, 0)


def with_member(archive: bytes, name: str, content: bytes) -> bytes:
    """A zip file with one of its files replaced."""
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        return zipped({entry: content if entry == name else read.read(entry) for entry in read.namelist()})


def npy(shape: tuple[int, ...], content: bytes) -> bytes:
    """A .npy file that tells of an array of bytes of this shape."""
    return (
        as_bytes(
            lambda file: np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": shape}
            )
        )
        + content
    )


def shared_bytes(count: int) -> bytes:
    """A safetensors file whose arrays all lie in the same million bytes."""
    told = {f"w{i}": {"dtype": "F32", "shape": [250_000], "data_offsets": [0, 1_000_000]} for i in range(count)}
    head = json.dumps(told).encode()
    return struct.pack("<Q", len(head)) + head + bytes(1_000_000)


def hdf5(place: Path, model: Any) -> list[tuple[bytes, bool]]:
    """Weights of which one array stands in a thousand places, is packed from nothing to 4 GiB, or has links in a ring, which
    alone need not be refused: no weights lie there."""
    import h5py

    made = []
    for kind in ("links", "packed", "ring"):
        target = place / f"{kind}.weights.h5"
        model.save_weights(target)
        with h5py.File(target, "r+") as file:
            vars_ = next(group for name, group in _groups(file) if name.endswith("vars") and len(group))
            if kind == "links":
                held = file.create_dataset(
                    "held", (64 << 20,), "f4", chunks=(1 << 20,), compression="gzip", fillvalue=0
                )
                for i in range(1000):
                    vars_[f"{i + 10}"] = held
            elif kind == "packed":
                del vars_["0"]
                vars_.create_dataset("0", (1 << 30,), "f4", chunks=(1 << 28,), compression="gzip", fillvalue=0)
            else:
                vars_["again"] = file
        made.append((target.read_bytes(), kind != "ring"))
    return made


def _groups(file: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, held: found.append((name, held)) if hasattr(held, "keys") else None)
    return found


def png(width: int, height: int, bomb: bytes | None = None) -> bytes:
    """A grey PNG; with the name of a chunk that unpacks to 300 MiB, else one that ends after its first kilobyte of zeros."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    extra = b"" if bomb is None else chunk(bomb, b"name\0\0" + zlib.compress(bytes(MUCH), 1))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
