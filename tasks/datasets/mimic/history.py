"""What is known of the patient of each study before it: MIMIC-IV beside the images, and a table of one's own.

MIMIC-IV and MIMIC-IV-ED are looked for in the data set's folder and the one above it, as they are unpacked or fetched:
`mimic-iv/hosp`, `mimiciv/hosp`, `mimic-iv/3.1/hosp`, `mimic-iv-ed/ed`; any of their tables may be missing.

    history = read_history(Path("mimic-cxr-jpg"), studies, guard)
    history.context(0)    # {"age": "52", "sex": "female", "heart_rate": "88 /min", "creatinine": "1.1 mg/dL", ...}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.datasets.mimic.admissions import Stays, read_people, read_stays
from tasks.datasets.mimic.guard import Guard
from tasks.datasets.mimic.measured import Latest, read_labs, read_vitals
from tasks.datasets.mimic.own_context import FILE, read_own
from tasks.datasets.mimic.studies import Studies

TABLES = {
    "hosp": ("patients", "admissions", "diagnoses_icd", "labevents"),
    "ed": ("edstays", "triage", "vitalsign"),
}
"""Module of MIMIC-IV -> its tables that are read."""


@dataclass(frozen=True, slots=True)
class History:
    """Context and target codes by the place of a study."""

    people: list[dict[str, str]]
    vitals: Latest | None
    labs: Latest | None
    stays: Stays
    own: dict[int, dict[str, str]]
    notes: list[str]

    def context(self, n: int) -> dict[str, str]:
        """What was known before the study; the own table has the last word."""
        measured = {**(self.vitals.of(n) if self.vitals else {}), **(self.labs.of(n) if self.labs else {})}
        return {**self.people[n], **measured, **self.stays.past(n), **self.own.get(n, {})}

    def coverage(self, chosen: list[int]) -> str:
        """Of the chosen studies, how many have what of MIMIC-IV."""
        counts = {
            "age": sum("age" in self.people[n] for n in chosen),
            "vitals": sum(bool(self.vitals and self.vitals.of(n)) for n in chosen),
            "labs": sum(bool(self.labs and self.labs.of(n)) for n in chosen),
            "earlier codes": sum(bool(self.stays.past(n)) for n in chosen),
            "codes as target": sum(bool(self.stays.target(n)) for n in chosen),
        }
        shares = (f"{what} {number:,} ({number / max(len(chosen), 1):.1%})" for what, number in counts.items())
        return ", ".join(shares)


def modules(root: Path) -> dict[str, Path]:
    """`hosp` and `ed` of MIMIC-IV -> their folders, of several releases the newest, in `root` or beside it."""
    found: dict[str, Path] = {}
    for base in (root.resolve().parent, root):
        for name in TABLES:
            places = [p for form in (f"mimic*iv*/{name}", f"mimic*iv*/*/{name}") for p in sorted(base.glob(form))]
            if places := [place for place in places if place.is_dir()]:
                found[name] = places[-1]
    return found


def read_history(root: Path, studies: Studies, guard: Guard) -> History:
    """All of it, for the studies here; what is refused goes through the guard."""
    own, notes = read_own(root / FILE, guard)
    found = modules(root)
    hospital, emergency = found.get("hosp"), found.get("ed")
    if missing := [module for module in TABLES if module not in found]:
        notes.append(
            f"MIMIC-IV: no folder {' nor '.join(f'mimic-iv/{module}' for module in missing)} in or beside {root}"
        )
    return History(
        read_people(hospital, studies) if hospital else [{} for _ in studies.study],
        read_vitals(emergency, guard) if emergency else None,
        read_labs(hospital, guard) if hospital else None,
        read_stays(hospital, guard) if hospital else Stays(studies, {}),
        own,
        notes,
    )
