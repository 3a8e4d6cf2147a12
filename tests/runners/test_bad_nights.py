"""Bad nights: what a run must survive, or end in a message with nothing lost."""

import errno
import io
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock
from rich.console import Console

import runners.asking
import runners.session
from imageclef import cli
from runners.batches import make_batches
from runners.config_files import load
from runners.journal import Journal
from runners.loop import TooManyFailures
from runners.plan import make_plan
from runners.progress import RunProgress
from runners.run import execute
from runners.session import stoppable
from runners.sharing import Place
from tasks.nouns import InputError, Prediction
from tests.runners.standin import IDS, Standin, Use, captions, make_config, make_data, make_standin_plan, record

CONSOLE = Console(quiet=True)


def start(tmp_path: Path, *options: str) -> Result:
    """`imageclef run` over the stand-in's data, the whole way through the front door."""
    config = make_config(tmp_path, make_data(tmp_path / "data"))
    command = ["run", str(config), "--out", str(tmp_path / "out"), "--run", "[r]", *options]
    return CliRunner().invoke(cli, command, env={"COLUMNS": "200"})


def stop(kind: type[BaseException]) -> Callable[[list[int]], None]:
    def fault(levels: list[int]) -> None:
        raise kind

    return fault


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


def test_an_empty_answer_is_a_failure(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Standin()
    monkeypatch.setattr(model, "generate", lambda prepared, *, seed: [" \n"] * len(prepared))
    use(model)
    with pytest.raises(TooManyFailures, match="the model wrote nothing"):
        execute(make_standin_plan(tmp_path), tmp_path / "run", CONSOLE)


@pytest.mark.parametrize("position", range(4))
def test_a_corrupt_image_costs_its_batch_nothing(tmp_path: Path, use: Use, position: int) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path, "max_failures: 1")
    spoilt = make_batches(plan.examples, [1] * len(plan.examples), size=4)[1][position].image_id
    (tmp_path / "data" / "images" / f"{spoilt}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    folder = execute(plan, tmp_path / "run", CONSOLE)
    assert captions(folder) == {i: "" if i == spoilt else f"grey {20 * n}" for n, i in enumerate(IDS)}


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


def test_brackets_in_names_and_reasons_are_printed_not_obeyed(tmp_path: Path, use: Use) -> None:
    use(Standin())
    console = Console(record=True, file=io.StringIO(), width=300)
    plan = make_standin_plan(tmp_path)
    for _ in range(2):
        execute(plan, tmp_path / "[/red] [bold]", console)
    text = console.export_text()
    assert "[/red] [bold]/submission.zip" in text and "[/red] [bold]: finished" in text


def test_a_stop_says_the_command_that_resumes(tmp_path: Path, use: Use) -> None:
    use(Standin(stop(KeyboardInterrupt)))
    (tmp_path / "a b=c #1").symlink_to(tmp_path / "data")
    stopped = start(tmp_path, "--data", str(tmp_path / "a b=c #1"), "--limit", "5", "--set", "prompt.text=[/INST] it's")
    assert stopped.exit_code == 130
    said = next(line for line in stopped.output.splitlines() if line.startswith("stopped; to resume: "))
    words = shlex.split(said.partition(": ")[2])
    use(Standin())
    done = CliRunner().invoke(cli, words[1:], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert len(captions(tmp_path / "out" / "caption_prediction" / "[r]")) == 5


def test_ctrl_c_before_the_model_is_loaded_has_the_same_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runners.plan.make_plan", interrupted)
    assert start(tmp_path).exit_code == 130


def test_too_many_failures_with_brackets_in_the_reason_say_how_to_go_on(tmp_path: Path, use: Use) -> None:
    def odd(levels: list[int]) -> None:
        raise ValueError("shape [/96] is invalid")

    use(Standin(odd))
    stopped = start(tmp_path)
    assert stopped.exit_code == 1
    assert "shape [/96] is invalid" in stopped.output and "to go on: imageclef run" in stopped.output


@pytest.mark.parametrize("where", ["os.fsync", "runners.record.write_whole", "runners.run.write_submission"])
def test_a_full_disk_is_a_message_and_the_run_goes_on_later(
    where: str, tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path)
    whole = (execute(plan, tmp_path / "whole", CONSOLE) / "submission.zip").read_bytes()
    folder = tmp_path / "out" / "caption_prediction" / "full"
    command = ["run", str(tmp_path / "standin.yaml"), "--out", str(tmp_path / "out"), "--run", "full"]

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(where, full)
        stopped = CliRunner().invoke(cli, command)
    assert isinstance(stopped.exception, InputError)
    assert "No space left" in str(stopped.exception) and "go on with: imageclef run" in str(stopped.exception)
    assert (execute(plan, folder, CONSOLE) / "submission.zip").read_bytes() == whole


def test_a_folder_deleted_in_mid_run_stops_it_at_once(tmp_path: Path, use: Use) -> None:
    def delete(levels: list[int]) -> None:
        shutil.rmtree(tmp_path / "run", ignore_errors=True)

    model = Standin(delete)
    use(model)
    plan = make_standin_plan(tmp_path)
    with pytest.raises(InputError, match="was deleted while the run was at work"):
        execute(plan, tmp_path / "run", CONSOLE)
    assert len(model.batches) == 1
    use(Standin())
    assert len(captions(execute(plan, tmp_path / "run", CONSOLE))) == 12


def test_a_journal_that_lost_lines_in_mid_run_gives_no_submission(tmp_path: Path, use: Use) -> None:
    journal = tmp_path / "run" / "predictions.0.jsonl"

    def empty(levels: list[int]) -> None:
        if journal.stat().st_size:
            os.truncate(journal, 0)

    use(Standin(empty))
    plan = make_standin_plan(tmp_path)
    with pytest.raises(InputError, match="left the journal"):
        execute(plan, tmp_path / "run", CONSOLE)
    assert not (tmp_path / "run" / "submission.csv").exists()


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_not_in_the_way(tmp_path: Path, use: Use) -> None:
    use(Standin())
    plan = make_standin_plan(tmp_path)
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock.0"), pytest.raises(InputError, match="another process"):
        execute(plan, tmp_path / "run", CONSOLE)
    assert (tmp_path / "run" / ".lock.0").exists()
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
    for content in (
        "[]",
        "{}",
        '{"config": {}, "batch_size": 1, "sessions": [], "finished": null, "fingerprint": null}',
    ):
        (folder / "run.json").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="not a run record"):
            execute(plan, folder, CONSOLE)


def test_the_size_that_memory_allowed_is_remembered_by_the_next_session(tmp_path: Path, use: Use) -> None:
    asked: list[int] = []

    def small_then_stopped(levels: list[int]) -> None:
        asked.append(len(levels))
        if len(levels) > 2:
            raise MemoryError("out of memory")
        if len(asked) > 3:
            raise KeyboardInterrupt

    use(Standin(small_then_stopped))
    plan = make_standin_plan(tmp_path, "batch_size: 4")
    with pytest.raises(KeyboardInterrupt):
        execute(plan, tmp_path / "run", CONSOLE)
    assert asked == [4, 2, 2, 2]
    calm = Standin()
    use(calm)
    execute(plan, tmp_path / "run", CONSOLE)
    assert max(len(levels) for levels in calm.batches) == 2


def test_a_clock_that_jumps_back_a_year_harms_nothing(
    tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    years = iter(range(2026, 1990, -1))

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(next(years, 1990), 1, 1, tzinfo=UTC)

    monkeypatch.setattr(runners.asking, "datetime", Clock)
    monkeypatch.setattr(runners.session, "datetime", Clock)
    calls: list[int] = []

    def stop_once(levels: list[int]) -> None:
        calls.append(len(levels))
        if len(calls) == 2:
            raise KeyboardInterrupt

    use(Standin(stop_once))
    plan = make_standin_plan(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        execute(plan, tmp_path / "run", CONSOLE)
    folder = execute(plan, tmp_path / "run", CONSOLE)
    assert len(captions(folder)) == 12
    assert [session["already_done"] for session in record(folder)["sessions"]] == [0, 4]
    assert all(session["seconds"] >= 0 for session in record(folder)["sessions"])


def test_a_model_that_answers_nothing_stops_the_run_and_says_so(
    tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Standin, "generate", lambda self, prepared, *, seed: ["  "] * len(prepared))
    use(Standin())
    with pytest.raises(TooManyFailures, match="the model wrote nothing"):
        execute(make_standin_plan(tmp_path), tmp_path / "run", CONSOLE)


def test_a_folder_that_cannot_be_written_is_a_message(
    tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Standin())
    make_standin_plan(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path / "out"))

    monkeypatch.setattr(Path, "mkdir", refuse)
    done = CliRunner().invoke(cli, ["run", str(tmp_path / "standin.yaml"), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, InputError)
    assert "Read-only file system" in str(done.exception) and "go on with: imageclef run" in str(done.exception)


def test_an_error_that_concerns_every_image_stops_at_the_first(tmp_path: Path, use: Use) -> None:
    def refuse(levels: list[int]) -> None:
        raise InputError("the server does not know this key")

    use(Standin(refuse))
    with pytest.raises(InputError, match="does not know this key"):
        execute(make_standin_plan(tmp_path), tmp_path / "run", CONSOLE)
    assert not (tmp_path / "run" / "predictions.0.jsonl").read_bytes()


def test_an_adapter_overwritten_between_two_sessions_is_other_inputs(tmp_path: Path, use: Use) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}", encoding="utf-8")
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    use(Standin())
    plan = make_standin_plan(tmp_path, f"adapters: [{{path: {adapter}}}]")
    execute(plan, tmp_path / "run", CONSOLE)
    before = weights.stat()
    weights.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{     } ")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))  # as copying with times kept does
    with pytest.raises(InputError, match=r"adapters: .* -> "):
        execute(make_plan(load(tmp_path / "standin.yaml")), tmp_path / "run", CONSOLE)


def test_an_answer_that_comes_after_the_submission_is_in_the_next(tmp_path: Path, use: Use) -> None:
    """A process that was held up answers what another, that finished the run, had failed on."""
    use(Standin())
    plan = make_standin_plan(tmp_path, "max_failures: 1")
    image = tmp_path / "data" / "images" / f"{IDS[0]}.png"
    image.rename(tmp_path / "away")
    asked: list[int] = []

    def held_up(levels: list[int]) -> None:
        asked.extend(levels)
        if len(asked) == len(levels):
            use(Standin())
            assert captions(execute(plan, tmp_path / "run", CONSOLE, Place(1, 2)))[IDS[0]] == ""
            (tmp_path / "away").rename(image)

    use(Standin(held_up))
    folder = execute(plan, tmp_path / "run", CONSOLE, Place(0, 2))
    assert record(folder)["counts"]["failed"] == 1  # it had opened the images before
    with Journal(folder, 2) as journal:
        journal.append([Prediction(IDS[0], "late")])
    execute(plan, folder, CONSOLE)
    assert captions(folder)[IDS[0]] == "late" and record(folder)["counts"]["failed"] == 0


def test_what_another_process_answered_meanwhile_is_not_journalled_again(tmp_path: Path, use: Use) -> None:
    def faster(levels: list[int]) -> None:
        with Journal(tmp_path / "run", 1) as theirs:
            theirs.append([Prediction(IDS[level // 20], f"grey {level}") for level in levels[:3]])

    use(Standin(faster))
    folder = execute(make_standin_plan(tmp_path), tmp_path / "run", CONSOLE, Place(0, 2))
    assert len((folder / "predictions.0.jsonl").read_bytes().splitlines()) == 3
    assert captions(folder) == {i: f"grey {20 * n}" for n, i in enumerate(IDS)}


def test_more_failures_than_allowed_write_no_submission_whoever_had_them(tmp_path: Path) -> None:
    plan = make_standin_plan(tmp_path, "max_failures: 0.1")
    (tmp_path / "run").mkdir()

    def by_two(*_: Any) -> None:
        for rank in range(2):
            with Journal(tmp_path / "run", rank) as journal:
                journal.append([Prediction(i, "grey") for i in IDS[rank + 2 :: 2]])
                journal.append([Prediction(IDS[rank], None, "failed", "odd")])

    with pytest.raises(TooManyFailures, match=r"2 of 12 images failed.*odd"):
        execute(plan, tmp_path / "run", CONSOLE, session=by_two)
    assert not (tmp_path / "run" / "submission.csv").exists()


def test_ctrl_c_and_then_the_launchers_sigterm_end_it_once() -> None:
    with stoppable():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)  # it is ending already
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_progress_without_progress_divides_nothing_by_zero() -> None:
    out = io.StringIO()
    with RunProgress(Console(file=out), total=2, done=1) as progress:
        progress.advance(0, failed=0)
        progress.advance(1, failed=0)
        progress.advance(0, failed=0)
    assert out.getvalue().count("2/2 images") == 1


def test_one_dear_batch_out_of_memory_does_not_split_the_cheap_ones_to_its_size(tmp_path: Path, use: Use) -> None:
    class Dear(Standin):
        """The first image costs as much as eight others; two such do not fit, sixteen others do."""

        def tokens(self, sizes: Sequence[tuple[int, int]], views: Any = ()) -> list[int]:
            return [8 if width == 16 else 1 + (width > 1000) for width, _ in sizes]

        def fitting(self, longest: tuple[int, int]) -> int:
            return 2

    def small(levels: list[int]) -> None:
        if 0 in levels and len(levels) > 1:
            raise MemoryError("out of memory")

    model = Dear(small)
    use(model)
    plan = make_standin_plan(tmp_path)
    execute(plan, tmp_path / "run", CONSOLE)
    assert model.batches[0] == [0]
    assert max(map(len, model.batches[1:])) >= 5  # half of a batch of eleven, not one
