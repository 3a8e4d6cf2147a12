"""The page of all problems, PROBLEMS.md: every code with a file that has it, what the check says, and the mend.

The examples are small submissions for the images img_0, img_1 and img_2 (in some cases more); the page is made by
checking them, so none can go stale. A test compares the committed page. To write it anew:

    python -m tasks.problem_page > tasks/PROBLEMS.md
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from tasks.check import Check, check_file
from tasks.editions import Edition, known_years, load_edition
from tasks.nouns import InputError, Problem, Task
from tasks.problems import CODES

FEW = 3
MANY = 20
_WIDTH = 100
_TASKS = (Task.CONCEPTS, Task.CAPTIONS)


@dataclass(frozen=True, slots=True)
class Shown:
    """A submission that has a problem."""

    content: str | bytes
    task: Task = Task.CAPTIONS
    year: int = 2026
    n_images: int = FEW
    order_inferred: bool = False


def captions(*values: str, head: str = "ID,Caption\n") -> Shown:
    """A table of captions, one for each image in order."""
    return Shown(head + "".join(f"img_{n},{value}\n" for n, value in enumerate(values)), n_images=len(values))


def cuis(*values: str) -> Shown:
    """A table of CUIs, one list for each image in order."""
    shown = captions(*values, head="ID,CUIs\n")
    return Shown(shown.content, Task.CONCEPTS, n_images=len(values))


def _zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "ID,Caption\nimg_0,CT\n")
    return buffer.getvalue()


_FINDINGS = ("effusion", "fracture", "nodule", "stenosis", "abscess", "hernia", "cyst", "polyp", "stent", "clot")
_VARIED = [f"{kind} of the chest with {finding}." for kind in ("CT", "MRI") for finding in _FINDINGS]
EXAMPLES = {
    "zip": Shown(_zip("submission.csv", "notes.txt"), n_images=1),
    "encoding": Shown("ID,Caption\nimg_0,Tórax\n".encode("latin-1"), n_images=1),
    "bom": captions("CT", head="\ufeffID,Caption\n"),
    "file-empty": Shown(""),
    "blank-line": captions("CT", "MRI\n"),
    "blank-line-inside": captions('"CT\n\nof the chest"'),
    "delimiter": Shown("ID;CUIs\nimg_0;C0040405;C0817096\n", Task.CONCEPTS, n_images=1),
    "header-missing": captions("CT", "MRI", head=""),
    "header-form": captions("CT", head="id,caption\n"),
    "header-unread": captions("CT", head="Image,Text\n"),
    "header-unwanted": Shown("ID\tCaption\nimg_0\tCT\n", year=2018, n_images=1),
    "header-repeated": Shown("ID,Caption\nimg_0,CT\nID,Caption\nimg_1,MRI\n", n_images=2),
    "field-too-large": captions(f"CT {'x' * 131_072}"),
    "columns-few": Shown("ID,CUIs\nimg_0\n", Task.CONCEPTS, n_images=1),
    "columns-many": captions("CT, chest"),
    "id-space": Shown("ID,Caption\n img_0,CT\n", n_images=1),
    "id-file-ending": Shown("ID,Caption\nimg_0.jpg,CT\n", n_images=1),
    "id-duplicate": Shown("ID,Caption\nimg_0,CT\nimg_0,MRI\n", n_images=1),
    "id-unknown": Shown("ID,Caption\nimg_0,CT\nimage_1,MRI\n", n_images=1),
    "id-missing": Shown("ID,Caption\nimg_0,CT\nimg_2,MRI\n"),
    "id-order": Shown("ID,Caption\nimg_1,CT\nimg_0,MRI\n", n_images=2),
    "edition-unknown": Shown("ID,Caption\nimg_0,CT\n", year=2024, n_images=1),
    "ids-inferred": Shown("ID,Caption\nimg_0,CT\n", n_images=1, order_inferred=True),
    "cui-space": cuis(" C0040405"),
    "cui-empty": cuis("C0040405;"),
    "cui-format": cuis("c0040405;Chest"),
    "cui-form": cuis("C040405"),
    "cui-duplicate": cuis("C0040405;C0817096;C0040405"),
    "cui-too-many": cuis(";".join(f"C{n:07}" for n in range(101))),
    "cui-vocabulary": cuis("C0040405;C9999999"),
    "comma-unquoted": captions("CT, chest"),
    "quote-open": captions('"CT', "MRI"),
    "caption-empty": captions("CT", ""),
    "line-break": captions('"CT\nof the chest"'),
    "control-character": captions("CT\u2028of the chest"),
    "mojibake": captions("TÃ³rax"),
    "prompt-echo": captions("Describe this radiology image in one caption. CT of the chest."),
    "template-remains": captions("CT of the chest.</s><|im_end|>"),
    "unfinished": captions("CT of the chest showing a"),
    "repeated": captions("CT of the chest. There is an effusion. There is an effusion."),
    "identifying": captions("CT of the chest of 2019-03-02 discussed with Dr. Smith."),
    "language": captions("Radiografía de tórax que muestra un derrame pleural derecho."),
    "collapse": captions(*["CT of the chest."] * MANY),
    "prefix-shared": captions(*(f"This image shows a {caption}" for caption in _VARIED)),
    "length": captions(*_VARIED),
}
"""Code -> a submission that has the problem."""
_VOCABULARY = frozenset({"C0040405", "C0817096"})
_REFERENCE_WORDS = 20.0


def check_example(shown: Shown) -> Check:
    """What the check says to an example; the vocabulary is CT and chest, references have 20 words."""
    content = shown.content if isinstance(shown.content, bytes) else shown.content.encode("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("submission.zip" if content.startswith(b"PK") else "submission.csv")
        path.write_bytes(content)
        return check_file(
            path,
            edition=load_edition(shown.year, shown.task),
            ids=[f"img_{n}" for n in range(shown.n_images)],
            vocabulary=_VOCABULARY,
            order_inferred=shown.order_inferred,
            doubts=True,
            reference_length=_REFERENCE_WORDS if shown.n_images >= MANY else None,
        )


def page() -> str:
    """The whole page."""
    parts = [
        "# Problems that `imageclef check` tells\n",
        f"{len(CODES)} codes, in the order of a file from the outside in. Made by `python -m tasks.problem_page` from "
        "the code; every example is checked while the page is made.\n",
    ]
    for code, (meaning, fix) in CODES.items():
        shown = EXAMPLES[code]
        said = next(problem for problem in check_example(shown).problems if problem.code == code)
        parts += [f"## {code}\n", f"{_sentence(meaning)}\n", f"* {_refused(code)}", f"* Mend: {fix}.\n"]
        parts += ["```", *_lines(shown.content), "```\n", f"says `{_place(said)}: {_visible(said.message)}`\n"]
    return "\n".join(parts)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _place(problem: Problem) -> str:
    return "file" if problem.line is None else f"line {problem.line}"


def _refused(code: str) -> str:
    """Which editions refuse a file for it, and for which task where the two differ."""
    said = []
    for what, rule in (("pre-check or the written rules", "precheck_rejects"), ("evaluator", "evaluator_rejects")):
        years = {task: {e.year for e in _editions() if e.task is task and code in getattr(e, rule)} for task in _TASKS}
        both = set.intersection(*({e.year for e in _editions() if e.task is task} for task in _TASKS))
        if all(years.values()) and len({frozenset(of & both) for of in years.values()}) == 1:
            said.append(f"{what} of {_ranges(set.union(*years.values()))}")
        elif any(years.values()):
            parts = [f"{_ranges(of)} ({task.split('_')[0]}s)" for task, of in years.items() if of]
            said.append(f"{what} of {' and '.join(parts)}")
    return f"Error: refused by the {', and the '.join(said)}." if said else "Warning: accepted by every edition."


@cache
def _editions() -> list[Edition]:
    """All editions of ImageCLEF."""
    found = []
    for year, task in product(known_years(), _TASKS):
        with suppress(InputError):  # a year without that task
            found.append(load_edition(year, task))
    return found


def _ranges(years: set[int]) -> str:
    """`2018-2020, 2023`."""
    starts = [year for year in sorted(years) if year - 1 not in years]
    ends = [year for year in sorted(years) if year + 1 not in years]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _lines(content: str | bytes) -> list[str]:
    """The first lines of a file, long ones cut and what cannot be seen written out."""
    if isinstance(content, bytes) and content.startswith(b"PK"):
        return [f"a zip of {', '.join(zipfile.ZipFile(io.BytesIO(content)).namelist())}"]
    text = content.decode("utf-8", "backslashreplace") if isinstance(content, bytes) else content
    lines = [line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…" for line in map(_visible, text.split("\n"))]
    if lines[-1] == "":
        lines.pop()
    return [*lines[:4], "…"] if len(lines) > 5 else lines


def _visible(text: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


if __name__ == "__main__":
    sys.stdout.write(page())
