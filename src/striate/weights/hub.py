"""Files from the Hugging Face hub, by its own library: kept in the cache, looked up there before asking."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from striate.doors import budgets
from striate.doors.downloads import file_sum
from striate.doors.libraries import hugging_face
from striate.doors.places import cache_folder
from striate.doors.reading import read_bytes
from striate.doors.writing import need_room, remove
from striate.errors import ArgumentError, DataError
from striate.extras import extra
from striate.version import __version__


def from_hub(repository: str, file: str = "model.safetensors") -> Path:
    """Where a file of a repository on the Hugging Face hub lies on this machine; fetched if it is not there.

    repository   "owner/name"
    file         its name there

    What is in the cache is taken without asking.  Nothing is told to the hub but what it takes to get the file.  The hub is
    asked for the size first, once: where there is no way to it, its library would ask six times.
    Raises ArgumentError for another spelling of the repository; DataError when the file is not there, is not open to
    this user, is larger than published weights may be or than the disk has room for, or does not come whole.
    """
    if re.fullmatch(r"[\w.-]+/[\w.-]+", repository) is None or ".." in repository:
        raise ArgumentError(f'{repository!r}: a model on the Hugging Face hub is "owner/name".')
    folder = cache_folder("hub")
    hugging_face(folder)
    what = f"{repository} on the Hugging Face hub"
    hub, errors = extra("huggingface_hub", "hub", what), extra("huggingface_hub.errors", "hub", what)
    where, endpoint = f"{file} of {what}", os.environ.get("HF_ENDPOINT")
    told = {"endpoint": endpoint, "library_name": "striate", "library_version": __version__}
    try:
        held = hub.try_to_load_from_cache(repository, file, cache_dir=folder)
        if isinstance(held, str):
            return Path(held)
        size = hub.get_hf_file_metadata(hub.hf_hub_url(repository, file, endpoint=endpoint), **told).size
        if size is not None and size > budgets.WEIGHTS:
            raise DataError(f"{where}: {size:,} bytes, the limit is {budgets.WEIGHTS:,}. Nothing was fetched.")
        need_room(folder, size or 0, DataError)
        counted = _counted(where, size or budgets.WEIGHTS)
        fetched = hub.hf_hub_download(repository, file, cache_dir=folder, tqdm_class=counted, **told)
    except DataError:
        raise
    except UnicodeDecodeError:  # of the names that the library keeps there
        place = folder / f"models--{repository.replace('/', '--')}"
        raise DataError(
            f"{where}: what the cache keeps of it is damaged. Delete {place}; it is fetched anew."
        ) from None
    except (errors.HfHubHTTPError, errors.EntryNotFoundError, errors.HFValidationError, OSError, ValueError) as error:
        raise DataError(f"{where}: {_reason(error)}") from None
    return _whole(Path(fetched), f"{file} of {repository}")


def _counted(where: str, most: int) -> type:
    """The hub's bar, which ends a download of which more comes than was told.  Raises DataError from within it."""
    from huggingface_hub.utils import tqdm

    class Counted(tqdm):
        came = 0

        def update(self, n: float | None = 1) -> bool | None:
            self.came += int(n or 0)
            if self.came > most:
                raise DataError(f"{where}: more than the {most:,} bytes that were told came; nothing was kept.")
            shown: bool | None = super().update(n)
            return shown

    return Counted


def _reason(error: Exception) -> str:
    """Why a download failed, and what to do."""
    from huggingface_hub import errors

    by_hand = "Try again, or download the file by hand and give its path."
    if isinstance(error, errors.GatedRepoError):
        return "it is open only to those who accept its terms there; do so and sign in (hf auth login)."
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such repository, or it is not open to you. Is the name right?"
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(error, OSError):
        return "the repository has no such file; download what it has by hand and give its path."
    said = str(error.__cause__ or error).strip().splitlines()
    return f"the download failed ({said[0] if said else type(error).__name__}). {by_hand}"


def _whole(file: Path, what: str) -> Path:
    """The file, if its bytes have the sum by which the hub keeps it: SHA-256, or git's SHA-1 for small files.

    Raises DataError.
    """
    held = file.resolve()
    if re.fullmatch(r"[0-9a-f]{64}", held.name):
        named, digits = "SHA-256", file_sum(held, "sha256")
    elif re.fullmatch(r"[0-9a-f]{40}", held.name):
        content = read_bytes(held)
        named, digits = (
            "SHA-1 of git",
            hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest(),
        )
    else:
        return file
    if digits != held.name:
        remove(file)
        remove(held)
        raise DataError(
            f"{what}: what came has the {named} {digits}, expected {held.name}. It was cut off or changed on the "
            "way; nothing was kept. Try again."
        )
    return file
