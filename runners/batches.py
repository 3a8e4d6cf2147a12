"""Batches: which images are asked about together, a function of the images alone.

A resumed run and one of many processes form the same batches as an unbroken run of one process, so they ask the
model the same questions in the same company and get the same bytes back. The costliest images come first: what
does not fit shows itself at once, and cheap batches at the end keep many processes equally busy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from runners.models import Size
from tasks.images import stored_size
from tasks.nouns import Example

Tokens = Callable[[Sequence[Size], Sequence[Sequence[Size]]], list[int]]
"""A model's `tokens`: the sizes of the images, and of each its further views."""
_SHAPES = [(64, 64), (512, 512), (2048, 512), (512, 2048), (2048, 2048)]
"""If these cost the same, all images do."""
_READERS = 16
"""Threads that read headers: the time goes into waiting for the disk."""


def image_costs(examples: Sequence[Example], tokens: Tokens) -> tuple[list[int], Size]:
    """The tokens each example takes of a batch, by a model's `tokens`; the size of the largest of the costliest one.

    No image is opened for a model that sees all of them at one size.
    """
    if len(set(tokens(_SHAPES, [()] * len(_SHAPES)))) == 1:
        longest = _SHAPES[-1]
        each = {n: tokens([longest], [[longest] * n])[0] for n in {len(example.views) for example in examples}}
        return [each[len(example.views)] for example in examples], longest
    sources = [example.images for example in examples]
    with ThreadPoolExecutor(_READERS, "sizes") as readers:
        sizes = list(readers.map(lambda study: [stored_size(image) for image in study], sources))
    costs = tokens([first for first, *_ in sizes], [views for _, *views in sizes])
    costliest = sizes[max(range(len(sizes)), key=costs.__getitem__)]
    return costs, max(costliest, key=lambda size: size[0] * size[1])


def make_batches(
    examples: Sequence[Example], costs: Sequence[int], *, size: int, by_cost: bool = False
) -> list[list[Example]]:
    """Batches of `size`, the costliest first; equal costs keep the order of `examples`.

    With `by_cost`, `size` is how many of the costliest images fit, and batches of cheaper ones hold more: as many
    as cost no more together, each counted as its batch's costliest, which is what padding makes of it.
    """
    order = sorted(range(len(examples)), key=lambda n: -costs[n])
    batches: list[list[Example]] = []
    room = 0
    for n in order:
        if room == 0:
            batches.append([])
            room = size * costs[order[0]] // costs[n] if by_cost else size
        batches[-1].append(examples[n])
        room -= 1
    return batches
