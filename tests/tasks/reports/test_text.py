"""Reports as models write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.nouns import Report
from tasks.reports.text import HEADING, format_report, is_labels, parse_report


@pytest.mark.parametrize(
    "text",
    [
        "Findings: Clear lungs. No effusion.\nImpression: Normal.",
        "FINDINGS:\nClear lungs. No effusion.\n\nIMPRESSION:\nNormal.",
        "**Findings:** Clear lungs. No effusion.\n**Impression:** Normal.",
        "**Findings**: Clear lungs.\n  No effusion.\n**Impression**: Normal.",
        "## Findings\n- Clear lungs.\n- No effusion.\n\n## Impression\n1. Normal.",
        "findings: Clear lungs. No effusion. impression: Normal.",
        "FINDINGS: Clear lungs. No effusion. IMPRESSION: Normal.",
        "Here is the report.\n1. Findings: Clear lungs. No effusion.\n2. Impression: Normal.",
        '{"findings": "Clear lungs. No effusion.", "impression": "Normal."}',
        '```json\n{"Findings": ["Clear lungs.", "No effusion."], "IMPRESSION": "Normal.", "x": null}\n```',
        "Impression: Normal.\nFindings: Clear lungs. No effusion.",
        "Findings: Clear lungs. No effusion.\nConclusion: Normal.",
    ],
)
def test_two_sections(text: str) -> None:
    assert parse_report(text) == Report("Clear lungs. No effusion.", "Normal.")


def test_one_section_is_enough() -> None:
    assert parse_report("Impression: Normal chest.") == Report("", "Normal chest.")
    assert parse_report("Findings: Clear") == Report("Clear", "")
    assert parse_report('{"impression": "Normal"}') == Report("", "Normal")
    assert parse_report("Findings: Clear IMPRESSION: Normal") == Report("Clear", "Normal")


@pytest.mark.parametrize(
    "labels",
    [
        '{"Edema": 1, "Pleural Effusion": 0, "Fracture": -1, "No Finding": null}',
        "{'Edema': 1, 'Pleural Effusion': 0, 'Fracture': -1, 'No Finding': None,}",
        "{'Edema': 1.0, 'Pleural Effusion': 'negative', 'Fracture': uncertain, 'No Finding': blank",
        "{Edema: positive, Pleural Effusion: absent, Fracture: -1.0, No Finding: null",
    ],
)
@pytest.mark.parametrize("rest", ["", "\nICD: {I10: 1}", " ICD: {'J18': 1}"])
def test_labels_however_they_are_written(labels: str, rest: str) -> None:
    report = parse_report(f"Impression: Oedema.\nCheXpert: {labels}{rest}")
    assert report.impression == "Oedema."
    assert report.labels == {"Edema": 1, "Pleural Effusion": 0, "Fracture": -1, "No Finding": None}


def test_words_without_quotes_may_be_cut_and_are_no_section() -> None:
    with pytest.raises(ValueError, match="no findings and no impression"):
        parse_report("{findings: Clear lungs, impression: Normal}")


@pytest.mark.parametrize("end", ["}", ""])
def test_half_characters_are_no_text(end: str) -> None:
    """JSON can escape what UTF-8 cannot hold; a pair of halves is a character."""
    written = r'{"findings": "\ud83d\ude00 \ud800 lungs", "impression": "Normal", "CheXpert": {"\udc00": 1}' + end
    report = parse_report(written)
    assert report == Report("\U0001f600 � lungs", "Normal", {"�": 1})
    assert format_report(report).encode()


@pytest.mark.parametrize("text", ["", "The lungs are clear.", "Findings:\nImpression:", "{}", "CheXpert: {'Edema': 1}"])
def test_no_report(text: str) -> None:
    with pytest.raises(ValueError, match="no findings and no impression"):
        parse_report(text)


WORDS = st.lists(st.sampled_from(["clear", "lungs", "no", "effusion.", "3.5", "cm,", "heart"]), max_size=8).map(
    " ".join
)


@given(WORDS, WORDS, st.dictionaries(st.sampled_from(["Edema", "Lung Lesion"]), st.sampled_from([1, 0, -1, None])))
@settings(max_examples=100, deadline=None)
def test_a_written_report_is_read_back(findings: str, impression: str, labels: dict[str, int | None]) -> None:
    report = Report(findings, impression, labels)
    if findings or impression:
        assert parse_report(format_report(report)) == report


@given(st.text(st.one_of(st.characters(), st.sampled_from("findgsmpreo:{}'\"\n*")), max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_report_or_a_value_error(text: str) -> None:
    try:
        report = parse_report(text)
    except ValueError:
        return
    assert report.findings or report.impression


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "2", "0.5", "\u0663"])
def test_a_number_that_is_no_label_is_none(number: str) -> None:
    report = parse_report(f'Findings: clear.\nCheXpert: {{"Edema": {number}, "Fracture": 1.0}}')
    assert report.labels.get("Edema") is None
    assert report.labels["Fracture"] == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"findings": "Clear lungs.", "impression": "Normal.", "labels": {"Edema": 0, "T2 Lesion (new)": null}}',
        '{"labels": {"Edema": "No", "T2 Lesion (new)": "?"}, "impression": "Normal.", "findings": "Clear\n lungs."}',
        'So {"Findings": ["Clear", "lungs."], "IMPRESSION": "Normal.", "CheXpert": {"Edema": 0, "T2 Lesion (new)": 5}}',
    ],
)
def test_a_json_object_is_read_with_its_labels(text: str) -> None:
    assert parse_report(text) == Report("Clear lungs.", "Normal.", {"Edema": 0, "T2 Lesion (new)": None})


def test_json_of_another_shape() -> None:
    assert parse_report('{"findings": {"Lungs": "clear", "Heart": "normal"}, "labels": ["Edema"]}') == Report(
        "Lungs: clear Heart: normal", ""
    )
    assert parse_report('{"x": 1}\nFindings: Clear.') == Report("Clear.", "")
    with pytest.raises(ValueError, match="its JSON has no end"):
        parse_report('{"findings": "Clear lungs.')
    with pytest.raises(ValueError, match=r"no findings and no impression in '{}'$"):
        parse_report("{}")


def test_which_headings_have_labels_under_them() -> None:
    headings = ["Findings:", "\n## IMPRESSION:", "CheXpert labels:", "ICD-10 codes:", "Labels:"]
    assert [is_labels(heading) for heading in headings] == [False, False, True, True, True]
    assert not is_labels("")


def test_a_long_run_of_marks_is_no_trap() -> None:
    assert HEADING.search("*" * 50_000 + "\n" + "1" * 50_000) is None


def test_text_before_the_impression_is_the_findings() -> None:
    assert parse_report("The heart is normal.\nImpression: No disease.") == Report(
        "The heart is normal.", "No disease."
    )
    assert parse_report("Here is the report:\nImpression: No disease.") == Report("", "No disease.")
    assert parse_report("Chatter.\nFindings: Clear.\nImpression: None.") == Report("Clear.", "None.")
