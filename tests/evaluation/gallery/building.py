"""Small data sets of all three tasks, and runs over them: folders as `imageclef run` leaves them, made by no model."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from PIL import Image

from imageclef import cli
from tasks.editions import load_edition
from tasks.nouns import InputError, Prediction, Report, Task, Value
from tasks.submission import write_submission

CT, CHEST, XRAY, EFFUSION = "C0040405", "C0817096", "C1306645", "C0032227"
NAMES = {CT: "X-Ray Computed Tomography", CHEST: "Chest", XRAY: "Plain x-ray", EFFUSION: "Pleural effusion"}
XSS = '</script><script>alert("caption")</script><img src=x onerror=alert(1)> 5 % & \N{GREEK SMALL LETTER MU}m'


def ids_of(n: int, split: str = "valid") -> list[str]:
    return [f"ImageCLEFmedical_Caption_2026_{split}_{number}" for number in range(n)]


def make_data(
    folder: Path,
    *,
    concepts: Mapping[str, Sequence[str]] | None = None,
    captions: Mapping[str, str] | None = None,
    reports: Mapping[str, tuple[str, str]] | None = None,
) -> Path:
    """A data set in the layout of 2026, with an image of 600 x 400 pixels for every id."""
    tables: dict[str, tuple[list[str], Mapping[str, Sequence[str]]]] = {}
    if concepts is not None:
        tables["concepts.csv"] = ["ID", "CUIs"], {i: [";".join(cuis)] for i, cuis in concepts.items()}
        tables["cui_mapping.csv"] = ["CUI", "Canonical name"], {cui: [name] for cui, name in NAMES.items()}
    if captions is not None:
        tables["captions.csv"] = ["ID", "Caption"], {i: [text] for i, text in captions.items()}
    if reports is not None:
        tables["reports.csv"] = ["ID", "Findings", "Impression"], reports
    (folder / "images").mkdir(parents=True)
    for name, (header, rows) in tables.items():
        write_csv(folder / name, header, rows)
    for n, image_id in enumerate({**(concepts or {}), **(captions or {}), **(reports or {})}):
        Image.new("RGB", (600, 400), (n, 100, 200)).save(folder / "images" / f"{image_id}.jpg", comment=b"Jane Doe")
    return folder


def write_csv(path: Path, header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *([key, *cells] for key, cells in rows.items())])
    return path


def make_run(
    folder: Path, answers: Mapping[str, Value], data: Path, *, failed: Mapping[str, str] | None = None, **facts: str
) -> Path:
    """A finished run over the split valid; a failed image has an empty row, `facts` go to `data` in the record."""
    failed = failed or {}
    first = next(iter(answers.values()))
    task = Task.CONCEPTS if isinstance(first, tuple) else Task.CAPTIONS if isinstance(first, str) else Task.REPORTS
    nothing: Mapping[Task, Value] = {Task.CONCEPTS: (), Task.CAPTIONS: "", Task.REPORTS: Report("", "")}
    rows = [(i, nothing[task] if i in failed else value) for i, value in answers.items()]
    write_submission(folder, edition=load_edition(2026, task), rows=rows)
    write_csv(folder / "predictions.csv", ["image_id", "status"], {i: ["ok"] for i in answers})
    lines = [
        Prediction(i, None, "failed", failed[i]) if i in failed else Prediction(i, value)
        for i, value in answers.items()
    ]
    journal = "".join(f"{json.dumps(line.to_json())}\n" for line in lines)
    (folder / "predictions.0.jsonl").write_text(journal, encoding="utf-8")
    record: dict[str, Any] = {
        "task": str(task),
        "edition": 2026,
        "finished": "2026-01-01T00:00:00Z",
        "sessions": [{"command": ["imageclef", "run", "config.yaml"]}],
        "data": {"path": str(data), "split": "valid", **facts},
        "failures": [{"image_id": i, "reason": reason} for i, reason in failed.items()],
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def change_record(run: Path, **changes: object) -> Path:
    """The run with another record."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(record | changes), encoding="utf-8")
    return run


def gallery(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["gallery", *map(str, arguments)])


def refused(*arguments: object) -> str:
    """Why the command refuses to make a page, on one line."""
    done = gallery(*arguments)
    assert isinstance(done.exception, InputError), done.output
    return " ".join(str(done.exception).split())


def data_of(page: Path) -> dict[str, Any]:
    """The object that the page holds."""
    text = page.read_text(encoding="utf-8")
    start = text.index(">", text.index('<script type="application/json"')) + 1
    found: dict[str, Any] = json.loads(text[start : text.index("</script>", start)])
    return found
