"""Names in text to CUIs and back, with negation, other spellings and model output as it comes."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from imageclef import cli
from tasks.concepts import Collision, Vocabulary
from tasks.negation import Cue
from tasks.nouns import InputError

ROCO = Path(__file__).parents[2] / "../shared/data/roco"
TABLE = """CUI,Name,Language
C0040405,X-Ray Computed Tomography,en
C0040405,Tomografía computarizada,es
C1306645,Plain x-ray,en
C0817096,Chest,en
C0817096,Tórax,es
C0032285,Pneumonia,en
C0032285,Neumonía,es
C0004626,"Pneumonia, Bacterial",en
C0032227,Pleural effusion,en
C0032227,Derrame pleural,es
C0013687,effusion,en
C0018800,Cardiomegaly,en
C0018800,Cardiomegalia,es
C0034063,"Tomography, Emission-Computed, Single-Photon",en
C0027627,Neoplasm Metastasis,en
C0016658,Fracture,en
C0015802,Fracture of femur,en
C0221198,Lesion,en
C0221198,Lesión pulmonar,es
C0003842,Artery,en
C0042449,Veins,en
C0032326,Pneumothorax,en
"""


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    path = tmp_path_factory.mktemp("vocabulary") / "cui_mapping.csv"
    path.write_text(TABLE, encoding="utf-8")
    return Vocabulary.load([path])


def names(vocabulary: Vocabulary, text: str) -> list[str | None]:
    return [vocabulary.name(cui) for cui in vocabulary.find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Chest CT: pleural effusions.", ["Chest", "X-Ray Computed Tomography", "Pleural effusion"]),
        ("PLEURAL EFFUSION", ["Pleural effusion"]),
        ("plain X-ray", ["Plain x-ray"]),
        ("plain xray", ["Plain x-ray"]),
        ("plain x‑rays", ["Plain x-ray"]),
        ("bacterial pneumonia", ["Pneumonia, Bacterial"]),
        ("pneumonia, bacterial", ["Pneumonia, Bacterial"]),
        ("single-photon emission computed tomography", ["Tomography, Emission-Computed, Single-Photon"]),
        ("fractures of femur and arteries, a vein", ["Fracture of femur", "Artery", "Veins"]),
        ("Neoplasm metastases", ["Neoplasm Metastasis"]),
        ("Derrames pleurales y NEUMONIA", ["Pleural effusion", "Pneumonia"]),
        ("lesiones pulmonares", ["Lesion"]),
        ("chestnut effusionless", []),
        ("effusion, effusion; chest", ["effusion", "Chest"]),
        ("", []),
    ],
)
def test_spellings(vocabulary: Vocabulary, text: str, found: list[str]) -> None:
    assert names(vocabulary, text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("No pleural effusion, pneumothorax or pneumonia.", []),
        ("No effusion but cardiomegaly", ["Cardiomegaly"]),
        ("No effusion. Cardiomegaly.", ["Cardiomegaly"]),
        ("no effusion, and the chest shows cardiomegaly", ["Chest", "Cardiomegaly"]),
        ("Chest without effusion; fracture", ["Chest", "Fracture"]),
        ("absence of effusion, however cardiomegaly", ["Cardiomegaly"]),
        ("negative for pneumonia", []),
        ("no change in the effusion", ["effusion"]),
        ("effusion not seen, cardiomegaly", ["Cardiomegaly"]),
        ("cardiomegaly, pneumothorax is absent", ["Cardiomegaly"]),
        ("pneumonia cannot be excluded", ["Pneumonia"]),
        ("no effusion in March. Effusion today", ["effusion"]),
        ("Sin derrame pleural, pero con cardiomegalia", ["Cardiomegaly"]),
        ("No hay neumonía ni derrame pleural. Tórax", ["Chest"]),
        ("ausencia de neumonía; sin cambios en la cardiomegalia", ["Cardiomegaly"]),
        ("Sin embargo, neumonía", ["Pneumonia"]),
        ("descarta neumonía", []),
    ],
)
def test_what_is_denied_is_not_found(vocabulary: Vocabulary, text: str, found: list[str]) -> None:
    assert names(vocabulary, text) == found


def test_mentions_hold_what_is_denied_and_the_rest_is_unread(vocabulary: Vocabulary) -> None:
    text = "Large chest shadow, no acute effusion or other cardiomegaly. Nothing"
    mentions = [item for item in vocabulary.mentions(text) if not isinstance(item, Cue)]
    assert mentions == ["C0817096", "C0013687", "C0018800"]
    assert vocabulary.find(text) == ("C0817096",)
    assert vocabulary.unread(text) == ["large", "shadow", "acute", "or other", "nothing"]


@pytest.mark.parametrize(
    ("text", "cuis", "unmapped"),
    [
        ("Pneumonia, Bacterial; Chest", ["C0004626", "C0817096"], []),
        ("chest, Pneumonia, Bacterial, unicorn, artery", ["C0817096", "C0004626", "C0003842"], ["unicorn"]),
        ("CUIs: C0040405;C0817096;C0040405", ["C0040405", "C0817096"], []),
        ("- **Chest**\n- plain x-rays\n* tórax", ["C0817096", "C1306645"], []),
        ("1. Chest\n2) effusion.", ["C0817096", "C0013687"], []),
        ('["Chest", "Effusion"]', ["C0817096", "C0013687"], []),
        ("C0817096 (Chest); Effusion (C0013687)", ["C0817096", "C0013687"], []),
        ("Concepts: chest and; c0817096, and effusion", ["C0817096"], ["chest and"]),
        ("C9999999; X-Ray Computed Tomography", ["C0040405"], ["C9999999"]),
        ("no effusion", [], ["no effusion"]),
        (" ;\n,, ", [], []),
        ("Los conceptos médicos clave son: tórax; unicornio", ["C0817096"], ["unicornio"]),
        ("The image shows a chest without pneumothorax but with pleural effusions.", ["C0817096", "C0032227"], []),
    ],
)
def test_what_models_write(vocabulary: Vocabulary, text: str, cuis: list[str], unmapped: list[str]) -> None:
    assert vocabulary.answer(text) == (tuple(cuis), tuple(unmapped))


def test_at_most_one_hundred() -> None:
    many = Vocabulary({f"C{n:07}": (f"name {n}",) for n in range(150)})
    assert len(many.answer(";".join(many.names)).cuis) == 100


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_members_of_the_vocabulary_only(text: str) -> None:
    vocabulary = Vocabulary({"C0000001": ("chest",), "C0000002": ("effusion, left", "no"), "C0000003": ("", ".", ",")})
    assert set(vocabulary.find(text)) <= vocabulary.cuis
    assert set(vocabulary.answer(text).cuis) <= vocabulary.cuis


@given(st.lists(st.sampled_from(TABLE.splitlines()[1:]), min_size=1, max_size=8, unique=True))
@settings(max_examples=60, deadline=None)
def test_names_lead_back_to_their_cuis(vocabulary: Vocabulary, rows: list[str]) -> None:
    wanted = dict.fromkeys(row[:8] for row in rows)
    for between in ("; ", ", ", "\n- "):
        text = between.join(str(vocabulary.name(cui)) for cui in wanted)
        assert vocabulary.answer(text) == (tuple(wanted), ())


def test_collisions_are_told_and_the_first_wins(tmp_path: Path) -> None:
    path = tmp_path / "cui_to_name_en.csv"
    path.write_text("cui,name\nC0000001,Mass\nC0000002,mass\nC0000003,\n", encoding="utf-8")
    vocabulary = Vocabulary.load([path])
    assert vocabulary.collisions == (Collision("mass", "C0000001", "C0000002"),)
    assert vocabulary.answer("Mass") == (("C0000001",), ())
    assert vocabulary.cuis == {"C0000001", "C0000002", "C0000003"}
    assert vocabulary.name("C0000002") == "mass"
    assert vocabulary.name("C0000003") is None
    assert vocabulary.name("C0000004") is None


def test_an_exact_name_goes_before_another_ones_plural() -> None:
    vocabulary = Vocabulary({"C0000001": ("Vein",), "C0000002": ("Veins",)})
    assert vocabulary.find("vein") == ("C0000001",)
    assert vocabulary.find("veins") == ("C0000002",)


@pytest.mark.parametrize(
    "text",
    [
        "CUI,Canonical name\nC0000001,Mass\n",
        "Canonical name,CUI\nMass,C0000001\n",
        "\ufeffcui\tconcept_name\r\nC0000001\tMass\r\n",
        "concept\tconcept_name\nC0000001\tMass\n",
        "CUI,STR\n\nC0000001,Mass\n",
    ],
)
def test_headers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(text.encode())
    assert Vocabulary.load([path]).name("C0000001") == "Mass"


def test_files_that_are_no_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    for text, said in (("a,b\n1,2\n", ":1: no CUI column"), ("", ":1: no CUI column"), ("CUI,Name\nx,y\n", ":2: 'x'")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            Vocabulary.load([path])


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["concepts", "map", *[str(argument) for argument in arguments]])


def test_the_command_maps_both_ways(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text(TABLE, encoding="utf-8")
    captions = tmp_path / "captions.csv"
    captions.write_text('ID,Caption\na,"Chest, no effusion."\nb,nothing\n', encoding="utf-8")
    mapped = run(captions, "--vocabulary", tmp_path / "names.csv", "--out", tmp_path / "b.csv")
    assert mapped.exit_code == 0, mapped.output
    assert (tmp_path / "b.csv").read_text(encoding="utf-8") == "ID,CUIs\na,C0817096\nb,\n"
    assert "2 rows, 1 of them without a concept" in mapped.stderr

    (tmp_path / "b.csv").write_text("ID,CUIs\na,C0004626;C0817096\nb,C9999999\n", encoding="utf-8")
    names = run(tmp_path / "b.csv", "--vocabulary", tmp_path / "names.csv", "--out", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == 'ID,Concepts\na,"Pneumonia, Bacterial;Chest"\nb,\n'
    assert "C9999999" in names.stderr
    back = run(tmp_path / "a.csv", "--vocabulary", tmp_path / "names.csv")
    assert back.stdout == "ID,CUIs\na,C0004626;C0817096\nb,\n"

    listed = tmp_path / "list.txt"
    listed.write_text("chest\nunicorn\nPneumonia, Bacterial\n", encoding="utf-8")
    found = run(listed, "--vocabulary", tmp_path / "names.csv")
    assert found.stdout == 'Name,CUIs\nchest,C0817096\nunicorn,\n"Pneumonia, Bacterial",C0004626\n'
    assert "1 term (1 different) could not be mapped" in found.stderr


def test_the_command_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text(TABLE, encoding="utf-8")
    result = run(path, "--vocabulary", path, "--out", path)
    assert isinstance(result.exception, InputError)
    assert path.read_text(encoding="utf-8") == TABLE


def test_real_names_lead_back_and_real_captions_are_read() -> None:
    if not ROCO.is_dir():
        pytest.skip("no ../shared/data/roco here")
    vocabulary = Vocabulary.load([ROCO / "cui_mapping.csv"])
    with (ROCO / "concepts.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["ID"]: tuple(row["CUIs"].split(";")) for row in csv.DictReader(file)}
    with (ROCO / "captions.csv").open(encoding="utf-8", newline="") as file:
        captions = {row["ID"]: row["Caption"] for row in csv.DictReader(file)}
    for cuis in labels.values():
        known = tuple(cui for cui in cuis if cui in vocabulary.cuis)
        assert vocabulary.answer("; ".join(str(vocabulary.name(cui)) for cui in known)).cuis == known
    found = {image_id: set(vocabulary.find(text)) for image_id, text in captions.items()}
    assert sum(1 for cuis in found.values() if cuis) > 0.7 * len(found)
    hits = sum(len(cuis & set(labels[image_id])) for image_id, cuis in found.items())
    assert hits > 0.7 * sum(map(len, found.values()))


def test_a_list_and_a_text_that_never_end_take_linear_time(vocabulary: Vocabulary) -> None:
    start = time.perf_counter()
    assert vocabulary.answer("unicorn, chest, Pneumonia, Bacterial, " * 5_000).cuis == ("C0817096", "C0004626")
    assert vocabulary.find("chest no unicorn " * 20_000) == ("C0817096",)
    assert time.perf_counter() - start < 10


def test_a_vocabulary_of_cuis_alone_and_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "cuis.csv"
    path.write_text("CUI\nC0040405\n", encoding="utf-8")
    assert Vocabulary.load([path]).cuis == {"C0040405"}
    path.write_text("CUI,Canonical name\n\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no concepts"):
        Vocabulary.load([path])


@pytest.mark.parametrize("mark", [",", "\t", "|"])
def test_tables_with_other_delimiters_and_headers_are_tables(tmp_path: Path, mark: str) -> None:
    vocabulary, table = tmp_path / "v.csv", tmp_path / "table.csv"
    vocabulary.write_text(TABLE, encoding="utf-8")
    for text, mapped in (
        (f"ID{mark}caption{mark}source\na{mark}Chest{mark}x\n", "ID,CUIs\na,C0817096\n"),
        (f"ImageCLEFmedical 2025 ID{mark}Cui\na{mark}c0817096\n", "ImageCLEFmedical 2025 ID,Concepts\na,Chest\n"),
    ):
        table.write_text(text, encoding="utf-8")
        result = CliRunner().invoke(cli, ["concepts", "map", str(table), "--vocabulary", str(vocabulary)])
        assert result.stdout == mapped
