"""The main job as a new user starts it: the embedded sample, three tasks, from the command to the scored submission."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.concepts import Vocabulary

ROOT = Path(__file__).parents[1]
TASKS = ("concept_detection", "caption_prediction", "report_generation")


def run(task: str, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`imageclef run` on a shipped config in a folder of its own, so that the sample is generated anew."""
    config = ROOT / "configs" / task / "sample.yaml"
    return subprocess.run(
        [sys.executable, str(ROOT / "imageclef.py"), "run", str(config), *options],
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("main")


@pytest.mark.parametrize("task", TASKS)
def test_a_task_from_nothing_to_a_scored_submission(out: Path, task: str) -> None:
    done = run(task, out, "--run", "first")
    assert done.returncode == 0, done.stderr
    folder = out / "submissions" / task / "first"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["scores"]
    assert record["finished"] and record["check"]["accepted"]
    # Drawings without a finding are described alike: 77 of the 120 captions are distinct.
    assert record["check"]["warnings"].get("collapse", 0) == (task == "caption_prediction")
    assert ("worth a look" in done.stderr) == bool(record["check"]["warnings"])
    assert record["counts"]["failed"] == 0
    assert record["model"]["quantization"] == "nf4" and record["model"]["quantized_modules"] > 0
    assert str(folder.relative_to(out) / "submission.zip") in done.stderr
    if task == "concept_detection":
        assert scores["f1"]["value"] >= 0.85
        assert "f1" in done.stdout
    elif task == "caption_prediction":
        assert exact_content(out, folder) >= 0.75
    else:
        assert scores["rougeL"]["value"] >= 0.5

    again = run(task, out, "--run", "first")
    assert again.returncode == 0 and "finished 20" in again.stderr


def test_other_images_destroy_the_score(out: Path) -> None:
    """The answers come from the pixels: with every image in another's place the concepts are wrong."""
    assert run("concept_detection", out, "--limit", "1").returncode == 0
    images = out / "data" / "sample" / "test" / "images"
    files = sorted(images.iterdir())
    shuffled = out / "shuffled" / "test" / "images"
    shuffled.mkdir(parents=True)
    for file, other in zip(files, [*files[7:], *files[:7]], strict=True):
        (shuffled / file.name).write_bytes(other.read_bytes())
    for name in ("ids.csv", "concepts.csv", "concepts_manual.csv"):
        (shuffled.parent / name).write_bytes((images.parent / name).read_bytes())
    names = out / "data" / "sample" / "dev_concept" / "cui_mapping.csv"
    options = ["--data", str(out / "shuffled"), "--set", f"data.vocabulary=[{names}]", "--run", "shuffled"]
    done = run("concept_detection", out, *options)
    assert done.returncode == 0, done.stderr
    folder = out / "submissions" / "concept_detection" / "shuffled"
    assert json.loads((folder / "scores.json").read_text(encoding="utf-8"))["scores"]["f1"]["value"] < 0.5


def exact_content(out: Path, folder: Path) -> float:
    """Share of captions in which exactly the reference's CUIs are found."""
    sample = out / "data" / "sample"
    files = [sample / "dev_concept" / name for name in ("cui_mapping.csv", "cui_synonyms.csv")]
    vocabulary = Vocabulary.load(files)
    gold = {i: set(filter(None, cuis.split(";"))) for i, cuis in table(sample / "test" / "concepts.csv")}
    found = {i: set(vocabulary.find(caption)) for i, caption in table(folder / "submission.csv")}
    assert found.keys() == gold.keys()
    return sum(found[i] == gold[i] for i in gold) / len(gold)


def table(path: Path) -> list[list[str]]:
    """The rows of a CSV without its header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
