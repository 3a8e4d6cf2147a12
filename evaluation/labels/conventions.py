"""What the literature calls "CheXbert F1" or "CE F1": twenty-four scores of the same labels, and who means which.

Three choices are made, seldom said: what an uncertain label counts, how labels and images are averaged, and whether
all fourteen labels count or the five of CheXpert's leaderboard. A name here says all three:

    CONVENTIONS["chexpert_micro5_u1"].uncertain     # "u1"
    CONVENTIONS["chexpert_micro5_u1"].published     # "IFCC 5-micro; f1chexbert, RadEval chexbert-5 micro; RGRG ..."

Common to all, as in the programs of `PUBLISHED`: what is not mentioned counts as absent, and what would divide by zero
is 0 (zero_division=0 of scikit-learn): the F1 of a label that neither side holds, which macro counts, and of an image
without a label on either side, which example-based F1 counts. With `ux`, pairs of image and label are left out that
are uncertain in the reference, by it alone; an uncertain prediction counts as absent there, so that no system chooses
what it is scored on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tasks.reports.labels import FIVE, LABELS

Source = Literal["chexpert", "stated"]
Average = Literal["micro", "macro", "example", "weighted"]
Uncertain = Literal["u0", "u1", "ux"]

SOURCES: Mapping[Source, str] = {
    "chexpert": "read from both texts by our labeler",
    "stated": "written by the system, against the reference's own",
}
"""Where labels come from."""
AVERAGES: tuple[Average, ...] = get_args(Average)
POLICIES: Mapping[Uncertain, str] = {
    "u0": "uncertain = absent",
    "u1": "uncertain = present",
    "ux": "uncertain left out",
}
SETS = {14: LABELS, 5: FIVE}

_R2GEN = "github.com/zhjohnchan/R2Gen compute_ce.py"
_CVT2 = "github.com/aehrc/cvt2distilgpt2 tools/metrics/chexbert.py"
_RADEVAL = "github.com/jbdel/RadEval RadEval/metrics/_chexbert_base.py"
_RGRG = "github.com/ttanida/rgrg src/full_model/evaluate_full_model/evaluate_language_model.py"
_PROMPTMRG = "github.com/jhb86253817/PromptMRG modules/metrics_clinical.py"
_IFCC = "github.com/ysmiura/ifcc eval_prf.py"

PUBLISHED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "micro14_u0": (("R2Gen F1_MICRO", _R2GEN), ("CvT2DistilGPT2 ce_f1_micro", _CVT2)),
    "macro14_u0": (("R2Gen F1_MACRO", _R2GEN), ("CvT2DistilGPT2 ce_f1_macro", _CVT2)),
    "example14_u0": (
        ("CvT2DistilGPT2 ce_f1_example", _CVT2),
        ("PromptMRG ce_f1", _PROMPTMRG),
        ("RGRG f1_example_all", _RGRG),
    ),
    "micro14_u1": (("f1chexbert, RadEval chexbert-all micro", _RADEVAL), ("RGRG f1_micro_all", _RGRG)),
    "macro14_u1": (("f1chexbert, RadEval chexbert-all macro", _RADEVAL),),
    "weighted14_u1": (("f1chexbert, RadEval chexbert-all weighted", _RADEVAL),),
    "micro5_u1": (
        ("IFCC 5-micro", _IFCC),
        ("f1chexbert, RadEval chexbert-5 micro", _RADEVAL),
        ("RGRG f1_micro_5", _RGRG),
    ),
    "macro5_u1": (("f1chexbert, RadEval chexbert-5 macro", _RADEVAL),),
    "weighted5_u1": (("f1chexbert, RadEval chexbert-5 weighted", _RADEVAL),),
}
"""Convention -> the names under which programs of papers print it, and the file that computes it so. The others were
found under no name."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to make a number of the labels of reports."""

    labels_of: Source
    average: Average
    labels: tuple[str, ...]
    uncertain: Uncertain
    published: str = ""
    """The names it is known by; empty where none was found."""


def metric_name(source: Source, average: Average, n: int, uncertain: Uncertain) -> str:
    """What the score is called, such as `chexpert_macro14_u0`."""
    return f"{source}_{average}{n}_{uncertain}"


def _convention(source: Source, average: Average, n: int, uncertain: Uncertain) -> Convention:
    known = PUBLISHED.get(f"{average}{n}_{uncertain}", ()) if source == "chexpert" else ()
    return Convention(source, average, SETS[n], uncertain, "; ".join(name for name, _ in known))


CONVENTIONS: Mapping[str, Convention] = {
    metric_name(source, average, n, uncertain): _convention(source, average, n, uncertain)
    for source in SOURCES
    for average in AVERAGES
    for n in SETS
    for uncertain in POLICIES
}
"""Metric -> convention."""
PRIMARY = "chexpert_micro14_u1"
"""The first of the profile `chexpert`: what f1chexbert and RadEval call CheXbert-14 micro F1."""
ICD = ("icd_exact_f1", "icd_exact_f1_micro", "icd_prefix3_f1", "icd_prefix3_f1_micro")
"""The scores of diagnosis codes: the mean of images, and all codes taken together."""
