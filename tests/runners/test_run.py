"""The run loop against faults: torn images, failing batches, memory, interruption, other inputs, two processes."""

import csv
import json
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from rich.console import Console

from runners.config_files import load
from runners.loop import TooManyFailures, make_batches
from runners.plan import make_plan
from runners.run import execute, run_folder
from tasks.nouns import InputError
from tests.runners.standin import IDS, Standin, make_standin_plan

Use = Callable[[Standin], None]
CONSOLE = Console(quiet=True)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes the run load the given stand-in instead of a checkpoint."""
    return lambda model: monkeypatch.setattr("runners.models.load_model", lambda *_: model)


def captions(folder: Path) -> dict[str, str]:
    with (folder / "submission.csv").open(encoding="utf-8", newline="") as file:
        return {row["ID"]: row["Caption"] for row in csv.DictReader(file)}


def record(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return loaded


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
    assert run["finished"] and run["check"]["accepted"]
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
    for size in (1, 5, 12, 50):
        batches = make_batches(examples, size)
        assert sorted(e.image_id for b in batches for e in b) == sorted(IDS)
        assert all(len(b) == size for b in batches[:-1])
    assert make_batches(examples, 5) == make_batches(list(examples), 5)


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
    (tmp_path / "run" / "submission.zip").unlink()
    execute(plan, tmp_path / "run", CONSOLE)
    assert (tmp_path / "run" / "submission.zip").exists()


def test_out_of_memory_halves_the_batch_and_says_so(tmp_path: Path, use: Use) -> None:
    def small(levels: list[int]) -> None:
        if len(levels) > 2:
            raise MemoryError("out of memory")

    model = Standin(small)
    use(model)
    folder = execute(make_standin_plan(tmp_path, "batch_size: 8"), tmp_path / "run", CONSOLE)
    assert captions(folder)[IDS[7]] == "grey 140"
    assert max(len(b) for b in model.batches) == 2
    assert record(folder)["sessions"][0]["out_of_memory_halvings"] == 2


def test_a_failing_image_is_a_failed_line_never_a_caption(tmp_path: Path, use: Use) -> None:
    def bad(levels: list[int]) -> None:
        if 60 in levels:
            raise ValueError("shape mismatch\nsecond line")

    use(Standin(bad))
    plan = make_standin_plan(tmp_path, "max_failures: 0.5")
    (tmp_path / "data" / "images" / f"{IDS[5]}.png").write_bytes(b"not an image")
    (tmp_path / "data" / "images" / f"{IDS[6]}.png").unlink()
    folder = execute(plan, tmp_path / "run", CONSOLE)
    run = record(folder)
    reasons = {f["image_id"]: f["reason"] for f in run["failures"]}
    assert set(reasons) == {IDS[3], IDS[5], IDS[6]}
    assert reasons[IDS[3]] == "ValueError: shape mismatch"
    assert reasons[IDS[5]].startswith("image:")
    assert run["counts"]["failed"] == 3
    assert [captions(folder)[i] for i in (IDS[3], IDS[5], IDS[6], IDS[7])] == ["", "", "", "grey 140"]

    # The cause mended, the same command tries the failed ones again and only asks for their batches.
    again = Standin()
    use(again)
    execute(plan, tmp_path / "run", CONSOLE)
    assert captions(folder)[IDS[3]] == "grey 60"
    assert record(folder)["counts"]["failed"] == 2


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


def test_an_empty_answer_is_a_failure(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Standin()
    monkeypatch.setattr(model, "generate", lambda prepared, *, seed: [" \n"] * len(prepared))
    use(model)
    with pytest.raises(TooManyFailures, match="the model wrote nothing"):
        execute(make_standin_plan(tmp_path), tmp_path / "run", CONSOLE)


def test_too_many_failures_stop_the_run_and_keep_the_journal(tmp_path: Path, use: Use) -> None:
    def broken(levels: list[int]) -> None:
        raise RuntimeError("device-side assert")

    use(Standin(broken))
    plan = make_standin_plan(tmp_path)
    with pytest.raises(TooManyFailures, match="device-side assert"):
        execute(plan, tmp_path / "run", CONSOLE)
    assert record(tmp_path / "run")["finished"] is None
    assert not (tmp_path / "run" / "submission.csv").exists()
    use(Standin())
    assert len(captions(execute(plan, tmp_path / "run", CONSOLE))) == 12


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


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_not_in_the_way(tmp_path: Path, use: Use) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path)
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"), pytest.raises(InputError, match="another process"):
        execute(plan, tmp_path / "run", CONSOLE)
    assert (tmp_path / "run" / ".lock").exists()
    execute(plan, tmp_path / "run", CONSOLE)


def test_sigterm_leaves_a_resumable_run(tmp_path: Path, use: Use) -> None:
    def terminate(levels: list[int]) -> None:
        signal.raise_signal(signal.SIGTERM)

    use(Standin(terminate))
    plan = make_standin_plan(tmp_path)
    with pytest.raises(SystemExit) as stop:
        execute(plan, tmp_path / "run", CONSOLE)
    assert stop.value.code == 143
    use(Standin())
    assert len(captions(execute(plan, tmp_path / "run", CONSOLE))) == 12


def test_predictions_without_a_record_are_not_overwritten(tmp_path: Path, use: Use) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path)
    folder = execute(plan, tmp_path / "run", CONSOLE)
    (folder / "run.json").unlink()
    with pytest.raises(InputError, match=r"predictions without run\.json"):
        execute(plan, folder, CONSOLE)
    (folder / "run.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="not a run record"):
        execute(plan, folder, CONSOLE)
