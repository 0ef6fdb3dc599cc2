"""Bring the files of others that the page carries, compared with their checksums: ``make vendored``.

They lie in the package, so that a page can be written without a network.  A newer version: change it in ``PACKAGES``, run
this, put the sums that it prints into ``SUMS``, and run the tests.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "src" / "striate" / "page" / "web" / "vendored"
#: Packages of npm: their version, the folder in which the files stand there, and their names.
PACKAGES = {
    "onnxruntime-web": ("1.30.0", "package/dist", ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")),
    "pyodide": ("314.0.7", "package", ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")),
}
#: SHA-256 of the files as they are in the folder, unpacked; those of npm are there as they are in their package.
SUMS = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "pyodide.mjs": "6f1d60f7bf529beb300f0f47983c921d3982363640ba20af0e38efdddbc66109",
    "pyodide.asm.mjs": "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635",
    "pyodide.asm.wasm": "cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6",
    "python_library.zip": "345b58b799688237bdcc78deda11fc4e4e5f581aa9f3a58ec07ca14e838d0ae8",
}
#: What is made of a file of npm: the name of that, and its SHA-256.
MADE = {"python_library.zip": ("python_stdlib.zip", "fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a")}
#: The modules of Python's library that Pyodide and the page's workshop import; the rest, two thirds, stays out.
LIBRARY = """
__future__ _collections_abc _colorize _opcode_metadata _py_warnings _pyodide _pyodide._base _pyodide._core_docs
_pyodide._future_helper _pyodide._importhook _pyodide.docs_argspec _pyodide.docstring _pyodide.jsbind _sitebuiltins
_ssl _weakrefset abc annotationlib ast asyncio asyncio.base_events asyncio.base_futures asyncio.base_subprocess
asyncio.base_tasks asyncio.constants asyncio.coroutines asyncio.events asyncio.exceptions asyncio.format_helpers
asyncio.futures asyncio.graph asyncio.locks asyncio.log asyncio.mixins asyncio.protocols asyncio.queues asyncio.runners
asyncio.selector_events asyncio.sslproto asyncio.staggered asyncio.streams asyncio.subprocess asyncio.taskgroups
asyncio.tasks asyncio.threads asyncio.timeouts asyncio.transports asyncio.trsock asyncio.unix_events base64 bisect bz2
codecs codeop collections compression compression._common compression._common._streams compression.zstd
compression.zstd._zstdfile concurrent concurrent.futures concurrent.futures._base contextlib contextvars copy copyreg
csv dataclasses datetime difflib dis email email._encoded_words email._parseaddr email._policybase email.base64mime
email.charset email.encoders email.errors email.feedparser email.header email.iterators email.message email.parser
email.quoprimime email.utils encodings encodings.aliases encodings.ascii encodings.latin_1 encodings.utf_8 enum fnmatch
fractions functools genericpath glob hashlib heapq html html.entities http http.client importlib importlib._abc
importlib._bootstrap importlib._bootstrap_external importlib.abc importlib.machinery importlib.util inspect io
ipaddress json json.decoder json.encoder json.scanner keyword linecache locale logging lzma ntpath numbers opcode
operator os pathlib pathlib._os posixpath pyodide pyodide._package_loader pyodide._state pyodide.code pyodide.common
pyodide.ffi pyodide.webloop quopri random re re._casefix re._compiler re._constants re._parser reprlib selectors shutil
signal site socket ssl stat string struct subprocess tempfile textwrap threading token tokenize traceback types typing
urllib urllib.error urllib.parse urllib.request urllib.response warnings weakref xml xml.sax xml.sax._exceptions
xml.sax.handler xml.sax.saxutils xml.sax.xmlreader zipfile zipfile._path zipfile._path.glob zipimport
"""


def checked(name: str, content: bytes, total: str) -> bytes:
    """The content, where it has its sum; ends with a message where it has not."""
    found = hashlib.sha256(content).hexdigest()
    if found != total:
        sys.exit(f"{name}: its SHA-256 is {found}, and {total} is expected. Nothing was written.")
    return content


def library(whole: bytes) -> bytes:
    """Python's library with the modules of LIBRARY alone, not compressed, since the page packs it."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(file, "w") as kept:
        there = set(source.namelist())
        for module in LIBRARY.split():
            path = module.replace(".", "/")
            name = next(each for each in (f"{path}.py", f"{path}/__init__.py") if each in there)
            kept.writestr(zipfile.ZipInfo(name), source.read(name))
    return file.getvalue()


def fetched() -> dict[str, bytes]:
    """The files of all packages by name."""
    files = {}
    for package, (version, folder, names) in PACKAGES.items():
        with urllib.request.urlopen(f"https://registry.npmjs.org/{package}/-/{package}-{version}.tgz") as answer:
            packed = io.BytesIO(answer.read())
        with tarfile.open(fileobj=packed) as archive:
            files |= {name: archive.extractfile(f"{folder}/{name}").read() for name in names}
    return files


def main() -> None:
    files = fetched()
    for source, total in MADE.values():
        checked(source, files[source], total)
    files["python_library.zip"] = library(files["python_stdlib.zip"])
    content = {name: checked(name, files[name], total) for name, total in SUMS.items()}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, each in content.items():
        if len(each) > 1_000_000:
            (FOLDER / f"{name}.gz").write_bytes(gzip.compress(each, 9, mtime=0))
        else:
            (FOLDER / name).write_bytes(each)
        print(f"{name}: {len(each):,} bytes")


if __name__ == "__main__":
    main()
