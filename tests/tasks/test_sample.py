"""The embedded sample: the same everywhere, laid out as the 2026 release, captions that say what is seen."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.concepts import Vocabulary
from tasks.reports.labels import LABELS
from tasks.sample import ensure_sample, image_id, release
from tasks.sample.lexicon import CONCEPTS, MANUAL
from tasks.sample.picture import PHANTOMS, draw
from tasks.sample.release import image_bytes, is_complete, record_of, write_release
from tasks.sample.scene import SPLITS, VIEWS, Finding, Scene, scene_of, stream

COUNTS = {"train": 40, "valid": 10, "test": 20}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample, laid out as the whole one."""
    root = tmp_path_factory.mktemp("sample")
    write_release(root, COUNTS)
    return root


def table(path: Path) -> list[list[str]]:
    """Rows of a CSV file, the header first."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("split", "number", "expected"),
    [
        ("train", 0, "d067b26f19d052e6"),
        ("valid", 3, "f1c9ed88f0e3f3ff"),
        ("test", 0, "0b872de2adb9df4e"),
        ("test", 119, "f3028e01a47fdba0"),
    ],
)
def test_pixels_are_the_same_on_every_machine(split: str, number: int, expected: str) -> None:
    pixels = draw(scene_of(split, number), stream(split, number, 1)).pixels
    assert pixels.shape == (224, 224)
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == expected


def test_texts_are_the_same_on_every_machine() -> None:
    records = [record_of("test", k) for k in range(SPLITS["test"])]
    texts = [f"{r.scene.cuis} {r.caption} {r.report} {sorted(r.patient.items())}" for r in records]
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] == "a8844dc9c7791483"


def test_writing_twice_gives_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    write_release(tmp_path, COUNTS)
    files = sorted(p.relative_to(sample) for p in sample.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert all((sample / f).read_bytes() == (tmp_path / f).read_bytes() for f in files)


def test_images_differ_from_each_other_across_splits() -> None:
    digests = {hashlib.sha256(image_bytes(split, k)).digest() for split in SPLITS for k in range(25)}
    assert len(digests) == 25 * len(SPLITS)


def test_layout_is_that_of_the_2026_release(sample: Path) -> None:
    development = [image_id(split, k) for split in ("train", "valid") for k in range(COUNTS[split])]
    test = [image_id("test", k) for k in range(COUNTS["test"])]
    for folder, ids in (("dev_concept", development), ("dev_caption", development), ("test", test)):
        assert {p.stem for p in (sample / folder / "images").iterdir()} == set(ids)
    headers = {"concepts": ["ID", "CUIs"], "concepts_manual": ["ID", "CUIs"], "captions": ["ID", "Caption"]}
    for name, header in headers.items():
        room = "dev_caption" if name == "captions" else "dev_concept"
        for folder, ids in ((room, development), ("test", test)):
            rows = table(sample / folder / f"{name}.csv")
            assert rows[0] == header
            assert [row[0] for row in rows[1:]] == ids
    assert [row[0] for row in table(sample / "test/ids.csv")] == ["ID", *test]
    assert table(sample / "dev_concept/cui_mapping.csv")[0] == ["CUI", "Canonical name"]
    assert table(sample / "dev_concept/cui_synonyms.csv")[0] == ["CUI", "Name", "Language"]
    assert len(table(sample / "dev_concept/attribution.csv")) == len(development) + len(test) + 1


def test_reports_belong_to_chest_radiographs_only(sample: Path) -> None:
    concepts = {row[0]: row[1].split(";") for row in table(sample / "test/concepts.csv")[1:]}
    chest = [i for i, cuis in concepts.items() if {"C1306645", "C0817096"} <= set(cuis)]
    for name in ("reports", "labels", "context"):
        assert [row[0] for row in table(sample / f"test/{name}.csv")[1:]] == chest
    assert table(sample / "test/labels.csv")[0] == ["ID", *LABELS]
    assert {cell for row in table(sample / "test/labels.csv")[1:] for cell in row[1:]} <= {"1", "0", "-1", ""}
    development = {row[0] for row in table(sample / "dev_report/reports.csv")[1:]}
    assert {p.stem for p in (sample / "dev_report/images").iterdir()} == development


def test_labels_say_what_the_scene_shows() -> None:
    for number in range(200):
        record = record_of("train", number)
        if record.report:
            kinds = {f.kind for f in record.scene.findings}
            labels = record.report.labels
            assert (labels["Pleural Effusion"] == 1) == ("effusion" in kinds)
            assert (labels["Support Devices"] == 1) == ("pacemaker" in kinds)
            assert (labels["No Finding"] == 1) == (not kinds - {"pacemaker"})


def test_counts_of_the_whole_sample() -> None:
    assert (SPLITS["train"], SPLITS["valid"], SPLITS["test"]) == (840, 120, 120)
    scenes = [scene_of("test", k) for k in range(SPLITS["test"])]
    assert sum((s.modality, s.region) == ("xray", "chest") for s in scenes) >= 40
    assert {(s.modality, s.region) for s in scenes} == set(PHANTOMS)
    trained = {key for k in range(SPLITS["train"]) for key in scene_of("train", k).keys}
    assert {key for s in scenes for key in s.keys} <= trained == set(CONCEPTS)


def test_manual_concepts_are_the_official_fifteen(sample: Path) -> None:
    assert len(MANUAL) == 15
    rows = {row[0]: row[1] for row in table(sample / "test/concepts.csv")[1:]}
    for name, cuis in table(sample / "test/concepts_manual.csv")[1:]:
        assert cuis == ";".join(c for c in rows[name].split(";") if c in MANUAL)
        assert cuis


def test_every_caption_says_its_concepts_and_no_other(sample: Path) -> None:
    folder = sample / "dev_concept"
    vocabulary = Vocabulary.load([folder / "cui_mapping.csv", folder / "cui_synonyms.csv"])
    for split, count in SPLITS.items():
        for number in range(count or 300):
            record = record_of(split, number)
            assert set(vocabulary.find(record.caption)) == set(record.scene.cuis), record


@pytest.mark.parametrize(("modality", "region", "kinds"), VIEWS)
def test_each_finding_changes_the_picture_where_it_is_marked(
    modality: str, region: str, kinds: tuple[tuple[str, str], ...]
) -> None:
    for kind, traits in kinds:
        finding = Finding(kind, "left" if "s" in traits else "", "large" if "z" in traits else "")
        picture = draw(Scene(modality, region, (finding,)), stream("extra", 1, 1))
        assert {name for name, _ in picture.marks} == {kind}
        mask = np.maximum.reduce([mask for _, mask in picture.marks]) > 0.5
        assert np.sqrt(mask.sum()) >= 10
        healthy = draw(Scene(modality, region), stream("extra", 1, 1)).pixels
        change = np.abs(picture.pixels.astype(int) - healthy)[mask].mean()
        assert change > 12, (modality, region, kind, change)
        if "s" in traits:
            columns = np.where(mask)[1]
            assert columns.mean() > 112


def test_marker_is_written_last_and_guards_every_file(sample: Path, tmp_path: Path) -> None:
    write_release(tmp_path, {"train": 2, "test": 2})
    assert is_complete(tmp_path)
    captions = tmp_path / "test/captions.csv"
    whole = captions.read_bytes()
    captions.write_bytes(whole[:-5])
    assert not is_complete(tmp_path)
    captions.write_bytes(whole)
    assert is_complete(tmp_path)
    (tmp_path / "dev_caption/images" / f"{image_id('train', 1)}.jpg").unlink()
    assert not is_complete(tmp_path)
    marker = json.loads((sample / "complete.json").read_text(encoding="utf-8"))
    marker["version"] += 1
    (tmp_path / "complete.json").write_text(json.dumps(marker), encoding="utf-8")
    assert not is_complete(tmp_path)


def test_an_interrupted_sample_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.sample.SPLITS", {"train": 3, "test": 3})
    written: list[int] = []
    real = release.image_bytes

    def stopping(split: str, number: int) -> bytes:
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(number)
        return real(split, number)

    monkeypatch.setattr(release, "image_bytes", stopping)
    with pytest.raises(KeyboardInterrupt):
        ensure_sample(tmp_path)
    assert not is_complete(tmp_path)
    monkeypatch.setattr(release, "image_bytes", real)
    assert ensure_sample(tmp_path) == tmp_path
    assert is_complete(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    ensure_sample(tmp_path)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}


def test_images_are_grey_jpegs_that_open(sample: Path) -> None:
    for path in (sample / "test/images").iterdir():
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "L", (224, 224))


def test_processes_that_need_the_sample_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import tasks.sample as s;"
        "s.SPLITS = {'train': 20, 'test': 10}; s.ensure_sample(Path(sys.argv[1]))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "sample")]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert is_complete(tmp_path / "sample")
    assert not list(tmp_path.rglob("*.part"))
