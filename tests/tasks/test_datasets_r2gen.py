"""R2Gen's annotation.json, of IU X-ray and of MIMIC-CXR: split, views, patients, and every way it can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tasks.datasets import open_dataset
from tasks.datasets.audit import audit, recognised
from tasks.datasets.commands import check
from tasks.nouns import InputError, Report, Task


def entry(image_id: str, *paths: str, report: str = "Clear.", **more: Any) -> dict[str, Any]:
    return {"id": image_id, "report": report, "image_path": list(paths) or [f"{image_id}/0.png"], **more}


def annotation(root: Path, document: Any, *images: str) -> Path:
    (root / "annotation.json").write_text(json.dumps(document), encoding="utf-8")
    for name in images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


IU = {
    "train": [
        entry("CXR2_IM-2", "CXR2_IM-2/0.png", "CXR2_IM-2/1.png", report=" XXXX clear. "),
        entry("CXR1_IM-1", "CXR1_IM-1/0.png", "CXR1_IM-1/1.png"),
    ],
    "val": [entry("CXR3_IM-3"), entry("CXR9_IM-9", report=" ")],
    "test": [entry("CXR4_IM-4")],
}


def test_iu_xray(tmp_path: Path) -> None:
    data = open_dataset(annotation(tmp_path, IU, "images/CXR2_IM-2/0.png"))
    assert data.splits(Task.REPORTS) == ("train", "valid", "test")
    assert data.splits(Task.CAPTIONS) == ()
    first, second = data.examples(Task.REPORTS, "train")  # as the file has them
    assert (first.image_id, second.image_id) == ("CXR2_IM-2", "CXR1_IM-1")
    assert first.reference == Report("XXXX clear.", "")
    assert first.image == tmp_path / "images/CXR2_IM-2/0.png"
    assert first.views == (tmp_path / "images/CXR2_IM-2/1.png",)
    assert [e.image_id for e in data.examples(Task.REPORTS, "val")] == ["CXR3_IM-3"]
    assert data.label_files == (tmp_path / "annotation.json",)
    assert (data.restricted, first.context) == ("", {})
    assert data.notes == (
        "4 studies kept: 0 with findings and impression, 4 with findings only, 0 with impression only",
        "1 studies dropped: neither findings nor impression",
        "2 studies have further views, 2 images",
        "masks of de-identification (XXXX): 1 in 1 of 4 reports, 20.0% of the words; a split called "
        "without-masks-train has none",
        "a report is one text, the findings of the original: the impressions are empty, and not to be scored",
    )


def test_counts_against_the_published_ones(tmp_path: Path) -> None:
    found = audit(open_dataset(annotation(tmp_path, IU)))
    assert found.published.startswith("IU X-ray (R2Gen)")
    assert {count.split: (count.examples, count.published) for count in found.counts} == {
        "train": (2, 2069),
        "valid": (1, 296),
        "test": (1, 590),
    }
    assert sum(problem.code == "missing-image" for problem in found.problems) == 6
    assert recognised(["CXR1_1_IM-0001-3001"])["task"] == Task.REPORTS


MIMIC = "p10/p10000032/s50414267/02aa804e-bde0afdd"


@pytest.mark.parametrize("folder", ["images", "files", "."])
def test_mimic_is_grouped_by_patient_and_restricted(tmp_path: Path, folder: str) -> None:
    entries = [entry("02aa804e-bde0afdd", f"{MIMIC}.jpg", study_id=50414267, subject_id=10000032, split="test")]
    data = open_dataset(annotation(tmp_path, {"test": entries}, f"{folder}/{MIMIC}.jpg"))
    (example,) = data.examples(Task.REPORTS, "test")
    assert example.image.read_bytes() == b"x"
    assert example.context == {"subject_id": "10000032"}
    assert data.restricted == "MIMIC-CXR, PhysioNet Credentialed Health Data License 1.5.0"
    shown = CliRunner().invoke(check, [str(tmp_path)]).stdout
    assert f"restricted: {data.restricted}" in " ".join(shown.split())


@pytest.mark.parametrize("path", [f"files/{MIMIC}.jpg", f"{MIMIC.rpartition('/')[0]}"])
def test_other_forms_of_mimic_paths(tmp_path: Path, path: str) -> None:
    assert open_dataset(annotation(tmp_path, {"train": [entry("a", path)]})).restricted


def test_ids_of_mimic_restrict_whatever_the_paths_are(tmp_path: Path) -> None:
    ids = {"subject_id": "10000032", "study_id": 50414267}
    assert open_dataset(annotation(tmp_path, {"train": [entry("a") | ids]})).restricted
    for other in ({"subject_id": 7, "study_id": 50414267}, {"subject_id": 10000032}):
        assert not open_dataset(annotation(tmp_path, {"train": [entry("a") | other]})).restricted


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in entry("a").items() if name != key}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], "not an annotation file of R2Gen.* but list"),
        ({"images": []}, "not an annotation file of R2Gen.* but images"),
        ({"train": [], "extra": []}, "not an annotation file of R2Gen.* but train, extra"),
        ({"train": {}}, "train is no list"),
        ({"train": ["a"]}, r"train\[0\] is str"),
        ({"val": [entry("a"), without("id")]}, r"val\[1\] lacks id"),
        ({"val": [without("report")]}, r"val\[0\] lacks report"),
        ({"val": [without("image_path")]}, r"val\[0\] lacks image_path"),
        ({"val": [entry("a", report=3)]}, r"val\[0\]: report is int"),  # type: ignore[arg-type]
        ({"val": [entry("a") | {"id": None}]}, r"val\[0\]: id is NoneType"),
        ({"val": [entry("a") | {"id": True}]}, r"val\[0\]: id is bool"),
        ({"val": [entry("a") | {"image_path": []}]}, r"val\[0\]: image_path is no list"),
        ({"val": [entry("a") | {"image_path": "a/0.png"}]}, r"val\[0\]: image_path is no list"),
        ({"val": [entry("a") | {"image_path": [1]}]}, r"val\[0\]: image_path is no list"),
        ({"val": [entry("a", "../0.png")]}, r"val\[0\]: the image path '\.\./0\.png' leads out"),
        ({"val": [entry("a", "/0.png")]}, r"val\[0\]: the image path '/0\.png' leads out"),
        ({"val": [entry("a", "")]}, r"val\[0\]: the image path '' leads out"),
        ({"val": [entry("../a", "a.png")]}, r"val\[0\]: image id '\.\./a' could lead out"),
        ({"train": [entry("a")], "test": [entry("a")]}, r"test\[0\]: duplicate id: 'a' is that of train\[0\] too"),
    ],
)
def test_faulty_annotations(tmp_path: Path, document: Any, expected: str) -> None:
    with pytest.raises(InputError, match=rf"annotation\.json.*{expected}"):
        open_dataset(annotation(tmp_path, document))


def test_no_json(tmp_path: Path) -> None:
    (tmp_path / "annotation.json").write_text('{"train": [', encoding="utf-8")
    with pytest.raises(InputError, match=r"annotation\.json cannot be read as JSON"):
        open_dataset(tmp_path)


def test_a_file_without_entries_is_not_clean(tmp_path: Path) -> None:
    found = audit(open_dataset(annotation(tmp_path, {"train": [], "val": [], "test": []})))
    assert [problem.code for problem in found.problems] == ["no-examples"]
