"""`concepts map` with files in the form of the UMLS and with a text encoder: what is found, replaced, denied, told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from runners.concepts.commands import map_concepts
from tasks.nouns import InputError
from tests.runners.concepts.making import tiny_bert
from tests.tasks.test_umls import BASAL, EFFUSION, HEART, LOBAR, PNEUMONIA, conso, rel, written

LUNG = "C0024109"


def run(folder: Path, rows: str, *options: object) -> Result:
    vocabulary = written(
        folder / "cui_mapping.csv",
        ["CUI,Canonical name\n", f"{PNEUMONIA},Pneumonia\n{EFFUSION},effusion\n{HEART},Heart\n{LUNG},Lung\n"],
    )
    table = written(folder / "table.csv", [rows])
    return CliRunner().invoke(map_concepts, [str(table), "--vocabulary", str(vocabulary), *map(str, options)])


def test_with_names_and_relations(tmp_path: Path) -> None:
    names = written(tmp_path / "MRCONSO.RRF", [conso(LOBAR, "Lobar pneumonia"), conso(HEART, "Cardiac structure")])
    relations = written(tmp_path / "MRREL.RRF", [rel(LOBAR, "PAR", PNEUMONIA), rel(BASAL, "RB", PNEUMONIA)])
    captions = 'ID,Caption\na,"Lobar pneumonia, cardiac structures"\nb,"No effusion, lobar pneumonia or unicorn."\n'
    result = run(tmp_path, captions, "--names", names, "--relations", relations)
    assert result.stdout == f"ID,CUIs\na,{PNEUMONIA};{HEART}\nb,\n"
    assert "2 rows, 1 of them without a concept" in result.stderr
    assert "2 mentions (2 different) denied and left out" in result.stderr
    assert "1 concept (1 different) outside the vocabulary, replaced by the nearest ancestors in it" in result.stderr
    assert f"1  Lobar pneumonia {LOBAR} -> Pneumonia {PNEUMONIA}" in result.stderr

    named = run(tmp_path, f"ID,CUIs\na,{LOBAR};{HEART};C0000009\n", "--relations", relations)
    assert named.stdout == "ID,Concepts\na,Pneumonia;Heart\n"
    assert "1 term (1 different) could not be mapped:\n       1  C0000009" in named.stderr


def test_with_an_encoder(tmp_path: Path) -> None:
    encoder = tiny_bert(tmp_path / "bert", pooling="pooling_mode_mean_tokens")
    captions = "ID,Caption\na,Large pulmonary shadow\nb,no cardiac shadow and no effusion\n"
    plain = run(tmp_path, captions)
    assert plain.stdout == "ID,CUIs\na,\nb,\n"
    result = run(tmp_path, captions, "--encoder", encoder, "--least", "0.999")
    assert result.stdout == f"ID,CUIs\na,{LUNG}\nb,\n"
    assert f"1.00  pulmonary -> Lung {LUNG}" in result.stderr
    assert "2 phrases read as the concept whose name is most like them" in result.stderr
    assert "2 mentions (2 different) denied and left out" in result.stderr

    listed = run(tmp_path, "cardiac\nno fluid\npneumonia\n", "--encoder", encoder, "--least", "0.999")
    assert listed.stdout == f"Name,CUIs\ncardiac,{HEART}\nno fluid,\npneumonia,{PNEUMONIA}\n"
    assert "1 term (1 different) could not be mapped:\n       1  no fluid" in listed.stderr


def test_what_is_denied_is_kept_when_asked(tmp_path: Path) -> None:
    result = run(tmp_path, "ID,Caption\na,heart without effusion\n", "--keep-denied")
    assert result.stdout == f"ID,CUIs\na,{HEART};{EFFUSION}\n"
    assert "denied" not in result.stderr


def test_a_caption_run_enters_task_1(tmp_path: Path) -> None:
    from tasks.check import check_file
    from tasks.editions import load_edition
    from tasks.nouns import Task

    run(tmp_path, "ID,Caption\na,x\n")  # writes the vocabulary
    (tmp_path / "base").mkdir()
    written(tmp_path / "base/submission.csv", ["ID,Caption\na,A heart.\nb,unicorn\n"])
    out = tmp_path / "task1.csv"
    asked = [str(tmp_path / "base"), "--vocabulary", str(tmp_path / "cui_mapping.csv"), "--out", str(out)]
    assert CliRunner().invoke(map_concepts, asked).exit_code == 0
    assert out.read_text(encoding="utf-8") == f"ID,CUIs\na,{HEART}\nb,\n"
    assert check_file(out, edition=load_edition("2026", Task.CONCEPTS), ids=("a", "b")).accepted


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("ID,Caption\na,lung\n", ("--least", "0.5"), "give --encoder too"),
        (f"ID,CUIs\na,{LUNG}\n", ("--encoder", "sample"), "--encoder reads text, and the file holds CUIs"),
        ("ID,Caption\na,lung\n", ("--relations", "none.RRF"), "none.RRF cannot be read"),
        ("ID,Caption\na,lung\n", ("--names", "none.RRF"), "none.RRF cannot be read"),
        ("", (), "table.csv is empty"),
    ],
)
def test_what_cannot_be_mapped(tmp_path: Path, rows: str, options: tuple[str, ...], message: str) -> None:
    result = run(tmp_path, rows, *options)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
