"""Names and ancestors out of files in the form of the UMLS, made here: nothing of the UMLS itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.concept_tables import map_table
from tasks.concepts import Vocabulary
from tasks.nouns import InputError
from tasks.umls import MOST_STEPS, extended, read_nearest, words_of

PNEUMONIA, EFFUSION, HEART, LOBAR, BASAL = "C0032285", "C0013687", "C0018787", "C0032302", "C9000001"
VOCABULARY = Vocabulary({PNEUMONIA: ("Pneumonia",), EFFUSION: ("effusion",), HEART: ("Heart",)})


def conso(cui: str, name: str, *, language: str = "ENG", suppress: str = "N", preferred: bool = True) -> str:
    ts, stt, ispref = ("P", "PF", "Y") if preferred else ("S", "VO", "N")
    return f"{cui}|{language}|{ts}|L1|{stt}|S1|{ispref}|A1||||MSH|MH|D1|{name}|0|{suppress}||\n"


def rel(first: str, relation: str, second: str, *, suppress: str = "N") -> str:
    return f"{first}|A1|AUI|{relation}|{second}|A2|AUI|isa|R1||MSH|MSH|||{suppress}||\n"


def written(path: Path, rows: Iterable[str]) -> Path:
    path.write_text("".join(rows), encoding="utf-8")
    return path


def wider(tmp_path: Path, *rows: str, nearest: tuple[str, ...] = (), text: str = "") -> Vocabulary:
    path = written(tmp_path / "MRCONSO.RRF", rows)
    return extended(VOCABULARY, [path], nearest=dict.fromkeys(nearest), words=words_of([text]))


def test_names_are_added_to_the_concepts_of_the_vocabulary_alone(tmp_path: Path) -> None:
    vocabulary = wider(
        tmp_path,
        conso(HEART, "Cardiac structure"),
        conso(HEART, "Corazón", language="SPA"),
        conso(HEART, "Old cardiac name", suppress="O"),
        conso(LOBAR, "Lobar pneumonia"),
    )
    assert vocabulary.cuis == VOCABULARY.cuis
    assert vocabulary.names[HEART] == ("Heart", "Cardiac structure")
    assert vocabulary.find("Cardiac structures and corazón") == (HEART,)


def test_a_name_stays_with_its_concept_and_everyday_words_are_no_names(tmp_path: Path) -> None:
    vocabulary = wider(
        tmp_path, conso(HEART, "Pneumonia"), conso(HEART, "was"), conso(HEART, "Without"), conso(HEART, "absence of")
    )
    assert vocabulary.names == VOCABULARY.names
    assert vocabulary.find("pneumonia was seen without effusion") == (PNEUMONIA,)


def test_a_name_of_two_concepts_is_the_vocabularys(tmp_path: Path) -> None:
    rows = [conso(LOBAR, "Cardiac structure"), conso(HEART, "Cardiac structure")]
    assert wider(tmp_path, *rows, nearest=(LOBAR,), text="cardiac structure").find("cardiac structure") == (HEART,)


def test_a_concept_without_a_name_is_called_by_the_preferred_one(tmp_path: Path) -> None:
    path = written(tmp_path / "c.RRF", [conso(HEART, "Hearts NOS", preferred=False), conso(HEART, "Heart")])
    vocabulary = extended(Vocabulary({HEART: ()}), [path], nearest={}, words=frozenset())
    assert vocabulary.names[HEART] == ("Heart", "Hearts NOS")


def test_names_come_from_a_table_too(tmp_path: Path) -> None:
    path = written(tmp_path / "names.csv", [f"CUI,Name\n{HEART},Cor humanum\n{LOBAR},Lobar pneumonia\n"])
    vocabulary = extended(VOCABULARY, [path], nearest={}, words=frozenset())
    assert vocabulary.find("Cor humanum, lobar pneumonia") == (HEART, PNEUMONIA)


def test_of_concepts_below_only_the_names_that_the_texts_can_hold_are_kept(tmp_path: Path) -> None:
    rows = [conso(LOBAR, "Pneumonia, Lobar"), conso(LOBAR, "Croupous pneumonia"), conso(BASAL, "Basal pneumonia")]
    vocabulary = wider(tmp_path, *rows, nearest=(LOBAR, BASAL), text="lobar pneumonias")
    assert vocabulary.names[LOBAR] == ("Pneumonia, Lobar",)
    assert vocabulary.names[BASAL] == ()
    assert vocabulary.find("lobar pneumonias") == (LOBAR,)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (rel(LOBAR, "PAR", PNEUMONIA), {LOBAR: (PNEUMONIA,)}),
        (rel(LOBAR, "RB", PNEUMONIA), {LOBAR: (PNEUMONIA,)}),
        (rel(PNEUMONIA, "CHD", LOBAR), {LOBAR: (PNEUMONIA,)}),
        (rel(PNEUMONIA, "RN", LOBAR), {LOBAR: (PNEUMONIA,)}),
        (rel(LOBAR, "CHD", PNEUMONIA), {}),
        (rel(PNEUMONIA, "PAR", LOBAR), {}),
        (rel(LOBAR, "RO", PNEUMONIA), {}),
        (rel(LOBAR, "SIB", PNEUMONIA), {}),
        (rel(LOBAR, "PAR", PNEUMONIA, suppress="O"), {}),
        (rel(PNEUMONIA, "PAR", EFFUSION), {}),
        (rel(LOBAR, "PAR", LOBAR), {}),
        ("", {}),
    ],
)
def test_which_of_two_concepts_stands_above(tmp_path: Path, row: str, found: dict[str, tuple[str, ...]]) -> None:
    assert read_nearest(written(tmp_path / "MRREL.RRF", [row]), VOCABULARY.cuis) == found


def test_the_nearest_ancestors_are_taken_all_of_them_and_none_from_far_above(tmp_path: Path) -> None:
    chain = [f"C8{n:06}" for n in range(MOST_STEPS + 1)]
    rows = [
        *(rel(LOBAR, "PAR", parent) for parent in (PNEUMONIA, EFFUSION, BASAL)),
        rel(BASAL, "PAR", HEART),
        rel(chain[0], "PAR", HEART),
        *(rel(child, "PAR", parent) for parent, child in pairwise(chain)),
        rel(chain[0], "PAR", chain[2]),  # round in a ring
    ]
    nearest = read_nearest(written(tmp_path / "MRREL.RRF", rows), VOCABULARY.cuis)
    assert nearest == {LOBAR: (EFFUSION, PNEUMONIA), BASAL: (HEART,), **dict.fromkeys(chain[:MOST_STEPS], (HEART,))}


@given(st.sets(st.tuples(st.integers(1, 7), st.integers(1, 7)), max_size=20), st.sets(st.integers(1, 7)))
@settings(max_examples=200, deadline=None)
def test_the_nearest_are_those_a_plain_climb_finds(pairs: set[tuple[int, int]], inside: set[int]) -> None:
    def climbed(child: int) -> set[int]:
        level = {child}
        for _ in range(MOST_STEPS):
            level = {above for below, above in pairs if below in level}
            if level & inside:
                return level & inside
        return set()

    with tempfile.TemporaryDirectory() as folder:
        rows = [rel(f"C{below:07}", "PAR", f"C{above:07}") for below, above in sorted(pairs)]
        nearest = read_nearest(written(Path(folder) / "MRREL.RRF", rows), {f"C{n:07}" for n in inside})
    wanted = {n: climbed(n) for n in range(1, 8) if n not in inside}
    assert nearest == {f"C{n:07}": tuple(f"C{m:07}" for m in sorted(up)) for n, up in wanted.items() if up}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (rel(LOBAR, "PAR", PNEUMONIA) + "C0000001|PAR\n", r"MRREL\.RRF:2: 2 fields, where a row .* has 16"),
        (conso(HEART, "Heart"), "19 fields, where a row of MRREL.RRF has 16"),
        (rel("heart", "PAR", PNEUMONIA), r"MRREL\.RRF:1: b'heart' or .* is no CUI"),
        (None, "cannot be read: No such file"),
    ],
)
def test_relations_that_are_none(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "MRREL.RRF"
    if content is not None:
        written(path, [content])
    with pytest.raises(InputError, match=message):
        read_nearest(path, VOCABULARY.cuis)


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"MRCONSO\.RRF:2: 3 fields, where a row of MRCONSO\.RRF has 18"):
        wider(tmp_path, conso(HEART, "Heart"), "C0000001|ENG|P\n")
    path = tmp_path / "MRCONSO.RRF"
    path.write_bytes(conso(HEART, "Coeur").encode().replace(b"Coeur", b"C\xffur"))
    with pytest.raises(InputError, match=r"MRCONSO\.RRF:1: not UTF-8"):
        extended(VOCABULARY, [path], nearest={}, words=frozenset())
    with pytest.raises(InputError, match="cannot be read"):
        extended(VOCABULARY, [tmp_path / "none.RRF"], nearest={}, words=frozenset())


def test_what_is_denied_is_dropped_and_counted() -> None:
    captions = [["ID", "Caption"], ["a", "No effusion."], ["b", "Heart without effusion"], ["c", "no heart. Heart"]]
    mapped = map_table(captions, VOCABULARY)
    assert mapped.table == f"ID,CUIs\na,\nb,{HEART}\nc,{HEART}\n"
    assert mapped.denied == {EFFUSION: 2}
    assert mapped.n_empty == 1


@pytest.mark.parametrize(
    ("column", "text", "cuis"),
    [
        ("Caption", "Lobar pneumonia, heart", f"{PNEUMONIA};{EFFUSION};{HEART}"),
        ("Caption", "No lobar pneumonia; effusion", EFFUSION),
        ("Concepts", f"Lobar pneumonia; {LOBAR}; Heart", f"{PNEUMONIA};{EFFUSION};{HEART}"),
        ("CUIs", f"{LOBAR};{HEART}", "Pneumonia;effusion;Heart"),
    ],
)
def test_a_concept_outside_the_vocabulary_is_replaced_and_counted(
    tmp_path: Path, column: str, text: str, cuis: str
) -> None:
    nearest = {LOBAR: (PNEUMONIA, EFFUSION)}
    vocabulary = wider(tmp_path, conso(LOBAR, "Lobar pneumonia"), nearest=(LOBAR,), text=text)
    mapped = map_table([["ID", column], ["a", text]], vocabulary, nearest=nearest)
    assert mapped.table.splitlines()[1] == f"a,{cuis}"
    assert mapped.replaced == ({} if text.startswith("No") else {LOBAR: 1})
    assert not mapped.unmapped
