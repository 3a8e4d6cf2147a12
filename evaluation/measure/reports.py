"""Every metric of reports this program computes itself: of their texts, of the labels they hold, of their codes.

[ours] = measure_reports([reports], truths, profile=profile)
ours["rougeL"].statistics.value, ours["chexpert_micro14_u1"].statistics.value    # 0.31, 0.52
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.labels.icd import measure_icd
from evaluation.labels.measure import measure_labels
from evaluation.measure.texts import measure_texts, text_of
from evaluation.profiles import Profile
from evaluation.statistics import Measured
from tasks.concepts import Vocabulary
from tasks.nouns import Report


def measure_reports(
    systems: Sequence[Sequence[Report]],
    truths: Sequence[Report],
    *,
    profile: Profile,
    ids: Sequence[str] = (),
    vocabulary: Vocabulary | None = None,
) -> list[dict[str, Measured]]:
    """The metrics of the profile on each system."""
    texts = [[text_of(report) for report in reports] for reports in systems]
    of_texts = measure_texts(texts, [text_of(truth) for truth in truths], profile=profile, vocabulary=vocabulary)
    of_labels = measure_labels(systems, truths, profile=profile, ids=ids)
    of_codes = measure_icd(systems, truths, profile=profile)
    return [one | other | third for one, other, third in zip(of_texts, of_labels, of_codes, strict=True)]
