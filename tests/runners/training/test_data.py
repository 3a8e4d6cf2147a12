"""What is learnt from, what is left out and counted, and what is held back."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from runners.answers import parse_answer
from runners.training.audit import Side
from runners.training.config import Stage
from runners.training.data import read_material, samples_of
from runners.training.hold_out import families, hold_out
from tasks.datasets import open_dataset
from tasks.nouns import Example, InputError, Report, Task
from tests.runners.training.small_data import config_of, copy_image, id_of, make_captions, make_concepts, write_table

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"
EVERYTHING = Stage(name="all", train=("language",))
NAMES = {"C0000001": "Chest", "C0000002": "Pneumonia, Bacterial", "C0000003": "Plain x-ray"}


@pytest.mark.parametrize("task", list(Task))
def test_every_example_of_the_sample_becomes_a_sample(task: Task) -> None:
    config = config_of(task, "sample")
    material = read_material(config)
    samples = samples_of(material, config, EVERYTHING)
    train = open_dataset("sample").examples(task, "train")
    assert [sample.example for sample in samples] == train == list(material.train)
    assert list(material.valid) == open_dataset("sample").examples(task, "valid")
    assert (material.edition.year, material.edition.task) == (2026, task)
    assert (material.vocabulary is not None) == (task is Task.CONCEPTS)
    for sample in samples[:40]:
        value, unmapped = parse_answer(sample.answer, task=task, vocabulary=material.vocabulary)
        reference = sample.example.reference
        if isinstance(reference, Report) and isinstance(value, Report):
            assert (value.findings, value.impression) == (reference.findings, reference.impression)
        else:
            assert value == reference and not unmapped
    assert len({sample.prompt for sample in samples}) == 1 and samples[0].prompt


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    references = {
        id_of("train", 0): "C0000001;C0000002",
        id_of("train", 1): "",
        id_of("train", 2): "C0000009",
        id_of("train", 3): "C0000003;C0000009",
        id_of("valid", 0): "",
        id_of("valid", 1): "C0000009;C0000001",
    }
    folder = make_concepts(tmp_path / "data", references, NAMES)
    config = config_of(Task.CONCEPTS, folder)
    material = read_material(config)
    assert [s.answer for s in samples_of(material, config, EVERYTHING)] == [
        "Chest; Pneumonia, Bacterial",
        "Plain x-ray",
    ]
    found = material.audit
    assert found["train"]["images"] == 2
    assert found["train"]["empty"] == {"count": 2, "first": [id_of("train", 1), id_of("train", 2)]}
    assert found["concepts"]["outside_vocabulary"] == {"count": 1, "first": ["C0000009"]}
    assert any("1 CUIs of the training references, 2 mentions" in note for note in found["notes"])
    assert [e.reference for e in material.valid] == [(), ("C0000009", "C0000001")]  # as the data has them


def test_examples_without_a_reference_are_left_out_and_counted(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split, captions in (("train", ["one.", None, " ", "two."]), ("validation", ["three.", None])):
        ids = [f"{split}_{n}" for n in range(len(captions))]
        images = [{"bytes": image_id.encode()} for image_id in ids]
        table = pa.table({"image_id": ids, "image": images, "caption": captions})
        pq.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    config = config_of(Task.CAPTIONS, tmp_path)
    material = read_material(config)
    assert [s.answer for s in samples_of(material, config, EVERYTHING)] == ["one.", "two."]
    assert material.audit["train"]["without_reference"] == 1
    assert material.audit["train"]["empty"] == {"count": 1, "first": ["train_2"]}
    assert (material.audit["valid"]["images"], material.audit["valid"]["without_reference"]) == (1, 1)


def make_reports(folder: Path) -> Path:
    """Six training images, every second with context; one report would be misread."""
    make_captions(folder, train=6, valid=1)
    (folder / "captions.csv").unlink()
    ids = [*(id_of("train", n) for n in range(6)), id_of("valid", 0)]
    rows = [(i, "Impression: in the middle." if i.endswith("5") else f"Clear {i}.", "Normal.") for i in ids]
    write_table(folder / "reports.csv", [("ID", "Findings", "Impression"), *rows])
    write_table(folder / "context.csv", [("ID", "age", "sex"), *((i, "50", "female") for i in ids[:6:2])])
    return folder


def test_stages_see_the_examples_with_or_without_context(tmp_path: Path) -> None:
    config = config_of(Task.REPORTS, make_reports(tmp_path / "data"))
    material = read_material(config)
    assert material.audit["train"]["with_context"] == 3 and material.audit["train"]["images"] == 5
    assert material.audit["train"]["misread"] == {"count": 1, "first": [id_of("train", 5)]}
    image_only = samples_of(material, config, Stage(name="a", train=("language",), data="without_context"))
    assert [s.example.image_id for s in image_only] == [id_of("train", n) for n in (1, 3)]
    both: dict[str, Any] = {"data": "with_context", "prompt": {"text": "Age {{ context.age }}. Report:"}}
    with_context = samples_of(material, config, Stage.model_validate({"name": "b", "train": ["language"], **both}))
    assert [s.example.image_id for s in with_context] == [id_of("train", n) for n in (0, 2, 4)]
    assert {s.prompt for s in with_context} == {"Age 50. Report:"}
    assert len(samples_of(material, config, EVERYTHING)) == 5


def test_a_filter_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    config = config_of(Task.CAPTIONS, make_captions(tmp_path / "data", train=2, valid=1))
    with pytest.raises(InputError, match=r"stages, b: with_context leaves no image: 0 of the 2"):
        samples_of(read_material(config), config, Stage(name="b", train=("language",), data="with_context"))


def test_the_limit_is_on_training_alone(tmp_path: Path) -> None:
    folder = make_captions(tmp_path / "data", train=9, valid=4)
    material = read_material(config_of(Task.CAPTIONS, folder, limit=3))
    assert [e.image_id for e in material.train] == [id_of("train", n) for n in range(3)]
    assert len(material.valid) == 4


def test_hold_out_keeps_families_together_and_is_repeated_by_the_seed(tmp_path: Path) -> None:
    folder = make_captions(tmp_path / "data", train=60)
    patients = write_table(tmp_path / "who.csv", [("ID", "p"), *((id_of("train", n), f"p{n // 3}") for n in range(50))])
    copy_image(folder, id_of("train", 0), id_of("train", 59))  # an image of patient p0, under another name

    def split(**data: Any) -> tuple[list[str], list[str]]:
        material = read_material(config_of(Task.CAPTIONS, folder, hold_out=0.2, groups=f"{patients}:p", **data))
        assert not any(material.audit["leaks"][kind]["count"] for kind in ("ids", "images", "groups"))
        assert material.audit["valid"]["split"] == "0.2 of train"
        return [e.image_id for e in material.train], [e.image_id for e in material.valid]

    train, valid = split()
    assert len(valid) == 12 and sorted([*train, *valid]) == sorted(id_of("train", n) for n in range(60))
    assert split() == (train, valid)
    other = config_of(Task.CAPTIONS, folder, keys={"seed": 1}, hold_out=0.2, groups=f"{patients}:p")
    assert [e.image_id for e in read_material(other).valid] != valid


def test_a_family_is_a_chain() -> None:
    side = Side(list("abcde"), ["1", "1", "2", "3", "2"], ["P", "Q", "Q", None, None])
    found = families(side)
    assert found[0] == found[1] == found[2] == found[4] != found[3]
    examples = [Example(image_id, Path(image_id), "train", "x") for image_id in side.ids]
    for seed in range(20):
        assert [e.image_id for e in hold_out(examples, side, share=0.3, seed=seed)[1]] == ["d"]
    backwards = Side(side.ids[::-1], side.hashes[::-1], side.groups[::-1])
    assert [e.image_id for e in hold_out(examples[::-1], backwards, share=0.3, seed=3)[1]] == ["d"]
    pairs = Side(list("abcdef"), list("123456"), list("PPQQRR"))
    examples = [Example(image_id, Path(image_id), "train", "x") for image_id in pairs.ids]
    turned = Side(pairs.ids[::-1], pairs.hashes[::-1], pairs.groups[::-1])
    for seed in range(20):
        held = {e.image_id for e in hold_out(examples, pairs, share=0.4, seed=seed)[1]}
        assert held == {e.image_id for e in hold_out(examples[::-1], turned, share=0.4, seed=seed)[1]}
    whole = Side(list("abcde"), list("12345"), ["P"] * 5)
    with pytest.raises(InputError, match=r"no patient or article .* is as small"):
        hold_out(examples[:5], whole, share=0.3, seed=1)


def test_where_validation_comes_from_must_be_clear(tmp_path: Path) -> None:
    both = make_captions(tmp_path / "both", train=4, valid=2)
    with pytest.raises(InputError, match=r"data\.hold_out has no effect"):
        read_material(config_of(Task.CAPTIONS, both, hold_out=0.5))
    assert len(read_material(config_of(Task.CAPTIONS, both, hold_out=0.5, valid="held_out")).valid) == 2
    assert len(read_material(config_of(Task.CAPTIONS, both, valid="validation")).valid) == 2
    alone = make_captions(tmp_path / "alone", train=4)
    with pytest.raises(InputError, match=r"no split 'valid' .*has train.*data\.hold_out=0\.1"):
        read_material(config_of(Task.CAPTIONS, alone))
    with pytest.raises(InputError, match="no examples of split 'other'"):
        read_material(config_of(Task.CAPTIONS, alone, train="other"))


def test_data_without_anything_to_learn_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for n in range(2):
        Image.new("L", (8, 8), n).save(tmp_path / "images" / f"{n}.png")
    with pytest.raises(InputError, match=r"split 'test' has 2 images and no reference"):
        read_material(config_of(Task.CAPTIONS, tmp_path, train="test", valid="x", hold_out=0.5))
    strangers = make_concepts(tmp_path / "other", {id_of("train", 0): "C1111111", id_of("valid", 0): "C0000001"}, NAMES)
    with pytest.raises(InputError, match=r"none of 1 training images has an answer.*data\.vocabulary"):
        read_material(config_of(Task.CONCEPTS, strangers))
    (strangers / "cui_mapping.csv").unlink()
    with pytest.raises(InputError, match=r"no CUI vocabulary"):
        read_material(config_of(Task.CONCEPTS, strangers))


def test_a_vocabulary_of_cuis_alone_makes_them_learnable(tmp_path: Path) -> None:
    references = {id_of("train", 0): "C0000001;C0000009", id_of("valid", 0): "C0000001"}
    folder = make_concepts(tmp_path / "data", references, NAMES)
    more = write_table(tmp_path / "more.csv", [("CUI", "Name"), ("C0000009", "")])
    config = config_of(Task.CONCEPTS, folder, vocabulary=[str(folder / "cui_mapping.csv"), str(more)])
    material = read_material(config)
    assert [s.answer for s in samples_of(material, config, EVERYTHING)] == ["Chest; C0000009"]
    assert material.audit["concepts"]["written_as_cui"] == {"count": 1, "first": ["C0000009"]}
    with pytest.raises(InputError, match=r"gone\.csv"):
        read_material(config_of(Task.CONCEPTS, folder, vocabulary=["gone.csv"]))


def test_rocov2() -> None:
    roco = SHARED / "roco"
    if not roco.is_dir():
        pytest.skip("no ../shared/data/roco here")
    with (roco / "captions.csv").open(encoding="utf-8", newline="") as file:
        captions = {row["ID"]: " ".join(row["Caption"].split()) for row in csv.DictReader(file)}
    config = config_of(Task.CAPTIONS, roco)
    material = read_material(config)
    assert {s.example.image_id: s.answer for s in samples_of(material, config, EVERYTHING)} == {
        image_id: caption for image_id, caption in captions.items() if "_train_" in image_id
    }
    concepts = read_material(config_of(Task.CONCEPTS, roco))
    left_out = sum(concepts.audit["train"][why]["count"] for why in ("empty", "misread"))
    assert len(concepts.train) + left_out == 1600 and len(concepts.valid) == 400
    assert concepts.audit["train"]["misread"]["count"] == 0


def test_iu_xray() -> None:
    folder = SHARED / "iu_xray"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/iu_xray here")
    config = config_of(Task.REPORTS, folder)
    material = read_material(config)
    data = open_dataset(folder)
    assert len(material.train) == len(data.examples(Task.REPORTS, "train"))
    samples = samples_of(material, config, Stage(name="b", train=("language",), data="with_context"))
    assert len(samples) == material.audit["train"]["with_context"] > 100
    assert all(s.answer.startswith(("Findings: ", "Impression: ")) for s in samples)
