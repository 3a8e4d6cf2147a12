"""Folds of any data set by the name of a split, and splits without the masks of de-identification."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tasks.datasets import DataSet, open_dataset
from tasks.datasets.dataset import part
from tasks.nouns import Example, InputError, Report, Task
from tasks.reports.masking import masks_in, without_masks


def example(image_id: str, split: str = "train", *, report: str | None = "Clear.", **context: str) -> Example:
    reference = None if report is None else Report(report, "")
    return Example(image_id, Path(f"{image_id}.png"), split, reference, context)


def data_set(*examples: Example, task: Task = Task.REPORTS, root: Path = Path("there")) -> DataSet:
    return DataSet(root, "test", (part(task, lambda: list(examples)),))


def ids(data: DataSet, split: str, task: Task = Task.REPORTS) -> list[str]:
    return [example.image_id for example in data.examples(task, split)]


EVERY = [example(str(n), ("train", "valid", "test")[n % 3], report="x") for n in range(300)]


@pytest.mark.parametrize("total", [2, 5, 10])
def test_folds_are_apart_and_hold_everything(total: int) -> None:
    data = data_set(*EVERY)
    folds = [ids(data, f"fold-{number}-of-{total}") for number in range(1, total + 1)]
    assert sorted(i for fold in folds for i in fold) == sorted(e.image_id for e in EVERY)
    for number, fold in enumerate(folds, start=1):
        rest = ids(data, f"except-fold-{number}-of-{total}")
        assert sorted([*fold, *rest]) == sorted(e.image_id for e in EVERY)
        assert 0.5 * 300 / total < len(fold) < 1.6 * 300 / total


def test_a_fold_is_the_sha_256_of_the_id_and_keeps_the_order_of_the_splits() -> None:
    data = data_set(*EVERY)
    own = [e for e in EVERY if int(hashlib.sha256(e.image_id.encode()).hexdigest(), 16) % 4 == 2]
    expected = [e.image_id for split in ("train", "valid", "test") for e in own if e.split == split]
    assert ids(data, "fold-3-of-4") == expected
    assert {e.split for e in data.examples(Task.REPORTS, "fold-3-of-4")} == {"fold-3-of-4"}
    half = data_set(*EVERY[::-2])  # what is left keeps its fold
    assert set(ids(half, "fold-3-of-4")) < set(expected)


@pytest.mark.parametrize("title", ["subject_id", "patient", "pmcid"])
def test_a_patient_is_in_one_fold_alone(title: str) -> None:
    images = [example(f"{n}", **{title: f"p{n // 10}", "age": "3"}) for n in range(400)]
    data = data_set(*images)
    patients = [
        {e.context[title] for e in data.examples(Task.REPORTS, f"{which}fold-2-of-3")} for which in ("", "except-")
    ]
    assert not patients[0] & patients[1]
    assert sorted(patients[0] | patients[1]) == sorted({f"p{n}" for n in range(40)})
    assert min(map(len, patients)) > 5


def test_groups_of_a_file_beside_the_labels(tmp_path: Path) -> None:
    """Articles of the 2026 release; a faulty file stops, as the articles would be torn apart."""
    names = [f"ImageCLEFmedical_Caption_2026_train_{n}" for n in range(60)]
    (tmp_path / "captions.csv").write_text("ID,Caption\n" + "".join(f"{i},x\n" for i in names), encoding="utf-8")
    beside = tmp_path / "attribution.csv"
    beside.write_text("ID,pmcid\n" + "".join(f"{i},PMC{n // 6}\n" for n, i in enumerate(names)), encoding="utf-8")
    fold = ids(open_dataset(tmp_path), "fold-1-of-2", Task.CAPTIONS)
    assert 0 < len(fold) < 60
    articles = {names.index(i) // 6 for i in fold}
    assert len(fold) == 6 * len(articles)
    beside.write_text(f"ID,pmcid\n{names[0]},1\n{names[0]},2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot be divided into folds: .*attribution\.csv:3: duplicate id"):
        open_dataset(tmp_path).examples(Task.CAPTIONS, "fold-1-of-2")


def test_what_has_no_reference_or_is_synthetic_is_left_out() -> None:
    data = data_set(*EVERY[:40], example("u", "test", report=None), example("s", "synth_train"))
    found = {*ids(data, "fold-1-of-2"), *ids(data, "except-fold-1-of-2")}
    assert found == {e.image_id for e in EVERY[:40]}
    assert "synth_train" in data.splits(Task.REPORTS)
    assert not any("fold" in split for split in data.splits(Task.REPORTS))


def test_manual_concepts_of_a_fold(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        rows = [f"ROCOv2_2023_{split}_{n:06d}" for n in range(20)]
        for name in ("concepts", "concepts_manual"):
            text = "ID,CUIs\n" + "".join(f"{row},C1\n" for row in rows)
            (tmp_path / f"{split}_{name}.csv").write_text(text, encoding="utf-8")
    data = open_dataset(tmp_path)
    fold = ids(data, "fold-1-of-3", Task.CONCEPTS)
    assert 3 < len(fold) < 37
    assert sorted(data.secondary("fold-1-of-3")) == sorted(fold)
    assert len(data.secondary("train")) == 20


@pytest.mark.parametrize("split", ["fold-0-of-5", "fold-6-of-5", "except-fold-1-of-1", "fold-1-of-0"])
def test_folds_that_cannot_be(split: str) -> None:
    with pytest.raises(InputError, match=f"split '{split}': folds are counted from 1"):
        data_set(*EVERY).examples(Task.REPORTS, split)


def test_too_many_folds_and_ids_in_two_splits() -> None:
    data = data_set(*EVERY[:2])
    for number in range(1, 4):  # two of the three at most hold one of two examples
        try:
            assert data.examples(Task.REPORTS, f"fold-{number}-of-3")
        except InputError as error:
            assert f"'fold-{number}-of-3' is empty: 2 examples" in str(error)
            break
    else:
        pytest.fail("no fold is empty")
    with pytest.raises(InputError, match="'a' stands in train and in test: keep one"):
        data_set(example("a"), example("a", "test")).examples(Task.REPORTS, "fold-1-of-2")


def test_unknown_splits_name_the_form_of_folds() -> None:
    data = data_set(*EVERY)
    for split in ("fold-2", "folds", "fold-2-of-5x", f"fold-1-of-{'9' * 5000}", "without-masks-dave", "without-masks-"):
        with pytest.raises(InputError, match="train, valid, test, or a fold such as fold-2-of-5"):
            data.examples(Task.REPORTS, split)
    with pytest.raises(InputError, match="none: it has no data"):
        data.examples(Task.CAPTIONS, "train")


def test_what_can_be_asked_for() -> None:
    data = data_set(*EVERY)
    asked = ("train", "val", "fold-1-of-5", "except-fold-1-of-5", "without-masks-dev", "without-masks-fold-1-of-5")
    assert all(data.has(Task.REPORTS, split) for split in asked)
    assert not any(data.has(Task.REPORTS, split) for split in ("dave", "fold-1", "without-masks-dave", ""))
    assert not any(data.has(Task.CAPTIONS, split) for split in asked)


@pytest.mark.parametrize(
    ("text", "masks", "expected"),
    [
        ("No XXXX of effusion.", 1, "No of effusion."),
        ("XXXX-year-old. Chest x-XXXX, XXXX, and (XXXX).", 4, "Chest, and."),
        ("Clear. XXXX. Normal.", 1, "Clear. Normal."),
        ("XXXX. Normal.", 1, "Normal."),
        ("1. XXXX XXXX. 2. Clear lungs.", 2, "2. Clear lungs."),
        ("Lungs.XXXX scarring. XXXX.In the apex", 2, "Lungs. scarring. In the apex"),
        ("The XXXX<XXXX>technologist saw", 2, "The technologist saw"),
        ("Size 1.5 XXXX, stable. Compared to ___, large (___ cm).", 3, "Size 1.5, stable. Compared to, large (cm)."),
        ("Heart XXXX\nLungs clear", 1, "Heart\nLungs clear"),
        ("XXXX/XXXX XXXX-a-XXXX.", 4, ""),
        ("XXXX", 1, ""),
        ("Left  as it is , XXX. 3 cm", 0, "Left  as it is , XXX. 3 cm"),
        ("", 0, ""),
    ],
)
def test_masks(text: str, masks: int, expected: str) -> None:
    assert (masks_in(text), without_masks(text)) == (masks, expected)
    assert without_masks(expected) == expected


def test_a_split_without_masks() -> None:
    masked = example("a", report="No XXXX effusion.", indication="XXXX-year-old with cough", comparison="XXXX")
    data = data_set(masked, example("b", report="XXXX."), example("c", report=""), example("d", report=None))
    found = data.examples(Task.REPORTS, "without-masks-train")
    assert [(e.image_id, e.reference) for e in found] == [
        ("a", Report("No effusion.", "")),
        ("c", Report("", "")),  # empty it was before
        ("d", None),
    ]
    assert (found[0].context, found[0].split) == ({"indication": "with cough"}, "without-masks-train")
    assert data.examples(Task.REPORTS, "train")[0] is masked


def test_a_fold_without_masks() -> None:
    data = data_set(*(example(str(n), report="XXXX clear.") for n in range(40)))
    found = data.examples(Task.REPORTS, "without-masks-except-fold-1-of-2")
    assert [e.image_id for e in found] == ids(data, "except-fold-1-of-2")
    assert {e.reference for e in found if isinstance(e.reference, Report) and e.reference.findings != "clear."} == set()
    assert {e.split for e in found} == {"without-masks-except-fold-1-of-2"}
