"""Which metrics a task is scored with, and what each of them means there.

`imageclef` is the profile of the edition, read from the key `scoring` of its file; `coco`, `r2gen`, `raw`, `rexrank`
and `chexpert` are the habits of published papers, all but the first of reports. A profile also fixes how texts become
words (`evaluation.metrics.tokens`), so a metric's name and its profile together say what was computed:

    edition = load_edition(2026, Task.CAPTIONS)
    profile_of("imageclef", task=Task.CAPTIONS, edition=edition).roles["relevance"]    # "primary"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evaluation.labels.conventions import CONVENTIONS, ICD, PRIMARY
from tasks.editions import Edition
from tasks.nouns import InputError, Task

Role = Literal["primary", "secondary", "part", "extra"]

SURROGATE = "_surrogate"
"""How the name of an official metric's offline stand-in ends."""

SURROGATES = {
    "relevance_surrogate": ("rouge1", "rougeL", "bertscore_surrogate"),
    "factuality_surrogate": ("medcat_surrogate",),
    "overall_surrogate": ("relevance_surrogate", "factuality_surrogate"),
}
"""Stand-ins for the composites that need models, licences and a GPU, and their parts; ours, no organiser's."""
OPTIONAL = frozenset({"bertscore_surrogate"})
"""Parts that only those have who installed a small encoder."""

COCO = ("bleu1", "bleu2", "bleu3", "bleu4", "rougeL", "cider", "meteor")
REXRANK = ("bleu2_rexrank", "bertscore_rexrank", "semb", "radgraph_f1", "ratescore", "green")
"""ReXrank's columns after its first, 1/RadCliQ-v1."""
CHEXBERT = tuple(f"chexbert_{average}{n}_u1" for n in (14, 5) for average in ("micro", "macro", "weighted"))
"""The six that f1chexbert prints: an uncertain label counts as present."""
CONCEPT_EXTRAS = ("precision", "recall", "f1_micro", "f1_macro")
TEXT_EXTRAS = ("rouge2", "rougeL", "bleu1", "bleu2", "bleu3", "bleu4", "cider")
"""What the profile `imageclef` adds to the organisers' metrics; ROUGE there is that of rouge-score."""
STEMMED = ("rouge1_stem", "rouge2_stem", "rougeL_stem")
"""The same with that package's stemmer."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The metrics of one task under one convention."""

    name: str
    roles: Mapping[str, Role]
    """Metric -> role, in the order of the table."""
    composites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Score -> the scores it is the mean of."""
    optional: frozenset[str] = frozenset()
    """Parts without which a composite is computed all the same; only surrogates have such parts."""
    on_request: frozenset[str] = frozenset()
    """Metrics that are computed only when they are named."""
    secondary_cuis: frozenset[str] = frozenset()
    """The CUIs that the secondary concept score keeps."""
    skips_empty_truth: bool = False
    """Whether an image without a true concept is left out of the primary concept score."""
    drops_id_images: bool = False
    """Whether an image whose id holds `ID` is dropped as a header, from prediction and truth."""
    preprocessing: tuple[str, ...] = ()
    """Steps of `evaluation.metrics.sentence_bleu` that make the words of a text; none: `tokens.imageclef`."""
    empty_words_match: bool = False
    """Whether two texts count 1 when neither has a word left, or else only when both are empty as they stand."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Metric -> what must be said beside its value."""

    def only(self, metrics: Sequence[str]) -> Profile:
        """The profile with these metrics and no others."""
        kept = {name: parts for name, parts in self.composites.items() if name in metrics}
        return replace(self, roles={name: self.roles[name] for name in metrics}, composites=kept)


def profile_of(name: str, *, task: Task, edition: Edition) -> Profile:
    """The profile called `name` for `task`; InputError naming those that exist."""
    if name == "imageclef":
        return _official(task, edition)
    published = _published(task)
    if name not in published:
        raise InputError(f"no profile '{name}' for {task}: use one of {', '.join(['imageclef', *published])}")
    return published[name]


def _published(task: Task) -> dict[str, Profile]:
    """COCO's metrics, and for reports R2Gen's, which are the same on other words, ReXrank's, and F1 of labels."""
    found: dict[str, Profile] = {}
    if task is not Task.CONCEPTS:
        roles: dict[str, Role] = {**_roles(COCO, primary="cider"), "spice": "extra"}
        found["coco"] = Profile("coco", roles, on_request=frozenset({"spice"}))
    if task is Task.REPORTS:
        found |= {name: Profile(name, _roles(COCO, primary="bleu4")) for name in ("r2gen", "raw")}
        roles = {**_roles(REXRANK, primary="radcliq_v1_inverse"), "radgraph_er": "extra"}
        found["rexrank"] = Profile("rexrank", roles)
        roles = {**_roles(tuple(CONVENTIONS), primary=PRIMARY), **dict.fromkeys((*CHEXBERT, *ICD), "extra")}
        found["chexpert"] = Profile("chexpert", roles)
    return found


def _roles(metrics: tuple[str, ...], *, primary: str) -> dict[str, Role]:
    rest: dict[str, Role] = {metric: "part" for metric in metrics if metric != primary}
    return {primary: "primary", **rest}


def _official(task: Task, edition: Edition) -> Profile:
    """The edition's own profile; report generation has no organiser, so its choice is ours: ROUGE-L first."""
    if task is Task.REPORTS:
        scoring: Mapping[str, Any] = {"roles": {"rougeL": "primary", "rouge1": "extra"}}
    elif task.value in edition.scoring:
        scoring = edition.scoring[task.value]
    else:
        raise InputError(f"edition {edition.year} says nothing on scoring {task}: choose another --edition")
    extras = CONCEPT_EXTRAS if task is Task.CONCEPTS else (*TEXT_EXTRAS, *STEMMED)
    composites = {name: tuple(parts) for name, parts in scoring.get("composites", {}).items()}
    if composites:
        composites |= SURROGATES
        extras = (*SURROGATES, "bertscore_surrogate", "medcat_surrogate", *extras)
    return Profile(
        "imageclef",
        {**dict.fromkeys(extras, "extra"), **scoring["roles"]},
        composites,
        optional=OPTIONAL,
        on_request=frozenset(STEMMED),
        secondary_cuis=frozenset(scoring.get("secondary_cuis", ())),
        skips_empty_truth=scoring.get("empty_truth") == "skipped",
        drops_id_images=edition.id_rule,
        preprocessing=tuple(scoring.get("preprocessing", ())),
        empty_words_match=scoring.get("empty_pairs") == "words",
        notes=scoring.get("notes", {}),
    )
