"""What the sample model is trained on: phantoms of the `extra` supply, never those of train, valid or test.

    write_lessons(Path("build/sample_model/lessons"), 24_000)
    # lessons/base/    captions.csv             what each image shows, and where, in a plain notation
    # lessons/tasks/   concepts.csv captions.csv reports.csv context.csv cui_mapping.csv    the three tasks
    # both with images/, flat folders of the ImageCLEF 2026 layout

A small transformer without convolutions learns slowly from captions alone. It learns fast when it has to say of every
patch what it shows, so the base model's answer has a map of 8 x 8 patches, `.` where there is nothing. The answer of
one of the tasks comes after it, so that the adapters, which do not move the embeddings, find every word known:

    xray chest: pneumothorax right, pacemaker
    ........SSS..RR.SSSS.RR.SSSS....SSSS.....SS......SSS............
    Plain x-ray; Chest; Pneumothorax; Artificial cardiac pacemaker; Right    (all in one line)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks.files import as_csv, write_whole
from tasks.reports.text import format_report
from tasks.sample.canvas import SIZE
from tasks.sample.lexicon import CONCEPTS
from tasks.sample.picture import Picture, draw
from tasks.sample.records import CONTEXT
from tasks.sample.release import QUALITY, Record, record_of
from tasks.sample.scene import VIEWS, Finding, Scene, scene_of, stream

GRID = 8
"""Patches along an edge."""
NOTHING, LETTERS = ".", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def trait(finding: Finding) -> str:
    """A finding without its side: what one patch can show, such as `nodule small`."""
    return f"{finding.kind} {finding.size}".strip()


TRAITS: tuple[str, ...] = tuple(
    sorted(
        {
            f"{kind} {size}".strip()
            for *_, kinds in VIEWS
            for kind, traits in kinds
            for size in (("small", "large") if "z" in traits else ("",))
        }
        | {"cardiomegaly", "pacemaker", "pneumothorax", "consolidation"}
    )
)
"""Every finding that can be drawn, without side; its letter in a map is that of its place."""


def description(record: Record) -> str:
    """A plain statement of what is there: `xray chest: effusion left large, cardiomegaly`."""
    scene = record.scene
    found = ", ".join(" ".join(filter(None, (f.kind, f.side, f.size))) for f in scene.findings) or "normal"
    return f"{scene.modality} {scene.region}: {found}"


def task_answers(record: Record) -> tuple[str, str, str]:
    """What the three tasks are answered with; the caption again where there is no report."""
    concepts = "; ".join(CONCEPTS[key].name for key in record.scene.keys)
    return concepts, record.caption, format_report(record.report) if record.report else record.caption


def places(scene: Scene, picture: Picture) -> str:
    """A letter for each patch, row by row: the first finding it shows."""
    patch = SIZE // GRID
    cells = [NOTHING] * (GRID * GRID)
    for kind, mask in picture.marks:
        shown = mask.reshape(GRID, patch, GRID, patch).max(axis=(1, 3)) > 0.5
        alike = [finding for finding in scene.findings if finding.kind == kind]
        for place in shown.reshape(-1).nonzero()[0]:
            # Of two findings of a kind each side has one; right is drawn on the left.
            half = "right" if place % GRID < GRID // 2 else "left"
            here = next((finding for finding in alike if finding.side == half), alike[0])
            if cells[place] == NOTHING:
                cells[place] = LETTERS[TRAITS.index(trait(here))]
    return "".join(cells)


def write_lessons(root: Path, count: int) -> None:
    """Write images and tables of the first `count` phantoms; nothing when they are there already."""
    marker = root / "complete.txt"
    if marker.is_file() and marker.read_text(encoding="utf-8") == f"{count}\n":
        return
    marker.unlink(missing_ok=True)
    images = root / "tasks" / "images"
    images.mkdir(parents=True, exist_ok=True)
    (root / "base").mkdir(exist_ok=True)
    if not (root / "base" / "images").exists():
        (root / "base" / "images").symlink_to(Path("..") / "tasks" / "images", target_is_directory=True)
    seen, concepts, captions, reports, patients = [], [], [], [], []
    for number in range(count):
        name, record = f"phantom_train_{number}", record_of("extra", number)
        scene, picture = _drawn(number, images / f"{name}.jpg")
        seen.append((name, f"{description(record)} {places(scene, picture)} {task_answers(record)[number % 3]}"))
        concepts.append((name, ";".join(scene.cuis)))
        captions.append((name, record.caption))
        if record.report:
            reports.append((name, record.report.findings, record.report.impression))
            patients.append((name, *(record.patient[key] for key in CONTEXT)))
    _write(root / "base" / "captions.csv", ("ID", "Caption"), seen)
    _write(root / "tasks" / "concepts.csv", ("ID", "CUIs"), concepts)
    _write(root / "tasks" / "captions.csv", ("ID", "Caption"), captions)
    _write(root / "tasks" / "reports.csv", ("ID", "Findings", "Impression"), reports)
    _write(root / "tasks" / "context.csv", ("ID", *CONTEXT), patients)
    _write(root / "tasks" / "cui_mapping.csv", ("CUI", "Canonical name"), [(c.cui, c.name) for c in CONCEPTS.values()])
    write_whole(marker, f"{count}\n")


def _drawn(number: int, path: Path) -> tuple[Scene, Picture]:
    """A phantom, saved as the sample's images are."""
    from PIL import Image

    scene = scene_of("extra", number)
    picture = draw(scene, stream("extra", number, 1))
    Image.fromarray(picture.pixels).save(path, "JPEG", quality=QUALITY)
    return scene, picture


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    write_whole(path, as_csv(header, rows))
