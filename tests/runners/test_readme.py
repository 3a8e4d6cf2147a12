"""runners/README.md names keys and options that there are."""

from __future__ import annotations

import re
from pathlib import Path

from runners.commands import run
from runners.config import Adapter, Generation, RunConfig
from runners.config_files import flatten, load

ROOT = Path(__file__).parents[2]


def test_what_is_said_of_other_programs_flags_is_true() -> None:
    text = (ROOT / "runners/README.md").read_text(encoding="utf-8")
    table = text.partition("| their flag | here |")[2].partition("\n\n")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if "|" in line]
    known = flatten(load(ROOT / "configs/caption_prediction/sample.yaml").config).keys() | RunConfig.model_fields.keys()
    options = {name for option in run.params for name in option.opts}
    said = re.findall(r"`([\w.-]+)(?:: [^`]*)?`", "".join(rows[1:]))
    keys = [word for word in said if re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", word)]
    files = {"int8", "concept_names.csv"}
    assert len(keys) > 15 and set(keys) - files <= known
    assert {word for word in said if word.startswith("--")} == {"--data", "--limit", "--out", "--run"} <= options
    for section, example in re.findall(r"`(adapters|generation): \[?\{(.*?)\}\]?`", "".join(rows)):
        fields = (Adapter if section == "adapters" else Generation).model_fields
        assert set(re.findall(r"(\w+):", example)) <= fields.keys()
