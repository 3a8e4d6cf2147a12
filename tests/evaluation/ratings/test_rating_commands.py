"""The verbs from a run to the numbers, and what they refuse."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from evaluation.ratings.commands import agreement, sheet
from evaluation.ratings.items import read_items
from tasks.editions import load_edition
from tasks.nouns import InputError, Report, Task
from tasks.submission import write_submission
from tests.evaluation.ratings.making import make_data, make_run, studies


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "iu")


@pytest.fixture(scope="module")
def runs(data: Path) -> tuple[Path, Path]:
    one = make_run(data.parent / "careful", data, lambda study: Report(f"Clear lungs in {study}.", "Normal."))
    two = make_run(data.parent / "hasty", data, lambda study: Report("=HYPERLINK()", f"<i>{study}</i>"))
    return one, two


def make(*arguments: object) -> Result:
    return CliRunner().invoke(sheet, [str(argument) for argument in arguments], catch_exceptions=False)


def fill(path: Path, key: dict[str, str], *, strict: bool) -> Path:
    """Rate every text: the careful system's are good, the other's depend on who looks."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    worse = {"overall": "2", "errors": "major" if strict else "minor", "omissions": "minor", "would_sign": "no"}
    for row in rows:
        good = key[row["code"]] in {"careful", "reference"}
        row.update({"overall": "5", "errors": "none", "omissions": "none", "would_sign": "yes"} if good else worse)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_from_runs_to_numbers(runs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "rating"
    made = make(*runs, "--out", out, "--n", 12, "--with-reference")
    assert made.exit_code == 0, made.output
    handed_out = sorted(path.name for path in (out / "for-raters").iterdir())
    assert handed_out == ["README.txt", "rater-1.csv", "rater-1.html", "rater-2.csv", "rater-2.html"]
    for path in (out / "for-raters").iterdir():
        assert not re.search(r"\b(careful|hasty|reference)\b", path.read_text(encoding="utf-8"))
    with (out / "key.csv").open(encoding="utf-8-sig", newline="") as file:
        key = {row["code"]: row["system"] for row in csv.DictReader(file)}
    assert len(key) == 36 and set(key.values()) == {"careful", "hasty", "reference"}
    sheets = [fill(out / "for-raters" / f"rater-{n}.csv", key, strict=n == 1) for n in (1, 2)]
    arguments = [*map(str, sheets), "--key", str(out / "key.csv")]
    said = CliRunner().invoke(agreement, [*arguments, "--json"], catch_exceptions=False)
    assert said.exit_code == 0
    found = json.loads(said.stdout)
    assert list(found["items"]) == ["overall", "errors", "omissions", "would_sign"]
    systems = found["items"]["overall"]["systems"]
    assert {name: one["mean"]["value"] for name, one in systems.items()} == {"careful": 5, "hasty": 2, "reference": 5}
    assert found["items"]["overall"]["agreement"]["kappa"]["value"] == 1
    assert found["items"]["errors"]["agreement"]["exact"]["value"] == pytest.approx(2 / 3)
    [hasty, reference] = found["items"]["overall"]["differences"]
    assert (hasty["baseline"], hasty["value"], reference["value"]) == ("careful", -3, 0) and hasty["p_holm"] < 0.01
    table = CliRunner().invoke(agreement, arguments, catch_exceptions=False)
    assert table.exit_code == 0 and "36 texts about 12 studies, 2 raters" in table.output


def test_pages_have_the_views_of_a_study(runs: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    n = len(studies(data))
    made = make(runs[0], "--out", tmp_path / "all", "--n", 1000, "--raters", 1)
    assert f"there are only {n} studies" in made.output
    text = (tmp_path / "all" / "for-raters" / "rater-1.html").read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == sum(1 + int(study) % 2 for study in studies(data))
    make(runs[0], "--out", tmp_path / "bare", "--no-images")
    bare = (tmp_path / "bare" / "for-raters" / "rater-1.html").read_text(encoding="utf-8")
    assert "base64," not in bare and "find by its id" in bare


def test_a_table_may_stand_beside_a_run(runs: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.csv"
    rows = "".join(f"{study},Theirs.,Normal.\n" for study in studies(data))
    theirs.write_text(f"ID,Findings,Impression\n{rows}", encoding="utf-8")
    assert make(runs[0], theirs, "--out", tmp_path / "out").exit_code == 0
    assert ",theirs," in (tmp_path / "out" / "key.csv").read_text(encoding="utf-8")


def test_line_breaks_and_blanks_do_not_tell_who_wrote_it(tmp_path: Path) -> None:
    """A submission has none; what other programs and persons wrote is shown in the same way."""
    data = make_data(tmp_path / "iu")
    reports = data / "indiana_reports.csv"
    rows = reports.read_text(encoding="utf-8").replace("Findings of study", '"Findings\n\n of  study')
    reports.write_text(rows.replace("&.,", '&.\n",'), encoding="utf-8")
    run = make_run(tmp_path / "run", data, lambda study: Report(f"Findings of study {study} <b>&.", "Normal."))
    assert make(run, "--out", tmp_path / "out", "--with-reference", "--n", 5).exit_code == 0
    with (tmp_path / "out" / "for-raters" / "rater-1.csv").open(encoding="utf-8-sig", newline="") as file:
        findings = [(row["study"], row["findings"]) for row in csv.DictReader(file)]
    assert len(findings) == 10 and len(set(findings)) == 5
    assert "\n\n of  study" not in (tmp_path / "out" / "for-raters" / "rater-1.html").read_text(encoding="utf-8")


def test_what_to_look_at_before_handing_out_is_said(data: Path, tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run", data, lambda study: Report(f"Compared with 2019-03-0{int(study) % 9 + 1}.", "Normal.")
    )
    made = make(run, "--out", tmp_path / "out", "--n", 3)
    assert re.search(r"warning: 3 texts may identify a person, the first is run's on \d+: date 2019-03-0", made.output)
    assert "no image" not in made.output and "only" not in made.output
    broken = make_data(tmp_path / "broken", 20)
    for image in (broken / "images").iterdir():
        image.write_bytes(b"broken")
    made = make(
        make_run(tmp_path / "blind", broken, lambda _: Report("a", "b")), "--out", tmp_path / "without", "--n", 2
    )
    assert "warning: no image of 2 studies can be opened" in made.output and made.exit_code == 0


def test_items_of_ones_own_go_with_the_key(runs: tuple[Path, Path], tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("- {name: useful, question: Useful?, levels: {'yes': helps, 'no': hinders}}\n", encoding="utf-8")
    assert make(*runs, "--out", tmp_path / "out", "--items", own, "--n", 2).exit_code == 0
    assert read_items(tmp_path / "out" / "items.yaml") == read_items(own)
    path = tmp_path / "out" / "for-raters" / "rater-1.csv"
    path.write_text(re.sub(r",(?=\r?$)", ",no", path.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    said = CliRunner().invoke(agreement, [str(path), "--key", str(tmp_path / "out" / "key.csv"), "--json"])
    assert json.loads(said.stdout)["items"]["useful"]["systems"]["hasty"]["levels"]["no"]["value"] == 1


def test_what_cannot_be_a_sheet_is_refused(runs: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    table = runs[0] / "submission.csv"
    full = tmp_path / "full"
    full.mkdir()
    (full / "rater-1.csv").write_text("filled", encoding="utf-8")
    short = tmp_path / "short.csv"
    short.write_text(f"ID,Findings,Impression\n{studies(data)[0]},a,b\n", encoding="utf-8")
    secret = make_run(tmp_path / "secret", data, lambda _: Report("a", "b"), restricted="MIMIC-CXR 2.1.0")
    for arguments, said in (
        ([table], "name a run folder first"),
        ([tmp_path / "none"], "does not exist"),
        ([runs[0], short], "give submissions for the same images"),
        ([runs[0], runs[0]], "already: rename"),
        ([secret], "--i-have-the-right"),
    ):
        with pytest.raises(InputError, match=said):
            make(*arguments, "--out", tmp_path / "new")
        assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="ratings may lie in it"):
        make(runs[0], "--out", full)
    assert (full / "rater-1.csv").read_text(encoding="utf-8") == "filled"
    assert make(secret, "--out", tmp_path / "allowed", "--i-have-the-right").exit_code == 0


def test_captions_are_rated_as_well_and_concepts_are_not(tmp_path: Path) -> None:
    ids = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(3)]
    (tmp_path / "data" / "images").mkdir(parents=True)
    for image_id in ids:
        Image.new("L", (8, 8)).save(tmp_path / "data" / "images" / f"{image_id}.png")
    gold = "".join(f"{image_id},Gold caption.\n" for image_id in ids)
    (tmp_path / "data" / "captions.csv").write_text(f"ID,Caption\n{gold}", encoding="utf-8")
    run = tmp_path / "run"
    edition = load_edition(2026, Task.CAPTIONS)
    write_submission(run, edition=edition, rows=[(image_id, "CT of the chest.") for image_id in ids])
    data = {"path": str(tmp_path / "data"), "split": "valid"}
    record = {"task": "caption_prediction", "edition": 2026, "finished": "2026-01-01T00:00:00Z", "data": data}
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert make(run, "--out", tmp_path / "out", "--with-reference", "--raters", 1).exit_code == 0
    with (tmp_path / "out" / "for-raters" / "rater-1.csv").open(encoding="utf-8-sig", newline="") as file:
        assert (
            sorted(row["caption"] for row in csv.DictReader(file)) == ["CT of the chest."] * 3 + ["Gold caption."] * 3
        )
    short = gold.replace("Gold caption.", "", 1)
    (tmp_path / "data" / "captions.csv").write_text(f"ID,Caption\n{short}", encoding="utf-8")
    made = make(run, "--out", tmp_path / "two", "--with-reference", "--n", 1)
    assert "warning: 1 studies without a reference are left out" in made.output
    assert "left out" not in make(run, "--out", tmp_path / "three", "--n", 1).output
    (run / "run.json").write_text(json.dumps(record | {"task": "concept_detection"}), encoding="utf-8")
    with pytest.raises(InputError, match="texts are rated, captions or reports"):
        make(run, "--out", tmp_path / "new")
