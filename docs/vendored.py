"""Bring the files of others that the page carries, compared with their checksums: ``make vendored``.

They lie in the package, so that a page can be written without a network.  A newer version: change ``VERSION``, run this,
put the sums that it prints into ``SUMS``, and run the tests.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
import urllib.request
from pathlib import Path

VERSION = "1.30.0"
PACKAGE = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
FOLDER = Path(__file__).parent.parent / "src" / "striate" / "page" / "web" / "vendored"
#: SHA-256 of the files as they are in the package of npm, before they are packed here.
SUMS = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}


def checked(name: str, content: bytes) -> bytes:
    """The content, where it has its sum; ends with a message where it has not."""
    found = hashlib.sha256(content).hexdigest()
    if found != SUMS[name]:
        sys.exit(f"{name}: its SHA-256 is {found}, and {SUMS[name]} is expected. Nothing was written.")
    return content


def main() -> None:
    with urllib.request.urlopen(PACKAGE) as answer:
        packed = io.BytesIO(answer.read())
    with tarfile.open(fileobj=packed) as archive:
        files = {name: checked(name, archive.extractfile(f"package/dist/{name}").read()) for name in SUMS}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if name.endswith(".wasm"):  # 14 MB, which pack to 4
            (FOLDER / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        else:
            (FOLDER / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
