"""The report of a study: from its text file, else from a table of sections.

    files/p10/p10000032/s50414267.txt              or below mimic-cxr-reports/, as the archive unpacks
    mimic_cxr_sectioned.csv                        study, impression, findings, last_paragraph, comparison

The table is what MIT-LCP's txt/create_section_files.py writes; it has neither indication nor history. A report without
findings and impression counts by its body (see sections.py) or, in the table, its last paragraph, as the impression:
the script takes it in the impression's place for the labels, too.

    Reports(root, studies).of(0)    # Told(Report("Clear lungs.", "Normal."), {"indication": "Cough."}, headed=True)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.datasets.mimic.sections import sections_of
from tasks.datasets.mimic.studies import Studies
from tasks.datasets.mimic.tables import columns, find_table
from tasks.nouns import InputError, Report

FOLDERS = ("files", "mimic-cxr-reports/files", "mimic-cxr-reports")
SECTIONED = "mimic_cxr_sectioned"
REQUESTED = ("indication", "history", "comparison")
"""Sections that stand in the request, not in the answer."""
PROBED = 500
"""Studies whose text is looked for to find the folder of the texts."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says."""

    report: Report
    request: Mapping[str, str]
    headed: bool
    """Its findings or impression stood under a heading."""


class Reports:
    """The reports of a data set, each read when it is asked for."""

    def __init__(self, root: Path, studies: Studies) -> None:
        self.studies = studies
        places = [root / name for name in FOLDERS]
        probed = range(min(PROBED, len(studies)))
        self.folder = next((folder for folder in places if any(self._path(folder, n).is_file() for n in probed)), None)
        self.table = find_table(root, SECTIONED)
        if self.folder is None and self.table is None:
            raise InputError(
                f"{root} holds no reports: unpack mimic-cxr-reports.zip of MIMIC-CXR in it (files/p10/p10000032/"
                f"s50414267.txt), or put {SECTIONED}.csv there"
            )
        self._rows: dict[int, int] | None = None
        self._cells: dict[str, list[str]] = {}

    def of(self, n: int) -> Told | None:
        """The report of the study in place `n`; None when there is none."""
        if self.folder is not None and (text := self._text(self.folder, n)) is not None:
            found = sections_of(text)
        elif self.table is not None:
            found = self._sectioned(self.table, int(self.studies.study[n]))
        else:
            return None
        if not found:
            return None
        report = Report(found.get("findings", ""), found.get("impression", "") or found.get("body", ""))
        return Told(report, {name: found[name] for name in REQUESTED if name in found}, "body" not in found)

    def _path(self, folder: Path, n: int) -> Path:
        return folder_of(folder, int(self.studies.subject[n])) / f"s{self.studies.study[n]}.txt"

    def _text(self, folder: Path, n: int) -> str | None:
        path = self._path(folder, n)
        try:
            return path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 text (byte {error.start}): unpack the report again") from error

    def _sectioned(self, path: Path, study: int) -> dict[str, str]:
        """The sections of a row of the table, `body` for its last paragraph; {} when it has no such row."""
        if self._rows is None:
            names = ("study", "findings", "impression", "last_paragraph", "comparison")
            self._cells = columns(path, dict.fromkeys(names, "string"))
            names_of_rows = self._cells.pop("study")
            self._rows = {int(name[1:]): row for row, name in enumerate(names_of_rows) if name[1:].isdecimal()}
        row = self._rows.get(study)
        if row is None:
            return {}
        found = {name: " ".join(cells[row].split()) for name, cells in self._cells.items()}
        body = found.pop("last_paragraph")
        if not (found["findings"] or found["impression"]):
            found["body"] = body
        return {name: told for name, told in found.items() if told}


def folder_of(root: Path, subject: int) -> Path:
    """Where a patient's files lie: `p10/p10000032`."""
    return root / f"p{str(subject)[:2]}" / f"p{subject}"
