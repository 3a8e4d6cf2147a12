"""Reports are divided at the headings that occur, told apart from text; the answer never slips into the request."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.datasets.mimic.headings import NAMES, section_of
from tasks.datasets.mimic.sections import sections_of

FINDINGS, IMPRESSION = "Made-up lungs are clear.", "No invented disease."


def test_a_report_as_most_are_written() -> None:
    text = f"""                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with made-up cough  // eval for invention

 TECHNIQUE:  Chest PA and lateral

 COMPARISON:  ___

 FINDINGS:

 Made-up lungs
 are clear.

 IMPRESSION:

 {IMPRESSION}

 NOTIFICATION:  The invented result was telephoned at 10:03 A.M.
 """
    assert sections_of(text.replace("\n\n", "\n \n")) == sections_of(text)
    assert sections_of(text) == {
        "examination": "CHEST (PA AND LAT)",
        "indication": "___F with made-up cough // eval for invention",
        "technique": "Chest PA and lateral",
        "comparison": "___",
        "findings": FINDINGS,
        "impression": IMPRESSION,
        "notification": "The invented result was telephoned at 10:03 A.M.",
    }


@pytest.mark.parametrize(
    "heading", ["FINDINGS", "Findings", "findings", "FINDNGS", "FINDINDGS", "Finding", "FINDINGS "]
)
@pytest.mark.parametrize("ending", ["IMPRESSION", "impression", "IMPRESSSION", "IMPRESSON", "MPRESSION", "CONCLUSION"])
def test_spellings_of_the_headings(heading: str, ending: str) -> None:
    expected = {"findings": FINDINGS, "impression": IMPRESSION}
    assert sections_of(f"{heading}: {FINDINGS}\n {ending}:\n \n {IMPRESSION}") == expected


@pytest.mark.parametrize(
    "text",
    [
        f"FINDINGS: {FINDINGS} IMPRESSION: {IMPRESSION}",
        f"FINDINGS: {FINDINGS}  Impression: {IMPRESSION}",
        f"FINDINGS: {FINDINGS} impression: {IMPRESSION}",
        f"FINDINGS: {FINDINGS} IMPRESSSION: {IMPRESSION}",
        f"FINDINGS\n{FINDINGS}\nIMPRESSION\n{IMPRESSION}",
        f"Findings\n{FINDINGS}\n\nImpression\n{IMPRESSION}",
        f"FINDINGS {FINDINGS}\nIMPRESSION {IMPRESSION}",
        f"FINDINGS:{FINDINGS.replace('Made', ' Made')}\r\nIMPRESSION:\r\n{IMPRESSION}\r\n",
        f"CHEST, PA AND LATERAL:\n\nFINDINGS: {FINDINGS}\nIMPRESSION: {IMPRESSION}",
        f"CHEST, TWO VIEWS:  {FINDINGS}\n\nIMPRESSION: {IMPRESSION}",
        f"AP CHEST, 10:03 A.M., ___:  {FINDINGS}\n\nIMPRESSION: {IMPRESSION}",
        f"IMPRESSION: Of another day.\n______________________________\nFINDINGS: {FINDINGS}\nIMPRESSION: {IMPRESSION}",
    ],
)
def test_headings_in_a_line_without_colon_and_as_titles(text: str) -> None:
    assert sections_of(text) == {"findings": FINDINGS, "impression": IMPRESSION}


@pytest.mark.parametrize("heading", ["FINDINGS AND IMPRESSION", "FINDINGS/IMPRESSION", "FINDINGS/ IMPRESSION"])
def test_findings_and_impression_in_one_are_an_impression(heading: str) -> None:
    assert sections_of(f"{heading}:  {FINDINGS}") == {"impression": FINDINGS}


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("REASON FOR EXAM", "indication"),
        ("Reason for examination", "indication"),
        ("CLINICAL INFORMATION", "history"),
        ("CLINICAL HISTORY", "history"),
        ("COMPARSION", "comparison"),
        ("REFERENCE EXAM", "comparison"),
        ("TYPE OF EXAMINATION", "examination"),
        ("RECOMMENDATION(S)", "recommendations"),
    ],
)
def test_names_of_the_request(heading: str, section: str) -> None:
    assert sections_of(f"{heading}:  Invented.\n\nIMPRESSION: {IMPRESSION}") == {
        section: "Invented.",
        "impression": IMPRESSION,
    }


def test_a_wet_read_and_an_addendum_are_no_answer() -> None:
    text = f"""WET READ: ___ ___ 8:29 PM
 Preliminary invention.
 ______________________________________________________________________________
                                 FINAL REPORT
 HISTORY:  Invented.

 IMPRESSION:  {IMPRESSION}

 ADDENDUM:  A later thought.
"""
    found = sections_of(text)
    assert found["impression"] == IMPRESSION
    assert (found["wet read"], found["addendum"]) == ("___ ___ 8:29 PM Preliminary invention.", "A later thought.")


@pytest.mark.parametrize("request_heading", ["INDICATION", "HISTORY", "COMPARISON"])
def test_the_body_below_a_request_is_never_context(request_heading: str) -> None:
    text = (
        f" FINAL REPORT\n AP CHEST, 10:03 A.M., ___\n \n {request_heading}:  Asked.\n \n {FINDINGS}\n \n {IMPRESSION}\n"
    )
    assert sections_of(text) == {request_heading.lower(): "Asked.", "body": f"{FINDINGS} {IMPRESSION}"}
    headed = sections_of(f"{text}\n IMPRESSION: {IMPRESSION}")
    assert headed == {request_heading.lower(): "Asked.", "impression": IMPRESSION}


@pytest.mark.parametrize("asked", ["___", "___.", "None", ""])
def test_an_empty_or_masked_request_does_not_take_the_body(asked: str) -> None:
    found = sections_of(f"COMPARISON:  {asked}\n \n {FINDINGS}\n \n IMPRESSION: {IMPRESSION}")
    assert found == {"impression": IMPRESSION} | ({"comparison": asked} if asked else {})
    assert sections_of(f"COMPARISON:  {asked}\n \n {FINDINGS}")["body"] == FINDINGS
    # With findings under their own heading, the paragraph can only be the request.
    assert sections_of(f"HISTORY:\n\n Asked.\n\n FINDINGS: {FINDINGS}") == {"history": "Asked.", "findings": FINDINGS}


def test_without_any_heading_the_whole_text_is_the_body() -> None:
    assert sections_of(f"FINAL REPORT\n CHEST\n\n {FINDINGS}\n\n {IMPRESSION}") == {"body": f"{FINDINGS} {IMPRESSION}"}
    assert sections_of(FINDINGS) == {"body": FINDINGS}
    assert sections_of("FINAL REPORT\n\n ___\n") == {}


def test_subheadings_stay_in_the_findings_and_end_a_request() -> None:
    found = sections_of("HISTORY: Asked.\nOPERATOR:  Nobody.\nFINDINGS:\nLUNGS: Clear.\nHEART: Round.\nPORTABLE: Yes.")
    assert found == {"history": "Asked.", "findings": "LUNGS: Clear. HEART: Round. PORTABLE: Yes."}


def test_findings_that_follow_a_request_at_once_are_no_context() -> None:
    asked = "HISTORY: Asked, but\nin two lines.\nSeen: a made-up lung.\nCOMPARISON: None. Seen again.\n\n"
    answer = {"impression": "Invented."}
    assert sections_of(f"{asked}IMPRESSION: Invented.") == {
        "history": "Asked, but in two lines.",
        "comparison": "None.",
        **answer,
    }
    whole = {"history": "Asked, but in two lines. Seen: a made-up lung.", "comparison": "None. Seen again."}
    assert sections_of(f"{asked}FINDINGS: Here.\n\nIMPRESSION: Invented.") == {**whole, "findings": "Here.", **answer}


def test_words_of_a_sentence_are_no_headings() -> None:
    text = "FINDINGS: The impression: of a rib, unlike the prior\nstudy\nor its comparison\nview. INDICATIONS vary"
    assert sections_of(text) == {"findings": " ".join(text.removeprefix("FINDINGS: ").split())}
    # Two edits are another word.
    assert [section_of(word) for word in ("COMPRESSION", "CONCUSSION", "CONFUSION", "MEDICATION")] == [None] * 4


WORDS = st.lists(
    st.sampled_from(["some", "invented", "words,", "masked", "___", "and", "10:03", "of", "no", "meaning."]), min_size=1
).map(lambda words: " ".join(["Invented", *words]))
HEADED = ("indication", "history", "comparison", "technique", "examination", "findings", "impression", "addendum")
SPELT = {section: [name for name, of in NAMES.items() if of == section and name != "study"] for section in HEADED}


@given(
    st.lists(st.sampled_from(HEADED), unique=True, min_size=1).flatmap(
        lambda names: st.tuples(
            *(st.tuples(st.just(n), st.sampled_from(SPELT[n]), st.booleans(), WORDS) for n in names)
        )
    )
)
def test_sections_that_are_put_together_are_taken_apart(made: tuple[tuple[str, str, bool, str], ...]) -> None:
    text = " FINAL REPORT\n" + "".join(
        f" {title.upper() if capitals else title.capitalize()}:  {told}\n \n" for _, title, capitals, told in made
    )
    whole = {section: told for section, _, _, told in made}
    if "findings" not in whole and "comparison" in whole:  # then its second sentence might be of the findings
        whole["comparison"] = re.split(r"(?<=\.) ", whole["comparison"])[0]
    assert sections_of(text) == whole


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\n :._FINDGSimpreo"))))
def test_no_text_raises_and_no_section_is_empty(text: str) -> None:
    assert all(told.strip() for told in sections_of(text).values())
