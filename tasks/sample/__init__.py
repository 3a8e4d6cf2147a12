"""The embedded sample: 1,080 phantom images with captions, concepts and reports, generated where missing.

Synthetic: it proves that the pipeline works from image to score and says nothing about medicine. The folder
is laid out as the ImageCLEF 2026 release (one CSV for train and valid, told apart by the id; natural order):

    data/sample/
        dev_concept/  images/ concepts.csv concepts_manual.csv attribution.csv cui_mapping.csv cui_synonyms.csv
        dev_caption/  images/ captions.csv
        dev_report/   images/ reports.csv labels.csv context.csv      (chest radiographs)
        test/         images/ ids.csv and all of the references above
        complete.json                                                 (written last)

Image k of a split is the same on every machine and in every version that carries the same VERSION:

    ensure_sample(Path("data/sample")) / "test/images/ImageCLEFmedical_Caption_2026_test_0.jpg"
"""

from __future__ import annotations

from pathlib import Path

from tasks.sample.scene import SPLITS

__all__ = ["ensure_sample", "image_id"]


def image_id(split: str, number: int) -> str:
    """The id of an image, as the 2026 release writes it."""
    return f"ImageCLEFmedical_Caption_2026_{split}_{number}"


def ensure_sample(root: Path) -> Path:
    """The folder with the whole sample in it, generated first when it is missing or incomplete."""
    from filelock import FileLock

    from tasks.sample.release import is_complete, write_release

    if not is_complete(root):
        root.mkdir(parents=True, exist_ok=True)
        # A second process waits here until the first has written everything.
        with FileLock(root / ".lock"):
            if not is_complete(root):
                write_release(root, {split: count for split, count in SPLITS.items() if count})
    return root
