"""The model card: `README.md` of a training and of its adapter, made from training.json and nothing else.

    write_card(Path("trainings/concept_detection/train-sample"))
    # ---
    # base_model: "Qwen/Qwen2-VL-2B-Instruct"
    # ...
    # # train-sample: concept detection
    # ## How to run it ...

Its keys for the hub are those of https://huggingface.co/docs/hub/model-cards. Nothing but names of base model, data
and files is told of the machine; no image id is told, since ids of credentialed data are part of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from runners.config import Generation, Model, Prompt
from runners.config_files import flatten
from runners.training.markdown import escape, fenced, table
from runners.training.plots import PLOT, plot_losses
from runners.training.record import read_training
from tasks.files import write_whole
from tasks.nouns import InputError
from tasks.reports.disclaimer import DISCLAIMER

CARD = "README.md"
_FILES = ("file", "hints", "data", "embeddings", "asked")
"""Keys of a prompt that name files and folders."""
_NOT_SHOWN = (
    "task",
    "edition",
    "data.",
    "model.",
    "prompt.",
    "generation.",
    "stages",
    "evaluation.",
    "keep",
    "report_to",
)
"""Keys of the config that the card says elsewhere, or that tell nothing of the result."""


_COUNTS = {
    "with patient context": "with_context",
    "patients or articles known": "groups",
    "same file again": "duplicates",
}
_LEAKS = {"ids": "ids", "images": "image files", "groups": "patients or articles"}
_LIMITS = f"{DISCLAIMER} It was measured on the data named above and on nothing else."


def write_card(folder: Path) -> None:
    """Draw losses.png; write the card of the training in `folder` there, and into the adapter or model it left."""
    record = read_training(folder)
    if record is None:
        raise InputError(f"{folder}: no training.json, so there is nothing to make a card from: train first")
    plot_losses(folder, metric=(record["final"] or {}).get("metric", ""))
    picture = f"![losses and validation score]({PLOT})" if (folder / PLOT).exists() else ""
    write_whole(folder / CARD, card(record, picture=picture))
    for result in (folder / "adapter", folder / "model"):
        if result.is_dir():
            write_whole(result / CARD, card(record))


def card(record: Mapping[str, Any], *, picture: str = "") -> str:
    """The card as Markdown; `picture` is a line of it that shows the losses."""
    parts = [
        _front(record),
        f"# {escape(record['name'])}: {_task(record)}\n\n{_what(record)}",
        f"## How to run it\n\n{_how_to_run(record)}",
        f"## Scores\n\n{_scores(record)}",
        f"## Data\n\n{_data(record)}",
        f"## Prompt and answer\n\n{_prompt(record)}",
        f"## Training\n\n{_stages(record)}\n\n{_settings(record)}",
        *([picture] if picture else ()),
        f"## Licences\n\n{_licences(record)}",
        f"## Limits\n\n{_LIMITS}",
        f"## Made with\n\n{_made_with(record)}",
    ]
    return "\n\n".join(parts) + "\n"


def _front(record: Mapping[str, Any]) -> str:
    base = record["base"]
    keys = {
        **({"base_model": base["name"]} if base["identity"].startswith("hub:") else {}),
        "library_name": "peft" if _is_adapter(record) else "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["radiology", record["task"], "not-for-clinical-use"],
    }
    return "\n".join(["---", *(f"{key}: {_yaml(value)}" for key, value in keys.items()), "---"])


def _what(record: Mapping[str, Any]) -> str:
    kind = "A LoRA adapter for" if _is_adapter(record) else "A fine-tuned copy of"
    whole = "" if record["finished"] else " **The training is not finished.**"
    return f"{kind} {escape(_base(record))}, trained for {_task(record)} in the form of edition " + (
        f"{record['edition']} of ImageCLEFmedical Caption.{whole}"
    )


def _how_to_run(record: Mapping[str, Any]) -> str:
    """A config that `imageclef run` takes as it stands, but for the data."""
    config = record["config"]
    where = f"trainings/{record['task']}/{record['name']}"
    model = _section(config, "model", Model(name="")) | {"name": _base(record, folder="path/to/")}
    prompt = _section(config, "prompt", Prompt(text=""))
    if "name" not in prompt:
        prompt = {key: value for key, value in prompt.items() if key != "file"} | {"text": record["prompt"]}
    if not _is_adapter(record):
        model = {key: value for key, value in model.items() if key != "revision"} | {"name": f"{where}/model"}
    keys = {
        "task": record["task"],
        "edition": record["edition"],
        "data": {"path": "path/to/data"},
        "model": model,
        **({"adapters": [{"path": f"{where}/adapter"}]} if _is_adapter(record) else {}),
        "quantization": config["quantization"],
        "prompt": prompt,
        "generation": _section(config, "generation", Generation()) or {"max_new_tokens": Generation().max_new_tokens},
    }
    yaml = "\n".join(f"{key}: {_yaml(value)}" for key, value in keys.items())
    return (
        "As a config of the harness, with the path of this folder in the place of `trainings/...`:\n\n"
        f"{fenced(yaml, 'yaml')}\n\n    imageclef run CONFIG"
    )


def _scores(record: Mapping[str, Any]) -> str:
    final = record["final"]
    if not final or not final["scores"]:
        return "Nothing was evaluated."
    rows = [[name, _number(value)] for name, value in final["scores"].items()]
    best = record["best"]
    chosen = f"Chosen by `{final['metric']}`"
    if best:
        value = _number(best["scores"][final["metric"]])
        chosen += (
            f" on {best['images']} of them while training: {value} at step {best['step']} of stage "
            f"{escape(best['stage'])}"
        )
    before = next((e for e in record["evaluations"] if e["step"] == 0), None)
    if before:
        chosen += f"; the base model has {_number(before['scores'][final['metric']])} on these"
    return (
        f"All {final['images']} validation images, against the references as the data set has them; {final['failed']} "
        f"without an answer, each scored as an empty one. {chosen}. The validation images chose this checkpoint, so "
        f"expect a little less on others.\n\n{table(['score', 'value'], rows)}"
    )


def _data(record: Mapping[str, Any]) -> str:
    data, audit = record["data"], record["data"]["audit"]
    sides = {"training": audit.get("train", {}), "validation": audit.get("valid", {})}
    counts = {"training": data["train"], "validation": data["valid"]}
    rows = [
        [side, facts.get("split", ""), counts[side], *(_count(facts.get(key)) for key in _COUNTS.values())]
        for side, facts in sides.items()
    ]
    leaks = {key: _count(found) for key, found in audit.get("leaks", {}).items() if key in _LEAKS}
    said = ", ".join(f"{count} {_LEAKS[key]}" for key, count in leaks.items())
    return (
        f"{escape(Path(data['path']).name)} ({escape(data['layout'])}).\n\n"
        f"{table(['part', 'split', 'images', *_COUNTS], rows)}\n\n"
        f"Of training in validation: {said or 'not looked for'}."
    )


def _prompt(record: Mapping[str, Any]) -> str:
    target = _section(record["config"], "target")
    text = f"Asked, before the model's own chat template:\n\n{fenced(record['prompt'])}"
    stages = [stage for stage in record["config"]["stages"] if stage.get("prompt")]
    for stage in stages:
        asked = {key: value for key, value in stage["prompt"].items() if value is not None}
        text += f"\n\nIn stage {escape(stage['name'])}:\n\n{fenced(_yaml(asked), 'yaml')}"
    return f"{text}\n\nAnswers were written so: {escape(_yaml(target))}."


def _stages(record: Mapping[str, Any]) -> str:
    keys = [
        "trainable_tensors",
        "trainable_parameters",
        "images",
        "steps",
        "effective_batch",
        "learning_rate",
        "seconds",
    ]
    rows = []
    for stage in record["stages"]:
        losses = record["losses"].get(stage["name"], {})
        loss = f"{_number(losses.get('first'))} → {_number(losses.get('last'))}"
        parts = f"{', '.join(stage.get('train', ()))} ({stage.get('how', '')})"
        rows.append([stage["name"], parts, *(_number(stage.get(key)) for key in keys), loss])
    return table(["stage", "trains", *(key.replace("_", " ") for key in keys), "loss"], rows)


def _settings(record: Mapping[str, Any]) -> str:
    shown = {k: v for k, v in record["config"].items() if not k.startswith(_NOT_SHOWN)}
    return table(["setting", "value"], [[key, json.dumps(value)] for key, value in shown.items()])


def _licences(record: Mapping[str, Any]) -> str:
    notes = [
        f"The licence of the base model, {escape(_base(record))}, goes on to what was trained on it. "
        "Read it before you share this; nothing checked it here.",
        "So do the terms of the training data: ImageCLEF's and other sets' agreements say what may be made of them.",
        "Weights may hold parts of what they were trained on. Those trained on credentialed data, MIMIC-CXR for one, "
        "are under its data use agreement: share them only the way PhysioNet shares the data.",
    ]
    if restricted := record["data"].get("restricted"):
        notes[-1] = f"**These data are restricted: {escape(restricted)}.** {notes[-1]}"
    return "\n".join(f"* {note}" for note in notes)


def _made_with(record: Mapping[str, Any]) -> str:
    session = record["sessions"][-1] if record["sessions"] else {}
    hardware = session.get("hardware", {})
    machine = ", ".join(each["name"] for each in hardware.get("accelerators", ())) or hardware.get("cpu", "")
    memory = session.get("peak_memory", {})
    peak = memory.get("accelerator_bytes") or memory.get("resident_bytes")
    seconds = sum(each.get("seconds", 0) for each in record["sessions"])
    facts = {
        "base model": record["base"]["identity"],
        "training": f"fingerprint {record['fingerprint']['sha256'][:16]}",
        "versions": ", ".join(f"{name} {version}" for name, version in session.get("versions", {}).items()),
        "commit": session.get("git", {}).get("commit"),
        "hardware": f"{machine}, processes: {record['processes']}",
        "peak memory": f"{peak / 2**30:.1f} GiB" if peak else None,
        "time": f"{seconds:.0f} s in {len(record['sessions'])} sessions" if seconds else None,
        "finished": record["finished"],
    }
    return table(["what", "which"], [[key, value] for key, value in facts.items() if value])


def _section(config: Mapping[str, Any], name: str, default: BaseModel | None = None) -> dict[str, Any]:
    """What a section says beyond its defaults; of files the name alone."""
    usual = {} if default is None else flatten(default)
    tree: dict[str, Any] = {}
    for key, value in config.items():
        section, _, rest = key.partition(".")
        if section == name and value is not None and usual.get(rest) != value:
            *parents, leaf = rest.split(".")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = f"path/to/{Path(value).name}" if leaf in _FILES else value
    return tree


def _is_adapter(record: Mapping[str, Any]) -> bool:
    return all(stage["how"] == "lora" for stage in record["config"]["stages"])


def _task(record: Mapping[str, Any]) -> str:
    return str(record["task"]).replace("_", " ")


def _base(record: Mapping[str, Any], *, folder: str = "") -> str:
    """The base model's hub id, or its folder's name: where it lies says something of a machine, not of the model."""
    base: Mapping[str, str] = record["base"]
    known = base["identity"].startswith("hub:") or base["name"] == "sample"
    return base["name"] if known else f"{folder}{Path(base['name']).name}"


def _count(found: Any) -> str:
    return _number(found.get("count") if isinstance(found, Mapping) else found)


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _yaml(value: Any) -> str:
    """JSON, which is YAML."""
    return json.dumps(value, ensure_ascii=False)
