"""What the model learns to write: a reference as text, in a form that a run's parser reads back to the same value.

    targets = Targets.of(Target(order="frequency"), task=Task.CONCEPTS, vocabulary=vocabulary, files=files, train=train)
    targets.answer(("C0040405", "C0817096"))      # "Chest; X-Ray Computed Tomography"
    targets.coded                                 # ("C0032227",): its name does not lead back, so its CUI is written

Concepts    canonical names or CUIs with `; ` between them, a CUI where the name is another concept's too or does not
            survive the parser; CUIs outside the vocabulary, which no run could answer, are left out
Captions    as they are, on one line
Reports     `Findings: ... Impression: ... CheXpert: {...} ICD: [...]` with the labels that are mentioned, or the JSON
            that `generation.json_schema: report` holds a run to: CheXpert's fourteen labels, null where not mentioned,
            and `icd` where there are codes
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runners.answers import AnswerError, parse_answer
from runners.training.config import Target
from tasks.concepts import MOST, Vocabulary
from tasks.datasets.table import find, read_rows
from tasks.nouns import Example, InputError, Report, Task, Value
from tasks.reports.text import format_report, parse_report

_SCHEMA = Path(__file__).parents[1] / "models" / "constrained_report.json"
_TYPE_COLUMNS = ("semantictype", "semantictypes", "sty", "tui", "type")
"""Normalised titles; STY and TUI are those of UMLS's MRSTY."""
_ITEM = re.compile(r"\s*\n\s*(?=(?:[-*•]|\d+[.)])\s)")
"""The line break before an item of a list."""


@dataclass(frozen=True)
class Targets:
    """The template of the answers; `of` is the way to make one."""

    task: Task
    target: Target
    vocabulary: Vocabulary | None
    written: Mapping[str, str]
    """CUI -> what stands for it in an answer; those of the vocabulary."""
    coded: tuple[str, ...]
    """CUIs of the training set written as such although names are wanted: theirs do not lead back to them alone."""
    unknown: Mapping[str, int]
    """CUIs of the training set that the vocabulary lacks, and how many images have them."""
    rank: Mapping[str, int]
    """CUI -> its place, where answers are ordered otherwise than the references."""
    labels: tuple[str, ...]
    """The labels that a report in JSON has."""

    @classmethod
    def of(
        cls,
        target: Target,
        *,
        task: Task,
        vocabulary: Vocabulary | None,
        files: Sequence[Path],
        train: Sequence[Example],
    ) -> Targets:
        """The targets of a training set; `files` are the vocabulary's, which may tell semantic types.

        InputError when they do not and `target.order` is `type`, or when a label has no place in the JSON.
        """
        labels = tuple(_schema_labels()) if task is Task.REPORTS and target.report == "json" else ()
        if labels:
            _refuse_other_labels(train, labels)
        if task is not Task.CONCEPTS or vocabulary is None:
            return cls(task, target, vocabulary, {}, (), {}, {}, labels)
        counts = Counter(cui for example in train if isinstance(example.reference, tuple) for cui in example.reference)
        written = {cui: cui for cui in vocabulary.names}
        if target.concepts == "names":
            written |= _names(vocabulary)
        return cls(
            task=task,
            target=target,
            vocabulary=vocabulary,
            written=written,
            coded=tuple(sorted(c for c in counts if target.concepts == "names" and written.get(c) == c)),
            unknown={cui: n for cui, n in counts.most_common() if cui not in vocabulary.names},
            rank=_ranks(target, counts, files),
            labels=labels,
        )

    def answer(self, value: Value | None) -> str | None:
        """What the model must write; empty when the value says nothing, None when the parser would misread it.

        For example a finding that holds `Impression:` would be cut there: `target.report: json` can say it.
        """
        plain = self.plain(value)
        if not plain:
            return ""
        if isinstance(plain, tuple):
            text = "; ".join(self.written[cui] for cui in plain)
        elif isinstance(value, Report) and isinstance(plain, Report):
            text = self._report(replace(plain, findings=_lines(value.findings), impression=_lines(value.impression)))
        else:
            text = str(plain)
        try:
            found, unmapped = parse_answer(text, task=self.task, vocabulary=self.vocabulary)
        except AnswerError:
            return None
        found = _mentioned(found) if isinstance(found, Report) else found
        return text if not unmapped and found == plain else None

    def plain(self, value: Value | None) -> Value | None:
        """The value as a run reads it: ordered known concepts, a caption on one line, a report without list marks.

        None when the value says nothing.
        """
        if isinstance(value, Report):
            return _plain_report(value)
        if isinstance(value, str):
            return " ".join(value.split()) or None
        known = [cui for cui in value or () if cui in self.written]
        if self.rank:
            known.sort(key=lambda cui: (self.rank.get(cui, len(self.rank)), cui))
        return tuple(known[:MOST]) or None

    def _report(self, report: Report) -> str:
        if self.target.report == "headings":
            return format_report(_mentioned(report))
        document = {
            "findings": report.findings,
            "impression": report.impression,
            "labels": {name: report.labels.get(name) for name in self.labels},
            **({"icd": report.icd} if report.icd else {}),
        }
        return json.dumps(document, ensure_ascii=False)


def _names(vocabulary: Vocabulary) -> dict[str, str]:
    """CUI -> its canonical name, where an entry with that name means this concept alone in any list.

    It is read beside another concept, as an answer without any entry of the vocabulary would be read as prose.
    """
    cuis = list(vocabulary.names)
    names: dict[str, str] = {}
    for n, cui in enumerate(cuis):
        name, other = " ".join((vocabulary.name(cui) or "").split()), cuis[n - 1]
        read = vocabulary.answer(f"{name}; {other}" if other != cui else name)
        if name and read == (tuple(dict.fromkeys((cui, other))), ()):
            names[cui] = name
    return names


def _ranks(target: Target, counts: Mapping[str, int], files: Sequence[Path]) -> dict[str, int]:
    """CUI -> its place: the frequent ones first, or types by frequency and within a type the frequent ones first."""
    if target.order == "given":
        return {}
    types = _types(files) if target.order == "type" else {}
    of_type: Counter[str] = Counter()
    for cui, count in counts.items():
        of_type[types.get(cui, "")] += count if types.get(cui) else 0
    ordered = sorted(counts, key=lambda c: (-of_type[types.get(c, "")], types.get(c, ""), -counts[c], c))
    return {cui: place for place, cui in enumerate(ordered)}


def _types(files: Sequence[Path]) -> dict[str, str]:
    """CUI -> semantic type, from those of the files that have such a column."""
    types: dict[str, str] = {}
    for path in files:
        rows = read_rows(path)
        header = tuple(next(rows)[1])
        cui_at, type_at = find(header, "cui", "cuis", "concept"), find(header, *_TYPE_COLUMNS)
        if cui_at is not None and type_at is not None:
            for _, row in rows:
                types.setdefault(row[cui_at].strip().upper(), row[type_at].strip())
    if not any(types.values()):
        raise InputError(
            "target.order: type needs the concepts' semantic types, and no vocabulary file has a column of them "
            f"({', '.join(path.name for path in files) or 'there is none'}): add a column `Semantic type`, or set "
            "target.order to frequency"
        )
    return types


def _schema_labels() -> Sequence[str]:
    labels: Sequence[str] = json.loads(_SCHEMA.read_text(encoding="utf-8"))["properties"]["labels"]["required"]
    return labels


def _refuse_other_labels(train: Sequence[Example], labels: Sequence[str]) -> None:
    for example in train:
        if isinstance(example.reference, Report) and (other := set(example.reference.labels) - set(labels)):
            raise InputError(
                f"target.report: json has no place for the label '{min(other)}' of {example.image_id}: name the labels "
                f"as CheXpert does ({', '.join(labels[:3])}, ...), or set target.report to headings"
            )


def _lines(text: str) -> str:
    """The text on one line, or each item of a list on its own; the parser drops the marks that the model learns."""
    return "\n".join(filter(None, (" ".join(item.split()) for item in _ITEM.split(text))))


def _plain_report(report: Report) -> Report | None:
    """The report as the parser gives its sections, with the labels that are mentioned; None without a section."""
    if not (report.findings.strip() or report.impression.strip()):
        return None
    try:
        said = {"findings": report.findings, "impression": report.impression}
        read = parse_report(json.dumps({**said, "labels": dict(report.labels), "icd": report.icd}))
    except ValueError:
        return None
    return _mentioned(read)


def _mentioned(report: Report) -> Report:
    """The report without the labels that it does not mention."""
    return replace(report, labels={name: label for name, label in report.labels.items() if label is not None})
