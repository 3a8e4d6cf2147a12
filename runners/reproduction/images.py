"""What pins the pixels of a run: its fingerprint has the images' ids, this their bytes.

hash_images(plan.examples)      # "sha256:6c1f..."; 20,000 radiographs of 10 kB take two seconds
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tasks.nouns import Example, ImageSource

_READERS = 4
"""A network's disk answers several at once."""


def hash_images(examples: Sequence[Example]) -> str:
    """A hash over the encoded images, further views counted, in the order of the examples.

    One that cannot be read has its place, so that it is seen when it can be read later.
    """
    whole = hashlib.sha256()
    with ThreadPoolExecutor(_READERS, "hash") as readers:
        for digest in readers.map(_digest, (image for example in examples for image in example.images)):
            whole.update(digest)
    return f"sha256:{whole.hexdigest()}"


def _digest(image: ImageSource) -> bytes:
    try:
        return hashlib.sha256(image.read_bytes()).digest()
    except OSError:
        return b"unreadable"
