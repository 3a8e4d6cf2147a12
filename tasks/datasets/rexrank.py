"""Chest X-ray studies in the form of ReXrank's data files (github.com/rajpurkarlab/ReXrank, data/).

    ReXRank_IUXray_test.json    {"CXR1_IM-0001": {"key_image_path": "CXR1_IM-0001/1.png",
                                                  "image_path": ["CXR1_IM-0001/0.png", "CXR1_IM-0001/1.png"],
                                                  "frontal_lateral": ["Lateral", "Frontal"], "split": "test",
                                                  "section_findings": "...", "section_impression": "...",
                                                  "context": "Age:50-60.Gender:M.Indication: Cough."}, ...}
    images/CXR1_IM-0001/1.png   (or in files/ or PNG/, as theirs lie, or beside the JSON)

One or more such files; those whose entries hold `model_prediction` are answers and left out. An example for each study:
its key image, or the first frontal one where none is named; the others as views, the lateral ones first. NaN, which
their files have for what is missing, is nothing, and so are "nan" and "None" in the context, and "None." in a `report`
that stands for the sections. Studies without a split, as those of CheXpert Plus, are of test. `subject_id` tells the
patient; paths and ids of MIMIC-CXR, whose paths begin with a slash there, mark the data as restricted.

    context_of("Age:77.0.Gender:F.Indication:nanComparison: 2 days before.")
    # {"age": "77", "sex": "female", "comparison": "2 days before."}
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.datasets.dataset import ALIASES, DataSet, part
from tasks.datasets.folder import first_with_any
from tasks.datasets.mimic import LICENCE
from tasks.datasets.r2gen import of_mimic
from tasks.datasets.studies import study_notes
from tasks.datasets.table import checked_id
from tasks.documents import read_documents
from tasks.nouns import Example, InputError, Report, Task

Study = Mapping[str, Any]
"""An entry of a data file."""
SECTIONS = ("section_findings", "section_impression")
FOLDERS = ("images", "files", "PNG", ".")
_TEXTS = {*SECTIONS, "report", "reports"}
"""Of which a study has one; `reports` is the name in their README, `report` that in their files."""
_START = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{')
_IMAGES = re.compile(rb'"key_image_path"\s*:\s*"|"image_path"\s*:\s*\[')
_HEADING = re.compile(r"(Age|Gender|Sex|Indication|Comparison)\s*:")
"""Not at the start of a word alone: theirs are glued to what stands before ("...r/o pneumoniaComparison: ...")."""
_REPORT = re.compile(r"(?:Findings: ?(.*?) ?)?(?:Impression: ?(.*))?")
"""What ReXrank makes of the sections, on one line."""
_SEX = {"m": "male", "f": "female"}


def read(root: Path) -> DataSet | None:
    """The data set in `root`; None when no JSON file there is of this form."""
    files = [path for path in sorted(root.glob("*.json")) if _is_data(path)]
    if not files:
        return None
    examples: dict[str, Example] = {}
    places: dict[str, Path] = {}
    restricted = ""
    for path in files:
        studies = read_studies(path)
        images = _images(root, studies)
        restricted = restricted or restriction(studies)
        for name, study in studies.items():
            example = _example(name, study, images, where=f"{path}: {name}")
            if example.image_id in places:
                raise InputError(f"{path}: {name} stands in {places[example.image_id]} too: keep it in one of them")
            examples[example.image_id], places[example.image_id] = example, path
    kept = list(examples.values())
    silent = sum(example.reference is None for example in kept)
    return DataSet(
        root,
        "ReXrank (study -> entry)",
        (part(Task.REPORTS, lambda: kept),),
        label_files=tuple(files),
        notes=(
            *study_notes(kept, without_report=0),
            *([f"{silent:,} studies have no report: they are answered, not scored"] if silent else ()),
        ),
        restricted=restricted,
    )


def read_studies(path: Path) -> dict[str, Study]:
    """Study -> entry, in the order of the file; InputError when it is no such file, or an entry names no images."""
    document = _document(path)
    for name, study in document.items():
        where = f"{path}: {name}"
        if not isinstance(study, dict):
            raise InputError(f"{where} is {_kind(study)}: an entry is an object with key_image_path or image_path")
        key, names = _told(study, "key_image_path"), _told(study, "image_path")
        if key is None and names is None:
            raise InputError(f"{where} lacks key_image_path and image_path: give one of them, it is no data without")
        if not isinstance(key, str | None):
            raise InputError(f"{where}: key_image_path is {_kind(key)}: give a file name")
        if names is not None and not (isinstance(names, list) and names and all(isinstance(n, str) for n in names)):
            raise InputError(f"{where}: image_path is no list of file names with one or more: name the images")
        for image in _names(study):
            parts = PurePosixPath(image).parts
            if not parts or ".." in parts or "\\" in image or not image.isprintable():
                raise InputError(f"{where}: the image path {image!r} leads out of the image folder: correct it")
    return document


def restriction(studies: Mapping[str, Study]) -> str:
    """Why what these studies hold may not be passed on; empty when nothing says so."""
    found = any(of_mimic({**study, "image_path": _names(study), "study_id": n}) for n, study in studies.items())
    return LICENCE if found else ""


def context_of(text: str) -> dict[str, str]:
    """The context told as one text; what stands before the first heading belongs to the indication."""
    first: dict[str, re.Match[str]] = {}
    for heading in _HEADING.finditer(text):
        first.setdefault(heading[1].lower(), heading)  # a second one is text of the section it stands in
    ends = [*(heading.start() for heading in first.values()), len(text)]
    found = {name: text[heading.end() : end] for (name, heading), end in zip(first.items(), ends[1:], strict=True)}
    lead = text[: ends[0]]
    return _kept({**found, "indication": f"{lead} {found.get('indication', '')}"} if lead.strip() else found)


def _is_data(path: Path) -> bool:
    """Whether a file has the form, whatever is wrong with it; other JSON is not read further than its beginning."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(1 << 20)
    if not _START.match(head) or not _IMAGES.search(head):
        return False
    studies = [study for study in _document(path).values() if isinstance(study, dict)]
    return any(study.keys() & _TEXTS for study in studies) and not any("model_prediction" in s for s in studies)


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): give a data file of ReXrank, a JSON file") from error
    entry, *more = read_documents(text, str(path), strict=True)
    if more or not isinstance(entry.content, dict) or not entry.content:
        raise InputError(f"{path} is no data file of ReXrank, an object with an entry for each study: give that")
    return entry.content


def _names(study: Study) -> list[str]:
    """The images as they are told, relative to their folder, each once."""
    key = _told(study, "key_image_path")
    told = [*(_told(study, "image_path") or []), *([key] if key else [])]
    return list(dict.fromkeys(name.lstrip("/") for name in told))


def _images(root: Path, studies: Mapping[str, Study]) -> Path:
    """The folder that the paths are relative to: the first in which one of the first images is found."""
    names = [name for study in list(studies.values())[:100] for name in _names(study)]
    return first_with_any([root / folder for folder in FOLDERS], names)


def _example(name: str, study: Study, images: Path, *, where: str) -> Example:
    lateral = _lateral(study, where)
    key = _told(study, "key_image_path")
    first = key.lstrip("/") if key else min(lateral, key=lambda image: lateral[image])
    others = sorted((image for image in lateral if image != first), key=lambda image: not lateral[image])
    return Example(
        checked_id(name.strip(), where),
        images / first,
        _split(study, where),
        _reference(study, where),
        _context(study, where),
        tuple(images / image for image in others),
    )


def _lateral(study: Study, where: str) -> dict[str, bool]:
    """Image -> whether it is told to be a lateral one ("Lateral", "left lateral")."""
    lateral = dict.fromkeys(_names(study), False)
    sides = _told(study, "frontal_lateral")
    if sides is None:
        return lateral
    if not isinstance(sides, list):
        raise InputError(f"{where}: frontal_lateral is {_kind(sides)}: give a list with one for each image, or none")
    names = _told(study, "image_path") or list(lateral)
    if len(sides) != len(names):
        raise InputError(f"{where}: frontal_lateral has {len(sides)} entries for {len(names)} images: give one each")
    return lateral | {n.lstrip("/"): "lateral" in str(side).lower() for n, side in zip(names, sides, strict=True)}


def _split(study: Study, where: str) -> str:
    split = _text(study, "split", where).lower() or "test"
    split = ALIASES.get(split, split)
    if split not in {"train", "valid", "test"}:
        raise InputError(f"{where}: split is {split[:40]!r}: use train, valid or test, or leave it out for test")
    return split


def _reference(study: Study, where: str) -> Report | None:
    """The two sections, or those of `report`; None when they say nothing."""
    findings, impression = (_text(study, section, where) for section in SECTIONS)
    if not any(section in study for section in SECTIONS):
        name = "report" if "report" in study else "reports"
        text = _text(study, name, where)
        told = _REPORT.fullmatch(text)
        if not told:
            raise InputError(f"{where}: {name} is {text[:40]!r}: put 'Findings:' and 'Impression:' before the sections")
        findings, impression = ("" if section in {None, "None."} else section for section in told.groups())
    return Report(findings, impression) if findings or impression else None


def _context(study: Study, where: str) -> dict[str, str]:
    told, subject = _told(study, "context"), _told(study, "subject_id")
    if isinstance(told, dict):
        wrong = [name for name, value in told.items() if not (value is None or isinstance(value, str | int | float))]
        if wrong:
            raise InputError(f"{where}: context.{wrong[0]} is {_kind(told[wrong[0]])}: give a text or a number")
        found = _kept({name: str(value) for name, value in told.items() if _told(told, name) is not None})
    else:
        found = context_of(_text(study, "context", where))
    return found | ({} if subject is None else {"subject_id": str(subject).removesuffix(".0")})


def _kept(context: Mapping[str, str]) -> dict[str, str]:
    """The context under our names, without what says nothing."""
    found: dict[str, str] = {}
    for told, text in context.items():
        name, words = "_".join(told.lower().split()), " ".join(text.split())
        if name in {"age", "sex", "gender"}:
            words = words.strip(" .,;").removesuffix(".0")
        if name in {"sex", "gender"}:
            name, words = "sex", _SEX.get(words.lower(), words.lower())
        if words.strip(" .").lower() not in {"", "none", "nan"}:
            found[name] = words
    return found


def _text(study: Study, key: str, where: str) -> str:
    """The text on one line; empty when there is none."""
    value = _told(study, key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} is {_kind(value)}: give a text, or leave it out")
    return " ".join(value.split())


def _told(study: Study, key: str) -> Any:
    """What stands under a key; None where it is missing, empty or NaN."""
    value = study.get(key)
    return None if value == "" or (isinstance(value, float) and math.isnan(value)) else value


def _kind(value: object) -> str:
    return type(value).__name__
