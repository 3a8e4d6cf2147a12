"""A finished run, run again: checked, answered by the ordinary run loop, compared, and told of in `reproduction.json`.

    folder = run_again(original, Path("submissions"), settings=[], console=console)
    # submissions/concept_detection/base-reproduced: a run as any other, and

    {"schema": 1, "original": {"path": ..., "name": ..., "fingerprint": ..., "submission": ..., "scores": {...}},
     "checks": [...], "predictions": {"images": 120, "equal": 120, "identical_submission": true, ...},
     "scores": null, "same": null}

Whoever scores the run completes `scores` and `same`. An ensemble's members are run again too, so it has a folder of its
own, `<name>-reproduced/<name>`, in which they lie beside it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from ruamel.yaml import YAML

from runners import record as records
from runners.config import RunConfig
from runners.config_files import flatten
from runners.experiments import load_experiment, plan_of
from runners.plan import Plan
from runners.reproduction.agreement import agreement
from runners.reproduction.checks import Check, as_it_ran, material, refused, surroundings
from runners.reproduction.configs import CONFIG, config_text
from runners.reproduction.original import Original
from runners.reproduction.tables import print_agreement, print_checks
from runners.run import execute
from tasks.files import hash_file, write_whole
from tasks.nouns import InputError

FILE = "reproduction.json"
SCHEMA = 1
_ELSEWHERE = (
    "what lies elsewhere on this machine is named with --data FOLDER and --set KEY=VALUE, as in "
    "--set 'adapters=[{path: my/adapter}]' (a list is given whole); what an ensemble's member names must lie where it "
    "says"
)


def check(original: Original, *, settings: Sequence[str], console: Console) -> tuple[Plan, list[Check]]:
    """The plan of the run here, and what was checked, printed; InputError where it cannot be the same run."""
    if isinstance(original.record.get("base"), dict):
        import torch  # noqa: F401 - without it nobody knows of accelerators
    around, title = surroundings(original.record), f"{original.path} against what is here"
    try:
        plan = _plan(original, settings)
    except InputError as error:
        print_checks(around, console, title=title)
        raise InputError(f"{original.path} cannot be run again: {error}\n{_ELSEWHERE}") from None
    made_of = material(original, plan)
    found = [*made_of, *around]
    print_checks(found, console, title=title)
    if wrong := refused(found):
        lines = "\n".join(f"  {one.what}: {one.then} -> {one.now}" for one in wrong)
        raise InputError(
            f"{original.path} cannot be reproduced, this would be another run:\n{lines}\n"
            f"put back what the run was made of ({_code(original.record)}); {_ELSEWHERE}"
        )
    if differ := [one.what for one in found if one.verdict != "same"]:
        _say(console, f"warning: not the same, or not known to be: {', '.join(differ)}: outputs or scores may differ")
    return plan, found


def run_again(original: Original, out: Path, *, settings: Sequence[str], console: Console) -> Path:
    """Check, answer, compare; the folder of the new run, whose reproduction.json lacks the scores yet."""
    plan, found = check(original, settings=settings, console=console)
    folder = out / original.task.value / f"{original.name}-reproduced"
    if any(name != CONFIG for name in original.configs):
        folder /= original.name
    content = _begun(original, folder)
    content["checks"] = _of_all_starts([one.to_json() for one in found], folder, console)
    for name, text in {**original.configs, CONFIG: config_text(flatten(plan.config), plan.made_of)}.items():
        write_whole(folder / name, text)
    _write(folder, content)
    with records.editing(folder, lambda: records.new_record(plan, folder.name)) as record:
        # The batches of the original: in other company an image may get another answer in the last bit.
        if record["batch_size"] is None and isinstance(plan.config, RunConfig) and plan.config.batch_size == "auto":
            record["batch_size"] = original.record["batch_size"]
    execute(plan, folder, Console(stderr=True, quiet=console.quiet))
    content["predictions"] = _compared(original, plan, folder, console)
    _write(folder, content)
    return folder


def _plan(original: Original, settings: Sequence[str]) -> Plan:
    if original.foreign:
        _refuse_to_trust(original, settings)
    with tempfile.TemporaryDirectory(prefix="imageclef-") as there:
        for name, text in original.configs.items():
            write_whole(Path(there) / name, text)
        try:
            return plan_of(load_experiment(Path(there) / CONFIG, settings))
        except InputError as error:
            raise InputError(str(error).replace(f"{there}/", "")) from None


def _refuse_to_trust(original: Original, settings: Sequence[str]) -> None:
    """InputError when a config from elsewhere would run code or send images somewhere, unless the user says so too."""
    for name, text in original.configs.items():
        model = YAML(typ="safe").load(text).get("model") or {}
        risks = {
            "model.trust_remote_code": (model.get("trust_remote_code"), "runs code that comes with the model"),
            "model.served.url": (model.get("served"), "sends the images to a server"),
        }
        for key, (risky, what) in risks.items():
            if risky and not any(key in setting for setting in settings):
                mend = f"say so with --set {key}=..." if name == CONFIG else f"unpack it and run its {CONFIG}"
                raise InputError(f"{name} in the archive {what}: if you trust it, {mend}")


def _begun(original: Original, folder: Path) -> dict[str, Any]:
    """The record of the reproduction; InputError when the folder is not one of this original."""
    if folder.resolve() == original.folder.resolve():
        raise InputError(f"{folder} is the original, which stays as it is: name another place with --out")
    if not (folder / FILE).exists():
        if (folder / records.FILE).exists():
            raise InputError(f"{folder} holds another run: name another place with --out")
    elif (before := read(folder)["original"]) | original.identity != before:
        raise InputError(f"{folder} holds the reproduction of another run: name another place with --out")
    return {
        "schema": SCHEMA,
        "original": {"path": str(original.path), **original.identity, "scores": original.scores},
        "checks": [],
        "predictions": None,
        "scores": None,
        "same": None,
    }


def _of_all_starts(found: list[dict[str, Any]], folder: Path, console: Console) -> list[dict[str, Any]]:
    """What held while the run was answered: where it was stopped, what an earlier start found unlike stays, too."""
    earlier = read(folder)["checks"] if (folder / FILE).exists() else []
    record = records.read_record(folder) or {}
    if record.get("finished") and record["counts"]["failed"] == 0:
        _say(
            console,
            f"{folder} was answered before ({record['finished']}), with what was checked then, and is only compared "
            "again: to have it answered again, delete it or name another place with --out",
        )
        return list(earlier)
    return found + [one for one in earlier if one["verdict"] != "same" and one not in found]


def read(folder: Path) -> dict[str, Any]:
    """The folder's reproduction.json; InputError when it is none."""
    path = folder / FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = content["schema"] == SCHEMA and isinstance(content["original"], dict)
        whole = whole and isinstance(content["checks"], list)
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise InputError(f"{path} cannot be read: name another place with --out, or delete the folder")
    return content


def _compared(original: Original, plan: Plan, folder: Path, console: Console) -> dict[str, Any]:
    ids = [example.image_id for example in plan.examples]
    found = agreement(original.journal, records.results_of(plan, folder), ids)
    record = records.read(folder)
    submission = str(record["submission"]["file"])
    found["identical_submission"] = hash_file(folder / submission) == original.record["submission"]["sha256"]
    ran = as_it_ran(original.record, record)
    found["as_it_ran"] = [one.to_json() for one in ran]
    if ran:
        print_checks(ran, console, title="as it was computed")
    print_agreement(found, console)
    exact = record["model"].get("dtype") == "float32" and record["model"].get("quantization") in (None, "none")
    if exact and found["equal"] < found["images"]:
        _say(console, "in float32 all were expected to be the same: what differs above may be why")
    return found


def _code(record: Mapping[str, Any]) -> str:
    commits = [session.get("git", {}).get("commit") for session in record["sessions"]]
    return f"the code: git checkout {commits[-1]}" if commits and commits[-1] else "the code's version is not recorded"


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    write_whole(folder / FILE, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
