"""A report is read back from what is written of it, and from the ways in which models break that."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.nouns import Report
from tasks.reports.labels import LABELS
from tasks.reports.text import format_report, parse_report, sections

Change = Callable[[str], str]
PIECES = [
    "clear",
    "lungs,",
    "no",
    "effusion.",
    "heart:",
    "normal",
    "patient's",
    "size;",
    "3.5 cm,",
    '"tree-in-bud"',
    '"x",',
    "{2}",
    "[old]",
    "C:\\rib",
    "Größe",
    "“both”",
    "null",
    "ICD: leads",
]
CODES = ["I10", "428.0", "4280", "V58.61", "E849.0", "j18.9", "S52.131A", "I1O.5", "99999X"]
LABEL = st.sampled_from([1, 0, -1, None])


def reports(pieces: list[str], names: list[str]) -> st.SearchStrategy[Report]:
    texts = st.lists(st.sampled_from(pieces), max_size=8).map(" ".join)
    labels = st.dictionaries(st.sampled_from(names), LABEL)
    codes = st.lists(st.sampled_from(CODES), unique_by=lambda code: code.replace(".", "")).map(tuple)
    return st.builds(Report, texts, texts, labels, codes).filter(lambda r: bool(r.findings or r.impression))


@given(reports(PIECES, [*LABELS, "Größe", "T2 Lesion (new)", 'a "b": {c}']))
@settings(max_examples=400, deadline=None)
def test_a_written_report_is_read_back(report: Report) -> None:
    assert parse_report(format_report(report)) == report
    written = {"findings": report.findings, "impression": report.impression, "labels": dict(report.labels)}
    if re.search(r"\w", report.findings + report.impression):
        assert parse_report(json.dumps({**written, "icd": report.icd})) == report


def _single(text: str) -> str:
    return text.replace('\\"', "\0").replace('"', "'").replace("\0", '"')


def _without_last(mark: str) -> Change:
    return lambda text: text.rstrip()[:-1] if text.rstrip().endswith(mark) else text


OBJECT_CHANGES: dict[str, Change] = {
    "no last brace": lambda text: text[:-1],
    "no last bracket": lambda text: text[:-2],
    "no comma": lambda text: text.replace('", "impression', '" "impression'),
    "trailing commas": lambda text: re.sub(r"([}\]])(?=[,}\]]|$)", r",\1", text),
    "single quotes": _single,
    "Python": lambda text: repr(json.loads(text)),
    "quotes that nobody escaped": lambda text: text.replace('\\"', '"'),
    "bare keys": lambda text: re.sub(r'(?<=[{ ])"([A-Za-z ]+)": ', r"\1: ", text),
    "other keys": lambda text: text.replace('"findings"', '"FINDINGS"').replace('"icd"', '"ICD-10_codes"'),
    "other labels": lambda text: re.sub("|".join(LABELS), lambda m: m[0].upper().replace(" ", "_"), text),
    "indented": lambda text: json.dumps(json.loads(text), indent=2),
    "fence": lambda text: f"Here {{it}} is:\n```json\n{text}\n```\nThat's {{all}}.",
    "fence without brace": lambda text: f"```json\n{text[:-1]}\n```",
    "text round it": lambda text: f"The patient's report: {text} Ask a doctor, please.",
    "nested": lambda text: f'{{"report": {text}}}',
    "list": lambda text: f"[{text}]",
    "string": lambda text: json.dumps({"answer": format_report(parse_report(text))}),
    "comment": lambda text: text.replace(', "labels"', ', // CheXpert\n "labels"'),
}


PLAIN = reports([piece for piece in PIECES if piece not in {"“both”", '"x",'}], list(LABELS))


@pytest.mark.parametrize("change", OBJECT_CHANGES)
@given(report=PLAIN)
@example(report=Report("Clear, heart: normal.", 'The "patient\'s" lungs.', {"Edema": None}, ("I10",)))
@settings(max_examples=60, deadline=None)
def test_a_broken_object_says_the_same(change: str, report: Report) -> None:
    if not re.search(r"\w", report.findings + report.impression):
        return
    said: dict[str, Any] = {"findings": report.findings, "impression": report.impression}
    text = json.dumps({**said, "labels": dict(report.labels), "icd": report.icd}, ensure_ascii=False)
    assert parse_report(OBJECT_CHANGES[change](text)) == report


HEADING_CHANGES: dict[str, Change] = {
    "no last bracket": _without_last("]"),
    "no last brace": _without_last("}"),
    "no brace but the first": lambda text: re.sub(r"\}(?=\nICD|$)", "", text),
    "trailing commas": lambda text: re.sub(r"([}\]])(?=\n|$)", r",\1", text),
    "single quotes": lambda text: re.sub(r"(?<=CheXpert: ).*|(?<=ICD: ).*", lambda m: _single(m[0]), text),
    "codes in a line": lambda text: re.sub(r"(?<=ICD: )\[(.*)\]", lambda m: m[1].replace('"', ""), text),
    "codes as an object": lambda text: re.sub(r"(?<=ICD: )\[(.*)\]", lambda m: _as_object(m[1]), text),
    "other case": lambda text: text.replace("CheXpert:", "CHEXPERT LABELS:").replace("Findings:", "FINDINGS:"),
    "bold": lambda text: re.sub("^(Findings|Impression|CheXpert|ICD):", r"**\1:**", text, flags=re.MULTILINE),
    "markdown": lambda text: re.sub("^(Findings|Impression|CheXpert|ICD): ", r"## \1\n", text, flags=re.MULTILINE),
    "fence": lambda text: f"```text\n{text}\n```",
    "one line": lambda text: text.replace("\n", " "),
}


def _as_object(codes: str) -> str:
    return "{" + ", ".join(f"{code}: 1" for code in codes.split(", ")) + ', "R05": 0}'


@pytest.mark.parametrize("change", HEADING_CHANGES)
@given(
    report=st.builds(
        Report,
        st.sampled_from(["Clear lungs, heart: normal.", ""]),
        st.sampled_from(["The patient's heart is large.", "No ICD: leads seen."]),
        st.dictionaries(st.sampled_from(LABELS), LABEL),
        st.lists(st.sampled_from(["I10", "428.0", "V58.61", "j18.9"]), unique=True).map(tuple),
    )
)
@settings(max_examples=60, deadline=None)
def test_broken_headings_say_the_same(change: str, report: Report) -> None:
    assert parse_report(HEADING_CHANGES[change](format_report(report))) == report


@given(st.text(st.one_of(st.characters(), st.sampled_from("findgsmpreoIC D:{}[]'\"\\\n*,/`")), max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_report_or_a_value_error(text: str) -> None:
    sections(text)
    try:
        report = parse_report(text)
    except ValueError:
        return
    assert report.findings or report.impression


LONG = 20_000
TRAPS = [
    "{" * LONG,
    '{"a":' * LONG,
    '{"findings":' + "[" * LONG,
    '{"findings":' + "[" * 900 + "]" * 900 + "}",
    '{"a":' * 900 + "1" + "}" * 900,
    '{"findings": "' + '"' * LONG,
    "{'findings': '" + "\\" * LONG,
    "{a: b" + "," * LONG + " x!",
    "{a: b" + "\n" * LONG + "x!",
    "{" + "lorem ipsum, " * LONG,
    '{"a" "b" \' ' * LONG,
    '{"findings": "' + 'a "b", c ' * LONG,
    '{"findings":""}' * LONG,
    '{"findings":"a' + ' {"findings":' * LONG,
    "Clear." + " " * LONG + "x",
    "Labels: " + "a" * LONG,
    "Impression: x\nLabels: " + "a " * LONG,
    "Impression: x\nICD:" + " \n" * LONG + "leads",
    "Impression: x\nICD: [" + "I10," * LONG,
    "Findings" + " " * LONG,
    "Findings: " * LONG,
    "ICD " * LONG,
    "A" * LONG + ":",
    "*" * LONG + "\n" + "1" * LONG,
]


@pytest.mark.parametrize("text", TRAPS, ids=lambda text: text[:16])
def test_the_time_grows_with_the_length_alone(text: str) -> None:
    """A pattern that tries every end for every beginning needs minutes here."""
    start = time.process_time()
    try:
        parse_report(text)
    except ValueError as error:
        assert "no findings and no impression" in str(error)
    assert time.process_time() - start < 10
