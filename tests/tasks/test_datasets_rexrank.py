"""ReXrank's data files: their forms of three data sets, every way they can be wrong, and the way back to ReXrank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from imageclef import cli
from tasks.datasets import open_dataset
from tasks.datasets.commands import check
from tasks.datasets.rexrank import context_of
from tasks.nouns import Example, InputError, Report, Task
from tests.runners.embedding.making import make_tower, picture
from tests.runners.systems.small import write_config

NAN = float("nan")
MIMIC = "/p10/p10000032/s50414267/02aa804e-bde0afdd.jpg"


def study(name: str = "s1", **keys: Any) -> dict[str, Any]:
    """A study as those of IU X-ray there, with other keys; None takes one out."""
    found = {
        "key_image_path": f"{name}/1.png",
        "image_path": [f"{name}/0.png", f"{name}/1.png"],
        "report": "Findings: Clear. Impression: Normal.",
        "section_findings": "Clear.",
        "section_impression": "Normal.",
        "split": "val",
        "frontal_lateral": ["Lateral", "Frontal"],
        "context": "Indication: Cough. Comparison: None.",
        **keys,
    }
    return {key: value for key, value in found.items() if value is not None}


def written(root: Path, document: Any, *images: str, name: str = "data.json") -> Path:
    (root / name).write_text(json.dumps(document), encoding="utf-8")
    for image in images:
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        (root / image).write_bytes(b"x")
    return root


def only(root: Path, entry: dict[str, Any], split: str = "valid", *images: str) -> Example:
    (example,) = open_dataset(written(root, {"s1": entry}, *images)).examples(Task.REPORTS, split)
    return example


def test_iu_xray_in_two_files(tmp_path: Path) -> None:
    written(tmp_path, {"s2": study("s2"), "s1": study()}, "images/s1/1.png", name="ReXRank_IUXray_valid.json")
    test = {"s3": study("s3", split="test"), "s4": study("s4", split="test", section_findings=NAN)}
    data = open_dataset(written(tmp_path, test, name="ReXRank_IUXray_test.json"))
    assert data.layout == "ReXrank (study -> entry)"
    assert data.splits(Task.REPORTS) == ("valid", "test")
    assert (data.splits(Task.CAPTIONS), data.restricted) == ((), "")
    assert [file.name for file in data.label_files] == ["ReXRank_IUXray_test.json", "ReXRank_IUXray_valid.json"]
    first, second = data.examples(Task.REPORTS, "validate")
    assert (first.image_id, second.image_id) == ("s2", "s1")
    assert first.reference == Report("Clear.", "Normal.")
    assert first.image == tmp_path / "images/s2/1.png"
    assert first.views == (tmp_path / "images/s2/0.png",)
    assert first.context == {"indication": "Cough."}
    assert [e.reference for e in data.examples(Task.REPORTS, "test")] == [
        Report("Clear.", "Normal."),
        Report("", "Normal."),
    ]
    assert data.notes == (
        "4 studies kept: 3 with findings and impression, 0 with findings only, 1 with impression only",
        "0 studies dropped: neither findings nor impression",
        "4 studies have further views, 4 images",
    )
    assert "ReXrank" in CliRunner().invoke(check, [str(tmp_path)]).stdout


@pytest.mark.parametrize("folder", ["images", "files", "."])
def test_mimic_is_restricted_and_grouped_by_patient(tmp_path: Path, folder: str) -> None:
    views = [MIMIC.replace(".jpg", f"{n}.jpg") for n in range(3)]
    entry = study(
        key_image_path=MIMIC,
        image_path=[*views, MIMIC],
        frontal_lateral=["postero-anterior", NAN, "left lateral", "antero-posterior"],
        split="test",
        subject_id=10000032,
        section_findings="The lungs\nare clear.",
        section_impression=NAN,
        report="Findings: The lungs\nare clear. Impression: None.",
        context="Age:50-60.Gender:M.Indication: History: ___M  // r/o pneumoniaComparison: ___",
    )
    example = only(tmp_path, entry, "test", f"{folder}{MIMIC}")
    assert example.image.read_bytes() == b"x"
    assert [str(view).rpartition("/")[2] for view in example.views] == [f"02aa804e-bde0afdd{n}.jpg" for n in (2, 0, 1)]
    assert example.reference == Report("The lungs are clear.", "")
    assert example.context == {
        "age": "50-60",
        "sex": "male",
        "indication": "History: ___M // r/o pneumonia",
        "comparison": "___",
        "subject_id": "10000032",
    }
    data = open_dataset(tmp_path)
    assert data.restricted == "MIMIC-CXR, PhysioNet Credentialed Health Data License 1.5.0"


def test_mimic_is_known_by_its_ids_too(tmp_path: Path) -> None:
    entry = study("images_by_another_name", subject_id=10000032)
    assert open_dataset(written(tmp_path, {"50414267": entry})).restricted
    assert not open_dataset(written(tmp_path, {"s1": entry})).restricted


def test_chexpert_plus_has_no_split(tmp_path: Path) -> None:
    image = "valid/patient1/study1/view1_frontal.png"
    entry = study(key_image_path=image, image_path=[image], frontal_lateral=["Frontal"], split=None, age=77.0)
    entry["context"] = "Age:77.0.Gender:F.Indication:nanComparison: None."
    example = only(tmp_path, entry, "test", f"PNG/{image}")
    assert example.image.read_bytes() == b"x"
    assert (example.views, example.context) == ((), {"age": "77", "sex": "female"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("Age:None.Gender:None.Indication:None.Comparison:None.", {}),
        ("Indication: Pain Comparison: Two views.", {"indication": "Pain", "comparison": "Two views."}),
        ("Comparison: Older. Indication: Pain.", {"comparison": "Older.", "indication": "Pain."}),
        ("Sex: Female Age: 61 ", {"sex": "female", "age": "61"}),
        ("Indication: Cough: indication: two days", {"indication": "Cough: indication: two days"}),
        ("Comparison: A. Comparison: B.", {"comparison": "A. Comparison: B."}),
        ("Short of breath.", {"indication": "Short of breath."}),
        ("Clinical Indication: Pain.", {"indication": "Clinical Pain."}),
    ],
)
def test_the_context_as_one_text(text: str, expected: dict[str, str]) -> None:
    assert context_of(text) == expected


def test_the_context_as_an_object(tmp_path: Path) -> None:
    told = {"age": 63, "gender": "F", "indication": "Cough", "comparison": None, "Prior Surgery": "none", "x": NAN}
    assert only(tmp_path, study(context=told)).context == {"age": "63", "sex": "female", "indication": "Cough"}


@pytest.mark.parametrize(
    ("keys", "image", "views"),
    [
        ({"key_image_path": None}, "s1/1.png", ["s1/0.png"]),  # the first that is not lateral
        ({"key_image_path": None, "frontal_lateral": ["Lateral", "Lateral"]}, "s1/0.png", ["s1/1.png"]),
        ({"key_image_path": None, "frontal_lateral": None}, "s1/0.png", ["s1/1.png"]),
        ({"image_path": None, "frontal_lateral": ["Frontal"]}, "s1/1.png", []),
        ({"key_image_path": "s1/2.png"}, "s1/2.png", ["s1/0.png", "s1/1.png"]),
    ],
)
def test_which_image_is_asked_about(tmp_path: Path, keys: dict[str, Any], image: str, views: list[str]) -> None:
    example = only(tmp_path, study(**keys), "valid", "s1/1.png", "s1/0.png", "s1/2.png")
    assert example.image == tmp_path / image
    assert list(example.views) == [tmp_path / view for view in views]


@pytest.mark.parametrize("name", ["report", "reports"])
def test_a_report_in_place_of_the_sections(tmp_path: Path, name: str) -> None:
    entry = study(section_findings=None, section_impression=None, report=None)
    entry[name] = "Findings: None. Impression: 1. Normal."
    assert only(tmp_path, entry).reference == Report("", "1. Normal.")


def test_a_study_without_a_report_is_asked_about(tmp_path: Path) -> None:
    hidden = study("s2", section_findings=NAN, section_impression=NAN)
    data = open_dataset(written(tmp_path, {"s1": study(), "s2": hidden}))
    assert [e.reference is None for e in data.examples(Task.REPORTS, "valid")] == [False, True]
    assert data.notes[-1] == "1 studies have no report: they are answered, not scored"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ([], "s2 is list"),
        ({"section_findings": "Clear."}, "s2 lacks key_image_path and image_path"),
        (study(key_image_path=3), "s2: key_image_path is int"),
        (study(image_path="a.png"), "s2: image_path is no list"),
        (study(image_path=[]), "s2: image_path is no list"),
        (study(key_image_path="../a.png"), r"s2: the image path '\.\./a\.png' leads out"),
        (study(section_findings=["Clear."]), "s2: section_findings is list: give a text"),
        (study(split="dev-test"), "s2: split is 'dev-test': use train, valid or test"),
        (study(frontal_lateral="Frontal"), "s2: frontal_lateral is str"),
        (study(frontal_lateral=["Frontal"]), "s2: frontal_lateral has 1 entries for 2 images"),
        (study(context=["Cough"]), "s2: context is list: give a text"),
        (study(context={"age": [61]}), r"s2: context\.age is list"),
        (
            study(section_findings=None, section_impression=None, report="All is well."),
            "s2: report is 'All is well.': put 'Findings:' and",
        ),
    ],
)
def test_faulty_entries(tmp_path: Path, entry: Any, expected: str) -> None:
    with pytest.raises(InputError, match=rf"data\.json: {expected}"):
        open_dataset(written(tmp_path, {"s1": study(), "s2": entry}))


def test_an_id_that_is_no_name_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.json: \.\./s2: image id '\.\./s2' could lead out"):
        open_dataset(written(tmp_path, {"s1": study(), "../s2": study()}))


def test_a_torn_file_and_a_study_in_two(tmp_path: Path) -> None:
    written(tmp_path, {"s1": study()})
    (tmp_path / "other.json").write_bytes((tmp_path / "data.json").read_bytes())
    with pytest.raises(InputError, match=r"other\.json: s1 stands in .*data\.json too"):
        open_dataset(tmp_path)
    (tmp_path / "other.json").write_bytes((tmp_path / "data.json").read_bytes()[:-2])
    with pytest.raises(InputError, match=r"other\.json.* is not JSON"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "document", "layout"),
    [
        ("predictions.json", {"s1": study(model_prediction="Findings: Clear.")}, "image folder"),
        ("submission.json", {"s1": {"study_id": "s1", "model_prediction": "Findings: Clear."}}, "image folder"),
        ("dataset_info.json", {"features": {"image_path": {"dtype": "string"}, "report": {}}}, "image folder"),
        ("run.json", {"config": {"image_path": "a.png", "report": "x"}}, "image folder"),
        ("list.json", [study()], "image folder"),
        ("lines.json", {"image_path": ["a.png"], "report": "Findings: Clear."}, "image folder"),
        ("views.json", {"s1": {"image_path": ["a.png"]}}, "image folder"),
        ("annotation.json", {"test": [{"id": "a", "report": "b", "image_path": ["a.png"]}]}, "R2Gen (annotation.json)"),
    ],
)
def test_other_json_is_left_alone(tmp_path: Path, name: str, document: Any, layout: str) -> None:
    assert open_dataset(written(tmp_path, document, "images/a.png", name=name)).layout == layout


def test_json_that_cannot_be_read_is_no_matter_in_a_folder_of_images(tmp_path: Path) -> None:
    written(tmp_path, {}, "images/a.png")
    (tmp_path / "data.json").write_bytes(b'{"a": {"caption": "cut off')
    (tmp_path / "folder.json").mkdir()
    assert open_dataset(tmp_path).layout == "image folder"


def test_from_rexranks_data_to_rexranks_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system answers its test studies from those of train, and what it says goes back beside the gold reports."""
    monkeypatch.chdir(tmp_path)  # embeddings/ and submissions/ are made where one works
    data = tmp_path / "data"
    data.mkdir()
    splits = {"train": range(12), "val": range(12, 16), "test": range(16, 22)}
    for split, numbers in splits.items():
        entries = {}
        for n in numbers:
            texts = {"section_findings": f"Picture {n % 4}.", "section_impression": "Normal." if n % 2 else NAN}
            entries[f"s{n}"] = study(f"s{n}", split=split, report=None, **texts)
            (data / "images" / f"s{n}").mkdir(parents=True)
            for view in (0, 1):
                picture(n % 4, (40, 40)).save(data / "images" / f"s{n}" / f"{view}.png")
        written(data, entries, name=f"rexrank_{split}.json")
    config = write_config(
        tmp_path / "knn.yaml",
        data,
        make_tower("vit", tmp_path / "tower"),
        task="report_generation",
        decision=None,
        retrieval={"k": 3},
    )
    run = tmp_path / "submissions/report_generation/knn"
    done = CliRunner().invoke(cli, ["run", str(config), "--set", f"data.path={data}", "--run", "knn"])
    assert done.exit_code == 0, done.output
    out, given = tmp_path / "out.json", data / "rexrank_test.json"
    asked = ["convert", str(run), "--task", "3", "--to", "rexrank", "--rexrank-data", str(given), "--out", str(out)]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text(encoding="utf-8"))
    told = json.loads(given.read_text(encoding="utf-8"))
    assert list(found) == [f"s{n}" for n in splits["test"]]
    for n, (name, entry) in zip(splits["test"], found.items(), strict=True):
        said = entry.pop("model_prediction")
        assert said == f"Findings: Picture {n % 4}." + ("\nImpression: Normal." if n % 2 else "")
        assert repr(entry) == repr(told[name])  # as NaN is not equal to NaN
