"""Embeddings on disk. A folder holds, for each split,

<split>.npy         images x dimensions, float16 (float32 when others wrote it)
<split>.ids.txt     the image id of each row, one a line

train = read_embeddings(Path("embeddings/roco-1a2b3c4d"), "train")
train.ids[0], train.vectors[0]      # ("..._train_7", memmap([0.013, ...], dtype=float16))
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from runners.embedding.config import Encoder
from runners.embedding.encoders import facts_of, identity_of, load_encoder
from runners.embedding.loop import vectors_of
from runners.embedding.record import alone, changed, read_record, refuse_another, write_record
from runners.embedding.unfinished import Unfinished, discard, reopen
from runners.progress import RunProgress
from runners.provenance import versions
from tasks.nouns import Example, InputError

OUT = Path("embeddings")
"""Where embeddings are kept, beside `submissions/`."""


@dataclass(frozen=True)
class Embeddings:
    """Vectors of a split's images; they stay on disk until a block of them is needed."""

    path: Path
    vectors: NDArray[Any]
    """Images x dimensions, mapped from the file."""
    ids: tuple[str, ...]
    """Image id of each row."""


def read_embeddings(folder: Path, split: str) -> Embeddings:
    """The embeddings of a split; InputError when the two files are missing, damaged or do not agree."""
    path, listing = folder / f"{split}.npy", folder / f"{split}.ids.txt"
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        ids = tuple(listing.read_text(encoding="utf-8-sig").splitlines())
    except OSError as error:
        raise InputError(
            f"{error.filename or path} cannot be read ({error.strerror or error}): embeddings are {split}.npy and "
            f"{split}.ids.txt in one folder"
        ) from None
    except (ValueError, EOFError) as error:
        raise InputError(f"{folder}: {split}.npy or {split}.ids.txt is damaged ({error}): write both again") from None
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size:
        raise InputError(f"{path}: embeddings are a table, images x dimensions, of float16 or float32 numbers")
    if len(ids) != len(vectors):
        raise InputError(f"{listing}: {len(ids)} ids for {len(vectors)} rows of {path.name}: give each row its id")
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"{listing}: {twice!r} stands twice: keep one row for each image")
    return Embeddings(path, vectors, ids)


@dataclass(frozen=True)
class Stored:
    """The finished embeddings of a split."""

    embeddings: Embeddings
    failures: Mapping[str, str]
    """Image id -> why it has no row."""


def store_folder(data: str, config: Encoder, out: Path = OUT) -> Path:
    """Where the embeddings of a data set by an encoder belong, so that every config that needs them shares them.

    store_folder("data/roco", Encoder(name="efficientnet-lite0"))     # embeddings/roco-efficientnet-lite0-1a2b3c4d
    """
    words = [re.sub(r"[^\w.-]+", "-", name.strip("/")).strip("-.") for name in (Path(data).name or data, config.name)]
    short = words[1].rsplit("-", 1)[-1] if "/" in config.name else words[1]
    return out / "-".join([words[0], short, identity_of(config)[:8]])


def embed_examples(
    examples: Sequence[Example], encoder: Encoder, folder: Path, *, split: str, console: Console
) -> Stored:
    """The embeddings of `examples`, in their order; those not yet in `folder` are computed, and resumed when stopped.

    `split` names the files; they may hold more images than asked for. An image that cannot be embedded is a failure
    without a row, and tried again once its file has changed. InputError when the files are of another encoder, naming
    the keys that differ; of other images; written by others; or when no image could be embedded.
    """
    if not examples:
        raise InputError(f"{folder}: there are no images to embed in split '{split}'")
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder, split, console):
        record = read_record(folder / f"{split}.json")
        if record is None and (folder / f"{split}.npy").exists():
            raise InputError(f"{folder / split}.npy was not written by this program: name another folder")
        facts = facts_of(encoder)
        refuse_another(record, facts, folder, split)
        if record is None or not record["finished"] or _left(examples, record["stamps"], record["failures"], folder):
            record = _compute(examples, encoder, folder, split=split, facts=facts, record=record, console=console)
        discard(folder, split)
        stored = _opened(examples, record, folder, split)
    if stored.failures:
        image_id, reason = next(iter(stored.failures.items()))
        console.print(
            f"{len(stored.failures)} of {len(examples)} images of {split} have no vector, such as {image_id}: {reason}",
            markup=False,
            soft_wrap=True,
        )
    return stored


def _opened(examples: Sequence[Example], record: Mapping[str, Any], folder: Path, split: str) -> Stored:
    """Of a finished split, what was asked for."""
    whole = read_embeddings(folder, split)
    if whole.vectors.shape != (record["images"], record["dimensions"]):
        raise InputError(f"{whole.path} is not what {split}.json says: delete {folder / split}.* to embed anew")
    row_of = {image_id: row for row, image_id in enumerate(whole.ids)}
    ids = tuple(example.image_id for example in examples if example.image_id in row_of)
    failures = {e.image_id: record["failures"][e.image_id] for e in examples if e.image_id in record["failures"]}
    if not ids:
        reason = next(iter(failures.values()))
        raise InputError(f"{folder}: none of the {len(examples)} images of {split} could be embedded: {reason}")
    rows = np.array([row_of[image_id] for image_id in ids], dtype=np.intp)
    if (np.diff(rows) == 1).all():  # stays on disk
        return Stored(Embeddings(whole.path, whole.vectors[rows[0] : rows[-1] + 1], ids), failures)
    return Stored(Embeddings(whole.path, whole.vectors[rows], ids), failures)


def _left(
    examples: Sequence[Example], stamps: Mapping[str, str], failures: Mapping[str, str], folder: Path
) -> list[Example]:
    """Those that are not embedded yet; InputError when one that is has become another image."""
    other = changed(examples, stamps)
    if replaced := [image_id for image_id in other if image_id not in failures]:
        raise InputError(
            f"{folder}: {len(replaced)} images, such as {replaced[0]}, are other files than when they were embedded: "
            "delete this folder to embed them anew, or name another one"
        )
    return [example for example in examples if example.image_id not in stamps or example.image_id in other]


def _compute(
    examples: Sequence[Example],
    config: Encoder,
    folder: Path,
    *,
    split: str,
    facts: Mapping[str, str],
    record: Mapping[str, Any] | None,
    console: Console,
) -> dict[str, Any]:
    """Embed what is not there yet; returns the record, which says `finished` last."""
    path = folder / f"{split}.json"
    encoder = load_encoder(config)
    if record is not None and record["finished"]:
        reopen(folder, split, record, list(read_embeddings(folder, split).ids))
    made = {
        "schema": 1,
        "encoder": config.model_dump(mode="json"),
        "identity": encoder.identity,
        "fingerprint": dict(facts),
        "dimensions": encoder.dimensions,
        "versions": versions(),
        "finished": None,
    }
    write_record(path, made)
    with Unfinished(folder, split, dimensions=encoder.dimensions) as rows:
        left = _left(examples, rows.stamps, rows.failures, folder)
        with RunProgress(console, total=len(examples), done=len(examples) - len(left)) as progress:
            for batch in vectors_of(left, encoder, config):
                rows.append(batch)
                progress.advance(len(batch), failed=len(rows.failures))
        if not rows.ids:
            discard(folder, split)
            path.unlink()
            reason = next(iter(rows.failures.values()))
            raise InputError(f"{folder}: none of the {len(examples)} images of {split} could be embedded: {reason}")
        rows.publish()
        made |= {"images": len(rows.ids), "failures": rows.failures, "stamps": rows.stamps}
    made["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
    write_record(path, made)
    return made
