"""What prompts tell of the patient: what was known before the report, and nothing that names the patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from runners.config import Prompt
from runners.prompts import prompts_of
from runners.prompts.patient import known, told
from runners.prompts.presets import presets
from tasks.nouns import Example, InputError, Task

CONTEXT = {
    "subject_id": "10000032",
    "study_id": "50414267",
    "dicom_id": "02aa804e",
    "uid": "17",
    "ID": "4",
    "patient_name": "X",
    "MRN": "99",
    "icd9": "486, 4280",
    "ICD10": "J189",
    "previous_report": "Findings: Clear lungs.\nImpression: Normal.",
    "sex": "",
    "age": "52",
    "uric_acid": "6.1 mg/dL",
    "fluid_balance": "even",
}
TOLD = "age 52; uric acid 6.1 mg/dL; fluid balance even"


def asked(context: dict[str, str], name: str, language: str = "en", *more: dict[str, str]) -> list[str]:
    """The prompts of studies with these contexts."""
    examples = [Example(str(n), Path("a.png"), "test", context=one) for n, one in enumerate((context, *more))]
    return prompts_of(Prompt(name=name, language=language), examples, task=Task.REPORTS, vocabulary=None)


def test_codes_ids_and_what_is_empty_are_not_told() -> None:
    assert list(known(CONTEXT)) == ["age", "uric_acid", "fluid_balance"]
    assert told(CONTEXT) == TOLD
    assert told({"study_id": "1", "icd10": "J90"}) == ""


@pytest.mark.parametrize("name", [name for name in presets() if name.endswith(("_context", "_ehr"))])
def test_no_preset_tells_more(name: str) -> None:
    for language in presets()[name]:
        [prompt] = asked(CONTEXT, name, language)
        assert "52" in prompt and "6.1 mg/dL" in prompt
        secret = ("10000032", "50414267", "02aa804e", "99", "486", "J189", "Clear lungs", "name")
        assert not any(text in prompt for text in secret)


def test_the_previous_report_comes_before_what_is_asked() -> None:
    both, alone, first = asked(
        CONTEXT, "report_previous", "en", {"previous_report": "Impression: Normal."}, {"age": "40"}
    )
    assert both == (
        "The previous report of this patient:\nFindings: Clear lungs.\nImpression: Normal.\n\n"
        f"Write the findings and impression for this chest X-ray, taken after it. Known of the patient: {TOLD}."
    )
    assert alone.endswith("Normal.\n\nWrite the findings and impression for this chest X-ray, taken after it.")
    assert first == "Write the findings and impression for this chest X-ray. Known of the patient: age 40."
    [spanish] = asked(CONTEXT, "report_previous", "es")
    assert spanish.startswith("El informe anterior de este paciente:\nFindings: Clear lungs.")
    assert spanish.endswith(f"posterior a él. Datos del paciente: {TOLD}.")


def test_a_prompt_with_nothing_to_tell_is_refused() -> None:
    with pytest.raises(InputError, match=r"report_previous.*reads context\.previous_report, and no image"):
        asked({"age": "40"}, "report_previous")
    with pytest.raises(InputError, match=r"reads \{\{ context \}\}, and no image"):
        asked({"subject_id": "1"}, "report_context")
