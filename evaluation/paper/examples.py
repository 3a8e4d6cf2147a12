"""`examples.tex` and `images/`: some images with what is true of them and what the runs say.

examples, images = examples_of(material, seed=0)
examples                          # LaTeX: image, reference, prediction of each run, concepts hit, missed and extra
images["images/1.jpg"]            # bytes of a copy without what the file said beside its pixels

Concepts are those of the answers, or those whose names stand in the texts. A hit is in bold, what a run adds in
italics.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path

from evaluation.paper.choice import Chosen, choose, score_name, values_of
from evaluation.paper.material import PaperMaterial
from evaluation.paper.text import as_tex
from evaluation.paper.wording import Wording
from tasks.concepts import COMMON_NAMES, Vocabulary
from tasks.datasets import open_dataset
from tasks.datasets.table import read_table
from tasks.images import ImageError, open_image
from tasks.nouns import ImageSource, InputError, Task
from tasks.reports.disclaimer import DISCLAIMER

SIDE = 640
"""Pixels of an image's longer side at most: 300 dots an inch at the size that it is printed."""
_QUALITY = 90
_LETTERS = 3600
"""Of all texts of one example, so that it fits on a page."""
_REASON = 200
"""Letters of why an image failed."""
_CREDITS = ("*attribution*.csv", "*/attribution.csv", "license_information.csv")


def examples_of(material: PaperMaterial, *, seed: int) -> tuple[str, dict[str, bytes]]:
    """The LaTeX, and the images by the names that it has for them."""
    chosen = choose(material, seed=seed)
    sources = _sources(material, [one.image_id for one in chosen])
    vocabulary = _vocabulary(material)
    credits = _credits(material, [one.image_id for one in chosen])
    images: dict[str, bytes] = {}
    parts = [_opening(material, seed)]
    for number, one in enumerate(chosen, start=1):
        name = f"images/{number}.jpg"
        try:
            images[name] = copy_of(sources[one.image_id])
            picture = rf"\includegraphics[width=\linewidth,height=0.3\textheight,keepaspectratio]{{{name}}}"
        except (KeyError, ImageError) as error:
            why = "it is not in the data set" if isinstance(error, KeyError) else str(error).partition(":")[0]
            picture = rf"\fbox{{\parbox{{0.9\linewidth}}{{\raggedright No image: {as_tex(why)}}}}}"
        parts.append(_example(material, one, picture, vocabulary=vocabulary, credit=credits.get(one.image_id, "")))
    return "\n".join(parts), images


def copy_of(image: ImageSource) -> bytes:
    """The picture as a JPEG of its pixels alone; ImageError when it cannot be opened."""
    picture = open_image(image)
    picture.info.clear()  # a comment in the file may name the patient
    picture.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()


def _opening(material: PaperMaterial, seed: int) -> str:
    chosen = score_name(material)
    how = f"by {chosen}{' averaged over the runs' if len(material.runs) > 1 else ''}, and " if chosen else ""
    marks = " Concepts that a run has right are in bold, those that it adds in italics." if material.gold else ""
    return f"{as_tex(f'Images were chosen {how}at random with seed {seed}.{marks} {DISCLAIMER}')}\n"


def _example(material: PaperMaterial, one: Chosen, picture: str, *, vocabulary: Vocabulary, credit: str) -> str:
    truth = material.gold.values.get(one.image_id) if material.gold else None
    words = Wording(vocabulary, _LETTERS // (2 + len(material.runs)))
    lines = [rf"\textbf{{{as_tex(one.image_id)}}} ({as_tex(_why(material, one))})"]
    if truth is not None:
        lines.append(rf"\textit{{Reference:}} {words.shown(truth)}")
    values = values_of(material).get(one.image_id, ())
    for k, (name, run) in enumerate(zip(material.names, material.runs, strict=True)):
        failed = {failure["image_id"]: failure["reason"] for failure in run.record.get("failures") or ()}
        score = f" ({score_name(material)} {values[k]:.3f})" if values and not isnan(values[k]) else ""
        head = rf"\textit{{{as_tex(name + score)}:}} "
        if one.image_id in failed:
            reason = as_tex(str(failed[one.image_id])[:_REASON])
            head += rf"\textbf{{failed}}: {reason}; the submission holds: "
        lines.append(head + words.said(material.answers[name][one.image_id], truth))
    if credit:
        lines.append(rf"{{\scriptsize {as_tex(credit)}}}")
    body = "\n\n\\smallskip ".join(lines)
    return (
        "\\medskip\\noindent\\begin{minipage}[t]{0.3\\linewidth}\\vspace{0pt}\\centering\n"
        f"{picture}\n\\end{{minipage}}\\hfill\n"
        "\\begin{minipage}[t]{0.67\\linewidth}\\vspace{0pt}\\footnotesize\\raggedright\\setlength{\\parindent}{0pt}\n"
        f"{body}\n\\end{{minipage}}\\par\\medskip\n"
    )


def _why(material: PaperMaterial, one: Chosen) -> str:
    modality = material.modalities.get(one.image_id, "")
    return ", ".join(part for part in (one.why, modality if modality not in {"none", "several"} else "") if part)


def _sources(material: PaperMaterial, ids: Sequence[str]) -> Mapping[str, ImageSource]:
    if material.gold is not None and material.gold.images:
        return material.gold.images
    data = material.runs[0].record["data"]
    examples = open_dataset(data["path"]).examples(material.runs[0].task, data["split"])
    wanted = set(ids)
    return {e.image_id: e.image for e in examples if e.image_id in wanted}


def _vocabulary(material: PaperMaterial) -> Vocabulary:
    if material.gold is not None:
        return material.gold.vocabulary
    try:
        files = open_dataset(material.runs[0].record["data"]["path"]).vocabulary_files
    except InputError:
        files = ()
    return Vocabulary.load([*files, COMMON_NAMES])


def _credits(material: PaperMaterial, ids: Sequence[str]) -> dict[str, str]:
    """Image id -> where it comes from and its licence, of the tables beside the data that say so."""
    root = Path(material.runs[0].record["data"]["path"])
    found: dict[str, str] = {}
    if material.runs[0].task is Task.REPORTS or not root.is_dir():
        return found
    for path in sorted({path for pattern in _CREDITS for path in root.glob(pattern)}):
        try:
            table = read_table(path)
        except InputError:  # a list of articles, which does not say whose image is whose
            continue
        titles = [title for n, title in enumerate(table.header) if n != table.id_place]
        for image_id in ids:
            if (row := table.rows.get(image_id)) is not None:
                cells = [cell for n, cell in enumerate(row) if n != table.id_place]
                said = [f"{t} {c}" for t, c in zip(titles, cells, strict=False) if c.strip()]
                found[image_id] = "Image: " + ", ".join(said)
    return found
