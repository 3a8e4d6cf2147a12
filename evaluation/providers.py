"""Metrics that need a model, a licence or another program: what each needs, and where to get the number.

None of them is computed yet, and none is replaced by something else under its name:

    reason("similarity")    # "needs MedImageInsight ..."
"""

from __future__ import annotations

OFFICIAL = "run github.com/taubsity/clef-caption-evaluation-2026"

NEEDS = {
    "meteor": "METEOR 1.5 (Java; the jar in pycocoevalcap); run pycocoevalcap's METEOR on the submission",
    "bertscore": f"microsoft/deberta-xlarge-mnli with idf over all references; {OFFICIAL}",
    "bleurt": f"lucadiliello/BLEURT-20-D12 and bleurt-pytorch; {OFFICIAL}",
    "similarity": f"MedImageInsight (lion-ai/MedImageInsights) and the images; {OFFICIAL}",
    "medcat": f"MedCAT 1 with the UMLS Full model, for which a UMLS licence is needed; {OFFICIAL}",
    "alignscore": f"AlignScore-base and its package; {OFFICIAL}",
}


def reason(metric: str) -> str:
    """Why `metric` has no value and how to get one."""
    return f"needs {NEEDS[metric]}"
