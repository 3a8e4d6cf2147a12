"""The run loop against faults: torn images, failing batches, memory, interruption, other inputs, two processes."""

import csv
import io
import shutil
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from runners.batches import make_batches
from runners.config_files import load
from runners.plan import make_plan
from runners.run import execute, run_folder
from tasks.nouns import InputError
from tests.runners.standin import IDS, Standin, Use, captions, make_config, make_data, make_standin_plan, record

CONSOLE = Console(quiet=True)


def test_a_run_writes_submission_zip_table_and_record(tmp_path: Path, use: Use) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path)
    folder = execute(plan, run_folder(plan, tmp_path / "out", None), CONSOLE)
    assert captions(folder) == {image_id: f"grey {20 * n}" for n, image_id in enumerate(IDS)}
    assert list(captions(folder)) == IDS
    with zipfile.ZipFile(folder / "submission.zip") as archive:
        assert archive.namelist() == ["submission.csv"]
        assert archive.read("submission.csv") == (folder / "submission.csv").read_bytes()
    run = record(folder)
    assert run["finished"]
    assert run["check"] == {"accepted": True, "precheck": "accepted", "scoring": "accepted", "warnings": {}}
    assert run["counts"] == {"ok": 12, "failed": 0, "empty": 0, "unmapped_terms": 0}
    assert run["batch_size"] == 4
    session = run["sessions"][0]
    assert {"torch", "transformers", "peft"} <= session["versions"].keys()
    assert session["peak_memory"]["resident_bytes"] > 0
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["image_id"] == IDS[0]
    assert row["prediction"] == row["reference"] == "grey 0"
    assert row["timestamp"].endswith("+00:00")
    assert {"seconds", "model", "split"} <= row.keys()


def test_batches_hold_every_example_once_whatever_the_size(tmp_path: Path) -> None:
    examples = make_standin_plan(tmp_path).examples
    costs = [1] * len(examples)
    for size in (1, 5, 12, 50):
        batches = make_batches(examples, costs, size=size)
        assert sorted(e.image_id for b in batches for e in b) == sorted(IDS)
        assert all(len(b) == size for b in batches[:-1])
    assert make_batches(examples, costs, size=5) == make_batches(list(examples), costs, size=5)


def test_a_stopped_run_resumes_with_the_same_batches_and_bytes(tmp_path: Path, use: Use) -> None:
    plan = make_standin_plan(tmp_path)
    whole = Standin()
    use(whole)
    unbroken = execute(plan, tmp_path / "unbroken", CONSOLE)

    calls = 0

    def interrupt(levels: list[int]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt

    use(Standin(interrupt))
    with pytest.raises(KeyboardInterrupt):
        execute(plan, tmp_path / "broken", CONSOLE)
    assert record(tmp_path / "broken")["finished"] is None
    assert len(record(tmp_path / "broken")["sessions"]) == 1
    journal = tmp_path / "broken" / "predictions.0.jsonl"
    # The crash tore the second batch: one line of it reached the disk, the next did so in part.
    extra = (unbroken / "predictions.0.jsonl").read_bytes().splitlines(keepends=True)[4:6]
    journal.write_bytes(journal.read_bytes() + extra[0] + extra[1][:20])

    rest = Standin()
    use(rest)
    execute(plan, tmp_path / "broken", CONSOLE)
    assert rest.batches == whole.batches[1:]
    for name in ("submission.csv", "submission.zip"):
        assert (tmp_path / "broken" / name).read_bytes() == (unbroken / name).read_bytes()
    assert len(journal.read_bytes().splitlines()) == len(IDS)
    assert len(record(tmp_path / "broken")["sessions"]) == 2


def test_a_finished_run_loads_no_model(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path)
    execute(plan, tmp_path / "run", CONSOLE)
    before = (tmp_path / "run" / "run.json").read_bytes()
    monkeypatch.delattr("runners.models.load_model")
    execute(plan, tmp_path / "run", CONSOLE)
    assert (tmp_path / "run" / "run.json").read_bytes() == before
    # A submission that got lost is written again from the journal, still without a model.
    for name in ("submission.zip", "submission.csv", "predictions.csv"):
        (tmp_path / "run" / name).unlink()
        execute(plan, tmp_path / "run", CONSOLE)
        assert (tmp_path / "run" / name).exists()


def test_a_named_fallback_fills_failed_images(tmp_path: Path, use: Use) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path, "max_failures: 1", "fallback: Radiograph")
    (tmp_path / "data" / "images" / f"{IDS[0]}.png").write_bytes(b"")
    folder = execute(plan, tmp_path / "run", CONSOLE)
    assert captions(folder)[IDS[0]] == "Radiograph"
    assert record(folder)["counts"]["failed"] == 1


def test_a_new_fallback_rewrites_the_submission_without_asking_again(tmp_path: Path, use: Use) -> None:
    def bad(levels: list[int]) -> None:
        if 60 in levels:
            raise ValueError("odd")

    use(Standin(bad))
    plan = make_standin_plan(tmp_path, "max_failures: 1")
    folder = execute(plan, tmp_path / "run", CONSOLE)
    assert captions(folder)[IDS[3]] == ""
    config = tmp_path / "standin.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "fallback: Radiograph\n", encoding="utf-8")
    retried = Standin(bad)
    use(retried)
    execute(make_plan(load(config)), folder, CONSOLE)
    assert captions(folder)[IDS[3]] == "Radiograph"
    assert sum(map(len, retried.batches)) <= 3
    assert record(folder)["config"]["fallback"] == "Radiograph"


def test_answers_without_a_concept_are_counted_and_told(
    tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Standin()
    monkeypatch.setattr(model, "generate", lambda prepared, *, seed: [""] * len(prepared))
    use(model)
    data = make_data(tmp_path / "data")
    (data / "cui_mapping.csv").write_text("CUI,Canonical name\nC0040405,Tomography\n", encoding="utf-8")
    plan = make_plan(load(make_config(tmp_path, data), ["task=1"]))
    console = Console(record=True, file=io.StringIO(), width=300)
    folder = execute(plan, tmp_path / "run", console)
    assert record(folder)["counts"]["empty"] == 12
    assert "12 answers without a concept" in console.export_text()


def test_a_sampled_run_resumes_to_the_same_bytes(tmp_path: Path, use: Use) -> None:
    class Seeded(Standin):
        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            return [f"{text} {seed}" for text in super().generate(prepared, seed=seed)]

    plan = make_standin_plan(tmp_path, "generation: {do_sample: true}")
    use(Seeded())
    whole = execute(plan, tmp_path / "whole", CONSOLE)
    assert len({text.split()[2] for text in captions(whole).values()}) == 3
    lines = (whole / "predictions.0.jsonl").read_bytes().splitlines(keepends=True)
    shutil.copytree(whole, tmp_path / "torn")
    (tmp_path / "torn" / "predictions.0.jsonl").write_bytes(b"".join(lines[:6]))
    execute(plan, tmp_path / "torn", CONSOLE)
    assert captions(tmp_path / "torn") == captions(whole)


def test_the_same_ids_in_another_folder_are_other_inputs(tmp_path: Path, use: Use) -> None:
    """The fingerprint holds the ids; the images behind them may be others."""
    use(Standin())
    plan = make_standin_plan(tmp_path)
    execute(plan, tmp_path / "run", CONSOLE)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    link, copy = (make_plan(load(tmp_path / "standin.yaml", [f"data.path={tmp_path / n}"])) for n in ("link", "copy"))
    assert link.fingerprint == copy.fingerprint == plan.fingerprint
    execute(link, tmp_path / "run", CONSOLE)
    with pytest.raises(InputError, match=r"data\.path: .*link -> .*copy"):
        execute(copy, tmp_path / "run", CONSOLE)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".", "", "/abs", "a\\b", "nul\0"])
def test_a_runs_name_cannot_leave_the_folder_of_its_task(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="one folder's name"):
        run_folder(make_standin_plan(tmp_path), tmp_path / "out", name)


def test_other_inputs_are_refused_with_the_keys_that_differ(tmp_path: Path, use: Use) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path)
    execute(plan, tmp_path / "run", CONSOLE)
    before = (tmp_path / "run" / "submission.csv").read_bytes()
    (tmp_path / "again").mkdir()
    other = make_standin_plan(tmp_path / "again", "generation: {num_beams: 3}")
    with pytest.raises(InputError, match=r"generation\.num_beams: 1 -> 3"):
        execute(other, tmp_path / "run", CONSOLE)
    assert (tmp_path / "run" / "submission.csv").read_bytes() == before


@pytest.mark.parametrize("settings", [["batch_size: 3"], ["max_failures: 0.5"], ["metrics: [rouge1]"]])
def test_what_changes_no_output_changes_no_fingerprint(tmp_path: Path, settings: list[str]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert make_standin_plan(tmp_path / "a").fingerprint == make_standin_plan(tmp_path / "b", *settings).fingerprint


@pytest.mark.parametrize(
    "settings", [["seed: 3"], ["quantization: nf4"], ["data: {limit: 3}"], ["prompt: {text: Other}"]]
)
def test_what_changes_an_output_changes_the_fingerprint(tmp_path: Path, settings: list[str]) -> None:
    plan = make_standin_plan(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text("extends: standin.yaml\n" + "\n".join(settings) + "\n", encoding="utf-8")
    assert make_plan(load(child)).fingerprint != plan.fingerprint
