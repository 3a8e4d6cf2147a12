"""The plainest data set: a folder of images, enough to predict. One split, `test`, no references.

Its order is that of the numbers in the names:

    my_images/{a_1.png, a_2.png, a_10.png}
"""

from __future__ import annotations

from pathlib import Path

from tasks.datasets.dataset import DataSet, part
from tasks.datasets.folder import first_with_images
from tasks.datasets.rows import unlabelled
from tasks.nouns import Task


def read(root: Path) -> DataSet | None:
    """The images in `root` or `root/images`, for every task; None when there is none."""
    images = first_with_images(root, root / "images")
    if not images.files:
        return None
    parts = tuple(part(task, lambda: unlabelled(images.ids(), images, "test"), "test") for task in Task)
    return DataSet(root, "image folder", parts, folders=(images,))
