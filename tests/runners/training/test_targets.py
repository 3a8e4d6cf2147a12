"""What is learnt to be written is what a run reads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.answers import parse_answer
from runners.training.config import Target
from runners.training.targets import Targets
from tasks.concepts import MOST, Vocabulary
from tasks.datasets import open_dataset
from tasks.nouns import Example, InputError, Report, Task, Value

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"
CT, CHEST, HEART, SAME, SPLIT, NAMELESS = (f"C000000{n}" for n in range(1, 7))
ODD = Vocabulary(
    {
        CT: ("Tomography, Emission-Computed, Single-Photon",),
        CHEST: ("Chest",),
        HEART: ("Pneumonia, Bacterial",),
        SAME: ("chest",),
        SPLIT: ("effusion; left",),
        NAMELESS: (),
        "C0000007": ("concept: nodule",),
        "C0000008": ("1. rib",),
        "C0000009": ("No chest",),
    }
)
SCHEMA = json.loads(
    (Path(__file__).parents[3] / "runners" / "models" / "constrained_report.json").read_text(encoding="utf-8")
)
LABELS = SCHEMA["properties"]["labels"]["required"]
WORDS = st.text(
    st.sampled_from("abXimpression findings:.-*_;,\n\t\"'{}é1 No") | st.characters(exclude_categories=["Cs"]),
    max_size=60,
)


def examples(*references: Value) -> list[Example]:
    return [Example(f"i{n}", Path(f"{n}.jpg"), "train", value) for n, value in enumerate(references)]


def concept_targets(vocabulary: Vocabulary, *references: Value, files: tuple[Path, ...] = (), **target: str) -> Targets:
    return Targets.of(
        Target.model_validate(target),
        task=Task.CONCEPTS,
        vocabulary=vocabulary,
        files=files,
        train=examples(*references),
    )


def text_targets(task: Task, **target: str) -> Targets:
    return Targets.of(Target.model_validate(target), task=task, vocabulary=None, files=(), train=())


def test_names_lead_back_and_others_are_written_as_cuis() -> None:
    everything = tuple(ODD.names)
    targets = concept_targets(ODD, everything)
    text = targets.answer(everything)
    assert text is not None
    assert text.startswith(
        f"Tomography, Emission-Computed, Single-Photon; Chest; Pneumonia, Bacterial; {SAME}; {SPLIT}; "
    )
    assert {SAME, SPLIT, NAMELESS} <= set(targets.coded) and not {CT, CHEST, HEART} & set(targets.coded)
    assert parse_answer(text, task=Task.CONCEPTS, vocabulary=ODD) == (everything, ())
    for cui in everything:
        alone = targets.answer((cui,))
        assert alone is not None and parse_answer(alone, task=Task.CONCEPTS, vocabulary=ODD) == ((cui,), ())
    assert concept_targets(ODD, everything, concepts="cuis").answer((CHEST, CT)) == f"{CHEST}; {CT}"
    assert not concept_targets(ODD, everything, concepts="cuis").coded


NAMES = st.lists(
    st.text(st.sampled_from("ab ,;.-()1:CTné") | st.characters(exclude_categories=["Cs"]), max_size=12), max_size=2
)


@settings(max_examples=150, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=6), st.data())
def test_any_vocabulary_is_read_back(names: list[list[str]], data: st.DataObject) -> None:
    vocabulary = Vocabulary({f"C{n:07d}": tuple(of_one) for n, of_one in enumerate(names)})
    cuis = tuple(data.draw(st.lists(st.sampled_from(sorted(vocabulary.names)), unique=True, min_size=1)))
    text = concept_targets(vocabulary, cuis).answer(cuis)
    assert text is not None
    assert parse_answer(text, task=Task.CONCEPTS, vocabulary=vocabulary) == (cuis, ())


@pytest.mark.parametrize("path", ["sample", str(SHARED / "roco")])
@pytest.mark.parametrize("order", ["given", "frequency"])
def test_real_vocabularies_are_read_back(path: str, order: str) -> None:
    if path != "sample" and not Path(path).is_dir():
        pytest.skip(f"no {path} here")
    data = open_dataset(path)
    vocabulary = Vocabulary.load(data.vocabulary_files)
    train = data.examples(Task.CONCEPTS, "train")
    targets = Targets.of(
        Target.model_validate({"order": order}), task=Task.CONCEPTS, vocabulary=vocabulary, files=(), train=train
    )
    answered = 0
    for example in train:
        assert isinstance(example.reference, tuple)
        text = targets.answer(example.reference)
        assert text is not None
        if text:
            found, unmapped = parse_answer(text, task=Task.CONCEPTS, vocabulary=vocabulary)
            assert isinstance(found, tuple) and not unmapped
            assert set(found) == set(example.reference) & vocabulary.cuis
            answered += 1
    assert answered > 0.8 * len(train)


def test_orders() -> None:
    references = ((CT, CHEST), (HEART, CHEST), (HEART, CHEST))
    assert concept_targets(ODD, *references, concepts="cuis").answer((CT, CHEST, HEART)) == f"{CT}; {CHEST}; {HEART}"
    frequent = concept_targets(ODD, *references, concepts="cuis", order="frequency")
    assert frequent.answer((CT, HEART, NAMELESS, CHEST)) == f"{CHEST}; {HEART}; {CT}; {NAMELESS}"


def test_grouped_by_type(tmp_path: Path) -> None:
    file = tmp_path / "cui_mapping.csv"
    file.write_text(f"CUI,Name,Semantic type\n{CT},a,Test\n{CHEST},b,Region\n{HEART},c,Test\n", encoding="utf-8")
    vocabulary = Vocabulary.load([file])
    references = ((CT, CHEST), (CHEST,), (HEART,), (HEART,))
    targets = concept_targets(vocabulary, *references, files=(file,), order="type", concepts="cuis")
    assert targets.answer((CHEST, CT, HEART)) == f"{HEART}; {CT}; {CHEST}"  # three tests, two regions
    file.write_text(f"CUI,Name\n{CT},a\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"Semantic type.*frequency"):
        concept_targets(vocabulary, *references, files=(file,), order="type")


def test_concepts_outside_the_vocabulary_are_left_out_and_counted() -> None:
    targets = concept_targets(ODD, (CHEST, "C9999999"), ("C9999999",), ())
    assert targets.answer((CHEST, "C9999999")) == "Chest"
    assert targets.answer(("C9999999",)) == "" == targets.answer(()) == targets.answer(None)
    assert targets.unknown == {"C9999999": 2}


def test_no_more_concepts_than_are_read() -> None:
    many = Vocabulary({f"C{n:07d}": (f"name {n}x",) for n in range(MOST + 5)})
    text = concept_targets(many, tuple(many.names)).answer(tuple(many.names))
    assert text is not None and text.count(";") == MOST - 1


@given(st.text())
def test_captions_are_read_back(caption: str) -> None:
    text = text_targets(Task.CAPTIONS).answer(caption)
    assert text == " ".join(caption.split())
    if text:
        assert parse_answer(text, task=Task.CAPTIONS, vocabulary=None) == (text, ())


@settings(max_examples=400, deadline=None)
@given(
    WORDS,
    WORDS,
    st.dictionaries(st.sampled_from(LABELS), st.sampled_from([1, 0, -1, None])),
    st.sampled_from([(), ("I10",), ("428.0", "V58.61")]),
    st.sampled_from(["headings", "json"]),
)
def test_reports_are_read_back_or_not_learnt(
    findings: str, impression: str, labels: dict[str, int | None], codes: tuple[str, ...], form: str
) -> None:
    report = Report(findings, impression, labels, codes)
    targets = text_targets(Task.REPORTS, report=form)
    text = targets.answer(report)
    if not text:
        return
    found, _ = parse_answer(text, task=Task.REPORTS, vocabulary=None)
    assert isinstance(found, Report)
    plain = targets.plain(report)
    assert isinstance(plain, Report)
    assert (found.findings, found.impression, found.icd) == (plain.findings, plain.impression, codes)
    assert {k: v for k, v in found.labels.items() if v is not None} == {
        k: v for k, v in labels.items() if v is not None
    }


@given(st.from_regex(r"[A-Za-z][a-z ,()%0-9]{0,40}\.", fullmatch=True), st.sampled_from(["headings", "json"]))
def test_plain_sentences_are_never_left_out(sentence: str, form: str) -> None:
    said = " ".join(sentence.split())
    answer = text_targets(Task.REPORTS, report=form).answer(Report(said, said))
    assert answer
    assert parse_answer(answer, task=Task.REPORTS, vocabulary=None)[0] == (
        Report(said, said) if form == "headings" else Report(said, said, dict.fromkeys(LABELS))
    )


def test_a_report_that_would_be_cut_is_not_learnt_with_headings() -> None:
    report = Report("Clear.\nImpression: see below.", "Normal.")
    assert text_targets(Task.REPORTS).answer(report) is None
    written = text_targets(Task.REPORTS, report="json").answer(report)
    assert written is not None
    found, _ = parse_answer(written, task=Task.REPORTS, vocabulary=None)
    assert isinstance(found, Report) and found.findings == "Clear. Impression: see below."


@pytest.mark.parametrize("form", ["headings", "json"])
def test_lists_keep_their_items_and_wrapped_lines_are_joined(form: str) -> None:
    text = text_targets(Task.REPORTS, report=form).answer(
        Report("- Heart\n  normal.\n\n- Lungs  clear.", "1. A.\n2. B.")
    )
    assert text is not None
    for part in ("- Heart normal.\n- Lungs clear.", "1. A.\n2. B."):
        assert part in text.replace("\\n", "\n")
    found, _ = parse_answer(text, task=Task.REPORTS, vocabulary=None)
    assert isinstance(found, Report)
    assert (found.findings, found.impression) == ("Heart normal. Lungs clear.", "A. B.")


def test_headings_name_the_labels_that_are_mentioned() -> None:
    report = Report("Clear.", "Normal.", {"Edema": 0, "Fracture": None})
    assert text_targets(Task.REPORTS).answer(report) == 'Findings: Clear.\nImpression: Normal.\nCheXpert: {"Edema": 0}'


def test_codes_and_labels_in_other_spellings_are_learnt() -> None:
    """As the published target has it: "Impression: ... CheXpert: {...} ICD: ...", without findings."""
    report = Report("", "Normal.", {"pleural_effusion": 0}, ("I10", "428.0"))
    assert text_targets(Task.REPORTS).answer(report) == (
        'Impression: Normal.\nCheXpert: {"Pleural Effusion": 0}\nICD: ["I10", "428.0"]'
    )
    written = json.loads(text_targets(Task.REPORTS, report="json").answer(report) or "")
    assert written["icd"] == ["I10", "428.0"] and list(written) == [*SCHEMA["required"], "icd"]


def test_the_json_is_that_of_the_schema() -> None:
    report = Report("Größe normal.", "", {"Edema": 0, "Fracture": None})
    text = text_targets(Task.REPORTS, report="json").answer(report)
    assert text is not None and text.startswith(
        '{"findings": "Größe normal.", "impression": "", "labels": {"No Finding": null'
    )
    written = json.loads(text)
    assert list(written) == SCHEMA["required"] and list(written["labels"]) == LABELS
    assert {k for k, v in written["labels"].items() if v is not None} == {"Edema"}


def test_labels_that_the_schema_lacks_are_refused() -> None:
    with pytest.raises(InputError, match=r"no place for the label 'Tumour' of i0.*headings"):
        Targets.of(
            Target(report="json"),
            task=Task.REPORTS,
            vocabulary=None,
            files=(),
            train=examples(Report("a", "b", {"Tumour": 1})),
        )


@pytest.mark.parametrize("form", ["headings", "json"])
@pytest.mark.parametrize("path", ["sample", str(SHARED / "iu_xray")])
def test_real_reports_are_all_learnt(path: str, form: str) -> None:
    if path != "sample" and not Path(path).is_dir():
        pytest.skip(f"no {path} here")
    targets = text_targets(Task.REPORTS, report=form)
    for example in open_dataset(path).examples(Task.REPORTS, "train"):
        assert isinstance(example.reference, Report)
        text = targets.answer(example.reference)
        assert text
        found, _ = parse_answer(text, task=Task.REPORTS, vocabulary=None)
        assert isinstance(found, Report)
        for section in (example.reference.findings, example.reference.impression):
            assert " ".join(section.split()) in text.replace("\\n", " ")  # as it was written, with its numbers
        assert example.reference.findings.split()[-3:] == found.findings.split()[-3:]


@pytest.mark.parametrize("report", [Report("", ""), Report(" \n", "\t"), Report("", "", {"Edema": 1})])
def test_a_report_without_words_is_empty(report: Report) -> None:
    assert text_targets(Task.REPORTS).answer(report) == "" == text_targets(Task.REPORTS, report="json").answer(report)
