"""What could tell who a patient is, by its form: found in each way it is written, and not where it is none."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from tasks.check_texts import doubts
from tasks.reports.disclaimer import DISCLAIMER
from tasks.reports.privacy import KINDS, identifying

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "2019-03-02"),
        ("date", "3/2/2019"),
        ("date", "03/02/19"),
        ("date", "02.03.2019"),
        ("date", "2 March 2019"),
        ("date", "02-Mar-2019"),
        ("date", "March 2, 2019"),
        ("date", "Sept. 2019"),
        ("date", "7/2019"),
        ("name", "Dr. Smith"),
        ("name", "Dr O'Brien-Lee"),
        ("name", "Prof. Anna Berg"),
        ("name", "Mrs. Jones"),
        ("name", "Mr Jones"),
        ("name", "with dr . smith"),
        ("name", "by DR. SMITH"),
        ("name", "DR. O'BRIEN"),
        ("name", "MRS. MILLER"),
        ("name", "Dr.Smith"),
        ("name", "Dr. Müller-Ångström"),
        ("name", "Østergård Šimić, MD"),
        ("name", "John Q. Smith, M.D"),
        ("name", "Dictated by: Jane Doe"),
        ("name", "signed by Jane Doe"),
        ("name", "discussed with Jane McDonald"),
        ("name", "Patient: Jane Doe"),
        ("record number", "MRN: 123456"),
        ("record number", "accession no. AB123456"),
        ("record number", "Medical record #4711"),
        ("number", "12345678"),
        ("social security number", "123-45-6789"),
        ("telephone number", "(555) 123-4567"),
        ("telephone number", "555-123-4567"),
        ("telephone number", "+44 20 7946 0958"),
        ("telephone number", "tel. 030 1234567"),
        ("e-mail address", "jane.doe@clinic.example"),
        ("URL", "https://clinic.example/7"),
        ("URL", "www.clinic.example"),
        ("age over 89", "93-year-old"),
        ("age over 89", "101 y/o"),
        ("age over 89", "aged 92"),
    ],
)
def test_each_kind_is_found_in_a_sentence(kind: str, text: str) -> None:
    assert identifying(text) == [f"{kind} {text}"]
    assert identifying(f"Seen on the film: {text}; no effusion.") == [f"{kind} {text}"]
    assert kind in KINDS


@pytest.mark.parametrize(
    "text",
    [
        "2-3 cm nodule, 1.5-2.3 cm, 5/10/15 mm",
        "L1-2, C5-6, T12/L1, image 5/10, 1/2 of the lung",
        "Seen by Dr. XXXX on ___ at XXXX.",
        "Compared with 2019, MR Imaging, Mr Imaging and MS plaques, DR. No effusion.",
        "MR. XXXX WAS SEEN BY DR. ___. BY MR. NO EFFUSION. DR CHEST, MS PATIENT.",
        "A 45-year-old woman, 90% stenosis, aged 95 days, 91 years of data.",
        "Reviewed with Radiology Resident, reported by Garcia Lopez et al.",
        "Figure 3, T2/2010, NCT01234567, 0.12345678 and 1,234,567 counts",
        "Patient: stable. Name: none. May 5 views be taken, March fracture",
        "Record of 120 mm, pager removed, extension 1234",
        "",
    ],
)
def test_what_only_looks_alike_is_not(text: str) -> None:
    assert identifying(text) == []


def test_all_are_told_in_the_order_of_the_text_and_none_twice() -> None:
    text = "MRN: 12345678, Dr. Smith, 2019-03-02, call 555-123-4567 or jane@clinic.example."
    kinds = ["record number", "name", "date", "telephone number", "e-mail address"]
    assert [next(kind for kind in KINDS if said.startswith(kind)) for said in identifying(text)] == kinds


def test_a_text_made_to_be_slow_is_not() -> None:
    """Word after word that could be a name: a pattern that goes back on itself would take minutes."""
    start = time.process_time()
    identifying("Dr. " + "Aa" * 5000 + " discussed with " + "Abc" * 5000 + "9" * 3000 + "a." * 3000 + "@")
    assert time.process_time() - start < 5


def test_the_check_says_it_of_an_answer() -> None:
    found = dict(doubts("CT of the chest, discussed with Dr. Smith on 2019-03-02."))
    assert found == {"identifying": "the text holds name Dr. Smith, date 2019-03-02"}


@pytest.mark.skipif(not (SHARED / "iu_xray").exists(), reason="needs the 218 reports in shared/data/iu_xray")
def test_reports_that_were_de_identified_hold_nothing() -> None:
    with (SHARED / "iu_xray" / "indiana_reports.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 218
    texts = [row[name] for row in rows for name in ("indication", "findings", "impression")]
    assert not [text for text in texts if identifying(text)]


def test_the_disclaimer_is_two_sentences_without_markup() -> None:
    assert DISCLAIMER.count(". ") == 1 and DISCLAIMER.endswith(".")
    assert "not for clinical use" in DISCLAIMER and not set('<>&"\n') & set(DISCLAIMER)
