"""A saved model: one folder with everything that predicting needs.

    model.json                      network, preprocessing, labels, training facts, metrics, and the name and checksum of …
    weights-<checksum>.safetensors  … the weights
    optimizer-<checksum>.safetensors  … and the state of the optimizer, where it was trained
    int8-<checksum>.onnx            … and its 8-bit twin, where it has one
    README.md                       a model card for people, who may write more into it

model.json says the SHA-256 of each, and all but README.md are held against it when they are read.  A model needs model.json
and the weights; without the state of the optimizer or the 8-bit twin, which says within which weights it is of, it is read
with a warning.

model.json is renamed into place last and names its weights by their checksum, so at every moment the folder holds one
whole model: the old one or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from striate.doors import budgets
from striate.doors.arrays import read_safetensors, safetensors_bytes
from striate.doors.locks import locked
from striate.doors.onnx_files import parse_onnx
from striate.doors.parsing import parse_json, read_json
from striate.doors.reading import opened, read_bytes
from striate.doors.writing import atomic_write, move_up, remove
from striate.errors import BundleError, StriateError
from striate.wording import inner

FORMAT, VERSION = "striate-bundle", 1
#: Files of a model whose names have their checksum in them; engines of earlier versions lay beside them.
CONTENTS = ("weights-*.safetensors", "optimizer-*.safetensors", "int8-*.onnx", "engine-*.onnx")
FIXED = ("README.md", "model.json")
_ASIDE = ".saving"
_SAVES = 5  # that may come between while a model is read
_PARTS = ("network", "preprocessing", "decoding", "training", "metrics", "compiled", "engines")
TWIN_OF = "twin of the weights"  #: in the metadata of the 8-bit twin: the checksum of the weights that it was made from


@dataclass
class Bundle:
    """What a saved model holds.

    network         the graph's description (``graph.to_json``)
    state           weights by name, in the module's layout
    preprocessing   ``Preprocessing.to_dict()``
    labels          class names in the order of the outputs, or None
    decoding        ``Decoding.to_dict()`` of a network that answers with boxes, or None
    training        how it was trained: compile arguments, epochs, data
    metrics         figures measured after training
    compiled        what ``compile`` was given, or None
    optimizer       the state of the optimizer: (numbers and texts, tensors by name), or None
    int8            the 8-bit twin's ONNX file and the report of its making, or None
    engines         the fastest engine on each kind of processor that it was measured on, or None
    checksum        SHA-256 of the weights' file that it was read from
    lost            why a part that answering does not need, "int8" or "optimizer", could not be read, by its name
    """

    network: dict[str, Any]
    state: dict[str, Any]
    preprocessing: dict[str, Any] | None = None
    labels: list[str] | None = None
    decoding: dict[str, Any] | None = None
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    int8: tuple[bytes, dict[str, Any]] | None = None
    compiled: dict[str, Any] | None = None
    optimizer: tuple[dict[str, Any], dict[str, Any]] | None = None
    engines: dict[str, Any] | None = None
    checksum: str = ""
    lost: dict[str, str] = field(default_factory=dict)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise BundleError where a model cannot go: a file, or a folder with other files in it and no model.

    path   of the folder, which need not be there
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"{folder} is a file; a model is saved as a folder. Choose another name.")
    if folder.is_dir() and not (folder / "model.json").is_file():
        known = {
            "metrics.csv",
            "report.html",
            "page.html",
            "filters.safetensors",
            "run.json",
            "training.pt",
            "tune.db",
            "log",
        }
        foreign = sorted(name for name in os.listdir(folder) if name not in known and not name.startswith("."))
        if foreign:
            raise BundleError(f"{folder} holds other files ({foreign[0]} …) and no model; choose an empty folder.")


def write_bundle(path: str | os.PathLike[str], bundle: Bundle, card: str) -> Path:
    """Save a bundle into the folder `path` (made if missing); returns it.

    bundle    what is saved
    card      the text of README.md

    Its files are written aside, within the folder, and take their places together.
    Raises BundleError, changing nothing, where they cannot be written or another process writes to the folder.
    """
    folder = Path(path)
    check_folder(folder)
    files, description = _files(bundle, card)
    with locked(folder, "saving the model"), ExitStack() as undo:
        aside = folder / _ASIDE
        remove(aside)
        undo.callback(remove, aside)
        for name, content in files.items():
            if name in FIXED or not _there(folder / name, content):
                atomic_write(aside / name, content)
        atomic_write(aside / "model.json", json.dumps(description, indent=1) + "\n")
        there = [name for name in os.listdir(folder) if any(fnmatch(name, one) for one in CONTENTS)]
        move_up(aside, "model.json", [name for name in there if name not in files])
        undo.pop_all()
    return folder


def _there(file: Path, content: bytes | str) -> bool:
    """Whether a file is there with this content."""
    try:
        return not file.is_symlink() and file.is_file() and read_bytes(file) == content
    except StriateError:
        return False


def _files(bundle: Bundle, card: str) -> tuple[dict[str, bytes | str], dict[str, Any]]:
    """The files of a bundle by name, and what model.json says of them."""
    data = safetensors_bytes(bundle.state)
    checksum = hashlib.sha256(data).hexdigest()
    weights = f"weights-{checksum[:12]}.safetensors"
    description = {
        "format": FORMAT,
        "version": VERSION,
        "weights": {"file": weights, "sha256": checksum},
        "labels": bundle.labels,
        "preprocessing": bundle.preprocessing,
        "metrics": bundle.metrics,
        "training": bundle.training,
        "network": bundle.network,
        "card": {"file": "README.md", "sha256": hashlib.sha256(card.encode()).hexdigest()},
    }
    files: dict[str, bytes | str] = {weights: data, "README.md": card}
    if bundle.decoding is not None:
        description["decoding"] = bundle.decoding
    if bundle.engines is not None:
        description["engines"] = bundle.engines
    if bundle.compiled is not None:
        description["compiled"] = bundle.compiled
    if bundle.optimizer is not None:
        settings, tensors = bundle.optimizer
        state = safetensors_bytes(tensors)
        digest = hashlib.sha256(state).hexdigest()
        name = f"optimizer-{digest[:12]}.safetensors"
        description["optimizer"] = {"file": name, "sha256": digest, "state": settings}
        files[name] = state
    if bundle.int8 is not None:
        content, report = bundle.int8
        content = _bound(content, checksum)
        twin = hashlib.sha256(content).hexdigest()
        name = f"int8-{twin[:12]}.onnx"
        description["int8"] = {"file": name, "sha256": twin, "report": report}
        files[name] = content
    return files, description


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Read a saved model.

    path    the folder

    It needs model.json and the weights.  Raises BundleError, naming the file, where one of them is missing, damaged or
    another one; of the 8-bit twin and the optimizer's state ``lost`` says so.  README.md is not read.  Where another process
    saves meanwhile, what it has saved is read: the files of the model before go then.
    """
    folder = Path(path)
    for _ in range(_SAVES):
        content = _description(folder)
        try:
            bundle = _described(folder, content)
        except BundleError:
            if _description(folder) == content:
                raise
            continue
        if not bundle.lost or _description(folder) == content:
            return bundle
    raise BundleError(f"{folder} is saved anew again and again while it is read. Wait until that has ended.")


def _description(folder: Path) -> bytes:
    """The bytes of model.json."""
    file = folder / "model.json"
    if not os.path.isfile(file):
        what = "is not a saved model: it has no model.json" if os.path.lexists(folder) else "does not exist"
        raise BundleError(f"{folder} {what}.")
    return read_bytes(file, budgets.TEXT, BundleError)


def _described(folder: Path, content: bytes) -> Bundle:
    """The model of which a model.json has this content."""
    file = folder / "model.json"
    description = parse_json(content, os.fspath(file), BundleError)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise BundleError(f'{file} is not a striate model (its "format" is not "{FORMAT}").')
    if description.get("version") != VERSION:
        raise BundleError(
            f"{file} has version {description.get('version')}; this striate reads version {VERSION}. Update striate."
        )
    try:
        weights, network = description["weights"], description["network"]
        name, checksum = weights["file"], weights["sha256"]
        twin = description.get("int8")
        twin = None if twin is None else (twin["file"], twin["sha256"], twin["report"])
        resume = description.get("optimizer")
        resume = None if resume is None else (resume["file"], resume["sha256"], resume["state"])
        texts = [name, checksum, *(twin or ())[:2], *(resume or ())[:2]]
        if not all(isinstance(text, str) and text and "\0" not in text for text in texts):
            raise TypeError
    except KeyError as error:
        raise BundleError(f"{file} is damaged: no {inner(error)}. Save the model again.") from None
    except TypeError:
        raise BundleError(f"{file} is damaged: what it says of its files is of another kind. Save it again.") from None
    labels = description.get("labels")
    if not (labels is None or (isinstance(labels, list) and all(isinstance(label, str) for label in labels))):
        raise BundleError(f"{file} is damaged: its labels are no list of texts. Save the model again.")
    for part, value in description.items():
        if part in _PARTS and not (value is None or isinstance(value, dict)):
            raise BundleError(f"{file} is damaged: its {part} is no object. Save the model again.")
    state = read_safetensors(_whole(folder, name, checksum))
    lost: dict[str, str] = {}
    int8 = optimizer = None
    try:
        int8 = None if twin is None else (read_bytes(_whole(folder, *twin[:2]), kind=BundleError), twin[2])
    except BundleError as error:
        lost["int8"] = inner(error)
    try:
        optimizer = None if resume is None else (resume[2], read_safetensors(_whole(folder, *resume[:2])))
    except BundleError as error:
        lost["optimizer"] = inner(error)
    compiled = description.get("compiled")
    return Bundle(
        network=network,
        state=state,
        preprocessing=description.get("preprocessing"),
        labels=labels,
        decoding=description.get("decoding"),
        training=description.get("training") or {},
        metrics=description.get("metrics") or {},
        int8=int8,
        compiled=compiled if isinstance(compiled, dict) else None,
        optimizer=optimizer,
        engines=description.get("engines"),
        checksum=checksum,
        lost=lost,
    )


def _bound(content: bytes, checksum: str) -> bytes:
    """An 8-bit twin that says within of which weights it is."""
    from onnx import helper

    model = parse_onnx(content, "the int8 twin")
    said = {entry.key: entry.value for entry in model.metadata_props}
    if said.get(TWIN_OF) == checksum:
        return content
    helper.set_model_props(model, said | {TWIN_OF: checksum})
    return model.SerializeToString()  # type: ignore[no-any-return]


def recorded(path: str | os.PathLike[str]) -> dict[str, Any]:
    """How a saved model was trained, without a look at its weights; {} where nothing can be read.

    path    the folder
    """
    try:
        description = read_json(Path(path) / "model.json")
    except StriateError:
        return {}  # whoever reads the whole of it says what is wrong
    facts = description.get("training") if isinstance(description, dict) else None
    return facts if isinstance(facts, dict) else {}


def _whole(folder: Path, name: str, checksum: str) -> Path:
    """The path of a file of the model.  Raises BundleError where it is missing or another one."""
    source = folder / Path(name).name
    if not os.path.isfile(source):
        raise BundleError(f"{folder} is incomplete: the contents of {source.name} are missing. Copy the whole folder.")
    with opened(source, kind=BundleError) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    if found != checksum:
        raise BundleError(
            f"{source} is not the file that {folder / 'model.json'} was saved with (its checksum differs)."
        )
    return source
