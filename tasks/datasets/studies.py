"""What is said of a data set of chest X-ray studies: how many there are, what each lacks, what de-identification left.

study_notes(examples, without_report=25, without_frontal=12)
# ("3,814 studies kept: 3,300 with findings and impression, 30 with findings only, 484 with impression only", ...)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tasks.nouns import Example, Report
from tasks.reports.masking import masks_in, without_masks

NO_SPLIT = "no official split: train, valid, test are 80:10:10 by the SHA-256 of the id"


def study_notes(
    examples: Sequence[Example], *, without_report: int, without_frontal: int | None = None
) -> tuple[str, ...]:
    """Notes on the studies that are kept, and on those that were dropped; None: the data does not tell views apart."""
    reports = [example.reference for example in examples if isinstance(example.reference, Report)]
    kinds = Counter((bool(report.findings), bool(report.impression)) for report in reports)
    views = sum(len(example.views) for example in examples)
    seen = sum(bool(example.views) for example in examples)
    return (
        f"{len(examples):,} studies kept: {kinds[True, True]:,} with findings and impression, "
        f"{kinds[True, False]:,} with findings only, {kinds[False, True]:,} with impression only",
        f"{without_report:,} studies dropped: neither findings nor impression",
        *(() if without_frontal is None else (f"{without_frontal:,} studies dropped: no frontal image",)),
        f"{seen:,} studies have further views, {views:,} images",
        *_mask_notes(reports),
    )


def _mask_notes(reports: Sequence[Report]) -> tuple[str, ...]:
    texts = [f"{report.findings}\n{report.impression}" for report in reports]
    masks = [masks_in(text) for text in texts]
    if not any(masks):
        return ()
    words = sum(len(text.split()) for text in texts)
    note = (
        f"masks of de-identification (XXXX): {sum(masks):,} in {sum(map(bool, masks)):,} of {len(texts):,} reports, "
        f"{sum(masks) / words:.1%} of the words; a split called without-masks-train has none"
    )
    if nothing := sum(not without_masks(text) for text in texts):
        note += f", and not the {nothing:,} reports that are nothing else"
    return (note,)
