"""Bring a public release here: resumed, verified, unpacked; tested against a local server.

    rocov2    the files of Zenodo record 10821435, listed with their MD5 by the record's API
    open-i    the parquet files of `ykumards/open-i` on the Hugging Face hub, listed with their SHA-256

A file is downloaded to `NAME.part`, resumed there with a Range request after any interruption,
compared with its checksum and only then renamed. A file that is there with the right checksum is
skipped, so the same command may be given again at any time. Zip archives are unpacked beside
themselves (`train_images.zip` into `train_images/`) without leaving the folder.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urljoin

from tasks.datasets.unpack import inside, unpack
from tasks.nouns import InputError

if TYPE_CHECKING:
    import httpx

RECORD_HOST = "https://zenodo.org"
RECORD = "10821435"
HUB_DATA_SET = "ykumards/open-i"
RELEASES = ("rocov2", "open-i")

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each attempt after the first."""

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are here, and all its bytes."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Remote:
    """A file to fetch, as its publisher describes it."""

    name: str
    url: str
    size: int
    digest: str
    """`md5:...` or `sha256:...`; empty when the publisher gives none, then the size decides."""


def fetch(release: str, out: Path, *, base: str | None, progress: Progress) -> list[Path]:
    """Fetch `rocov2` or `open-i` into `out`, from the server at `base` if given; the files."""
    import httpx

    try:
        out.mkdir(parents=True, exist_ok=True)
        with httpx.Client(follow_redirects=True, timeout=30.0, headers={"Accept-Encoding": "identity"}) as client:
            remotes = (_record_files if release == "rocov2" else _hub_files)(client, base)
            needed = sum(remote.size for remote in remotes if not inside(out, remote.name).exists())
            free = shutil.disk_usage(out).free
            if needed > free:
                raise InputError(f"{release} needs {needed / 1e9:.1f} GB, {out} has {free / 1e9:.1f} GB: free some")
            files = [_fetch_file(client, remote, inside(out, remote.name), progress) for remote in remotes]
        for path in files:
            if path.suffix == ".zip":
                unpack(path, path.with_suffix(""))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error}): check the permission and the disk") from error
    return files


def _record_files(client: httpx.Client, base: str | None) -> list[Remote]:
    """The files of the Zenodo record: developers.zenodo.org, "Records"."""
    url = f"{(base or RECORD_HOST).rstrip('/')}/api/records/{RECORD}"

    def remote(entry: dict[str, Any]) -> Remote:
        return Remote(entry["key"], urljoin(url, entry["links"]["self"]), int(entry["size"]), entry["checksum"])

    return _listed(client, url, "files", remote)


def _hub_files(client: httpx.Client, base: str | None) -> list[Remote]:
    """The parquet files of the data set: huggingface.co/docs/hub/api."""
    from huggingface_hub.constants import ENDPOINT

    host = (base or ENDPOINT).rstrip("/")

    def remote(entry: dict[str, Any]) -> Remote:
        url = f"{host}/datasets/{HUB_DATA_SET}/resolve/main/{quote(entry['rfilename'])}"
        digest = f"sha256:{entry['lfs']['sha256']}" if entry.get("lfs") else ""
        return Remote(entry["rfilename"], url, int(entry["size"]), digest)

    files = _listed(client, f"{host}/api/datasets/{HUB_DATA_SET}?blobs=true", "siblings", remote)
    return [file for file in files if file.name.endswith(".parquet")]


def _listed(client: httpx.Client, url: str, key: str, remote: Callable[[dict[str, Any]], Remote]) -> list[Remote]:
    """The files under `key` of a server's JSON answer."""
    answer = _patiently(lambda: _answer(client.get(url)), url, pauses=PAUSES[:2])
    try:
        return [remote(entry) for entry in answer.json()[key]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{url} does not answer with a list of files ({error!r}): check --from-url") from error


def _fetch_file(client: httpx.Client, remote: Remote, target: Path, progress: Progress) -> Path:
    """The file, downloaded unless it is there and right."""
    part = target.with_name(f"{target.name}.part")
    if not (target.exists() and _is_right(target, remote)):
        target.parent.mkdir(parents=True, exist_ok=True)
        _patiently(lambda: _resume(client, remote, part, progress), remote.url)
        part.replace(target)
    progress(remote.name, remote.size, remote.size)
    return target


def _resume(client: httpx.Client, remote: Remote, part: Path, progress: Progress) -> None:
    """One attempt to complete the part; what came stays there when the connection breaks."""
    here = part.stat().st_size if part.exists() else 0
    if here < remote.size or not here:
        headers = {"Range": f"bytes={here}-"} if here else {}
        with client.stream("GET", remote.url, headers=headers) as response:
            here = here if _answer(response).status_code == 206 else 0
            with part.open("ab" if here else "wb") as file:
                for block in response.iter_bytes():
                    file.write(block)
                    here += len(block)
                    progress(remote.name, here, remote.size)
    if not _is_right(part, remote):
        part.unlink()
        raise _TryAgainError(f"{remote.name} came with a wrong checksum or size")


def _is_right(path: Path, remote: Remote) -> bool:
    algorithm, _, wanted = remote.digest.partition(":")
    if not wanted:
        return path.stat().st_size == remote.size
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == wanted.lower()


class _TryAgainError(Exception):
    """This attempt failed; another may not."""


def _answer(response: httpx.Response) -> httpx.Response:
    """The response, when it is a success."""
    status = response.status_code
    if status >= 500 or status in {408, 416, 429}:
        raise _TryAgainError(f"the server answers {status} {response.reason_phrase}")
    if not response.is_success:
        raise InputError(f"{response.url}: the server answers {status} {response.reason_phrase}: check --from-url")
    return response


def _patiently(action: Callable[[], T], url: str, *, pauses: tuple[float, ...] | None = None) -> T:
    """The action's result, tried again after each pause when the network or the server fails."""
    import httpx

    waits = list(PAUSES if pauses is None else pauses)
    while True:
        try:
            return action()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise InputError(f"{url} is no address ({error}): check --from-url") from error
        except (httpx.RequestError, _TryAgainError) as error:
            if not waits:
                raise _unreachable(url, error) from error
            time.sleep(waits.pop(0))


def _unreachable(url: str, error: Exception) -> InputError:
    return InputError(
        f"{url} could not be fetched ({error or type(error).__name__}): is this machine offline? "
        "The same command goes on where it stopped"
    )
