"""A run, run again: the same bytes where all is the same, and what differs named where it is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from runners import provenance
from runners.config_files import load
from runners.plan import make_plan
from runners.reproduction import checks
from runners.reproduction.images import hash_images
from runners.run import execute
from tasks.nouns import InputError
from tests.runners.reproduction.runs import again, edited, make_run, told, verdicts
from tests.runners.standin import IDS, Standin, Use, captions, make_config, make_data, record


def test_the_same_run_again_has_the_same_bytes(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    model = Standin()
    use(model)
    done = again(run)
    assert done.exception is None
    folder = done.return_value
    assert folder == tmp_path / "runs" / "caption_prediction" / "base-reproduced"
    assert sum(map(len, model.batches)) == len(IDS), "it was answered, not copied"
    assert (folder / "submission.csv").read_bytes() == before["submission.csv"]
    found = told(folder)["predictions"]
    assert (found["images"], found["equal"], found["identical_submission"]) == (12, 12, True)
    assert "the same 12 predictions, byte for byte" in done.output
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    checked = verdicts(folder)
    assert checked["base model"] == checked["image ids"] == checked["prompt"] == checked["data"] == "same"
    assert checked["images"] == "same"


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    calls = 0

    def interrupt(levels: list[int]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt

    use(Standin(interrupt))
    assert again(run).exit_code == 130
    rest = Standin()
    use(rest)
    done = again(run)
    assert done.exception is None and told(done.return_value)["predictions"]["equal"] == 12
    assert sum(map(len, rest.batches)) == 8


def test_answers_of_an_earlier_start_are_not_those_of_now(
    tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, use)
    folder = again(run).return_value
    monkeypatch.setattr(checks, "versions", lambda: provenance.versions() | {"torch": "1.0"})
    model = Standin()
    use(model)
    done = again(run)
    assert not model.batches and "was answered before" in done.output and "delete it" in done.output
    assert "torch" not in verdicts(folder) and told(folder)["predictions"]["equal"] == 12
    shutil.rmtree(folder)
    assert again(run).exception is None and verdicts(folder)["torch"] == "differs"
    assert sum(map(len, model.batches)) == 12


def test_what_was_unlike_before_a_stop_stays_told(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, use)

    def stop(levels: list[int]) -> None:
        if 60 in levels:
            raise KeyboardInterrupt

    use(Standin(stop))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(checks, "hardware", lambda: {"cpu": "another", "accelerators": []})
        assert again(run).exit_code == 130
    use(Standin())
    folder = again(run).return_value
    found = [(check["verdict"], check["now"]) for check in told(folder)["checks"] if check["what"] == "processor"]
    assert len(found) == 2 and found[1] == ("differs", "another")


def test_the_batches_are_those_of_the_original(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Standin()
    run = make_run(tmp_path, use, model=first)
    other = Standin()
    monkeypatch.setattr(other, "fitting", lambda longest: 6)
    use(other)
    assert again(run).exception is None
    assert other.batches == first.batches


def test_other_answers_are_told_with_both_texts(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, use)
    other = Standin()
    monkeypatch.setattr(
        other, "generate", lambda levels, *, seed: ["white" if n > 200 else f"grey {n}" for n in levels]
    )
    use(other)
    done = again(run)
    found = told(done.return_value)["predictions"]
    assert (found["equal"], found["equal_status"], found["identical_submission"]) == (11, 12, False)
    assert [row["image_id"] for row in found["differing"]] == [IDS[11]]
    assert "11 of 12 predictions are the same" in done.output
    assert "original: grey 220" in done.output and "again:    white" in done.output


def test_a_failure_is_no_answer(tmp_path: Path, use: Use) -> None:
    def fault(levels: list[int]) -> None:
        if 60 in levels:
            raise ValueError("odd")

    run = make_run(tmp_path, use, "max_failures: 0.5")
    use(Standin(fault))
    found = told(again(run).return_value)["predictions"]
    assert found["equal"] == found["equal_status"] == 11
    assert found["differing"][0]["again"] == {
        "status": "failed",
        "value": None,
        "text": "",
        "reason": "ValueError: odd",
    }


def test_a_server_cannot_be_looked_into(tmp_path: Path, use: Use) -> None:
    use(Standin())
    config = make_config(tmp_path, make_data(tmp_path / "data"))
    server = "model: {name: gpt, served: {url: http://localhost:1/v1}}"
    lines = [server if line.startswith("model:") else line for line in config.read_text("utf-8").splitlines()]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = execute(make_plan(load(config)), tmp_path / "runs/caption_prediction/base", Console(quiet=True))
    done = again(run)
    assert done.exception is None and verdicts(done.return_value)["served model"] == "unknown"
    assert told(done.return_value)["predictions"]["equal"] == 12


def _other_weights(folder: Path) -> None:
    path = folder / "base" / "model.safetensors"
    path.write_bytes(b"\x09\x00\x00\x00\x00\x00\x00\x00{}       ")


def _other_ids(folder: Path) -> None:
    for name in ("captions.csv", "test_ids.csv"):
        path = folder / "data" / name
        path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("change", "named"), [(_other_weights, "base model"), (_other_ids, "image ids")])
def test_what_makes_it_another_run_stops_it(
    tmp_path: Path, use: Use, change: Callable[[Path], None], named: str
) -> None:
    run = make_run(tmp_path, use)
    change(tmp_path)
    done = again(run)
    assert isinstance(done.exception, InputError)
    assert f"  {named}: " in str(done.exception) and "another run" in str(done.exception)
    assert not (run.parent / "base-reproduced").exists()


def test_what_is_gone_is_named_with_the_mend(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    (tmp_path / "data").rename(tmp_path / "moved")
    done = again(run)
    assert isinstance(done.exception, InputError)
    assert "data does not exist" in str(done.exception) and "--data FOLDER" in str(done.exception)
    assert "packages" in done.output, "what can be checked is"
    assert again(run, "--data", str(tmp_path / "moved")).exception is None
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    where = ["--data", str(tmp_path / "moved"), "--out", str(tmp_path / "out")]
    assert "there is no folder" in str(again(run, *where).exception)
    done = again(run, *where, "--set", f"model.name={tmp_path / 'elsewhere'}")
    assert done.exception is None and told(done.return_value)["predictions"]["equal"] == 12


def test_a_setting_that_changes_outputs_is_refused(tmp_path: Path, use: Use) -> None:
    done = again(make_run(tmp_path, use), "--set", "generation.num_beams=3")
    assert isinstance(done.exception, InputError) and "generation.num_beams: 1 -> 3" in str(done.exception)


def test_changed_references_are_warned_of(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    path = tmp_path / "data" / "captions.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("grey 20\n", "grey 21\n"), encoding="utf-8")
    done = again(run)
    assert done.exception is None and verdicts(done.return_value)["data: captions.csv"] == "differs"
    assert "warning: not the same" in done.output and "data: captions.csv" in done.output


def test_changed_pixels_stop_it_where_the_run_recorded_them(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    examples = make_plan(load(tmp_path / "standin.yaml")).examples
    edited(run, data=record(run)["data"] | {"image_bytes": hash_images(examples)})
    done = again(run)
    assert done.exception is None and verdicts(done.return_value)["images"] == "same"
    shutil.copy(tmp_path / "data/images" / f"{IDS[3]}.png", tmp_path / "data/images" / f"{IDS[4]}.png")
    assert "  images: sha256:" in str(again(run).exception)
    (tmp_path / "data/images" / f"{IDS[4]}.png").unlink()
    assert isinstance(again(run).exception, InputError)


def test_versions_code_and_hardware_are_warned_of(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, use)
    now = provenance.versions()
    monkeypatch.setattr(checks, "versions", lambda: now | {"torch": "1.0"})
    monkeypatch.setattr(checks, "git_state", lambda: {"commit": "0" * 40, "dirty": True})
    monkeypatch.setattr(checks, "hardware", lambda: {"cpu": "another", "accelerators": [{"name": "H200"}]})
    done = again(run, "--check-only")
    assert done.exception is None and done.return_value is None
    for what in ("torch", "commit of the code", "changes of the code", "processor", "accelerators"):
        assert what in done.output
    assert not (run.parent / "base-reproduced").exists()
    folder = again(run).return_value
    found = verdicts(folder)
    assert found["torch"] == found["processor"] == found["accelerators"] == found["commit of the code"] == "differs"
    assert found["packages"] == "same"


def test_a_setting_of_another_version_is_warned_of(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    print_of = record(run)["fingerprint"]
    del print_of["inputs"]["model.attention"]
    edited(run, fingerprint=print_of)
    assert verdicts(again(run).return_value)["settings of another version"] == "differs"


def test_a_changed_submission_of_the_original_is_seen(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    with (run / "submission.csv").open("a", encoding="utf-8") as file:
        file.write("x,y\n")
    assert verdicts(again(run).return_value)["its submission"] == "differs"


def test_unfinished_runs_are_refused_with_the_command(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    sessions = record(run)["sessions"]
    sessions[-1]["command"] = ["/usr/bin/imageclef", "run", "my config.yaml"]
    edited(run, finished=None, sessions=sessions)
    assert "imageclef run 'my config.yaml'" in str(again(run).exception)


def test_other_versions_of_the_record_and_no_runs_are_refused(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    edited(run, schema=7)
    assert "version 7" in str(again(run).exception)
    for path in (tmp_path / "gone", tmp_path / "data"):
        assert isinstance(again(path).exception, InputError)
    (tmp_path / "no.zip").write_bytes(b"PK no")
    assert isinstance(again(tmp_path / "no.zip").exception, InputError)


def test_nothing_is_written_into_the_original_or_another_run(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    other = run.parent / "base-reproduced"
    shutil.copytree(run, other)
    assert "another run" in str(again(run).exception)
    shutil.rmtree(other)
    other.symlink_to(run)
    assert "stays as it is" in str(again(run).exception)
    other.unlink()
    assert again(run).exception is None
    content = json.loads((other / "reproduction.json").read_text(encoding="utf-8"))
    edited(other, "reproduction.json", original=content["original"] | {"submission": "0"})
    assert "reproduction of another run" in str(again(run).exception)


def test_a_reproduction_is_itself_a_run(tmp_path: Path, use: Use) -> None:
    folder = again(make_run(tmp_path, use)).return_value
    assert captions(folder)[IDS[1]] == "grey 20" and record(folder)["finished"]
    twice = again(folder)
    assert twice.exception is None and twice.return_value.name == "base-reproduced-reproduced"
