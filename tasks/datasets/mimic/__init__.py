"""MIMIC-CXR-JPG with the reports of MIMIC-CXR and, where they are, the records of MIMIC-IV.

    mimic-cxr-jpg/
      mimic-cxr-2.0.0-metadata.csv.gz      needed: views and times (.csv or .csv.gz, as all tables)
      mimic-cxr-2.0.0-split.csv.gz         the official split; without it 80:10:10 by the SHA-256 of the patient
      mimic-cxr-2.0.0-chexpert.csv.gz      labels; without it those of ...-negbio.csv.gz
      files/p10/p10000032/s50414267/02aa804e-....jpg         images; .png of a smaller copy or .dcm as well
      files/p10/p10000032/s50414267.txt    reports, or in mimic-cxr-reports/files/; or mimic_cxr_sectioned.csv
      context.csv                          optional: one's own context (own_context.py)
      mimic-iv/hosp/, mimic-iv/ed/         optional, here or one folder above (history.py)

One example for each study with a frontal image and findings or an impression, called `s50414267`. Its image is the
first frontal one (PA before AP), its views are the others. The reference has findings, impression, labels and the ICD
codes of the admission that holds the study. The context has subject_id (so that intervals and splits know the patient),
the report's indication, history and comparison, the previous report, and what MIMIC-IV knew strictly before the study:
age, sex, vitals of 24 and labs of 72 hours, codes of admissions that had ended. What was refused for its time is
counted in the notes that `imageclef data check` prints; the whole list, which its `--refused` writes:

    for refused in refusals(Path("mimic-cxr-jpg")): ...    # Refused(50414267, "labs", "not before the study", 4)

A copy of some patients only is read as it is: patients without a folder in files/ are left out and counted. Tables are
read when the data is opened, reports and MIMIC-IV when a split is first asked for; nothing is kept on disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tasks.datasets.dataset import DataSet, part
from tasks.datasets.mimic.examples import Source, examples_of
from tasks.datasets.mimic.guard import Refused
from tasks.datasets.mimic.history import TABLES, modules
from tasks.datasets.mimic.own_context import FILE
from tasks.datasets.mimic.reports import SECTIONED
from tasks.datasets.mimic.studies import LABELERS, RELEASE, Studies, metadata_of
from tasks.datasets.mimic.tables import find_table
from tasks.nouns import InputError, Task

LAYOUT = "MIMIC-CXR-JPG"
LICENCE = "MIMIC-CXR, PhysioNet Credentialed Health Data License 1.5.0"


def read(root: Path) -> DataSet | None:
    """The data set in `root`; None when none of MIMIC-CXR-JPG's tables is there."""
    if not any(find_table(root, RELEASE + name) for name in ("metadata", "split", *LABELERS)):
        return None
    metadata_of(root)
    notes: list[str] = []
    source = Source(root, notes)
    splits = sorted(set(source.studies.split) - {""})
    if not splits:
        raise InputError(f"{root}: the table of the split has none of the studies here: fetch both from one release")
    if find_table(root, f"{RELEASE}split") is None:
        notes.append("no official split: train, valid, test are 80:10:10 by the SHA-256 of the patient")
    if left := source.studies.split.count(""):
        notes.append(f"{left:,} studies are in no split and left out")
    if shared := _in_several_splits(source.studies):
        notes.append(f"{shared:,} patients have studies in several splits: what is learned of them is tested on them")
    if source.studies.elsewhere:
        notes.append(f"{source.studies.elsewhere:,} studies of patients without a folder in files/ are left out")
    return DataSet(
        root,
        LAYOUT,
        tuple(part(Task.REPORTS, partial(examples_of, source, split), split) for split in splits),
        label_files=tuple(_label_files(root)),
        notes=notes,
        restricted=LICENCE,
    )


def refusals(root: Path) -> Iterator[Refused]:
    """All that the time-leakage guard kept from the context of each study, over all splits."""
    source = Source(root, [])
    for split in sorted(set(source.studies.split) - {""}):
        examples_of(source, split)
    yield from source.guard.refused()


def _in_several_splits(studies: Studies) -> int:
    """How many patients have studies in more than one split; none in the official one."""
    known = {pair for pair in zip(studies.subject.tolist(), studies.split, strict=True) if pair[1]}
    return sum(n > 1 for n in Counter(subject for subject, _ in known).values())


def _label_files(root: Path) -> Iterator[Path]:
    """The tables that are read, with the exception of the labs, whose gigabytes would be hashed before every run."""
    names = ["metadata", "split", "chexpert" if find_table(root, f"{RELEASE}chexpert") else "negbio"]
    found = [find_table(root, RELEASE + name) for name in names] + [find_table(root, SECTIONED), root / FILE]
    for module, folder in modules(root).items():
        found += [find_table(folder, name) for name in TABLES[module] if name != "labevents"]
    yield from (path for path in found if path is not None and path.is_file())
