"""The archive: the same bytes twice, nothing of the data, all that another needs, refused where it was changed."""

from __future__ import annotations

import json
import shlex
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runners.config_files import load
from runners.plan import make_plan
from runners.reproduction.archive import zipped
from runners.reproduction.commands import freeze
from runners.reproduction.homes import at_home, without_home
from runners.run import execute
from tasks.nouns import InputError
from tests.runners.reproduction.runs import QUIET, again, edited, frozen, make_run, told, verdicts
from tests.runners.standin import IDS, Standin, Use, record


def contents(archive: Path) -> dict[str, str]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name).decode("utf-8") for name in file.namelist() if not name.endswith(".zip")}


def repacked(archive: Path, target: Path, files: dict[str, bytes | None]) -> Path:
    """The archive with these files in place of its own; None takes one out."""
    with zipfile.ZipFile(archive) as file:
        whole = {name.removeprefix("base/"): file.read(name) for name in file.namelist()}
    changed = {name: content for name, content in {**whole, **files}.items() if content is not None}
    target.write_bytes(zipped(changed, folder="base"))
    return target


def test_the_same_run_freezes_to_the_same_bytes(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    first = frozen(run, tmp_path / "a.zip")
    assert first.exception is None and "sha256" in first.output
    shutil.copytree(run, tmp_path / "copy")
    assert frozen(tmp_path / "copy", tmp_path / "b.zip").exception is None
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert frozen(run, tmp_path / "a.zip").exception is None, "the same bytes may be written again"


def test_it_holds_what_is_needed_and_no_references(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    (tmp_path / "data" / "captions.csv").write_text(
        "ID,Caption\n" + "".join(f"{i},a secret reference\n" for i in IDS), encoding="utf-8"
    )
    run = again(run).return_value  # now its predictions.csv has those references
    assert "a secret reference" in (run / "predictions.csv").read_text(encoding="utf-8")
    frozen(run, tmp_path / "a.zip")
    files = contents(tmp_path / "a.zip")
    names = {name.removeprefix("base-reproduced/") for name in files}
    assert {"README.md", "config.yaml", "constraints.txt", "run.json", "predictions.0.jsonl", "submission.csv"} < names
    assert not any("a secret reference" in text for text in files.values())
    assert "predictions.csv" not in names
    constraints = files["base-reproduced/constraints.txt"]
    assert f"\ntorch=={record(run)['sessions'][-1]['versions']['torch'].partition('+')[0]}\n" in constraints
    assert "\nclick==" in constraints and "imageclef-harness" not in constraints
    assert "imageclef reproduce base-reproduced.zip" in files["base-reproduced/README.md"]
    (tmp_path / "c.yaml").write_text(files["base-reproduced/config.yaml"], encoding="utf-8")
    assert load(tmp_path / "c.yaml").config == load(tmp_path / "standin.yaml").config


def test_an_archive_is_reproduced_elsewhere(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, use)
    (run / "scores.json").write_text('{"scores": {"rouge1": {"value": 0.5}}}', encoding="utf-8")
    frozen(run, tmp_path / "a.zip")
    shutil.rmtree(run)
    (tmp_path / "data").rename(tmp_path / "theirs")
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    model = Standin()
    use(model)
    done = again(tmp_path / "a.zip", "--data", str(tmp_path / "theirs"))
    assert done.exception is None
    assert done.return_value == Path("submissions/caption_prediction/base-reproduced")
    content = told(done.return_value)
    assert content["predictions"]["equal"] == 12 == sum(map(len, model.batches))
    assert content["predictions"]["identical_submission"]
    assert content["original"]["scores"] == {"scores": {"rouge1": {"value": 0.5}}}
    assert verdicts(done.return_value)["its submission"] == "same"


def test_a_prompts_file_travels_in_the_config(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    config = tmp_path / "standin.yaml"
    (tmp_path / "asked.txt").write_text("What is\nseen?\n", encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace("{text: Describe}", f"{{file: {tmp_path / 'asked.txt'}}}")
    config.write_text(text, encoding="utf-8")
    run = execute(make_plan(load(config)), run.with_name("asked"), QUIET)
    frozen(run, tmp_path / "a.zip")
    (tmp_path / "asked.txt").unlink()
    done = again(tmp_path / "a.zip", "--out", str(tmp_path / "out"))
    assert done.exception is None and verdicts(done.return_value)["prompt"] == "same"


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"submission.csv": b"ID,Caption\n"}, "submission.csv was changed"),
        ({"run.json": b"{}"}, "run.json was changed"),
        ({"predictions.0.jsonl": None}, "predictions.0.jsonl was taken out"),
        ({"predictions.9.jsonl": b""}, "predictions.9.jsonl was put in"),
        ({"manifest.json": None}, "holds no manifest.json"),
        ({"manifest.json": b"[]"}, "manifest.json cannot be read"),
        ({"manifest.json": b'{"schema": 9, "files": {}}'}, "version 9"),
        ({"../../evil": b"x"}, "would lead out"),
    ],
)
def test_a_tampered_archive_is_refused(tmp_path: Path, use: Use, files: dict[str, bytes | None], named: str) -> None:
    frozen(make_run(tmp_path, use), tmp_path / "a.zip")
    done = again(repacked(tmp_path / "a.zip", tmp_path / "b.zip", files), "--out", str(tmp_path / "out"))
    assert isinstance(done.exception, InputError) and named in str(done.exception)
    assert not (tmp_path / "out").exists() and not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("{name: here, trust_remote_code: true}", "model.trust_remote_code=true"),
        ("{name: here, served: {url: http://evil/v1, key: OPENAI_API_KEY}}", "model.served.url=http://localhost:1/v1"),
    ],
)
def test_an_archive_is_not_trusted_with_code_and_images(tmp_path: Path, use: Use, model: str, said: str) -> None:
    run = make_run(tmp_path, use)
    config = tmp_path / "standin.yaml"
    lines = config.read_text(encoding="utf-8").replace(f"{{name: {tmp_path / 'base'}}}", model)
    config.write_text(lines.replace("here", "here" if "served" in model else str(tmp_path / "base")), encoding="utf-8")
    frozen(execute(make_plan(load(config)), run.with_name("risky"), QUIET), tmp_path / "a.zip")
    refused = again(tmp_path / "a.zip", "--out", str(tmp_path / "out"))
    assert isinstance(refused.exception, InputError) and said.partition("=")[0] in str(refused.exception)
    assert again(tmp_path / "a.zip", "--out", str(tmp_path / "out"), "--set", said).exception is None


@pytest.mark.parametrize(
    "keys",
    [
        {"name": "../../x"},
        {"name": ".."},
        {"submission": {"file": "../x", "sha256": "0"}},
        {"data": {}},
        {"task": "9"},
        {"model": None},
    ],
)
def test_a_record_that_leads_elsewhere_is_refused(tmp_path: Path, use: Use, keys: dict[str, Any]) -> None:
    run = make_run(tmp_path, use)
    edited(run, **keys)
    for done in (again(run), frozen(run, tmp_path / "a.zip")):
        assert isinstance(done.exception, InputError) and "not what a run writes" in str(done.exception)


def test_the_commands_of_the_archives_readme_are_a_shells(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use).rename(tmp_path / "odd")
    edited(run, name="it's mine")
    frozen(run, tmp_path / "a.zip")
    readme = contents(tmp_path / "a.zip")["it's mine/README.md"]
    commands = [line.strip() for line in readme.splitlines() if line.startswith("    ")]
    assert shlex.split(commands[1], comments=True)[:2] == ["unzip", "it's mine.zip"]
    assert shlex.split(commands[2])[:3] == ["imageclef", "reproduce", "it's mine.zip"]


def test_a_truncated_archive_is_refused(tmp_path: Path, use: Use) -> None:
    frozen(make_run(tmp_path, use), tmp_path / "a.zip")
    whole = (tmp_path / "a.zip").read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "b.zip").write_bytes(whole[:size])
        done = again(tmp_path / "b.zip", "--out", str(tmp_path / "out"))
        assert isinstance(done.exception, InputError) and "cannot be unpacked" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_bomb_is_refused(tmp_path: Path, use: Use) -> None:
    frozen(make_run(tmp_path, use), tmp_path / "a.zip")
    done = again(repacked(tmp_path / "a.zip", tmp_path / "b.zip", {"zeros": bytes(150_000_000)}))
    assert isinstance(done.exception, InputError) and "bomb" in str(done.exception)


def test_another_file_is_not_overwritten(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    (tmp_path / "a.zip").write_text("mine", encoding="utf-8")
    assert "something else" in str(frozen(run, tmp_path / "a.zip").exception)
    assert (tmp_path / "a.zip").read_text(encoding="utf-8") == "mine"


def test_what_is_not_whole_is_not_frozen(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    before = (run / "submission.csv").read_bytes()
    (run / "submission.csv").write_bytes(before + b"x,y\n")
    assert "not what the run wrote" in str(frozen(run, tmp_path / "a.zip").exception)
    (run / "submission.csv").unlink()
    assert "is gone" in str(frozen(run, tmp_path / "a.zip").exception)
    (run / "submission.csv").write_bytes(before)
    edited(run, finished=None)
    assert "resume it first" in str(frozen(run, tmp_path / "a.zip").exception)
    edited(run, finished="2026-01-01T00:00:00+00:00")
    (run / "predictions.0.jsonl").unlink()
    assert "no journal" in str(frozen(run, tmp_path / "a.zip").exception)
    assert isinstance(CliRunner().invoke(freeze, [str(tmp_path / "x")], standalone_mode=False).exception, InputError)
    assert not (tmp_path / "a.zip").exists()


def test_restricted_data_needs_the_right(tmp_path: Path, use: Use) -> None:
    run = make_run(tmp_path, use)
    edited(run, data=record(run)["data"] | {"restricted": "MIMIC-CXR"})
    assert "--i-have-the-right" in str(frozen(run, tmp_path / "a.zip").exception)
    assert not (tmp_path / "a.zip").exists()
    assert frozen(run, tmp_path / "a.zip", "--i-have-the-right").exception is None


def test_the_home_folder_is_not_told(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run = make_run(tmp_path, use)
    done = frozen(run, tmp_path / "a.zip")
    files = contents(tmp_path / "a.zip")
    assert not any(str(tmp_path) in text for text in files.values())
    assert json.loads(files["base/run.json"])["data"]["path"] == "~/data"
    assert str(tmp_path) not in done.output.replace(str(tmp_path / "a.zip"), "")
    here = again(tmp_path / "a.zip", "--out", str(tmp_path / "out"))
    assert here.exception is None and told(here.return_value)["predictions"]["equal"] == 12


def test_paths_of_homes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jane")
    text = 'path: /home/jane/data, ["/home/jane"], /home/janet/x, /mnt/home/jane/x'
    assert without_home(text) == 'path: ~/data, ["~"], /home/janet/x, /mnt/home/jane/x'
    assert at_home("path: ~/data\nname: x~/y") == "path: /home/jane/data\nname: x~/y"
